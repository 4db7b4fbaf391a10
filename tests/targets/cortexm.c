/* LeNet-5 on a Cortex-M4 without an operating system: static memory only. Runs the network on the inputs of generated/runner.c and prints
 * what that prints, each value as bare.h says. */
#include "bare.h"
#include "lenet5.h"

static lenet5_ctx net;
static _Alignas(64) char arena[LENET5_ARENA_BYTES(1)];

int main(void)
{
    static uint8_t image[28 * 28];
    static float prob[10];
    uint32_t seed = 1;
    if (lenet5_init(&net, 0, 0, arena, sizeof arena, 1) != CNNC_OK)
        return 2;
    for (int s = 0; s < 2; s++) {
        for (unsigned i = 0; i < sizeof image; i++) {
            seed = seed * 1664525u + 1013904223u;
            image[i] = (uint8_t)(seed >> 16);
        }
        if (lenet5_run(&net, image, prob) != CNNC_OK)
            return 3;
        print(s ? "sample 1 output prob 10\n" : "sample 0 output prob 10\n");
        for (int i = 0; i < 10; i++)
            print_value(prob[i]);
    }
    return 0;
}
