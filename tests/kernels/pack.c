/* Weights packed in the run against those packed ahead (conv_plan.h), as they are and turned round for the gradient. */
#include "pack.h"
#include "conv_plan.h"
#include <stdio.h>
#include <stdlib.h>

static unsigned seed = 1;
static int passed, failed;
static float rnd(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.f - 1;
}

static void check(int form, int swapped, int turned, struct cnnc_conv c, int threads)
{
    const int icg = c.ic / c.groups, ocg = c.oc / c.groups, taps = c.kd * c.kh * c.kw;
    const size_t count = (size_t)c.oc * (size_t)icg * (size_t)taps;
    float *w = malloc(count * sizeof *w), *as_is = malloc(count * sizeof *w);
    double worst = 0;
    for (size_t i = 0; i < count; i++)
        w[i] = rnd();
    for (int o = 0; o < c.oc; o++) /* what a convolution without the two would have been given */
        for (int i = 0; i < icg; i++)
            for (int t = 0; t < taps; t++)
                as_is[((size_t)o * icg + i) * taps + t] =
                    w[(swapped ? (size_t)(o / ocg * icg + i) * ocg + o % ocg : (size_t)o * icg + i) * taps + (turned ? taps - 1 - t : t)];
    c.winograd = form == CNNC_PACK_WINOGRAD4 ? 4 : form == CNNC_PACK_WINOGRAD2 ? 2 : 0;
    const size_t size = c.winograd ? cnnc_winograd_weights_size(&c) : form == CNNC_PACK_DIRECT ? cnnc_pack_conv_size(&c)
                        : form == CNNC_PACK_FIRST ? cnnc_pack_conv_first_size(&c) : cnnc_pack_depthwise_size(&c);
    float *expected = malloc(size * sizeof *w), *got = malloc((size + 1) * sizeof *w);
    (c.winograd ? cnnc_winograd_weights : form == CNNC_PACK_DIRECT ? cnnc_pack_conv
     : form == CNNC_PACK_FIRST ? cnnc_pack_conv_first : cnnc_pack_depthwise)(&c, as_is, expected);
    for (size_t i = 0; i <= size; i++)
        got[i] = 1234;
    const struct cnnc_pack p = {form, swapped, turned, c.groups, c.ic, c.oc, c.kd, c.kh, c.kw, c.ic_tail};
    for (int t = 0; t < threads; t++)
        cnnc_pack(&p, (const void *const[]){w}, (void *const[]){got}, (struct cnnc_thread){t, threads, NULL});
    for (size_t i = 0; i < size; i++)
        worst = fmax(worst, fabs((double)got[i] - (double)expected[i]));
    if (worst <= (c.winograd ? 5e-7 : 0) && got[size] == 1234) {
        passed++;
    } else if (failed++ < 20) {
        printf("FAIL form %d swapped %d turned %d: groups %d, %d -> %d, %dx%dx%d: off by %g\n", form, swapped, turned, c.groups, c.ic, c.oc,
               c.kd, c.kh, c.kw, worst);
    }
    free(w), free(as_is), free(expected), free(got);
}

int main(void)
{
    static const int shapes[][3] = {{1, 1, 1}, {3, 16, 1}, {16, 32, 1}, {6, 17, 1}, {40, 20, 1}, {32, 64, 2}, {12, 6, 3}, {33, 16, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int k = 1; k <= 5; k += 2)
            for (int way = 0; way < 3; way++)
                for (int threads = 1; threads <= 3; threads++) {
                    struct cnnc_conv c = {.ic = shapes[s][0], .oc = shapes[s][1], .groups = shapes[s][2], .kd = k == 1 ? 2 : 1, .kh = k, .kw = k};
                    c.ic_tail = c.groups == 1 ? c.ic % CNNC_B : 0;
                    check(CNNC_PACK_DIRECT, way > 0, way > 1, c, threads);
                    c.kd = 1;
                    if (c.groups == 1 && c.ic <= 4)
                        check(CNNC_PACK_FIRST, way > 0, way > 1, c, threads);
                    if (c.groups == 1 && k == 3) {
                        check(CNNC_PACK_WINOGRAD2, way > 0, way > 1, c, threads);
                        check(CNNC_PACK_WINOGRAD4, way > 0, way > 1, c, threads);
                    }
                    c.ic = c.groups = c.oc;
                    c.ic_tail = 0;
                    check(CNNC_PACK_DEPTHWISE, way > 0, way > 1, c, threads);
                }
    float v[20], to[33];
    for (int i = 0; i < 20; i++)
        v[i] = rnd();
    to[32] = 7;
    cnnc_pack_vector(&(struct cnnc_pack_vector){20, 32}, (const void *const[]){v}, (void *const[]){to}, (struct cnnc_thread){0, 1, NULL});
    int bad = memcmp(v, to, sizeof v) != 0 || to[32] != 7;
    for (int i = 20; i < 32; i++)
        bad |= to[i] != 0;
    bad ? failed++ : passed++;
    printf("pack level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
