/* SPDX-License-Identifier: Apache-2.0
 * x64_asm.h — an assembler for x86-64: encodings alone, no choices.
 *
 * How:     An instruction's encoding is one word, x64_code: mandatory prefix, opcode map, opcode
 *          byte, and whether REX.W belongs to it. Three functions put it together with its operands
 *          (register and register, register and memory, digit and either), and one does the same in
 *          VEX form; REX, VEX, ModRM, SIB and displacements are made nowhere else. Immediates
 *          follow with x64_imm8/32.
 *
 *          Labels and jumps: written as if all jumps were long, and moved together by x64_finish(),
 *          which x64_labels.c is about. Until then offsets are those of what has been written.
 *
 * Memory:  labels are in the function's arena.
 * Threads: those of the function.
 */
#ifndef WASMSERVE_X64_ASM_H
#define WASMSERVE_X64_ASM_H

#include "alloc.h"
#include "target.h"

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    X64_NONE = 0xFF
};

/* prefix << 24 | flags << 16 | map << 8 | opcode */
typedef uint32_t x64_code;
enum x64_map { X64_MAP_0, X64_MAP_0F, X64_MAP_0F38, X64_MAP_0F3A };
enum {
    X64_W = 1 << 16,      /* 64 bits wide */
    X64_BYTE = 1 << 17,   /* its registers are bytes: spl, bpl, sil, dil want a REX */
    X64_BYTE_RM = 1 << 18 /* only the one in ModRM.rm */
};
#define X64(prefix, map, opcode)                                                                   \
    ((uint32_t)(0x##prefix) << 24 | (uint32_t)X64_MAP_##map << 8 | 0x##opcode)

/* Conditions, as jcc, setcc and cmovcc number them. */
enum x64_cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

typedef struct x64_mem {
    uint8_t base, index; /* registers or X64_NONE; index is never rsp */
    uint8_t scale;       /* 0 to 3 */
    int32_t disp;
} x64_mem;

typedef struct x64_mark x64_mark; /* what depends on where something is: x64_labels.c */
typedef struct x64_asm {
    code_buffer *out;
    arena *arena;
    uint32_t *labels; /* offset, once x64_finish() is done */
    uint32_t label_count, label_capacity;
    x64_mark *marks;
    uint32_t mark_count, mark_capacity;
    uint32_t first, first_reloc, first_site; /* of what it writes, in the buffer */
    bool failed;                             /* out of memory */
} x64_asm;

/* Writes behind what the buffer has. Alignments count from the buffer's beginning. */
void x64_begin(x64_asm *a, code_buffer *out, arena *memory);
void x64_byte(x64_asm *a, uint8_t byte);
void x64_imm8(x64_asm *a, int64_t value);
void x64_imm32(x64_asm *a, int64_t value);
void x64_imm64(x64_asm *a, uint64_t value);
/* reg and rm as the encoding has them; for digits reg is the digit. */
void x64_rr(x64_asm *a, x64_code code, unsigned reg, unsigned rm);
void x64_rm(x64_asm *a, x64_code code, unsigned reg, x64_mem mem);
/* VEX.128 with a second source. */
void x64_vrr(x64_asm *a, x64_code code, unsigned reg, unsigned second, unsigned rm);
void x64_vrm(x64_asm *a, x64_code code, unsigned reg, unsigned second, x64_mem mem);
void x64_load_imm(x64_asm *a, unsigned reg, uint64_t value); /* the shortest mov or xor */
void x64_push(x64_asm *a, unsigned reg);
void x64_pop(x64_asm *a, unsigned reg);

uint32_t x64_label(x64_asm *a);
void x64_bind(x64_asm *a, uint32_t label); /* here; before x64_finish(), all that are used */
void x64_jump(x64_asm *a, uint32_t label);
void x64_jcc(x64_asm *a, enum x64_cc cc, uint32_t label);
/* The four bytes of a jump table that begins at the label `table`. */
void x64_table_entry(x64_asm *a, uint32_t label, uint32_t table);
void x64_refer(x64_asm *a, uint32_t label); /* four bytes, from their own end */
/* code reg, [rip + label]; no immediate may follow. */
void x64_rip(x64_asm *a, x64_code code, unsigned reg, uint32_t label);
void x64_call(x64_asm *a, code_reloc_kind kind, uint32_t index);
void x64_jump_out(x64_asm *a, code_reloc_kind kind, uint32_t index); /* of this piece of code */
void x64_align(x64_asm *a, uint32_t alignment); /* with long nops; at most 32 */
/* Makes jumps as short as they can be, moves the code together and fills in where labels are. Sites
 * and relocations move along. What labels[] has then is final. */
void x64_finish(x64_asm *a);
static inline uint32_t x64_here(const x64_asm *a)
{
    return a->out->length;
}
static inline bool x64_fits32(int64_t value)
{
    return value == (int32_t)value;
}

#endif
