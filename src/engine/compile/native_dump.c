/* SPDX-License-Identifier: Apache-2.0
 * native_dump.c — compiled code for whoever profiles or reads it: forms, bytes, and perf's map.
 *
 * How:     A dump is lines of text. perf looks for /tmp/perf-PID.map, lines of address, length and
 *          name, to name what is in no file with symbols. The name of that file is anybody's guess
 *          and /tmp is everybody's, so a file that is not this process's own is left alone.
 *          Functions' names are the module's: what is not plain is shown as '?'.
 * Memory:  lines on the stack.
 * Threads: any; a line is one write.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native_impl.h"

enum { NAME_BYTES = 120, LINE_BYTES = 32 };

static void function_name(const wasm_module *module, uint32_t func, char name[NAME_BYTES])
{
    size_t length = 0;
    const char *given = wasm_module_func_name(module, func, &length);
    size_t end = 0;

    if (!given)
        length = 0;
    for (; end < length && end < NAME_BYTES - 1; end++)
        name[end] = (char)(given[end] > 0x20 && given[end] < 0x7F ? given[end] : '?');
    if (end == 0)
        end = (size_t)snprintf(name, NAME_BYTES, "function-%u", (unsigned)func);
    name[end] = '\0';
}

/* ---- dumps ----------------------------------------------------------------------------------- */

void native_dump_form(const ir_func *f, uint32_t func, const wasm_compile_options *options)
{
    char line[80];

    snprintf(line, sizeof line, "function %u:", (unsigned)func);
    options->dump(options->dump_baton, line);
    ir_print(f, options->dump, options->dump_baton);
}

static void dump_bytes(const uint8_t *bytes, uint32_t length, const wasm_compile_options *options)
{
    for (uint32_t at = 0; at < length; at += LINE_BYTES) {
        char line[3 * LINE_BYTES + 1];

        for (uint32_t i = 0; i < LINE_BYTES && at + i < length; i++)
            snprintf(line + 3 * (size_t)i, 4, "%02x ", bytes[at + i]);
        options->dump(options->dump_baton, line);
    }
}

void native_dump_code(const native_module *native, const uint8_t *image, uint32_t length,
                      const wasm_compile_options *options)
{
    char name[NAME_BYTES], line[NAME_BYTES + 120];

    snprintf(line, sizeof line, "code: %u bytes, of stubs and thunks %u", (unsigned)length,
             (unsigned)native->own_code);
    options->dump(options->dump_baton, line);
    for (uint32_t i = 0; i < native->func_count; i++) {
        const native_func *f = &native->funcs[i];

        function_name(native->module, f->func, name);
        snprintf(line, sizeof line,
                 "code of function %u (%s) at 0x%x, %u bytes:", (unsigned)f->func, name,
                 (unsigned)f->code, (unsigned)(f[1].code - f->code));
        options->dump(options->dump_baton, line);
        dump_bytes(image + f->code, f[1].code - f->code, options);
    }
}

/* ---- perf ------------------------------------------------------------------------------------ */

static void put_line(int fd, const native_module *native, uint32_t begin, uint32_t end,
                     const char *name)
{
    char line[NAME_BYTES + 60];
    int length;

    if (end <= begin)
        return;
    length = snprintf(line, sizeof line, "%llx %x wasm:%s\n",
                      (unsigned long long)(uintptr_t)(native->code.base + begin),
                      (unsigned)(end - begin), name);
    if (write(fd, line, (size_t)length) != length)
        return; /* a shorter map */
}

void native_perf_map(const native_module *native)
{
    char text[NAME_BYTES];
    struct stat info;
    int fd;

    snprintf(text, sizeof text, "/tmp/perf-%ld.map", (long)getpid());
    fd = open(text, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        info.st_nlink == 1) {
        put_line(fd, native, 0, native->own_code, "stubs-and-thunks");
        for (uint32_t i = 0; i < native->func_count; i++) {
            function_name(native->module, native->funcs[i].func, text);
            put_line(fd, native, native->funcs[i].code, native->funcs[i + 1].code, text);
        }
    }
    close(fd);
}
