#define _GNU_SOURCE /* madvise */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool reader_fail(char *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(err, CNNC_ERROR_BYTES, format, ap);
    va_end(ap);
    return false;
}

bool mapping_open(struct mapping *m, const char *path, char *err)
{
    struct stat st;
    bool ok = false;
    *m = (struct mapping){ NULL, 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a FIFO must not hang us before fstat says what it is */
    if (fd < 0)
        return reader_fail(err, "%s", strerror(errno));
    if (fstat(fd, &st) != 0) {
        reader_fail(err, "%s", strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        reader_fail(err, "not a regular file");
    } else if ((uintmax_t)st.st_size > SIZE_MAX / 2) {
        reader_fail(err, "file of %jd bytes is too large", (intmax_t)st.st_size);
    } else if (st.st_size == 0) {
        ok = true;
    } else {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            reader_fail(err, "%s", strerror(errno));
        } else {
            *m = (struct mapping){ p, (size_t)st.st_size };
            ok = true;
        }
    }
    close(fd);
    return ok;
}

void mapping_close(struct mapping *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->bytes);
    *m = (struct mapping){ NULL, 0 };
}

void mapping_forget(const struct mapping *m, const void *part, size_t bytes)
{
    const uint8_t *p = part;
    if (!m->data || p < m->data || p > m->data + m->bytes || bytes > m->bytes - (size_t)(p - m->data))
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)p + page - 1) / page * page, to = ((uintptr_t)p + bytes) / page * page;
    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}
