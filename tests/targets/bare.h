/* A Cortex-M4 without an operating system, for one program: vectors, start-up code, and output by semihosting. The program is main(). */
#ifndef BARE_H
#define BARE_H

#include <stdint.h>

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);
void reset(void);
void fault(void);

/* A call of the debugger (Arm, Semihosting for AArch32 and AArch64). */
static long semihost(long operation, const void *argument)
{
    register long r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void print(const char *text) { semihost(4, text); }
static void leave(int status)
{
    const uint32_t block[2] = {0x20026, (uint32_t)status};
    semihost(0x20, block); /* SYS_EXIT_EXTENDED */
    for (;;)
        ;
}

void fault(void)
{
    print("fault\n");
    leave(9);
}

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

static void print_number(long n)
{
    char text[12], *p = text + sizeof text;
    unsigned long m = n < 0 ? 0ul - (unsigned long)n : (unsigned long)n;
    *--p = 0;
    do
        *--p = (char)('0' + m % 10);
    while (m /= 10);
    if (n < 0)
        *--p = '-';
    print(p);
}

/* "mantissa exponent" (of 2): nothing is lost, and the host reads it without a printf here. */
static void print_value(float x)
{
    union { float f; uint32_t u; } v = {x};
    const int e = (int)(v.u >> 23 & 255);
    const long m = (long)(v.u & 0x7fffff) | (e ? 0x800000 : 0);
    print_number(v.u >> 31 ? -m : m);
    print(" ");
    print_number((e ? e : 1) - 150);
    print("\n");
}

#endif
