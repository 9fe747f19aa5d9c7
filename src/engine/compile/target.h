/* SPDX-License-Identifier: Apache-2.0
 * target.h — what an architecture provides: from a function in SSA form to bytes of machine code.
 *
 * Everything above is portable. An architecture brings one `target`; alloc.c, which gives values
 * registers, is shared and asks the target for its registers and constraints (alloc.h). What a
 * second one consists of: src/engine/README.md, "A machine for the compiler".
 *
 * Memory:  a code_buffer grows by its quota; the caller releases it.
 * Threads: the target is constant; buffer and function belong to one thread.
 */
#ifndef WASMSERVE_TARGET_H
#define WASMSERVE_TARGET_H

#include "ir.h"
#include "native.h"

typedef enum code_reloc_kind {
    CODE_FUNC,    /* index: a function of the module: own code or its thunk */
    CODE_OUTSIDE, /* index: a type's thunk for functions of elsewhere */
    CODE_STUB     /* index: a code_stub */
} code_reloc_kind;

/* Code written by hand, once per image, at its beginning. */
typedef enum code_stub {
    STUB_ENTER,  /* a native_enter_fn */
    STUB_HELPER, /* calls a helper on the thread's stack. Like POLL and TRAP it leaves in
                    store->native.sp where the return address into the code stands, and in fp the
                    frame pointer of that code */
    STUB_POLL,   /* the same for POLL, all registers preserved */
    STUB_TRAP,   /* the gate of traps, called with the status; a fault is sent there with the
                    address of the faulting instruction pushed as the return address */
    STUB_LEAVE,  /* jumped to: leaves this activation with the status in the result register */
    STUB_COUNT
} code_stub;

/* Runs `wrapper` (an entry thunk) with (slots, code) for the instance, on the guest stack from
 * `stack` (a multiple of 16) downwards. Returns WASM_OK, or the status of a trap. Keeps what the
 * C convention demands. store->native.host_sp is saved and restored by it. */
typedef wasm_status (*native_enter_fn)(wasm_instance *instance, const void *wrapper,
                                       uint64_t *slots, const void *code, void *stack);

typedef struct code_reloc {
    uint32_t at; /* where a 32-bit displacement is, relative to its own end */
    uint8_t kind;
    uint32_t index;
} code_reloc;

typedef struct code_site {
    uint32_t code;   /* offset in the buffer: see native.h */
    uint32_t offset; /* in the Wasm file; of an emitter: an ir_instr.at */
} code_site;

typedef struct code_buffer {
    quota *quota;
    uint8_t *bytes;
    uint32_t length, capacity;
    code_reloc *relocs;
    uint32_t reloc_count, reloc_capacity;
    code_site *sites; /* by rising code offset within a function */
    uint32_t site_count, site_capacity;
    uint32_t stubs[STUB_COUNT]; /* offsets, set by target.stubs */
    wasm_status status;         /* QUOTA once an allocation failed; writing then does nothing */
} code_buffer;

void code_buffer_init(code_buffer *b, quota *quota);
void code_buffer_release(code_buffer *b);
void code_put(code_buffer *b, const void *bytes, uint32_t count);
static inline void code_put_byte(code_buffer *b, uint8_t byte)
{
    if (b->length < b->capacity && !b->status)
        b->bytes[b->length++] = byte;
    else
        code_put(b, &byte, 1);
}
/* Whether `count` bytes more fit, from `length` on: they are made room for. */
bool code_room_made(code_buffer *b, uint32_t count);
static inline bool code_room(code_buffer *b, uint32_t count)
{
    return (b->capacity - b->length >= count && !b->status) || code_room_made(b, count);
}
void code_align(code_buffer *b, uint32_t alignment, uint8_t fill);
void code_add_reloc(code_buffer *b, uint32_t at, code_reloc_kind kind, uint32_t index);
void code_add_site(code_buffer *b, uint32_t code, uint32_t offset);

typedef struct target {
    const char *name;
    /* Of this processor, as far as code depends on them: for the cache's key. */
    uint32_t (*features)(void);
    bool (*available)(void); /* the processor has what all code needs */
    bool (*has)(
        unsigned op); /* whether it can emit this isa_op; functions with others are declined */
    /* Bytes that whoever calls `caller` has to leave on the stack for arguments, if that is to end
     * by calling `callee` in its place; 0: what its own arguments and results take is enough. Both
     * have the same results. NULL: no code for such calls. */
    uint32_t (*tail_room)(const wasm_functype *caller, const wasm_functype *callee);
    void (*stubs)(code_buffer *out);
    /* Selection, register allocation, code: appends the function at an aligned place, whose offset
     * it returns in *entry. The function is used up. Its status, and the buffer's, say what failed.
     */
    wasm_status (*emit)(ir_func *f, code_buffer *out, uint32_t *entry);
    /* Of a signal handler's context, for code of its own; async-signal-safe. Where the instruction
     * is, INSTANCE, and to go on at a gate of traps as if the instruction had called it from its
     * site. NULL, all of them: no guarded code on this system. */
    const void *(*fault_at)(void *context);
    wasm_instance *(*fault_instance)(void *context);
    void (*fault_redirect)(void *context, const void *gate, wasm_status status);
} target;

/* That of this machine, or NULL. */
const target *target_here(void);
extern const target target_x64;

#endif
