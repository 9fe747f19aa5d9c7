/* SPDX-License-Identifier: Apache-2.0
 * fake_guest.h — a guest without code, for tests of host functions: the test plays its part.
 *
 * How:     A module with nothing but a memory is instantiated in a real store, so that the gate to
 *          guest memory is the real one; the test writes arguments there and calls rows of the
 *          table of host functions as the engine would. The exchange behind it is played here as
 *          well: it reads from a string and keeps what was written and logged.
 * Memory:  guest_open() to guest_close().
 * Threads: one.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include "engine.h"
#include "exchange.h"
#include "guestmem.h"
#include "host.h"
#include "wasi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUEST_MEMORY = 4 * 65536, GUEST_KEPT = 65536 };

typedef struct fake_guest {
    wasm_module *module;
    wasm_store *store;
    wasm_instance *instance;
    wasm_caller caller;
    wasi *wasi;
    host_context context;
    exchange exchange;
    grants grants;
    wasm_status status; /* of the last call */
    /* what the exchange gives */
    const char *body;
    size_t body_left;
    size_t body_piece; /* most bytes in one read */
    wasm_status fail;  /* what reading and writing answer */
    uint64_t now[2];
    /* what it got */
    char output[GUEST_KEPT];
    size_t output_length;
    char log[GUEST_KEPT]; /* "E:text\n" and so on */
    size_t log_length;
    unsigned flushes;
} fake_guest;

__attribute__((unused)) static wasm_status fake_read(void *baton, void *buffer, size_t size,
                                                     size_t *got)
{
    fake_guest *g = baton;
    size_t part = g->body_left < size ? g->body_left : size;

    if (g->fail != WASM_OK)
        return g->fail;
    if (g->body_piece > 0 && part > g->body_piece)
        part = g->body_piece;
    if (part > 0) {
        memcpy(buffer, g->body, part);
        g->body += part;
        g->body_left -= part;
    }
    *got = part;
    return WASM_OK;
}

static void fake_keep(char *to, size_t *length, const void *bytes, size_t size)
{
    if (size > GUEST_KEPT - 1 - *length)
        size = GUEST_KEPT - 1 - *length;
    if (size > 0)
        memcpy(to + *length, bytes, size);
    *length += size;
    to[*length] = '\0';
}

__attribute__((unused)) static wasm_status fake_write(void *baton, const void *bytes, size_t length)
{
    fake_guest *g = baton;

    if (g->fail == WASM_OK)
        fake_keep(g->output, &g->output_length, bytes, length);
    return g->fail;
}

__attribute__((unused)) static void fake_log(void *baton, exchange_level level, const char *text,
                                             size_t length)
{
    fake_guest *g = baton;
    const char mark[2] = {"EWID"[level], ':'};

    fake_keep(g->log, &g->log_length, mark, 2);
    fake_keep(g->log, &g->log_length, text, length);
    fake_keep(g->log, &g->log_length, "\n", 1);
}

__attribute__((unused)) static uint64_t fake_clock(void *baton, unsigned clock_id)
{
    fake_guest *g = baton;

    return g->now[clock_id];
}

/* Not random at all: 1, 2, 3, … */
__attribute__((unused)) static wasm_status fake_random(void *baton, void *buffer, size_t size)
{
    (void)baton;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)(i + 1);
    return WASM_OK;
}

__attribute__((unused)) static void fake_flush(void *baton)
{
    fake_guest *g = baton;

    g->flushes++;
}

/* The store with its memory, and the exchange; the process is made by guest_begin(). False if the
 * engine fails. */
__attribute__((unused)) static bool guest_open(fake_guest *g)
{
    /* (module (memory (export "memory") 4 4)) */
    static const uint8_t text[] = {0, 0x61, 0x73, 0x6D, 1, 0,   0,   0,   0x05, 4,   1,   1, 4,
                                   4, 0x07, 0x0A, 1,    6, 'm', 'e', 'm', 'o',  'r', 'y', 2, 0};
    wasm_limits limits = wasm_limits_default();
    wasm_report report;

    memset(g, 0, sizeof *g);
    g->exchange = (exchange){.baton = g,
                             .read_body = fake_read,
                             .write_output = fake_write,
                             .flush = fake_flush,
                             .log = fake_log,
                             .clock = fake_clock,
                             .random = fake_random};
    if (wasm_module_load(text, sizeof text, NULL, &g->module, &report) != WASM_OK)
        return false;
    g->store = wasm_store_new(&limits, &g->context);
    if (g->store == NULL ||
        wasm_instantiate(g->store, g->module, NULL, &g->instance, &report) != WASM_OK)
        return false;
    g->caller = (wasm_caller){.store = g->store, .instance = g->instance};
    return true;
}

__attribute__((unused)) static bool guest_begin(fake_guest *g, const wasi_options *options,
                                                wasm_report *report)
{
    wasi_options all = *options;

    all.grants = &g->grants;
    all.exchange = &g->exchange;
    if (wasi_new(&all, &g->wasi, report) != WASM_OK)
        return false;
    g->context.wasi = g->wasi;
    return true;
}

__attribute__((unused)) static void guest_close(fake_guest *g)
{
    wasi_free(g->wasi);
    wasm_store_free(g->store);
    wasm_module_free(g->module);
}

/* ---- guest memory ------------------------------------------------------------------------- */

__attribute__((unused)) static uint8_t *guest_bytes(const fake_guest *g, uint32_t at,
                                                    uint32_t length)
{
    uint8_t *bytes;

    if (!guestmem_view(&g->caller, at, length, &bytes))
        abort(); /* the test itself is wrong */
    return bytes;
}

__attribute__((unused)) static uint32_t guest_u32(const fake_guest *g, uint32_t at)
{
    return guestmem_get_u32(guest_bytes(g, at, 4));
}

__attribute__((unused)) static uint64_t guest_u64(const fake_guest *g, uint32_t at)
{
    return guestmem_get_u64(guest_bytes(g, at, 8));
}

__attribute__((unused)) static uint16_t guest_u16(const fake_guest *g, uint32_t at)
{
    return guestmem_get_u16(guest_bytes(g, at, 2));
}

__attribute__((unused)) static void guest_put(const fake_guest *g, uint32_t at, const void *bytes,
                                              size_t length)
{
    memcpy(guest_bytes(g, at, (uint32_t)length), bytes, length);
}

__attribute__((unused)) static void guest_put_u32(const fake_guest *g, uint32_t at, uint32_t value)
{
    guestmem_put_u32(guest_bytes(g, at, 4), value);
}

__attribute__((unused)) static void guest_put_u64(const fake_guest *g, uint32_t at, uint64_t value)
{
    guestmem_put_u64(guest_bytes(g, at, 8), value);
}

/* ---- calls -------------------------------------------------------------------------------- */

static const wasm_host_function *guest_row(const char *module, const char *name)
{
    size_t count;
    const wasm_host_function *rows = wasi_functions(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].module, module) == 0 && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    fprintf(stderr, "no function %s in %s\n", name, module);
    abort();
}

/* Calls a row; the number of arguments must be that of its signature. The errno, or UINT32_MAX
 * where the call ended otherwise (g->status). */
__attribute__((unused)) static uint32_t guest_call_in(fake_guest *g, const char *module,
                                                      const char *name, size_t count,
                                                      const uint64_t *arguments)
{
    const wasm_host_function *row = guest_row(module, name);
    uint64_t slots[16] = {0};

    if (strcspn(row->signature, ":") != count) {
        fprintf(stderr, "%s takes %zu arguments\n", name, strcspn(row->signature, ":"));
        abort();
    }
    for (size_t i = 0; i < count; i++)
        slots[i] = row->signature[i] == 'i' ? (uint32_t)arguments[i] : arguments[i];
    g->status = row->call(&g->caller, slots);
    return g->status == WASM_OK ? (uint32_t)slots[0] : UINT32_MAX;
}

#define GUEST_ARGUMENTS(...)                                                                       \
    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (const uint64_t[])                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
/* guest_call(g, "fd_close", 3) */
#define guest_call(g, name, ...)                                                                   \
    guest_call_in((g), "wasi_snapshot_preview1", (name), GUEST_ARGUMENTS(__VA_ARGS__))
#define guest_call_unstable(g, name, ...)                                                          \
    guest_call_in((g), "wasi_unstable", (name), GUEST_ARGUMENTS(__VA_ARGS__))

/* Places in guest memory that the helpers below use; tests keep away from 0..8191 and above 65536.
 */
enum { GUEST_PATH = 1024, GUEST_RESULT = 512, GUEST_VECTOR = 256 };

/* Writes to a descriptor; the errno, and the count in *written. */
__attribute__((unused)) static uint32_t guest_write(fake_guest *g, uint32_t fd, const void *bytes,
                                                    size_t length, uint32_t *written)
{
    uint32_t error;

    guest_put(g, 65536, bytes, length);
    guest_put_u32(g, GUEST_VECTOR, 65536);
    guest_put_u32(g, GUEST_VECTOR + 4, (uint32_t)length);
    error = guest_call(g, "fd_write", fd, GUEST_VECTOR, 1, GUEST_RESULT);
    if (written != NULL)
        *written = guest_u32(g, GUEST_RESULT);
    return error;
}

/* Reads up to `size` bytes to `to`. */
__attribute__((unused)) static uint32_t guest_read(fake_guest *g, uint32_t fd, void *to,
                                                   size_t size, uint32_t *got)
{
    uint32_t error;

    guest_put_u32(g, GUEST_VECTOR, 65536);
    guest_put_u32(g, GUEST_VECTOR + 4, (uint32_t)size);
    guest_put_u32(g, GUEST_RESULT, 0);
    error = guest_call(g, "fd_read", fd, GUEST_VECTOR, 1, GUEST_RESULT);
    *got = guest_u32(g, GUEST_RESULT);
    memcpy(to, guest_bytes(g, 65536, *got), *got);
    return error;
}

#endif
