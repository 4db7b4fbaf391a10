/* Ten training steps on a Cortex-M4 without an operating system: parameters, state and arena are static. The losses, as losses.c prints
 * them on the host, come out as "mantissa exponent" (of 2). */
#define BARE
#include "losses.c"

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);
void reset(void);
void fault(void);

static long semihost(long operation, const void *argument)
{
    register long r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(int status)
{
    const uint32_t block[2] = {0x20026, (uint32_t)status};
    semihost(0x20, block); /* SYS_EXIT_EXTENDED */
    for (;;)
        ;
}

void fault(void) { leave(9); }

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handler[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault}};

void reset(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20; /* the floating point unit */
    __asm__ volatile("dsb\nisb" ::: "memory");
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;)
        *to++ = 0;
    leave(main());
}

static void print_number(long n, char end)
{
    char text[16], *p = text + sizeof text;
    unsigned long m = n < 0 ? 0ul - (unsigned long)n : (unsigned long)n;
    *--p = 0;
    *--p = end;
    do
        *--p = (char)('0' + m % 10);
    while (m /= 10);
    if (n < 0)
        *--p = '-';
    semihost(4, p);
}

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
        float loss = net_train_step(&net, NET_TRAIN_BATCH - (step % 3 == 2 ? 2 : 0));
        int exponent = 0;
        for (; loss < 8388608 && loss > 0; exponent--)
            loss *= 2;
        print_number((long)loss, ' ');
        print_number(exponent, '\n');
    }
    return 0;
}
