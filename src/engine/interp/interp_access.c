/* SPDX-License-Identifier: Apache-2.0
 * interp_access.c — accesses to memory that have no internal instruction of their own: atomic ones,
 * and those of vectors to memories that are not the first or have 64-bit addresses.
 *
 * How:     Operands stand in slots one behind the other, the address first; the result goes over
 *          it. One thread runs in a store, and what another one does with it happens before or
 *          after: so an atomic access is a plain one, but for its alignment.
 *          What an instruction does is said by the rows of icode_vector.def.
 * Inputs:  Validated; the address of a 32-bit memory is zero-extended in its slot, once its wide
 *          entry was moved home (lower_impl.h).
 * Memory:  the instance's memories, bounds checked here.
 * Threads: the store's.
 */
#include <string.h>

#include "interp_impl.h"
#include "interp_vector.h"
#include "isa.h"
#include "report.h"

static inline uint64_t from_le(uint64_t bits, size_t bytes)
{
    return bytes == 2   ? FROM_LE16((uint16_t)bits)
           : bytes == 4 ? FROM_LE32((uint32_t)bits)
           : bytes == 8 ? FROM_LE64(bits)
                        : bits;
}

/* Finds the bytes that the instruction touches. */
static wasm_status find(const wasm_memory *memory, const isa_row *row, uint64_t address,
                        uint64_t offset, uint8_t **out)
{
    uint64_t at, end;

    if (__builtin_add_overflow(address, offset, &at) ||
        __builtin_add_overflow(at, row->width, &end) || end > memory->length)
        return WASM_E_OOB_MEMORY;
    if ((row->flags & ISA_ATOMIC) != 0 && at % row->width != 0)
        return WASM_E_UNALIGNED_ATOMIC;
    *out = memory->base + at;
    return WASM_OK;
}

/* Integers of a type of memory, zero-extended. */
#define READ(type)                                                                                 \
    type raw;                                                                                      \
    memcpy(&raw, bytes, sizeof raw);                                                               \
    const type old = (type)from_le(raw, sizeof raw)
#define WRITE(type, value)                                                                         \
    do {                                                                                           \
        const type raw_ = (type)from_le((type)(value), sizeof raw_);                               \
        memcpy(bytes, &raw_, sizeof raw_);                                                         \
    } while (0)

static void atomic_access(isa_op op, uint8_t *bytes, uint64_t *operands)
{
    switch (op) {
#define ATOMIC_LOAD(id, class, type)                                                               \
    case OP_##id: {                                                                                \
        READ(type);                                                                                \
        operands[0] = old;                                                                         \
        break;                                                                                     \
    }
#define ATOMIC_STORE(id, class, type)                                                              \
    case OP_##id:                                                                                  \
        WRITE(type, operands[1]);                                                                  \
        break;
#define ATOMIC_RMW(id, class, type, expr)                                                          \
    case OP_##id: {                                                                                \
        const type x = (type)operands[1];                                                          \
        READ(type);                                                                                \
        WRITE(type, expr);                                                                         \
        operands[0] = old;                                                                         \
        break;                                                                                     \
    }
/* What is expected is wrapped to what memory holds before it is compared (WebAssembly/threads,
 * issue 195; so do V8 and SpiderMonkey). */
#define ATOMIC_EXCHANGE(id, class, type)                                                           \
    case OP_##id: {                                                                                \
        READ(type);                                                                                \
        if (old == (type)operands[1])                                                              \
            WRITE(type, operands[2]);                                                              \
        operands[0] = old;                                                                         \
        break;                                                                                     \
    }
#include "icode.def"
    default: break;
    }
}

static void vector_access(isa_op op, uint8_t *bytes, unsigned lane, uint64_t *operands)
{
    const v128 y = vector_read(operands + 1);

    switch (op) {
#define VECTOR_LOAD(id, text, type, expr)                                                          \
    case OP_##id: {                                                                                \
        type x;                                                                                    \
        memcpy(&x, bytes, sizeof x);                                                               \
        vector_write(operands, expr);                                                              \
        break;                                                                                     \
    }
#define VECTOR_LOAD_LANE(id, text, type, expr) VECTOR_LOAD(id, text, type, expr)
#define VECTOR_STORE_LANE(id, text, type)                                                          \
    case OP_##id:                                                                                  \
        memcpy(bytes, (const char *)(operands + 1) + lane * sizeof(type), sizeof(type));           \
        break;
#include "icode.def"
    default: break;
    }
}

/* memory.atomic.wait32, .wait64: expected value and timeout are the second and third operand. */
static wasm_status wait(const wasm_memory *memory, isa_op op, const uint8_t *bytes,
                        uint64_t *operands)
{
    bool equal;

    if (!memory->bounds.shared)
        return WASM_E_NOT_SHARED;
    if (op == OP_MEMORY_ATOMIC_WAIT32) {
        READ(uint32_t);
        equal = old == (uint32_t)operands[1];
    } else {
        READ(uint64_t);
        equal = old == operands[1];
    }
    if (!equal) {
        operands[0] = 1; /* not equal */
        return WASM_OK;
    }
    TRY(store_wait(memory->store, (int64_t)operands[2]));
    operands[0] = 2; /* timed out */
    return WASM_OK;
}

wasm_status interp_access(const wasm_instance *instance, const icode *pc, uint64_t *operands)
{
    const isa_op op = (isa_op)pc[1].u16[1];
    const isa_row *row = isa_describe(op);
    const wasm_memory *memory = instance->memories[pc[1].u16[2]];
    uint8_t *bytes;

    TRY(find(memory, row, operands[0], pc[2].u64, &bytes));
    switch (op) {
    case OP_MEMORY_ATOMIC_NOTIFY: operands[0] = 0; return WASM_OK; /* nobody waits */
    case OP_MEMORY_ATOMIC_WAIT32:
    case OP_MEMORY_ATOMIC_WAIT64: return wait(memory, op, bytes, operands);
    default: break;
    }
    if ((row->flags & ISA_ATOMIC) != 0)
        atomic_access(op, bytes, operands);
    else
        vector_access(op, bytes, pc[1].u16[3], operands);
    return WASM_OK;
}
