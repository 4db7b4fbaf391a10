/* The report as a page that needs nothing else: the layers, and the arena over time as a drawing. Well-formed as XML. */
#include "report.h"

#include <string.h>

static void escaped(FILE *f, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        default:
            if ((unsigned char)*s >= 32)
                fputc(*s, f);
        }
}

static const char style[] =
    "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:110em;padding:0 1.5em;color:#1c2430;background:#fff}\n"
    "h1{font-size:1.6em;margin:0}h2{font-size:1.1em;margin:2em 0 .5em}p{margin:.3em 0}\n"
    ".sums{display:flex;flex-wrap:wrap;gap:1em;margin:1em 0}.sums div{border:1px solid #d5dbe3;border-radius:8px;padding:.6em 1em}\n"
    ".sums b{display:block;font-size:1.35em;font-variant-numeric:tabular-nums}.sums span{color:#5a6778}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;white-space:nowrap}\n"
    "th{text-align:left;border-bottom:2px solid #1c2430;padding:.25em .7em;position:sticky;top:0;background:#fff}\n"
    "td{padding:.15em .7em;border-bottom:1px solid #e6eaf0;font-variant-numeric:tabular-nums}\n"
    "td.n,th.n{text-align:right}tr.in td{color:#5a6778}td.why{color:#5a6778;font-size:.85em}\n"
    "td.bar{background-repeat:no-repeat;background-position:100% 50%}svg{max-width:100%;height:auto;display:block}\n"
    "svg text{font:11px system-ui,sans-serif;fill:#5a6778}\n"
    "@media(prefers-color-scheme:dark){body,th{background:#14181f;color:#e4e9f0}th{border-color:#e4e9f0}td{border-color:#28303c}\n"
    ".sums div{border-color:#323c4a}tr.in td,td.why,.sums span,svg text{color:#93a1b5;fill:#93a1b5}}\n";

static void sum(FILE *f, const char *value, const char *what)
{
    fprintf(f, "<div><b>%s</b><span>%s</span></div>\n", value, what);
}

static void sums(FILE *f, const struct report *r)
{
    char a[32], b[32];
    fputs("<div class=\"sums\">\n", f);
    sum(f, thousands(r->parameters, a), "parameters");
    if (r->dense_parameters) {
        snprintf(b, sizeof b, "%s %%", percent(r->dense_parameters, r->parameters, a));
        sum(f, b, "of them in dense layers");
    }
    sum(f, count_text(r->macs, a), "multiply-adds a run");
    sum(f, bytes_text(r->g->weights_bytes, a), "weights as packed");
    sum(f, bytes_text(r->arena_bytes, a), "arena");
    sum(f, bytes_text(r->arena_lower_bound, a), "its lower bound");
    sum(f, bytes_text(r->code_bytes, a), "of code, about");
    snprintf(b, sizeof b, "%d of %d", r->weighted_depth, r->depth);
    sum(f, b, "depth: layers with weights, of all");
    if (r->training) {
        sum(f, bytes_text(r->training->arena_bytes, a), "arena of a training step");
        sum(f, bytes_text(r->training->kept_bytes, a), "kept from forward to backward");
        sum(f, bytes_text(r->training->state_bytes, a), r->training->optimizer);
    }
    fputs("</div>\n<p>", f);
    for (int i = 0; i < r->kinds; i++) {
        fprintf(f, "%s%d ", i ? ", " : "", r->kind[i].count);
        escaped(f, r->kind[i].type);
    }
    fputs("</p>\n", f);
    if (r->reorders) {
        fprintf(f, "<p>%d conversions of layout: ", r->reorders);
        escaped(f, r->reorder_names);
        fputs("</p>\n", f);
    }
    if (r->copies) {
        fprintf(f, "<p>%d copies for concat: ", r->copies);
        escaped(f, r->copy_names);
        fputs("</p>\n", f);
    }
}

static void cell(FILE *f, const char *class, const char *text)
{
    fprintf(f, *class ? "<td class=\"%s\">" : "<td>", class);
    escaped(f, text);
    fputs("</td>", f);
}

/* A number, and behind it its share of the whole as a bar. */
static void share(FILE *f, int64_t part, int64_t whole, const char *colour)
{
    char text[32];
    if (part <= 0) {
        fputs("<td class=\"n\"></td>", f);
        return;
    }
    const double p = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
    fprintf(f, "<td class=\"n bar\" title=\"%.2f %%\" style=\"background-image:linear-gradient(%s,%s);background-size:%.1f%% 80%%\">%s</td>", p, colour,
            colour, p, thousands(part, text));
}

static void layers(FILE *f, const struct report *r)
{
    char a[160], b[64];
    fputs("<h2>Layers</h2>\n<div class=\"wide\"><table>\n<tr><th>layer</th><th>type</th><th>output</th><th>window</th><th>stride</th><th>pad</th>"
          "<th>field</th><th class=\"n\">parameters</th><th class=\"n\">multiply-adds</th><th class=\"n\">output bytes</th><th>fused</th>"
          "<th>kernel</th><th>estimate, and of other kernels</th></tr>\n", f);
    for (int i = 0; i < r->layers; i++) {
        const struct layer *l = &r->layer[i];
        const bool own = l->home == i;
        fprintf(f, "<tr%s>", own || i < r->inputs ? "" : " class=\"in\"");
        cell(f, "", l->name);
        cell(f, "", l->type);
        cell(f, "", layer_shape(l, a));
        cell(f, "", l->kernel_size);
        cell(f, "", l->stride);
        cell(f, "", strcmp(l->pad, "0") == 0 ? "" : l->pad);
        cell(f, "", i < r->inputs ? "" : field_text(&l->field, b));
        share(f, l->parameters, r->parameters, "#f5c77e99");
        share(f, l->macs, r->macs, "#8fc1f099");
        cell(f, "n", thousands(l->bytes, b));
        snprintf(a, sizeof a, "%s%s", l->home >= 0 && !own ? "in " : "", l->home >= 0 && !own ? r->layer[l->home].name : l->fate ? l->fate : "");
        cell(f, "", a);
        cell(f, "", own || i < r->inputs ? l->kernel : "");
        cell(f, "why", own ? l->why : "");
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

/* Time from left to right, one column a step; addresses from the bottom up. */
static void memory(FILE *f, const struct report *r)
{
    enum { WIDTH = 1200, HEIGHT = 420, LEFT = 70, TOP = 12, BOTTOM = 26 };
    static const char *const colours[] = {"#8fc1f0", "#f5c77e", "#a8d5a2", "#e8a5a5", "#c3b1e1", "#9fd8d3", "#e0c6a0", "#f0b4d4"};
    const struct graph *g = r->g;
    char text[160], number[32];
    if (g->steps < 1 || r->arena_bytes < 1)
        return;
    const double x = (double)(WIDTH - LEFT) / g->steps, y = (double)(HEIGHT - TOP - BOTTOM) / (double)r->arena_bytes;
    fprintf(f, "<h2>The arena over time</h2>\n<p>Each box is a tensor: its bytes upwards, the steps it lives through to the right. The line is what is alive at "
               "each step%s.</p>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"memory map\">\n",
            g->scratch_bytes ? ", scratch memory (grey) included" : "", WIDTH, HEIGHT);
    for (int k = 0; k <= 4; k++) {
        const double at = HEIGHT - BOTTOM - (double)r->arena_bytes * k / 4 * y;
        fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#8884\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT, WIDTH, at,
                at, LEFT - 8, at + 4, bytes_text(r->arena_bytes * k / 4, number));
    }
    for (int i = 0, n = 0; i < g->tensors; i++) {
        const struct tensor *t = g->tensor[i];
        if (t->kind != T_VALUE || t->offset < 0 || t->base || t->is_output || tensor_is_const(t) || (t->def && t->def->folded) || t->last < 0)
            continue;
        const double left = LEFT + t->first * x, wide = (t->last - t->first + 1) * x, high = (double)t->bytes * y;
        const double top = HEIGHT - BOTTOM - (double)t->offset * y - high;
        fprintf(f, "<g><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" stroke=\"#0006\" stroke-width=\".6\"/><title>", left, top, wide, high,
                colours[n++ % (int)COUNT(colours)]);
        escaped(f, t->name);
        fprintf(f, " %s: %s bytes at %lld, steps %d to %d</title>", shape_text(t, text), thousands(t->bytes, number), (long long)t->offset, t->first, t->last);
        if (wide > 6.5 * (double)strlen(t->name) && high > 14) {
            fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" style=\"fill:#1c2430\">", left + wide / 2, top + high / 2 + 4);
            escaped(f, t->name);
            fputs("</text>", f);
        }
        fputs("</g>\n", f);
    }
    for (int i = 0; i < g->nodes; i++) {
        const struct node *l = g->node[i];
        if (l->step >= 0 && l->scratch_bytes)
            fprintf(f, "<g><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#8886\"/><title>scratch of step %d: %s bytes</title></g>\n", LEFT + l->step * x,
                    HEIGHT - BOTTOM - (double)(l->scratch_offset + l->scratch_bytes) * y, x, (double)l->scratch_bytes * y, l->step, thousands(l->scratch_bytes, number));
    }
    fputs("<polyline fill=\"none\" stroke=\"#c0392b\" stroke-width=\"1.5\" points=\"", f);
    for (int s = 0; s < g->steps; s++)
        fprintf(f, "%.1f,%.1f %.1f,%.1f ", LEFT + s * x, HEIGHT - BOTTOM - (double)r->alive[s] * y, LEFT + (s + 1) * x, HEIGHT - BOTTOM - (double)r->alive[s] * y);
    fputs("\"/>\n", f);
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0 && (x > 40 || g->node[i]->step % (int)(1 + 60 / x) == 0))
            fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", LEFT + (g->node[i]->step + .5) * x, HEIGHT - 8, g->node[i]->step);
    fputs("</svg>\n", f);
}

void report_html(FILE *f, struct report *const *list, int n)
{
    fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>"
          "<meta name=\"viewport\" content=\"width=device-width\"/><title>", f);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "", f);
        escaped(f, list[i]->g->name);
    }
    fprintf(f, "</title>\n<style>%s</style></head><body>\n", style);
    for (int i = 0; i < n; i++) {
        fputs(i ? "<hr/>\n<h1>" : "<h1>", f);
        escaped(f, list[i]->g->name);
        fputs("</h1>\n<p>", f);
        escaped(f, list[i]->source);
        fputs("</p>\n", f);
        sums(f, list[i]);
        layers(f, list[i]);
        memory(f, list[i]);
    }
    fputs("</body></html>\n", f);
}
