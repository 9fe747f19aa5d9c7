/* SPDX-License-Identifier: Apache-2.0
 * code.c — executable memory, see code.h. The one file that makes any.
 *
 * Editing: no mapping here is ever PROT_WRITE and PROT_EXEC; ANONYMOUS alone changes from one to
 * the other, and stays the last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "code.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

const char *code_way_text(code_way way)
{
    static const char *const texts[CODE_WAYS] = {"a file", "a memfd", "anonymous memory"};

    return way < CODE_WAYS ? texts[way] : "?";
}

/* All of them, or the error. */
static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* A file without a name in the directory. */
static int open_unnamed(const char *directory)
{
    char path[4096];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    /* A file system without such files: one whose name is taken away at once. */
    if ((size_t)snprintf(path, sizeof path, "%s/code.XXXXXX", directory) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int open_memfd(void)
{
    /* Since Linux 6.3 one says whether the file shall be executable; before, the flag is unknown.
     * With vm.memfd_noexec=2 it is refused (EACCES). */
    int fd = memfd_create("wasmserve-code", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("wasmserve-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

/* Errors here and below are those of errno; 0: it is done. */
static int map_file(code_way way, const char *directory, const uint8_t *bytes, size_t length,
                    code_mapping *out)
{
    int fd = way == CODE_WAY_FILE ? open_unnamed(directory) : open_memfd(), error;
    void *base;

    if (fd < 0)
        return errno;
    error = write_all(fd, bytes, length);
    if (error == 0 && way == CODE_WAY_MEMFD &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        error = errno;
    if (error == 0) {
        base = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        if (base == MAP_FAILED)
            error = errno;
        else
            out->base = base;
    }
    close(fd);
    return error;
}

static int map_anonymous(const uint8_t *bytes, size_t length, code_mapping *out)
{
    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error;

    if (base == MAP_FAILED)
        return errno;
    memcpy(base, bytes, length);
    if (mprotect(base, length, PROT_READ | PROT_EXEC) != 0) {
        error = errno;
        munmap(base, length);
        return error;
    }
    __builtin___clear_cache((char *)base, (char *)base + length);
    out->base = base;
    return 0;
}

wasm_status code_map(const uint8_t *bytes, size_t length, const char *directory, code_ways without,
                     code_mapping *out, char *refused, size_t size)
{
    size_t said = 0;

    if (size > 0)
        refused[0] = '\0';
    *out = (code_mapping){0};
    for (code_way way = 0; way < CODE_WAYS; way++) {
        int error;

        if ((without >> way & 1) || (way == CODE_WAY_FILE && !directory))
            continue;
        error = way == CODE_WAY_ANONYMOUS ? map_anonymous(bytes, length, out)
                                          : map_file(way, directory, bytes, length, out);
        if (error == 0) {
            out->length = length;
            out->way = way;
            return WASM_OK;
        }
        if (said < size)
            said += (size_t)snprintf(refused + said, size - said, "%s%s: %s", said ? "; " : "",
                                     code_way_text(way), strerror(error));
    }
    if (said == 0 && size > 0)
        snprintf(refused, size, "no way is left to try");
    return WASM_E_NO_EXECUTABLE;
}

int code_map_file(int fd, uint32_t at, size_t length, code_mapping *out)
{
    void *base = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)at);

    if (base == MAP_FAILED)
        return errno;
    *out = (code_mapping){.base = base, .length = length, .way = CODE_WAY_FILE};
    return 0;
}

void code_unmap(code_mapping *mapping)
{
    if (mapping->base)
        munmap((void *)(uintptr_t)mapping->base, mapping->length);
    *mapping = (code_mapping){0};
}
