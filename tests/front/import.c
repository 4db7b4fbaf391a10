/* The ONNX importer: errors with their exact text, and what older opsets, functions and control flow become. */
#include "models.h"

#include "../../compiler/front/onnx.h"
#include "../../compiler/op.h"

#include <stdio.h>

static int failures;

/* The first line of the errors, or the operators of the graph with their shapes, "Reshape[2,3] Softmax[2,3]". */
static char *import(const Onnx__ModelProto *m, const struct import_options *o)
{
    static char text[4096];
    char *errors = NULL;
    size_t n, bytes;
    uint8_t *data = test_bytes(m, &n);
    FILE *f = open_memstream(&errors, &bytes);
    struct diag d = { .out = f };
    static const struct import_options none;
    struct graph *g = onnx_import_bytes("t.onnx", data, n, o ? o : &none, &d);
    fflush(f);
    *text = 0;
    if (!g) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(errors, "\n"), errors);
    } else {
        for (int i = 0; i < g->nodes; i++) {
            const struct node *x = g->node[i];
            size_t k = strlen(text);
            k += (size_t)snprintf(text + k, sizeof text - k, "%s%s[", i ? " " : "", x->op->onnx);
            for (int r = 0; r < x->out[0]->rank; r++)
                k += (size_t)snprintf(text + k, sizeof text - k, "%s%lld", r ? "," : "", (long long)x->out[0]->dim[r]);
            snprintf(text + k, sizeof text - k, "]");
        }
        if (!graph_verify(g, "import"))
            strcat(text, " BROKEN");
    }
    graph_free(g);
    fclose(f);
    free(errors);
    free(data);
    return text;
}

static void expect_at(int line, const Onnx__ModelProto *m, const struct import_options *o, const char *expected)
{
    const char *got = import(m, o);
    if (strcmp(got, expected) != 0) {
        failures++;
        fprintf(stderr, "tests/front/import.c:%d:\n  got      %s\n  expected %s\n", line, got, expected);
    }
}
#define EXPECT(m, text) expect_at(__LINE__, m, NULL, text)
#define EXPECT_WITH(m, o, text) expect_at(__LINE__, m, o, text)

static void relu(Onnx__GraphProto *g)
{
    test_add_node(g, "Relu", "x", "y");
    test_output(g, "y", 1, 2, 2, 3);
}

static void test_inputs(void)
{
    Onnx__ModelProto *m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    relu(m->graph);
    EXPECT(m, "Relu[2,3]");

    m = test_model(20);
    Onnx__ValueInfoProto *v = test_input(m->graph, "x", 1, 2, -1000, 3);
    relu(m->graph);
    EXPECT(m, "Relu[1,3]"); /* the batch */
    v->type->tensor_type->shape->dim[1]->has_dim_value = 0;
    v->type->tensor_type->shape->dim[1]->dim_param = "width";
    EXPECT(m, "t.onnx: input 'x': error: dimension 1, 'width', is not known: use --dim width=... or --input-shape x=...");
    char err[CNNC_ERROR_BYTES];
    struct import_options o = { 0 };
    if (!import_add_dim(&o, "width=7", err) || import_add_dim(&o, "width=x", err) || import_add_dim(&o, "=7", err))
        failures++;
    EXPECT_WITH(m, &o, "Relu[1,7]");
    if (!import_add_shape(&o, "x=4,5", err) || import_add_shape(&o, "x=4,,5", err))
        failures++;
    EXPECT_WITH(m, &o, "Relu[4,5]");
    v->type->tensor_type->shape->dim[1]->has_dim_value = 1;
    v->type->tensor_type->shape->dim[1]->dim_value = 3;
    EXPECT_WITH(m, &o, "t.onnx: input 'x': error: dimension 1 is 3, --input-shape says 5");
    import_options_free(&o);
    if (!import_add_shape(&o, "z=4,5", err))
        failures++;
    EXPECT_WITH(m, &o, "t.onnx: error: --input-shape: there is no input 'z'");
    import_options_free(&o);

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, -2, 3);
    relu(m->graph);
    EXPECT(m, "t.onnx: input 'x': error: dimension 0 is -2");
    m = test_model(20);
    test_input(m->graph, "x", 1, 3, 2000000000, 2000000000, 2000000000);
    relu(m->graph);
    EXPECT(m, "t.onnx: input 'x': error: it is too large: more than 2147483647 elements");
    m = test_model(20);
    test_input(m->graph, "x", 8, 2, 2, 3);
    relu(m->graph);
    EXPECT(m, "t.onnx: error: input 'x': element type string is not supported");
}

static void test_structure(void)
{
    Onnx__ModelProto *m = test_model(20);
    relu(m->graph);
    EXPECT(m, "t.onnx: node 0 '' (Relu): error: input 0, 'x', is not defined");

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_add_node(m->graph, "Add", "x b", "a");
    test_add_node(m->graph, "Relu", "a", "b");
    test_output(m->graph, "b", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: error: the graph has a cycle through node 0 '' (Add)");

    m = test_model(20); /* not sorted */
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_add_node(m->graph, "Neg", "a", "y");
    test_add_node(m->graph, "Relu", "x", "a");
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "Relu[2,3] Neg[2,3]");

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_add_node(m->graph, "Relu", "x", "y");
    test_add_node(m->graph, "Neg", "x", "y");
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: error: 'y' is defined twice, the second time by node 1 '' (Neg)");

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_add_node(m->graph, "Frobnicate", "x", "y")->name = "f";
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: node 0 'f' (Frobnicate): error: this operator is not supported");
    m->graph->node[0]->op_type = "Relu";
    m->graph->node[0]->domain = "com.example";
    EXPECT(m, "t.onnx: node 0 'f' (com.example.Relu): error: this operator is not supported");

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    relu(m->graph);
    test_attr_i(m->graph->node[0], "colour", 3);
    EXPECT(m, "t.onnx: node 0 'y' (Relu): error: attribute 'colour' is not known");
    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_attr_i(test_add_node(m->graph, "LeakyRelu", "x", "y"), "alpha", 3);
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: node 0 'y' (LeakyRelu): error: attribute 'alpha' is an int, expected a float");

    m = test_model(20);
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_add_node(m->graph, "Relu", "x", "z");
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: error: output 'y' is not defined");

    m = test_model(20);
    m->graph = NULL;
    EXPECT(m, "t.onnx: error: the file holds no graph");

    m = test_model(20); /* an initialiser with too little data */
    float f[3] = { 1, 2, 3 };
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_initialiser(m->graph, "w", 1, 3, f, 8);
    test_add_node(m->graph, "Add", "x w", "y");
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "t.onnx: error: initialiser 'w': 8 bytes of data where its shape and type (float32) need 12");
    m->graph->initializer[0]->dims[0] = -3;
    EXPECT(m, "t.onnx: error: initialiser 'w': dimension 0 is -3");

    m = test_model(20); /* an initialiser that is also listed as an input, as before IR version 4 */
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_input(m->graph, "w", 1, 1, 3);
    test_initialiser(m->graph, "w", 1, 3, f, 12);
    test_add_node(m->graph, "Add", "x w", "y");
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "Add[2,3]");

    m = test_model(20); /* an input and a constant as outputs */
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_initialiser(m->graph, "w", 1, 3, f, 12);
    test_output(m->graph, "x", 1, 2, 2, 3);
    test_output(m->graph, "w", 1, 1, 3);
    EXPECT(m, "Identity[2,3] Identity[3]");
}

static void test_opsets(void)
{
    float f[3] = { 1, 2, 3 };
    Onnx__ModelProto *m = test_model(6); /* broadcast along an axis */
    test_input(m->graph, "x", 1, 4, 1, 3, 4, 5);
    test_initialiser(m->graph, "b", 1, 3, f, 12);
    Onnx__NodeProto *n = test_add_node(m->graph, "Add", "x b", "y");
    test_attr_i(n, "broadcast", 1);
    test_attr_i(n, "axis", 1);
    test_output(m->graph, "y", 1, 4, 1, 3, 4, 5);
    EXPECT(m, "Reshape[3,1,1] Add[1,3,4,5]");

    m = test_model(11); /* softmax over all axes from 1 on */
    test_input(m->graph, "x", 1, 3, 2, 3, 4);
    test_add_node(m->graph, "Softmax", "x", "y");
    test_output(m->graph, "y", 1, 3, 2, 3, 4);
    EXPECT(m, "Reshape[2,12] Softmax[2,12] Reshape[2,3,4]");
    m->opset_import[0]->version = 13;
    EXPECT(m, "Softmax[2,3,4]");

    m = test_model(9); /* attributes that became inputs */
    test_input(m->graph, "x", 1, 3, 2, 3, 4);
    n = test_add_node(m->graph, "Slice", "x", "s");
    test_attr_ints(n, "starts", 1, 1);
    test_attr_ints(n, "ends", 1, 3);
    test_attr_ints(n, "axes", 1, 2);
    test_attr_ints(test_add_node(m->graph, "Unsqueeze", "s", "u"), "axes", 1, 0);
    n = test_add_node(m->graph, "Clip", "u", "c");
    test_attr_f(n, "min", 0);
    test_attr_f(n, "max", 6);
    test_attr_ints(test_add_node(m->graph, "ReduceSum", "c", "y"), "axes", 2, 0, 1);
    test_output(m->graph, "y", 1, 4, 1, 1, 3, 2);
    EXPECT(m, "Slice[2,3,2] Unsqueeze[1,2,3,2] Clip[1,2,3,2] ReduceSum[1,1,3,2]");

    m = test_model(4); /* Reshape-1 */
    test_input(m->graph, "x", 1, 3, 2, 3, 4);
    test_attr_ints(test_add_node(m->graph, "Reshape", "x", "y"), "shape", 2, 0, -1);
    test_output(m->graph, "y", 1, 2, 2, 12);
    EXPECT(m, "Reshape[2,12]");
}

static void test_functions(void)
{
    Onnx__ModelProto *m = test_model(20);
    Onnx__FunctionProto *f = m->functions[m->n_functions++] = test_alloc(sizeof *f);
    onnx__function_proto__init(f);
    f->name = "Twice";
    f->domain = "mine";
    f->n_input = test_words("a", &f->input);
    f->n_output = test_words("b", &f->output);
    f->node = test_alloc(sizeof *f->node * 4);
    f->node[f->n_node++] = test_node("LeakyRelu", "a", "h");
    f->node[f->n_node++] = test_node("LeakyRelu", "h", "b");
    test_attribute(f->node[0], "alpha", 1)->ref_attr_name = "slope";
    test_input(m->graph, "x", 1, 2, 2, 3);
    Onnx__NodeProto *n = test_add_node(m->graph, "Twice", "x", "t");
    n->domain = "mine";
    test_attr_f(n, "slope", 0.5f);
    test_add_node(m->graph, "Twice", "t", "y")->domain = "mine";
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "LeakyRelu[2,3] LeakyRelu[2,3] LeakyRelu[2,3] LeakyRelu[2,3]");

    f->node[1] = test_node("Twice", "h", "b"); /* calls itself */
    f->node[1]->domain = "mine";
    const char *got = import(m, NULL);
    if (!strstr(got, "nested too deeply")) {
        failures++;
        fprintf(stderr, "recursion: %s\n", got);
    }
}

static void test_control(void)
{
    /* If: a branch reads a tensor of the graph around it */
    Onnx__ModelProto *m = test_model(20);
    uint8_t yes = 1;
    test_input(m->graph, "x", 1, 2, 2, 3);
    test_initialiser(m->graph, "c", 9, 0, &yes, 1);
    Onnx__GraphProto *a = test_graph("a"), *b = test_graph("b");
    test_add_node(a, "Neg", "x", "r");
    test_output(a, "r", 1, 2, 2, 3);
    test_add_node(b, "Abs", "x", "s");
    test_output(b, "s", 1, 2, 2, 3);
    Onnx__NodeProto *n = test_add_node(m->graph, "If", "c", "y");
    test_attr_graph(n, "then_branch", a);
    test_attr_graph(n, "else_branch", b);
    test_output(m->graph, "y", 1, 2, 2, 3);
    EXPECT(m, "Neg[2,3]");
    m->graph->n_initializer = 0;
    test_input(m->graph, "c", 9, 0);
    EXPECT(m, "If[2,3]");

    /* Loop: two rounds, a carried value and a scan output */
    m = test_model(20);
    int64_t two = 2;
    test_input(m->graph, "x", 1, 1, 3);
    test_initialiser(m->graph, "n", 7, 0, &two, 8);
    a = test_graph("body");
    test_input(a, "i", 7, 0);
    test_input(a, "go", 9, 0);
    test_input(a, "v", 1, 1, 3);
    test_add_node(a, "Identity", "go", "again");
    test_add_node(a, "Add", "v x", "w");
    test_output(a, "again", 9, 0);
    test_output(a, "w", 1, 1, 3);
    test_output(a, "w", 1, 1, 3);
    n = test_add_node(m->graph, "Loop", "n - x", "last all");
    test_attr_graph(n, "body", a);
    test_output(m->graph, "all", 1, 2, 2, 3);
    EXPECT(m, "Identity[] Add[3] Identity[] Add[3] Unsqueeze[1,3] Unsqueeze[1,3] Concat[2,3]");
    m->graph->n_initializer = 0;
    test_input(m->graph, "n", 7, 0);
    EXPECT(m, "t.onnx: node 0 '' (Loop): error: how many rounds there can be is not known when compiling, and so how large output 1 can be (--max-rounds=N says it)");
}

int main(void)
{
    test_inputs();
    test_structure();
    test_opsets();
    test_functions();
    test_control();
    printf("import: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
