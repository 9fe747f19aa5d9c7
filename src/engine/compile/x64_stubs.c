/* SPDX-License-Identifier: Apache-2.0
 * x64_stubs.c — code written by hand: into compiled code, out of it, and back.
 *
 * STUB_HELPER  r11: the helper's place in the table, in bytes; arguments from rsi on, as C has them
 * STUB_POLL    r11: the cost; keeps all registers but r11
 * STUB_TRAP    esi: the status; does not return
 * STUB_LEAVE   eax: the status
 *
 * C runs on the thread's stack, at native.host_sp, which STUB_ENTER has made a multiple of 16. The
 * guest's stack pointer waits in rbx meanwhile: C keeps that, a helper that enters again
 * overwrites native.sp.
 */
#include <stddef.h>

#include "x64_impl.h"

static x64_mem at(unsigned base, size_t offset)
{
    return (x64_mem){(uint8_t)base, X64_NONE, 0, (int32_t)offset};
}

static void load(x64_asm *a, unsigned reg, x64_mem m)
{
    x64_rm(a, X64(00, 0, 8B) | X64_W, reg, m);
}

static void store(x64_asm *a, x64_mem m, unsigned reg)
{
    x64_rm(a, X64(00, 0, 89) | X64_W, reg, m);
}

static void copy(x64_asm *a, unsigned to, unsigned from)
{
    x64_rr(a, X64(00, 0, 8B) | X64_W, to, from);
}

static void ret(x64_asm *a)
{
    x64_byte(a, 0xC3);
}

#define NATIVE(field)   (offsetof(wasm_store, native) + offsetof(store_native, field))
#define INSTANCE(field) at(X64_INSTANCE, offsetof(wasm_instance, field))

static const uint8_t saved[] = {RBP, RBX, R12, R13, R14, R15};

static void enter(x64_asm *a)
{
    uint32_t no_memory = x64_label(a);
    for (unsigned n = 0; n < sizeof saved; n++)
        x64_push(a, saved[n]);
    copy(a, X64_INSTANCE, RDI);
    load(a, RAX, INSTANCE(store));
    x64_rm(a, X64(00, 0, FF), 6, at(RAX, NATIVE(host_sp))); /* push: now a multiple of 16 */
    store(a, at(RAX, NATIVE(host_sp)), RSP);
    load(a, X64_BASE, INSTANCE(memory0));
    x64_rr(a, X64(00, 0, 85) | X64_W, X64_BASE, X64_BASE);
    x64_jcc(a, CC_E, no_memory);
    load(a, X64_BASE, at(X64_BASE, offsetof(wasm_memory, base)));
    x64_bind(a, no_memory);
    copy(a, RAX, RSI);
    copy(a, RDI, RDX);
    copy(a, RSI, RCX);
    copy(a, RSP, R8);
    x64_load_imm(a, RBP, 0);
    x64_rr(a, X64(00, 0, FF), 2, RAX); /* call */
    x64_load_imm(a, RAX, 0);
}

/* Follows enter(). */
static void leave(x64_asm *a)
{
    load(a, RCX, INSTANCE(store));
    load(a, RSP, at(RCX, NATIVE(host_sp)));
    x64_rm(a, X64(00, 0, 8F), 0, at(RCX, NATIVE(host_sp))); /* pop */
    for (unsigned n = sizeof saved; n-- > 0;)
        x64_pop(a, saved[n]);
    ret(a);
}

/* Calls the helper at [table + *index] or `helper`; rax is the store's address already. */
static void call_out(x64_asm *a, int helper)
{
    store(a, at(RAX, NATIVE(fp)), RBP);
    copy(a, RBX, RSP);
    copy(a, RDI, X64_INSTANCE);
    load(a, RSP, at(RAX, NATIVE(host_sp)));
    if (helper < 0) {
        x64_rm(a, X64(00, 0, 03) | X64_W, X64_SCRATCH, INSTANCE(helpers));
        x64_rm(a, X64(00, 0, FF), 2, at(X64_SCRATCH, 0));
    } else {
        load(a, X64_SCRATCH, INSTANCE(helpers));
        x64_rm(a, X64(00, 0, FF), 2, at(X64_SCRATCH, (size_t)helper * sizeof(void *)));
    }
    copy(a, RSP, RBX);
}

static void call_helper(x64_asm *a)
{
    load(a, RAX, INSTANCE(store));
    store(a, at(RAX, NATIVE(sp)), RSP);
    call_out(a, -1);
    ret(a);
}

static void trap(x64_asm *a, uint32_t leave_label)
{
    load(a, RAX, INSTANCE(store));
    store(a, at(RAX, NATIVE(sp)), RSP);
    call_out(a, NATIVE_TRAP);
    x64_jump(a, leave_label);
}

static void poll(x64_asm *a, uint32_t leave_label)
{
    static const uint8_t kept[] = {RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R10, R12, R13};
    enum { VECTORS = 15 };
    for (unsigned n = 0; n < sizeof kept; n++)
        x64_push(a, kept[n]);
    x64_rr(a, X64(00, 0, 81) | X64_W, 5, RSP);
    x64_imm32(a, VECTORS * 16);
    for (unsigned n = 0; n < VECTORS; n++)
        x64_rm(a, X64(00, 0F, 11), n, at(RSP, n * 16));
    load(a, RAX, INSTANCE(store));
    x64_rm(a, X64(00, 0, 8D) | X64_W, RCX, at(RSP, VECTORS * 16 + sizeof kept * 8));
    store(a, at(RAX, NATIVE(sp)), RCX);
    copy(a, RSI, X64_SCRATCH);
    call_out(a, NATIVE_POLL);
    x64_rr(a, X64(00, 0, 85), RAX, RAX);
    x64_jcc(a, CC_NE, leave_label);
    for (unsigned n = 0; n < VECTORS; n++)
        x64_rm(a, X64(00, 0F, 10), n, at(RSP, n * 16));
    x64_rr(a, X64(00, 0, 81) | X64_W, 0, RSP);
    x64_imm32(a, VECTORS * 16);
    for (unsigned n = sizeof kept; n-- > 0;)
        x64_pop(a, kept[n]);
    ret(a);
}

void x64_stubs(code_buffer *out)
{
    arena memory;
    x64_asm a;
    uint32_t stubs[STUB_COUNT];

    arena_init(&memory, out->quota);
    x64_begin(&a, out, &memory);
    for (unsigned n = 0; n < STUB_COUNT; n++)
        stubs[n] = x64_label(&a);
    x64_align(&a, 16);
    x64_bind(&a, stubs[STUB_ENTER]);
    enter(&a);
    x64_bind(&a, stubs[STUB_LEAVE]);
    leave(&a);
    x64_align(&a, 16);
    x64_bind(&a, stubs[STUB_HELPER]);
    call_helper(&a);
    x64_align(&a, 16);
    x64_bind(&a, stubs[STUB_POLL]);
    poll(&a, stubs[STUB_LEAVE]);
    x64_align(&a, 16);
    x64_bind(&a, stubs[STUB_TRAP]);
    trap(&a, stubs[STUB_LEAVE]);
    x64_finish(&a);
    for (unsigned n = 0; n < STUB_COUNT && !a.failed; n++)
        out->stubs[n] = a.labels[stubs[n]];
    if (a.failed && !out->status)
        out->status = WASM_E_QUOTA;
    arena_release(&memory);
}
