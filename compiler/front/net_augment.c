/* `augment = [flip, shift(1), crop(pad=4)]` of a train section: for the training program, which finds it in the header. */
#include <string.h>

#include "ast.h"
#include "front.h"

static bool add(struct graph *g, const struct ast *a, struct augment *to)
{
    static const char *const expected = "augment: expected flip, shift(PIXELS) or crop(PIXELS), at most 1023 pixels";
    if ((a->kind != AST_NAME && a->kind != AST_CALL) || !a->name) {
        diag_error(g->diag, a->span, "%s", expected);
        return false;
    }
    if (strcmp(a->name, "flip") == 0 && a->kind == AST_NAME) {
        to->flip = true;
        return true;
    }
    int *pixels = strcmp(a->name, "shift") == 0 ? &to->shift : strcmp(a->name, "crop") == 0 ? &to->crop : NULL;
    const struct ast *arg = a->kind == AST_CALL ? a->list : NULL;
    if (!pixels || !arg || arg->next || (arg->name && strcmp(arg->name, pixels == &to->crop ? "pad" : "pixels") != 0) ||
        arg->a->kind != AST_INT || arg->a->integer < 0 || arg->a->integer >= 1024) {
        diag_error(g->diag, a->span, "%s", expected);
        return false;
    }
    *pixels = (int)arg->a->integer;
    return true;
}

bool read_augment(struct graph *g, const struct ast *a, struct augment *to)
{
    *to = (struct augment){0};
    if (a->kind != AST_LIST)
        return add(g, a, to);
    for (const struct ast *item = a->list; item; item = item->next)
        if (!add(g, item, to))
            return false;
    return true;
}
