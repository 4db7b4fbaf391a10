/* Instances and layers. A layer is a function of (context, thread): its geometry as constants, its operands' addresses,
 * and the call of an instance. An instance is a kernel with the literal fields of a geometry fixed, so that the C compiler
 * specialises it; layers whose literals agree share one. */
#include "emit.h"

#include <stdlib.h>
#include <string.h>

#include "../../runtime/base.h"

const char *c_identifier(struct arena *a, const char *name)
{
    char *s = arena_printf(a, "%s%s", name[0] >= '0' && name[0] <= '9' ? "_" : "", name);
    for (char *p = s; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_'))
            *p = '_';
    return *s ? s : "_";
}

/* ---- values of fields ------------------------------------------------------------------------------------------- */

static const char *const stage_names[] = {
    [CNNC_ST_ADD] = "ADD", [CNNC_ST_MUL] = "MUL", [CNNC_ST_SCALE] = "SCALE", [CNNC_ST_PRELU] = "PRELU",
    [CNNC_ST_CLAMP] = "CLAMP", [CNNC_ST_LEAKY] = "LEAKY", [CNNC_ST_ELU] = "ELU", [CNNC_ST_SELU] = "SELU",
    [CNNC_ST_SIGMOID] = "SIGMOID", [CNNC_ST_HSIGMOID] = "HSIGMOID", [CNNC_ST_TANH] = "TANH",
    [CNNC_ST_SWISH] = "SWISH", [CNNC_ST_HSWISH] = "HSWISH", [CNNC_ST_GELU] = "GELU",
    [CNNC_ST_GELU_TANH] = "GELU_TANH", [CNNC_ST_SOFTPLUS] = "SOFTPLUS", [CNNC_ST_MASK] = "MASK"};

static void print_epilogue(struct strbuf *b, const struct cnnc_epilogue *e)
{
    char x[32], y[32];
    sb_addf(b, "{%d, {", e->n);
    for (int i = 0; i < e->n; i++)
        sb_addf(b, "%s{CNNC_ST_%s, %s, %s}", i ? ", " : "", stage_names[e->s[i].op], float_text(e->s[i].a, x),
                float_text(e->s[i].b, y));
    sb_add(b, e->n ? "}}" : "{0, 0.0f, 0.0f}}}");
}

/* Adds a geometry's stages to those that the file has. */
static void note_stages(struct emitter *e, const struct geometry *t, const char *geometry)
{
    for (int i = 0; t && i < t->fields; i++) {
        const struct cnnc_epilogue *ep = (const void *)(geometry + t->field[i].offset);
        for (int s = 0; t->field[i].kind == F_EPILOGUE && s < ep->n; s++)
            e->stages |= 1u << ep->s[s].op;
    }
}

void print_stages(const struct emitter *e, FILE *f)
{
    const char *before = "#define CNNC_STAGES (";
    if (!e->parts.s || !strstr(e->parts.s, "epilogue.h\n"))
        return;
    for (size_t i = 0; i < COUNT(stage_names); i++)
        if (e->stages >> i & 1) {
            fprintf(f, "%s1 << CNNC_ST_%s", before, stage_names[i]);
            before = " | ";
        }
    fputs(e->stages ? ") /* of epilogues */\n" : "#define CNNC_STAGES 0 /* of epilogues */\n", f);
}

static bool is_zero(const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i])
            return false;
    return true;
}

static size_t field_size(const struct field *f)
{
    static const size_t size[] = {[F_INT] = sizeof(int), [F_LONG] = sizeof(ptrdiff_t), [F_FLOAT] = sizeof(float),
                                  [F_DOUBLE] = sizeof(double), [F_VIEW] = sizeof(struct cnnc_view),
                                  [F_EPILOGUE] = sizeof(struct cnnc_epilogue), [F_I64] = sizeof(int64_t)};
    return size[f->kind] * (size_t)MAX(f->count, 1);
}

static void print_scalar(struct strbuf *b, enum field_kind kind, const void *p)
{
    char text[32];
    switch (kind) {
    case F_INT: sb_addf(b, "%d", *(const int *)p); break;
    case F_LONG: sb_addf(b, "%td", *(const ptrdiff_t *)p); break;
    case F_I64: sb_addf(b, "%lld", (long long)*(const int64_t *)p); break;
    case F_FLOAT: sb_add(b, float_text(*(const float *)p, text)); break;
    case F_DOUBLE: sb_add(b, double_text(*(const double *)p, text)); break;
    case F_VIEW: {
        const struct cnnc_view *v = p;
        sb_addf(b, "{%td, %td, %td, %td}", v->n, v->c, v->d, v->h);
        break;
    }
    case F_EPILOGUE: print_epilogue(b, p); break;
    }
}

static void print_value(struct strbuf *b, const struct field *f, const char *geometry)
{
    const char *p = geometry + f->offset;
    if (!f->count) {
        print_scalar(b, f->kind, p);
        return;
    }
    int last = f->count; /* trailing zeros need not be said */
    size_t one = field_size(f) / (size_t)f->count;
    while (last > 1 && is_zero(p + one * (size_t)(last - 1), one))
        last--;
    sb_add(b, "{");
    for (int i = 0; i < last; i++) {
        sb_add(b, i ? ", " : "");
        print_scalar(b, f->kind, p + one * (size_t)i);
    }
    sb_add(b, "}");
}

/* ".n = 1, .ic = 3, ..." of the run-time fields that are not zero, folded at 110 columns. */
static void print_extents(struct strbuf *b, const struct geometry *t, const char *geometry)
{
    size_t line = b->n;
    bool any = false;
    for (int i = 0; i < t->fields; i++) {
        const struct field *f = &t->field[i];
        if (f->literal || is_zero(geometry + f->offset, field_size(f)))
            continue;
        if (any)
            sb_add(b, ",");
        if (b->n - line > 100) {
            sb_add(b, "\n       ");
            line = b->n;
        }
        sb_addf(b, " .%s = ", f->name);
        print_value(b, f, geometry);
        any = true;
    }
    if (!any && t->fields) {
        sb_addf(b, " .%s = ", t->field[0].name);
        print_value(b, &t->field[0], geometry);
    }
}

/* The name of a function that exists once per instruction set (--dispatch). */
static const char *fn(struct emitter *e, const char *name)
{
    return e->o->dispatch ? arena_printf(&e->arena, "CNNC_FN(%s)", name) : arena_strdup(&e->arena, name);
}

/* A template's lines, with the names that they define wrapped likewise. */
static const char *define_text(struct emitter *e, const char *define)
{
    struct strbuf b = {0};
    for (const char *p = define; *p;) {
        const size_t line = strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n');
        const char *open = memchr(p, '(', line);
        if (e->o->dispatch && open && strncmp(open + 1, "CNNC_FN(", 8) != 0) {
            const size_t name = strcspn(open + 1, ",)");
            sb_addf(&b, "%.*sCNNC_FN(%.*s)%.*s", (int)(open + 1 - p), p, (int)name, open + 1,
                    (int)(line - name - (size_t)(open + 1 - p)), open + 1 + name);
        } else {
            sb_addn(&b, p, line);
        }
        p += line;
    }
    const char *text = arena_strdup(&e->arena, b.s ? b.s : "");
    sb_free(&b);
    return text;
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

/* The name of the function that a layer calls; the instance is printed when it is new. */
static const char *instance(struct emitter *e, const struct node *n, const struct kernel *k, const char *function,
                            const char *geometry)
{
    const struct geometry *t = k->geometry;
    struct strbuf body = {0};
    bool literals = false;
    for (int i = 0; t && i < t->fields; i++) {
        const struct field *f = &t->field[i];
        if (!f->literal)
            continue;
        literals = true;
        if (f->kind == F_EPILOGUE)
            sb_addf(&body, "    k.%s = (struct cnnc_epilogue)", f->name);
        else
            sb_addf(&body, "    k.%s = ", f->name);
        print_value(&body, f, geometry);
        sb_add(&body, ";\n");
    }
    (void)n;
    if (!literals) {
        sb_free(&body);
        return fn(e, function);
    }
    struct strbuf text = {0};
    sb_addf(&text,
            "(const struct %s *g, const void *const in[], void *const out[], struct cnnc_thread t)\n"
            "{\n"
            "    struct %s k = *g;\n%s    %s(&k, in, out, t);\n}\n",
            t->type, t->type, body.s, fn(e, function));
    sb_free(&body);
    const char *found = e->instances.s ? strstr(e->instances.s, text.s) : NULL;
    const char *name;
    if (found) {
        const char *start = found;
        while (start > e->instances.s && start[-1] != ' ')
            start--;
        name = arena_strndup(&e->arena, start, (size_t)(found - start));
    } else {
        int count = 1;
        for (const char *p = e->instances.s; p && (p = strstr(p, "CNNC_NOINLINE")); p++)
            count++;
        name = arena_printf(&e->arena, "%s_%s_%d", e->name, function + (strncmp(function, "cnnc_", 5) == 0 ? 5 : 0), count);
        name = fn(e, name);
        sb_addf(&e->instances, "\nCNNC_NOINLINE void %s%s", name, text.s);
    }
    sb_free(&text);
    return name;
}

/* ---- operands --------------------------------------------------------------------------------------------------- */

/* The tensor that owns the memory, and how many elements into it t's storage begins. */
static const struct tensor *root_of(const struct tensor *t, int64_t *elements)
{
    const ptrdiff_t channel = view_of(t).c;
    *elements = 0;
    for (; t->base; t = t->base)
        *elements += t->slice ? t->base_block * channel : 0;
    return t;
}

/* Of a loop over samples: how many bytes further the next one's storage of t begins; 0: the same memory. */
static int64_t sample_stride(const struct tensor *t)
{
    bool sample = false;
    for (; t->base; t = t->base)
        sample |= t->sample;
    return sample ? tensor_elements_stored(t) / t->dim[0] * (int64_t)dtype_size(t->dtype) : 0;
}

/* Elements between the start of a tensor's storage and its first element: the halo before it. */
static int64_t origin(const struct tensor *t)
{
    const struct layout *l = &slice_root(t)->layout;
    struct cnnc_view v = view_of(t);
    return l->before[0] * v.d + l->before[1] * v.h + l->before[2] * (int64_t)(l->block ? l->block : 1);
}

static int index_in(struct tensor *const *list, int n, const struct tensor *t)
{
    for (int i = 0; i < n; i++)
        if (list[i] == t)
            return i;
    return -1;
}

bool operand_place(const struct emitter *e, const struct tensor *t, int *where, int64_t *bytes)
{
    int64_t elements;
    const struct tensor *root = root_of(t, &elements);
    *bytes = (elements + origin(t)) * (int64_t)dtype_size(t->dtype);
    *where = root->is_output ? index_in(e->g->output, e->g->outputs, root) : -1;
    if (root->is_output)
        return *where >= 0;
    *bytes += root->offset;
    return root->kind == T_VALUE && root->offset >= 0 && !(root->def && root->def->folded);
}

void print_operand(struct emitter *e, struct strbuf *b, const struct tensor *t)
{
    if (!t) {
        sb_add(b, "NULL");
        return;
    }
    int64_t elements;
    const struct tensor *root = root_of(t, &elements);
    int64_t bytes = (elements + origin(t)) * (int64_t)dtype_size(t->dtype);
    if (tensor_is_const(root) || (root->def && root->def->folded)) {
        if (e->weights_in == WEIGHTS_C)
            sb_addf(b, "%s_w%lld", e->name, (long long)root->offset);
        else
            sb_addf(b, "ctx->weights + %lld", (long long)(root->offset + bytes));
    } else if (root->is_output) {
        sb_addf(b, "(char *)ctx->out[%d]", index_in(e->g->output, e->g->outputs, root));
        if (bytes)
            sb_addf(b, " + %lld", (long long)bytes);
    } else if (root->kind == T_INPUT) {
        sb_addf(b, "(const char *)ctx->in[%d]", index_in(e->g->input, e->g->inputs, root));
        if (bytes)
            sb_addf(b, " + %lld", (long long)bytes);
    } else if (root->kind == T_STATE) {
        sb_addf(b, "(char *)ctx->%s + %lld", root->moment ? "state" : "parameters", (long long)(root->offset + bytes));
    } else {
        sb_addf(b, "ctx->arena + %lld", (long long)(root->offset + bytes));
    }
    if (sample_stride(t))
        sb_addf(b, " + ctx->sample * %lld", (long long)sample_stride(t));
}

void print_operands(struct emitter *e, const struct node *n)
{
    struct strbuf *b = &e->layers;
    sb_add(b, "    const void *const in[] = {");
    for (int i = 0; i < n->nin; i++) {
        sb_add(b, i ? ", " : "");
        print_operand(e, b, n->in[i]);
    }
    /* kernels look at every operand that they may have */
    for (int i = n->nin; i < MAX(n->op->max_in, 1); i++)
        sb_add(b, i ? ", NULL" : "NULL");
    sb_add(b, "};\n    void *const out[] = {");
    for (int i = 0; i < n->nout; i++) {
        sb_add(b, i ? ", " : "");
        print_operand(e, b, n->out[i]);
    }
    for (int i = n->nout; i < MAX(n->op->max_out, 1); i++)
        sb_add(b, i ? ", NULL" : "NULL");
    sb_add(b, "};\n");
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static void need_part(struct emitter *e, const char *part) { parts_need(&e->parts, part); }

void print_comment(struct emitter *e, const struct node *n)
{
    struct strbuf *b = &e->layers;
    char text[160];
    struct cost cost = {0};
    if (n->op->cost)
        n->op->cost(n, &cost);
    sb_addf(b, "\n/* %s: %s", n->name, n->op->net ? n->op->net : n->op->onnx);
    if (n->fused)
        sb_addf(b, ", with %s", n->fused);
    if (n->samples)
        sb_add(b, ", of one sample");
    if (n->span.source) {
        long line, column;
        source_position(n->span.source, n->span.first, &line, &column);
        sb_addf(b, " (line %ld)", line);
    } else if (n->onnx_index >= 0) {
        sb_addf(b, " (node %d)", n->onnx_index);
    }
    sb_add(b, "\n *");
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && !tensor_is_const(n->in[i]) && !(n->in[i]->def && n->in[i]->def->folded))
            sb_addf(b, " %s[%s]", n->in[i]->name, shape_text(n->in[i], text));
    sb_add(b, " ->");
    for (int i = 0; i < n->nout; i++)
        if (n->out[i])
            sb_addf(b, " %s[%s]", n->out[i]->name, shape_text(n->out[i], text));
    if (cost.macs)
        sb_addf(b, "; %lld multiply-adds", (long long)cost.macs);
    sb_add(b, " */\n");
}

/* Zeroes the border of an output that has one. */
static void print_halo(struct emitter *e, const struct tensor *t)
{
    const struct op *reorder = op_by_onnx("Reorder");
    const struct kernel *k = NULL;
    for (int i = 0; i < reorder->nkernels; i++)
        if (strcmp(reorder->kernels[i].name, "halo") == 0)
            k = &reorder->kernels[i];
    struct node n = {.op = reorder, .name = "halo", .out = (struct tensor *[]){(struct tensor *)t}, .nout = 1};
    void *geometry = xcalloc(1, k->geometry->size);
    k->fill(&n, geometry, &e->o->target);
    need_part(e, k->part);
    sb_add(&e->layers, "    static const struct ");
    sb_addf(&e->layers, "%s halo = {", k->geometry->type);
    print_extents(&e->layers, k->geometry, geometry);
    sb_add(&e->layers, "};\n");
    free(geometry);
}

static bool has_halo(const struct tensor *t)
{
    return t && !is_zero(slice_root(t)->layout.before, 2 * sizeof t->layout.before);
}

static void emit_layer(struct emitter *e, const struct node *n)
{
    const struct kernel *k = n->kernel;
    struct strbuf function = {0}, define = {0};
    need_part(e, k->part);
    if (k->name_of)
        k->name_of(n, &function, &define);
    else
        sb_addf(&function, "cnnc_%s", k->name);
    const char *text = define_text(e, define.s ? define.s : "");
    if (*text && !(e->defines.s && strstr(e->defines.s, text)))
        sb_add(&e->defines, text);
    char *geometry = xcalloc(1, k->geometry ? k->geometry->size : 1);
    if (k->fill)
        k->fill(n, geometry, &e->o->target);
    note_stages(e, k->geometry, geometry);
    const char *name = instance(e, n, k, function.s, geometry);

    struct strbuf *b = &e->layers;
    print_comment(e, n);
    sb_addf(b, "static void %s(const %s *ctx, struct cnnc_thread t)\n{\n",
            layer_function(e, e->layer[n->step]), e->ctx);
    if (k->geometry) {
        sb_addf(b, "    static const struct %s geometry = {", k->geometry->type);
        print_extents(b, k->geometry, geometry);
        sb_add(b, "};\n");
    }
    if (n->scratch_bytes)
        sb_addf(b, "    t.scratch = %s(ctx, t, %lld);\n", fn(e, arena_printf(&e->arena, "%s_scratch", e->name)), (long long)n->scratch_offset);
    bool halo = has_halo(n->out[0]);
    if (halo)
        print_halo(e, n->out[0]);
    print_operands(e, n);
    if (halo)
        sb_addf(b, "    %s(&halo, in, out, t);\n", fn(e, "cnnc_halo"));
    sb_addf(b, "    %s(%s, in, out, t);\n}\n", name, k->geometry ? "&geometry" : "NULL");
    free(geometry);
    sb_free(&function);
    sb_free(&define);
}

const char *function_name(struct emitter *e, const char *wish)
{
    static const char *const taken[] = {"init", "run", "run_v", "open", "close", "strerror", "ctx", "inputs",
                                        "outputs", "weights_check", "do", "share", "weights", "step", "reset", "job", "layer",
                                        "scratch", "selftest", "check", "checks", "hash", "element", "agrees", "steps",
                                        "layers", "level"};
    static char here;
    const char *name = wish;
    if (!e->used.used)
        for (size_t i = 0; i < COUNT(taken); i++)
            names_set(&e->used, taken[i], &here);
    for (int k = 2; names_find(&e->used, name); k++)
        name = arena_printf(&e->arena, "%s_%d", wish, k);
    names_set(&e->used, name, &here);
    return name;
}

const char *layer_function(struct emitter *e, const char *name) { return fn(e, arena_printf(&e->arena, "%s_%s", e->name, name)); }

void name_layers(struct emitter *e)
{
    struct graph *g = e->g;
    e->layer = arena_alloc(&e->arena, sizeof *e->layer * (size_t)(g->steps + 1));
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0)
            e->layer[g->node[i]->step] = function_name(e, c_identifier(&e->arena, g->node[i]->name));
}

/* Of a single thread, a layer's scratch memory lies where nothing else is alive while it runs. Several have theirs behind the arena: what one has
 * written or read in the arena lies in its cache, and costs another that writes there more time than the work. */
static void emit_scratch(struct emitter *e)
{
    if (e->g->scratch_bytes)
        sb_addf(&e->layers,
                "\nCNNC_INLINE void *%s(const %s *ctx, struct cnnc_thread t, ptrdiff_t first)\n"
                "{\n    return ctx->arena + (t.count == 1 ? first : (ptrdiff_t)(%s_ARENA_BYTES(1) + %s_SCRATCH_BYTES * (size_t)t.index));\n}\n",
                fn(e, arena_printf(&e->arena, "%s_scratch", e->name)), e->ctx, e->upper, e->upper);
}

void emit_steps(struct emitter *e)
{
    for (int i = 0; i < e->g->nodes; i++)
        if (e->g->node[i]->step >= 0 && e->g->node[i]->body[0])
            emit_control(e, e->g->node[i]);
        else if (e->g->node[i]->step >= 0)
            emit_layer(e, e->g->node[i]);
}

void emit_layers(struct emitter *e)
{
    emit_scratch(e);
    name_layers(e);
    need_part(e, "base.h");
    if (e->o->dispatch)
        need_part(e, "simd.h"); /* first: it says what CNNC_FN appends */
    emit_steps(e);
}
