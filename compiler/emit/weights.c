/* Weights: in the C text, or in a file that is mapped or taken in by the assembler. Each is computed when it is written and
 * forgotten after, so that the compiler's memory stays small. */
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/checksum.h"

/* Subgraphs' too; what a subgraph shares with the graph around it once. */
static void collect(const struct graph *g, struct tensor ***list, int *n)
{
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        bool constant = (tensor_is_const(t) || (t->def && t->def->folded)) && t->offset >= 0;
        if (!constant)
            continue;
        int k = *n;
        while (k > 0 && (*list)[k - 1]->offset > t->offset)
            k--;
        if (k > 0 && (*list)[k - 1]->offset == t->offset)
            continue;
        VEC_PUSH(*list, *n, t);
        memmove(*list + k + 1, *list + k, sizeof **list * (size_t)(*n - 1 - k));
        (*list)[k] = t;
    }
    for (int i = 0; i < g->nodes; i++)
        for (int b = 0; b < 2 && g->node[i]->body[b]; b++)
            collect(g->node[i]->body[b], list, n);
}

static struct tensor **in_order(const struct graph *g, int *n)
{
    struct tensor **list = NULL;
    *n = 0;
    collect(g, &list, n);
    return list;
}

/* FNV-1a of what the code assumes of the weights: names, types, sizes, places, and the blocks they are packed in. */
void weights_identity(struct emitter *e)
{
    struct strbuf b = {0};
    int n;
    struct tensor **list = in_order(e->g, &n);
    sb_addf(&b, "%s %d\n", e->g->name, e->o->target.block);
    for (int i = 0; i < n; i++)
        sb_addf(&b, "%s %d %" PRId64 " %" PRId64 "\n", list[i]->name, list[i]->dtype, list[i]->offset, list[i]->bytes);
    e->identity = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < b.n; i++)
        e->identity = (e->identity ^ (unsigned char)b.s[i]) * UINT64_C(1099511628211);
    sb_free(&b);
    free(list);
}

void print_element(FILE *f, const struct tensor *t, const void *data, int64_t i)
{
    char text[32];
    switch (t->dtype) {
    case DT_F32: fputs(float_text(((const float *)data)[i], text), f); break;
    case DT_F64: fputs(double_text(((const double *)data)[i], text), f); break;
    case DT_I64: {
        int64_t v = ((const int64_t *)data)[i];
        if (v == INT64_MIN)
            fputs("INT64_MIN", f);
        else
            fprintf(f, "INT64_C(%" PRId64 ")", v);
        break;
    }
    case DT_U64: fprintf(f, "UINT64_C(%" PRIu64 ")", ((const uint64_t *)data)[i]); break;
    default:
        switch (dtype_size(t->dtype)) {
        case 4:
            if (t->dtype == DT_I32 && ((const int32_t *)data)[i] != INT32_MIN)
                fprintf(f, "%" PRId32, ((const int32_t *)data)[i]);
            else if (t->dtype == DT_I32)
                fputs("INT32_MIN", f);
            else
                fprintf(f, "%" PRIu32 "u", ((const uint32_t *)data)[i]);
            break;
        case 2:
            fprintf(f, "%d", dtype_c(t->dtype)[0] == 'i' ? ((const int16_t *)data)[i] : ((const uint16_t *)data)[i]);
            break;
        default:
            fprintf(f, "%d", dtype_c(t->dtype)[0] == 'i' ? ((const int8_t *)data)[i] : ((const uint8_t *)data)[i]);
        }
    }
}

bool emit_weights_c(struct emitter *e, FILE *f)
{
    int n;
    struct tensor **list = in_order(e->g, &n);
    bool ok = true;
    char text[160];
    fputs("\n/* ---- weights, packed as the kernels read them ---- */\n", f);
    for (int i = 0; i < n && ok; i++) {
        struct tensor *t = list[i];
        const void *data = tensor_value(e->g, t);
        ok = data != NULL;
        if (!ok)
            break;
        int64_t count = tensor_count(t);
        fprintf(f, "\n/* %s [%s] */\nstatic const CNNC_ALIGN(64) %s %s_w%" PRId64 "[%" PRId64 "] = {", t->name,
                shape_text(t, text), dtype_c(t->dtype), e->name, t->offset, MAX(count, 1));
        for (int64_t k = 0; k < count; k++) {
            fputs(k % 10 ? " " : "\n    ", f);
            print_element(f, t, data, k);
            fputs(",", f);
        }
        fputs(count ? "\n};\n" : "0};\n", f);
        tensor_release(t);
    }
    free(list);
    return ok;
}

struct payload {
    FILE *f;
    struct cnnc_checksum sum;
};
static bool write_piece(void *arg, const void *data, size_t bytes)
{
    struct payload *p = arg;
    cnnc_checksum_add(&p->sum, data, bytes);
    return fwrite(data, 1, bytes, p->f) == bytes;
}

/* Header: magic, version, header bytes, identity, payload bytes, checksum of the payload, checksum of the header. */
bool emit_weights_file(struct emitter *e, FILE *f)
{
    static const char zero[WEIGHTS_HEADER];
    int n;
    struct tensor **list = in_order(e->g, &n);
    bool ok = fwrite(zero, 1, WEIGHTS_HEADER, f) == WEIGHTS_HEADER;
    struct payload p = {f, cnnc_checksum_begin()};
    for (int i = 0; i < n && ok; i++) {
        const int64_t end = i + 1 < n ? list[i + 1]->offset : e->g->weights_bytes;
        ok = tensor_pieces(e->g, list[i], write_piece, &p) && write_piece(&p, zero, (size_t)(end - list[i]->offset - list[i]->bytes));
    }
    free(list);
    if (!ok)
        return false;
    unsigned char header[WEIGHTS_HEADER] = "cnncwts";
    cnnc_put_u32(header + 8, WEIGHTS_VERSION);
    cnnc_put_u32(header + 12, WEIGHTS_HEADER);
    cnnc_put_u64(header + 16, e->identity);
    cnnc_put_u64(header + 24, (uint64_t)e->g->weights_bytes);
    cnnc_put_u64(header + 32, cnnc_checksum_end(&p.sum));
    struct cnnc_checksum h = cnnc_checksum_begin();
    cnnc_checksum_add(&h, header, WEIGHTS_HEADER - 8);
    cnnc_put_u64(header + 56, cnnc_checksum_end(&h));
    return fseek(f, 0, SEEK_SET) == 0 && fwrite(header, 1, sizeof header, f) == sizeof header && !ferror(f);
}
