/* SPDX-License-Identifier: 0BSD
 *
 * Where the threads of a team meet after each layer. OpenMP's own barrier may wait at full power for as long as the system lets a thread run
 * (libgomp: 300,000 pauses, some 20 ms): where other programs want the processors too, the thread that the others wait for does not get one.
 * Here they look for a moment, as long as shares of a layer differ, and then sleep: Linux then gives the processor on at once. Elsewhere, and
 * where the compiler has no atomic operations, they meet at OpenMP's barrier. */
#include "base.h"

#ifndef CNNC_TEAM_H
#define CNNC_TEAM_H

#if defined(_OPENMP) && defined(__linux__) && !defined(CNNC_FREESTANDING) && !defined(__STDC_NO_ATOMICS__)
#include <sys/syscall.h>
#ifdef SYS_futex
#include <stdatomic.h>
#define CNNC_MEETS 1
#define CNNC_MEET_LOOKS 1000 /* x86: 10 to 70 us */
#define CNNC_FUTEX_WAIT 128 /* FUTEX_WAIT_PRIVATE and FUTEX_WAKE_PRIVATE of linux/futex.h, which is no part of the C library */
#define CNNC_FUTEX_WAKE 129
long syscall(long number, ...); /* unistd.h has it only where _GNU_SOURCE stood before the first header */
#endif
#endif

/* All zero at the start. arrived: threads at the present meeting; round: meetings that are over; asleep: threads that may have to be woken. */
struct cnnc_team {
#ifdef CNNC_MEETS
    atomic_uint arrived, round, asleep;
#else
    int nothing;
#endif
};

/* One of its threads. */
struct cnnc_member {
    int index, count; /* of all that meet */
    struct cnnc_team *team;
};

/* Returns when all have called it; what they wrote before is then seen by all. */
CNNC_INLINE void cnnc_meet(const struct cnnc_member *m)
{
#ifdef CNNC_MEETS
    struct cnnc_team *t = m->team;
    const unsigned round = atomic_load(&t->round);
    if (atomic_fetch_add(&t->arrived, 1) + 1 == (unsigned)m->count) {
        atomic_store(&t->arrived, 0); /* nobody comes to the next meeting before it sees that this one is over */
        atomic_store(&t->round, round + 1);
        if (atomic_load(&t->asleep)) /* who is not counted yet sees the new round before it sleeps */
            syscall(SYS_futex, &t->round, CNNC_FUTEX_WAKE, m->count, NULL, NULL, 0);
        return;
    }
    for (int i = 0; i < CNNC_MEET_LOOKS; i++) {
        if (atomic_load_explicit(&t->round, memory_order_acquire) != round)
            return;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
    atomic_fetch_add(&t->asleep, 1);
    while (atomic_load(&t->round) == round) /* futex looks once more before it sleeps */
        syscall(SYS_futex, &t->round, CNNC_FUTEX_WAIT, round, NULL, NULL, 0);
    atomic_fetch_sub(&t->asleep, 1);
#else
    (void)m;
#ifdef _OPENMP
#pragma omp barrier
#endif
#endif
}
#endif
