/* --help-ops: the layers of the .net language, from the operator table. */
#include "help.h"

#include <string.h>

static void print_default(FILE *f, const struct attr_def *d)
{
    switch (d->type) {
    case A_BOOL: fprintf(f, "=%s", d->value != 0 ? "true" : "false"); break;
    case A_INT: case A_FLOAT: case A_SPATIAL: case A_PADS: fprintf(f, "=%g", d->value); break;
    case A_STRING:
        if (d->text && strcspn(d->text, ":") > 0)
            fprintf(f, "=%.*s", (int)strcspn(d->text, ":"), d->text);
        break;
    default: break;
    }
}

static void print_signature(FILE *f, const struct op *op)
{
    int tensors = op->net_in != 0 || op->params ? op->net_in : op->max_in;
    fprintf(f, "%s(", op->net);
    const char *separator = "";
    for (int i = 0; i < tensors; i++, separator = ", ")
        fprintf(f, tensors == 1 ? "%sx" : "%sx%d", separator, i + 1);
    if (tensors < 0)
        fprintf(f, "x1, x2, ..."), separator = ", ";
    for (int named = 0; named < 2; named++)
        for (int i = 0; i < op->nattrs; i++) {
            const struct attr_def *d = &op->attrs[i];
            if (!d->net || (named == 1) == ((d->flags & AT_POS) != 0))
                continue;
            fprintf(f, "%s%s", separator, d->net);
            separator = ", ";
            if (!(d->flags & AT_REQUIRED) && !((d->flags & (AT_NET | AT_POSITIVE)) && d->value == 0 && d->type != A_BOOL))
                print_default(f, d);
        }
    fprintf(f, ")\n");
}

static void print_details(FILE *f, const struct op *op)
{
    static const char *const types[] = {
        [A_INT] = "integer", [A_FLOAT] = "number", [A_STRING] = "name", [A_BOOL] = "true or false", [A_INTS] = "integers",
        [A_FLOATS] = "numbers", [A_STRINGS] = "names", [A_SPATIAL] = "size, or one for each axis of a plane",
        [A_PADS] = "border, or one for each side, or same", [A_TENSOR] = "table of numbers"};
    for (int i = 0; i < op->nattrs; i++) {
        const struct attr_def *d = &op->attrs[i];
        if (!d->net)
            continue;
        const char *choice = d->type == A_STRING && d->text ? strchr(d->text, ':') : NULL;
        fprintf(f, "    %-14s %s (%s)%s\n", d->net, d->doc ? d->doc : "", choice ? choice + 1 : types[d->type],
                d->flags & AT_REQUIRED ? ", must be given" : "");
    }
    if (op->net_aliases)
        fprintf(f, "    also called    %s\n", op->net_aliases);
    fprintf(f, "    ONNX           %s\n", op->onnx);
}

bool help_ops(FILE *f, const char *name)
{
    if (name) {
        const struct op *op = op_by_net(name);
        if (!op)
            return false;
        print_signature(f, op);
        fprintf(f, "    %s\n\n", op->doc);
        print_details(f, op);
        return true;
    }
    for (int i = 0; i < op_count; i++)
        if (op_table[i]->net && !(op_table[i]->flags & OP_INTERNAL)) {
            print_signature(f, op_table[i]);
            fprintf(f, "    %s\n", op_table[i]->doc);
        }
    return true;
}
