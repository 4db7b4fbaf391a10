/* Calls the self-test of a generated network: -include NAME.h -DNET=name -DNETU=NAME. */
#include <stdio.h>
#include <stdlib.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

int main(int argc, char **argv)
{
    const char *layer = "";
    int status;
    JOIN(NET, _ctx) *ctx = JOIN(NET, _open)(argc > 1 ? argv[1] : NULL, 2, 0, &status);
    void *memory = aligned_alloc(64, JOIN(NETU, _SELFTEST_BYTES));
    if (ctx && memory)
        status = JOIN(NET, _selftest)(ctx, memory, JOIN(NETU, _SELFTEST_BYTES), &layer);
    printf("%s %s\n", JOIN(NET, _strerror)(status), layer);
    free(memory);
    JOIN(NET, _close)(ctx);
    return status != 0;
}
