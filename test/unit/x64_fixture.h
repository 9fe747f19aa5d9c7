/* SPDX-License-Identifier: Apache-2.0
 * x64_fixture.h — functions built by hand of IR, assembled and entered, for the tests of the
 * emitter: the scalar ones and the vectors each have a program.
 *
 * How:     all functions of a fixture are assembled into one buffer, mapped from a memfd, and
 *          entered through STUB_ENTER with an instance that has a store and helpers of this file.
 */
#ifndef UNIT_X64_FIXTURE_H
#define UNIT_X64_FIXTURE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ir_uses.h"
#include "unit.h"
#include "x64_impl.h"

static wasm_status trapped;
static unsigned polls;

static uint64_t helper_trap(wasm_instance *instance, uint64_t status)
{
    (void)instance;
    trapped = (wasm_status)status;
    return status;
}

static uint64_t helper_poll(wasm_instance *instance, uint64_t cost)
{
    (void)instance;
    polls++;
    return cost == 99 ? WASM_E_UNREACHABLE : WASM_OK;
}

/* Says what it was given, as one number. */
static uint64_t helper_value(wasm_instance *instance, uint64_t a, uint64_t b)
{
    return instance->store ? a * 1000 + b : 0;
}

/* Its second number is the status it answers with. */
static uint64_t helper_status(wasm_instance *instance, uint64_t a, uint64_t status)
{
    (void)instance, (void)a;
    trapped = (wasm_status)status;
    return status;
}

static const void *helpers[NATIVE_HELPERS];
static _Alignas(64) uint8_t stack[1 << 20];
static wasm_store store;
static wasm_instance instance = {.store = &store, .helpers = helpers};

typedef struct fixture {
    quota quota;
    arena arena;
    ir_func f;
    code_buffer code;
    uint8_t *mapped;
    size_t mapped_size;
    uint32_t funcs[64]; /* entries, for CODE_FUNC */
} fixture;

static void setup(fixture *x)
{
    memset(x, 0, sizeof *x);
    quota_init(&x->quota, 0);
    arena_init(&x->arena, &x->quota);
    code_buffer_init(&x->code, &x->quota);
    target_x64.stubs(&x->code);
    helpers[NATIVE_TRAP] = (const void *)(uintptr_t)helper_trap;
    helpers[NATIVE_POLL] = (const void *)(uintptr_t)helper_poll;
    helpers[NATIVE_MEMORY_GROW] = (const void *)(uintptr_t)helper_value;
    helpers[NATIVE_CHECK_TYPE] = (const void *)(uintptr_t)helper_status;
    store.native.limit = (uintptr_t)stack + NATIVE_MARGIN;
    store.native.host_sp = NULL;
}

static void teardown(fixture *x)
{
    if (x->mapped)
        munmap(x->mapped, x->mapped_size);
    code_buffer_release(&x->code);
    arena_release(&x->arena);
}

static void begin(fixture *x)
{
    arena_release(&x->arena);
    arena_init(&x->arena, &x->quota);
    ir_reset(&x->f, &x->arena);
    ir_block_new(&x->f);
}

static uint32_t finish(fixture *x)
{
    uint32_t entry = 0;
    char why[256] = "";
    ir_split_edges(&x->f);
    ir_analyse(&x->f);
    count_uses(&x->f);
    if (!CHECK(ir_verify(&x->f, why, sizeof why)))
        FAIL("%s", why);
    CHECK_EQ_INT(target_x64.emit(&x->f, &x->code, &entry), WASM_OK);
    return entry;
}

/* Relocates and maps what has been assembled. */
static bool map(fixture *x)
{
    code_buffer *b = &x->code;
    for (uint32_t n = 0; n < b->reloc_count; n++) {
        const code_reloc *r = &b->relocs[n];
        uint32_t to = r->kind == CODE_STUB ? b->stubs[r->index] : x->funcs[r->index];
        uint32_t distance = to - (r->at + 4);
        memcpy(b->bytes + r->at, &distance, 4);
    }
    const char *dump = getenv("X64_TEST_DUMP");
    FILE *file = dump ? fopen(dump, "wb") : NULL;
    if (file) {
        fwrite(b->bytes, 1, b->length, file);
        fclose(file);
    }
    int fd = memfd_create("x64_test", MFD_CLOEXEC);
    if (fd < 0 || write(fd, b->bytes, b->length) != (ssize_t)b->length)
        return false;
    x->mapped_size = b->length;
    x->mapped = mmap(NULL, b->length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    close(fd);
    if (x->mapped == MAP_FAILED)
        x->mapped = NULL;
    return x->mapped;
}

static wasm_status enter(fixture *x, uint32_t entry, uint64_t *slots)
{
    native_enter_fn go;
    void *at = x->mapped + x->code.stubs[STUB_ENTER];
    memcpy(&go, &at, sizeof go);
    trapped = WASM_OK;
    wasm_status status = go(&instance, x->mapped + entry, slots, NULL, stack + sizeof stack);
    CHECK_EQ_INT(status, trapped);
    CHECK(store.native.host_sp == NULL);
    return status;
}

#define EMIT(op, type, a, b, c, imm) ir_append(&x->f, 0, op, type, a, b, c, imm, 7)

static ir_ref peek(fixture *x, ir_ref at, ir_type type, uint64_t offset)
{
    ir_ref r = EMIT(IR_PEEK, type, at, 0, 0, offset);
    x->f.instrs[r].extra = type == IR_V128 ? 16 : type == IR_I64 || type == IR_F64 ? 8 : 4;
    return r;
}

static void poke(fixture *x, ir_ref at, ir_ref value, uint64_t offset)
{
    ir_type type = (ir_type)x->f.instrs[value].type;
    ir_ref r = EMIT(IR_POKE, IR_VOID, at, value, 0, offset);
    x->f.instrs[r].extra = type == IR_V128 ? 16 : type == IR_I64 || type == IR_F64 ? 8 : 4;
}

/* ---- numbers to compute with -----------------------------------------------------------------
 */

static const uint64_t interesting[] = {
    0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 100, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF,
    0x80000000, 0xFFFFFFFF, 0x80000001, 0xFFFFFF80, 0x100000000, 0x7FFFFFFFFFFFFFFF,
    0x8000000000000000, 0x8000000000000001, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFE,
    0xFFFFFFFF80000000, 0x123456789ABCDEF0,
    /* floats: 1, -1.5, 2.5, inf, -inf, quiet and signalling NaNs, denormals, 2^31, -2^31, 2^32,
     * 2^63, -2^63, 2^64, just below -2^31, -0.9 */
    0x3F800000, 0xBFC00000, 0x40200000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7FA00000, 0x00000003,
    0x4F000000, 0xCF000000, 0x4F800000, 0x5F000000, 0xDF000000, 0x5F800000, 0xCF000001, 0xBF666666,
    0x5F7FFFFF, 0x3FF0000000000000, 0xBFF8000000000000, 0x4004000000000000, 0x7FF0000000000000,
    0xFFF0000000000000, 0x7FF8000000000000, 0x7FF4000000000000, 0x0000000000000003,
    0x41E0000000000000, 0xC1E0000000000000, 0xC1E0000000200000, 0xC1E0000000100000,
    0x41F0000000000000, 0x41EFFFFFFFFFFFFF, 0x43E0000000000000, 0xC3E0000000000000,
    0x43F0000000000000, 0x43EFFFFFFFFFFFFF, 0xBFECCCCCCCCCCCCD};
enum { INTERESTING = sizeof interesting / sizeof *interesting };

static ir_type type_of_letter(char c)
{
    return c == 'i' ? IR_I32 : c == 'I' ? IR_I64 : c == 'f' ? IR_F32 : c == 'F' ? IR_F64 : IR_VOID;
}

/* Values that live while something is computed: more than there are registers. */
enum { PRESSURE = 14 };

#define IN(block, op, type, a, b, c, imm) ir_append(&x->f, block, op, type, a, b, c, imm, 7)

#endif
