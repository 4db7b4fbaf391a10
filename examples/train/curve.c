/* Loss and accuracy over the epochs as an SVG picture: two charts, each with a line for training and one for validation. */
#include "run.h"

#include <math.h>

enum { WIDTH = 360, HEIGHT = 220, LEFT = 52, TOP = 34, GAP = 80 };

static double value(const struct epoch *e, int chart, int validation)
{
    return chart == 0 ? (validation ? e->validation_loss : e->loss) : 100 * (validation ? e->validation_accuracy : e->accuracy);
}

/* 1, 2 or 5 times a power of ten: about four steps up to `range`. */
static double step_of(double range)
{
    const double p = pow(10, floor(log10(range / 4))), m = range / 4 / p;
    return p * (m > 5 ? 10 : m > 2 ? 5 : m > 1 ? 2 : 1);
}

static void chart(FILE *f, const struct run *r, int epochs, int which, double x0)
{
    static const char *const title[] = {"loss", "accuracy, %"}, *const colour[] = {"#1f77b4", "#d62728"}, *const name[] = {"training", "validation"};
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < epochs; i++)
        for (int k = 0; k < 2; k++) {
            const double v = value(&r->log[i], which, k);
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    low = which == 0 && low > 0 ? 0 : low;
    high = high > low ? high : low + 1;
    const double step = step_of(high - low);
    low = floor(low / step) * step;
    high = ceil(high / step) * step;
    fprintf(f, "<text x=\"%g\" y=\"%d\" font-weight=\"bold\">%s</text>\n", x0, TOP - 14, title[which]);
    for (int i = 0; low + i * step < high + step / 2; i++) {
        const double v = low + i * step, y = TOP + HEIGHT * (high - v) / (high - low);
        fprintf(f, "<path d=\"M%g %.1fh%d\" stroke=\"#ddd\"/><text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", x0, y, WIDTH, x0 - 6,
                y + 4, v);
    }
    const int each = epochs > 10 ? (int)ceil(step_of(epochs)) : 1;
    for (int i = 1; i <= epochs; i++)
        if (i == 1 || i % each == 0)
            fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                    x0 + (epochs > 1 ? (double)WIDTH * (i - 1) / (epochs - 1) : WIDTH / 2.0), TOP + HEIGHT + 18, i);
    for (int k = 0; k < 2; k++) {
        fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour[k]);
        for (int i = 0; i < epochs; i++)
            fprintf(f, "%.1f,%.1f ", x0 + (epochs > 1 ? (double)WIDTH * i / (epochs - 1) : WIDTH / 2.0),
                    TOP + HEIGHT * (high - value(&r->log[i], which, k)) / (high - low));
        fprintf(f, "\"/>\n<text x=\"%g\" y=\"%d\" fill=\"%s\">%s</text>\n", x0 + 110 + 80 * k, TOP - 14, colour[k], name[k]);
    }
}

int curve_write(const struct run *r, int epochs)
{
    char path[1200];
    run_path(r, "curve.svg", path);
    for (int i = 0; i < epochs; i++)
        for (int k = 0; k < 4; k++)
            if (!isfinite(value(&r->log[i], k / 2, k % 2)))
                return 0; /* nothing to draw */
    FILE *f = file_begin(path);
    if (!f)
        return -1;
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", 2 * WIDTH + 2 * LEFT + GAP - 20, HEIGHT + TOP + 44);
    chart(f, r, epochs, 0, LEFT);
    chart(f, r, epochs, 1, LEFT + WIDTH + GAP);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n</svg>\n", LEFT + WIDTH + GAP / 2 - 10, HEIGHT + TOP + 36);
    return file_end(f, path);
}
