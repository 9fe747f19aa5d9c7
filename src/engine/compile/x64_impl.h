/* SPDX-License-Identifier: Apache-2.0
 * x64_impl.h — what the files of the x86-64 target share.
 *
 * How:     x64_rows has a row for each isa_op: which class of code it is, and the encoding. A class
 *          has a case in three places: x64_shape_of() (which operands it reads, after folding; the
 *          one place that looks through what is folded, so that request and emission cannot
 *          disagree), x64_request() (registers) and x64_emit_*() (bytes).
 *
 * Registers: r14 instance, r15 base of memory 0, rbp frame, r11 and xmm15 scratch. Integer
 *          arguments rdi rsi rdx rcx r8 r9, vectors xmm0 to xmm7, results rax rdx and xmm0 xmm1,
 *          CALLEE in r10.
 * Frame:   [rbp + 16 …] arguments of the caller's, [rbp - spill …] slots, [rsp …] outgoing.
 */
#ifndef WASMSERVE_X64_IMPL_H
#define WASMSERVE_X64_IMPL_H

#include "x64_asm.h"

enum {
    X64_INSTANCE = R14,
    X64_BASE = R15,
    X64_SCRATCH = R11,
    X64_XSCRATCH = 15,
    X64_CALLEE = R10,
    /* With ALLOC_ARRIVING: a result, at rsp, and not a parameter, above the frame. */
    X64_OUTGOING = 0x40000000
};

/* target.features; x64_switch_off is for tests. */
enum x64_feature { X64_AVX = 1, X64_BMI1 = 2, X64_BMI2 = 4, X64_LZCNT = 8 };
uint32_t x64_features(void);
extern uint32_t x64_switched_off;

typedef enum x64_class {
    CLASS_NONE,  /* no code for it */
    CLASS_CONST, /* integers and floats */
    CLASS_ALU,   /* extra: digit */
    CLASS_ADD,   /* or lea */
    CLASS_MUL,
    CLASS_SHIFT,  /* extra: digit; code: the BMI2 form or 0 */
    CLASS_DIVIDE, /* extra: DIVIDE_* */
    CLASS_EQZ,
    CLASS_COMPARE, /* extra: cc */
    CLASS_CLZ,
    CLASS_CTZ,
    CLASS_UNARY, /* code reg, rm */
    CLASS_SAME,  /* no code: the register as it is */
    CLASS_LOAD,
    CLASS_STORE,
    CLASS_SELECT,
    CLASS_FBINARY,
    CLASS_FMINMAX,
    CLASS_FUNARY,
    CLASS_FROUND,
    CLASS_FCOMPARE,
    CLASS_FSIGN, /* abs, neg: extra: 0 and-not, 1 xor */
    CLASS_COPYSIGN,
    CLASS_CROSS, /* movd, movq and conversions between the kinds of registers */
    CLASS_CONVERT_U64,
    CLASS_TRUNC,   /* extra: TRUNC_* */
    CLASS_VBINARY, /* from here on: vectors */
    CLASS_VUNARY,
    CLASS_VNOT,
    CLASS_VSELECT,
    CLASS_VCOMPARE, /* extra: VCOMPARE_*, or VCOMPARE_EQUAL's opcode */
    CLASS_VNEG,
    CLASS_VABS_64,
    CLASS_VSIGN,   /* of floats */
    CLASS_VMINMAX, /* of floats; extra: 1: max */
    CLASS_VSPLAT,
    CLASS_VEXTRACT, /* extra: bytes to extend the sign of, or 0 */
    CLASS_VREPLACE,
    CLASS_VSHIFT,
    CLASS_VSHIFT_BYTES, /* extra: VSHIFT_* */
    CLASS_VSHIFT_SIGNED_64,
    CLASS_VANY,
    CLASS_VALL,
    CLASS_VBITMASK, /* extra: 1: words become bytes before */
    CLASS_VSWIZZLE,
    CLASS_VSHUFFLE,
    CLASS_VEXTEND_HIGH,
    CLASS_VPRODUCT,  /* extra: bytes of the narrow lanes, and VWIDEN_* */
    CLASS_VPAIRWISE, /* the same */
    CLASS_VQ15,
    CLASS_VMUL_64,
    CLASS_VPOPCNT,
    CLASS_VMADD, /* extra: 1: of the negated product */
    CLASS_VDOT,
    CLASS_VCONVERT_U32,
    CLASS_VCONVERT_LOW_U32,
    CLASS_VTRUNC,
    CLASS_VTRUNC_U,
    CLASS_VTRUNC_ZERO,
    CLASS_VTRUNC_ZERO_U,
    CLASS_VLOAD_SPLAT, /* extra: bytes */
    CLASS_VLOAD_LANE,
    CLASS_VSTORE_LANE
} x64_class;

enum { DIVIDE_SIGNED = 1, DIVIDE_REMAINDER = 2 };
enum { TRUNC_UNSIGNED = 1, TRUNC_64 = 2, TRUNC_SATURATES = 4 };
enum { VCOMPARE_NOT = 0x80 /* beside the opcode that compares with the first operand, or 0 */ };
enum { VSHIFT_LEFT, VSHIFT_UNSIGNED, VSHIFT_SIGNED };
enum { VWIDEN_BYTES = 15, VWIDEN_HIGH = 16, VWIDEN_UNSIGNED = 32 };
enum {
    COMMUTES = 1,
    WIDE = 2,
    SWAPS = 4,
    TAIL = 8
}; /* x64_row.flags; WIDE: of 64 bits; SWAPS:
        operands the other way round; TAIL:
        extra is an immediate */

typedef struct x64_row {
    uint8_t cls, extra, flags;
    x64_code code;
} x64_row;
extern const x64_row x64_rows[OP_COUNT];

/* ---- operands, after folding ------------------------------------------------------------------
 */

typedef enum x64_operand_kind { X64_NO, X64_IN, X64_PINNED, X64_IMM, X64_MEM } x64_operand_kind;

typedef struct x64_operand {
    uint8_t kind;
    uint8_t in; /* IN: index into x64_shape.in; PINNED: the register */
    int32_t imm;
} x64_operand;

typedef struct x64_address {
    x64_operand base, index;
    uint8_t scale;
    uint64_t offset; /* may be more than a displacement holds */
    ir_ref site;     /* the guarded access, or 0 */
} x64_address;

/* a ? b, in flags. */
typedef struct x64_cond {
    x64_operand a, b;
    x64_code code; /* of cmp or test with a register (rr), or of ucomis */
    bool test, real;
    uint8_t cc;
    uint8_t parity; /* of floats: 1: and ordered, 2: or unordered */
} x64_cond;

enum { X64_INS = 8 };
typedef struct x64_shape {
    const ir_func *f;
    uint32_t *absorbed; /* by ir_ref, counted if not NULL: uses that need no register */
    ir_ref in[X64_INS];
    uint32_t in_count;
    x64_operand a, b, c;
    x64_address mem; /* of loads, stores, and of the one operand that is MEM */
    x64_cond cond;
} x64_shape;

void x64_shape_of(const ir_func *f, ir_ref ref, uint32_t *absorbed, x64_shape *s);
/* Marks what is folded (IR_FOLDED). */
wasm_status x64_select(ir_func *f);
static inline x64_class x64_class_of(unsigned op)
{
    return op < OP_COUNT ? (x64_class)x64_rows[op].cls : CLASS_NONE;
}
bool x64_imm_of(const ir_func *f, ir_ref ref, int64_t *imm);

/* ---- places of arguments ----------------------------------------------------------------------
 */

typedef struct x64_places {
    uint8_t integers, vectors;
    uint32_t stack;
} x64_places;
/* Of the next argument (or result): REG, or SLOT with the offset in that area. */
alloc_place x64_place_argument(x64_places *p, ir_type type);
alloc_place x64_place_result(x64_places *p, ir_type type);
uint32_t x64_result_bytes(const wasm_functype *type); /* of the stack */
/* target.tail_room */
uint32_t x64_tail_room(const wasm_functype *caller, const wasm_functype *callee);
static inline bool x64_is_vector(unsigned type)
{
    return type >= IR_F32;
}

extern const alloc_target x64_alloc;

/* ---- emission ---------------------------------------------------------------------------------
 */

enum { X64_CONSTANTS = 8 };
typedef struct x64_cold x64_cold;
typedef struct x64_emitter {
    ir_func *f;
    const alloc_outcome *places;
    x64_asm a;
    uint32_t features;
    uint32_t *blocks; /* labels */
    uint32_t *goal;   /* by block: itself, or where it goes if that is all it does */
    x64_cold *cold, **cold_tail;
    x64_cold *trap;                     /* the newest of a trap */
    x64_cold *constants[X64_CONSTANTS]; /* the newest of vectors, in a ring */
    uint32_t constant_count;
    uint32_t spill; /* bytes of the spill area, a multiple of 16 */
    uint32_t frame; /* below rbp, all of it */
    uint32_t next_move;
    uint32_t next_block; /* that follows in the code, or UINT32_MAX */
    /* Of the instruction at hand: */
    ir_ref ref;
    const ir_instr *i;
    const alloc_place *in;
    x64_shape s;
} x64_emitter;

/* What stands behind the function: written by `emit` once all else is. */
struct x64_cold {
    void (*emit)(x64_emitter *e, const x64_cold *c);
    x64_cold *next;
    uint32_t label, back;
    uint32_t at;  /* offset in the Wasm file */
    uint64_t imm; /* status, cost; the lower half of a constant */
    uint64_t high;
    uint8_t reg, reg2;
    uint8_t op_extra;
    bool wide;
    bool data; /* aligned, and binds its label itself */
};

/* A new piece of cold code, its label made. Never NULL (out of memory: e->a.failed, and a dummy).
 */
x64_cold *x64_cold_new(x64_emitter *e, void (*emit)(x64_emitter *, const x64_cold *));
uint32_t x64_trap_label(x64_emitter *e, wasm_status status, uint32_t at);
unsigned x64_reg(const x64_emitter *e, x64_operand o);
unsigned x64_out(const x64_emitter *e);
x64_mem x64_memory(x64_emitter *e); /* of e->s.mem; may use the scratch register, notes the site */
/* A slot of the frame; whether the operand is in one (what asked for ALLOC_USE_NEAR). */
x64_mem x64_slot(const x64_emitter *e, uint32_t index);
static inline bool x64_in_slot(const x64_emitter *e, x64_operand o)
{
    return o.kind == X64_IN && e->in[o.in].kind == ALLOC_SLOT;
}
/* code reg, the operand: register or memory. */
void x64_op(x64_emitter *e, x64_code code, unsigned reg, x64_operand o);
void x64_flags(x64_emitter *e); /* of e->s.cond */
void x64_jump_if(x64_emitter *e, bool wanted, uint32_t label);
void x64_move(x64_emitter *e, unsigned type, alloc_place from, alloc_place to);
void x64_remake(x64_emitter *e, ir_ref ref, unsigned reg); /* reg as alloc numbers it */
void x64_real_const(x64_emitter *e, unsigned xmm, uint64_t bits, bool wide);
void x64_emit_integer(x64_emitter *e, const x64_row *row);
void x64_emit_real(x64_emitter *e, const x64_row *row);
void x64_emit_vector(x64_emitter *e, const x64_row *row);
void x64_emit_vector_number(x64_emitter *e, const x64_row *row);
void x64_vector_const(x64_emitter *e, unsigned xmm, uint64_t low, uint64_t high);
/* What the files about vectors share: out = a op b, in as many instructions as it takes, where out
 * may be neither the scratch register nor, without AVX, b; the same if op commutes, where out may
 * be b; a copy; a shift in place; a shuffle of dwords. */
void x64_v3(x64_emitter *e, x64_code code, unsigned out, unsigned a, unsigned b);
void x64_v3_commutes(x64_emitter *e, x64_code code, unsigned out, unsigned a, unsigned b);
void x64_vcopy(x64_emitter *e, unsigned out, unsigned a);
void x64_vshift(x64_emitter *e, x64_code code, unsigned reg, unsigned by);
void x64_pshufd(x64_emitter *e, unsigned out, unsigned a, unsigned lanes);
static inline unsigned x64_temp(const x64_emitter *e) /* the vector asked for */
{
    return e->in[e->s.in_count].index & 31;
}
void x64_emit_call(x64_emitter *e);
void x64_emit_return(x64_emitter *e);
void x64_emit_tail_call(x64_emitter *e);
void x64_stubs(code_buffer *out);
wasm_status x64_emit(ir_func *f, code_buffer *out, uint32_t *entry);

/* ---- faults: x64_fault.c -----------------------------------------------------------------------
 */

const void *x64_fault_at(void *context);
wasm_instance *x64_fault_instance(void *context);
void x64_fault_redirect(void *context, const void *gate, wasm_status status);

#endif
