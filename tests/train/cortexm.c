/* Ten training steps on a Cortex-M4 without an operating system: parameters, state and arena are static. The losses, as losses.c prints
 * them on the host, come out as bare.h says. */
#define BARE
#include "../targets/bare.h"
#include "losses.c"

static _Alignas(64) char parameters[NET_PARAMETERS_BYTES], state[NET_STATE_BYTES], arena[NET_TRAIN_ARENA_BYTES(1)];
static uint8_t image[NET_TRAIN_BATCH * 28 * 28];
static int32_t label[NET_TRAIN_BATCH];
static net_train_ctx net;

int main(void)
{
    void *input[] = {image, label};
    fill_parameters((float *)(void *)parameters);
    if (net_train_init(&net, (float *)(void *)parameters, state, arena, sizeof arena, 1) != CNNC_OK)
        return 1;
    net.input[0] = image;
    net.input[1] = label;
    net.rate = (float)NET_TRAIN_RATE;
    for (int step = 0; step < STEPS; step++) {
        fill_batch(input, step);
        print_value(net_train_step(&net, NET_TRAIN_BATCH - (step % 3 == 2 ? 2 : 0)));
    }
    return 0;
}
