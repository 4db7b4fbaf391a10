/* SPDX-License-Identifier: 0BSD
 *
 * With -DCNNC_PROFILE: the clock that times every step of a run. It counts nanoseconds; where there is no operating system, say what
 * to read instead, and of which type that is (differences may wrap around):
 *
 *     -DCNNC_PROFILE '-DCNNC_PROFILE_CLOCK()=(*(volatile uint32_t *)0xE0001004)' -DCNNC_PROFILE_TYPE=uint32_t */
#ifndef CNNC_PROFILE_H
#define CNNC_PROFILE_H
#ifdef CNNC_PROFILE
#ifndef CNNC_PROFILE_TYPE
#define CNNC_PROFILE_TYPE uint64_t
#endif
#ifndef CNNC_PROFILE_CLOCK
#define CNNC_PROFILE_CLOCK() cnnc_profile_clock()
#include <time.h>

static CNNC_UNUSED uint64_t cnnc_profile_clock(void)
{
    struct timespec t;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    timespec_get(&t, TIME_UTC);
#endif
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif
#endif
#endif
