/* SPDX-License-Identifier: Apache-2.0
 * x64_vector.c — vectors: loads of lanes, lanes, comparisons, shifts, constants.
 *
 * How:     Of SSE4.1, with AVX's forms of three operands where the processor has them. Legacy SSE
 *          wants aligned memory operands, so none is folded. Where one instruction does not do, the
 *          result is put together in the scratch register, which is never an operand; what else is
 *          to outlive the first write is `late` or a temporary (x64_request.c). What computes with
 *          several steps is in x64_vector_number.c.
 *
 *          Constants stand behind the function, 16 bytes each.
 *
 * Memory, threads: those of the function.
 */
#include <string.h>

#include "x64_impl.h"

enum { XS = X64_XSCRATCH };

void x64_vcopy(x64_emitter *e, unsigned out, unsigned a)
{
    if (out != a)
        x64_rr(&e->a, X64(00, 0F, 28), out, a);
}

void x64_v3(x64_emitter *e, x64_code code, unsigned out, unsigned a, unsigned b)
{
    if (e->features & X64_AVX) {
        x64_vrr(&e->a, code, out, a, b);
    } else {
        x64_vcopy(e, out, a);
        x64_rr(&e->a, code, out, b);
    }
}

void x64_v3_commutes(x64_emitter *e, x64_code code, unsigned out, unsigned a, unsigned b)
{
    x64_v3(e, code, out, out == b ? b : a, out == b ? a : b);
}

void x64_pshufd(x64_emitter *e, unsigned out, unsigned a, unsigned lanes)
{
    x64_rr(&e->a, X64(66, 0F, 70), out, a);
    x64_imm8(&e->a, lanes);
}

/* The form with an immediate of a shift whose form with a register `code` is. */
void x64_vshift(x64_emitter *e, x64_code code, unsigned reg, unsigned by)
{
    unsigned kind = code >> 4 & 15;
    x64_rr(&e->a, X64(66, 0F, 70) | (code & 3), kind == 0xF ? 6 : kind == 0xD ? 2 : 4, reg);
    x64_imm8(&e->a, by);
}

/* ---- constants --------------------------------------------------------------------------------
 */

static void emit_constant(x64_emitter *e, const x64_cold *c)
{
    x64_align(&e->a, 16);
    x64_bind(&e->a, c->label);
    x64_imm64(&e->a, c->imm);
    x64_imm64(&e->a, c->high);
}

static uint32_t constant_label(x64_emitter *e, uint64_t low, uint64_t high)
{
    for (uint32_t n = 0; n < e->constant_count && n < X64_CONSTANTS; n++)
        if (e->constants[n]->imm == low && e->constants[n]->high == high)
            return e->constants[n]->label;
    x64_cold *c = x64_cold_new(e, emit_constant);
    c->imm = low;
    c->high = high;
    c->data = true;
    if (!e->a.failed)
        e->constants[e->constant_count++ % X64_CONSTANTS] = c;
    return c->label;
}

void x64_vector_const(x64_emitter *e, unsigned xmm, uint64_t low, uint64_t high)
{
    if ((low | high) == 0)
        x64_rr(&e->a, X64(00, 0F, 57), xmm, xmm);
    else if ((low & high) == UINT64_MAX)
        x64_rr(&e->a, X64(66, 0F, 76), xmm, xmm);
    else
        x64_rip(&e->a, X64(00, 0F, 10), xmm, constant_label(e, low, high));
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

/* The lowest byte, or word, to all places. */
static void spread(x64_emitter *e, unsigned reg, bool word)
{
    if (word) {
        x64_rr(&e->a, X64(F2, 0F, 70), reg, reg); /* pshuflw */
        x64_imm8(&e->a, 0);
        x64_rr(&e->a, X64(66, 0F, 6C), reg, reg); /* punpcklqdq */
    } else {
        x64_rr(&e->a, X64(66, 0F, EF), XS, XS);
        x64_rr(&e->a, X64(66, 0F38, 00), reg, XS); /* pshufb */
    }
}

static void emit_splat(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (row->code) {
        x64_rr(&e->a, row->code, out, a);
        a = out;
    }
    if (e->i->op == OP_I8X16_SPLAT || e->i->op == OP_I16X8_SPLAT)
        spread(e, out, e->i->op == OP_I16X8_SPLAT);
    else
        x64_pshufd(e, out, a, row->extra);
}

static void emit_load_splat(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e);
    if (row->extra == 4) {
        x64_rm(&e->a, row->code, out, x64_memory(e));
        x64_pshufd(e, out, out, 0);
        return;
    }
    x64_rm(&e->a, row->code, X64_SCRATCH, x64_memory(e));
    x64_rr(&e->a, X64(66, 0F, 6E), out, X64_SCRATCH);
    spread(e, out, row->extra == 2);
}

static void emit_load_lane(x64_emitter *e, const x64_row *row)
{
    x64_mem m = x64_memory(e);
    if (e->features & X64_AVX)
        x64_vrm(&e->a, row->code, x64_out(e), x64_reg(e, e->s.a), m);
    else
        x64_rm(&e->a, row->code, x64_out(e), m);
    x64_imm8(&e->a, e->i->extra);
}

static void emit_store_lane(x64_emitter *e, const x64_row *row)
{
    x64_mem m = x64_memory(e);
    x64_rm(&e->a, row->code, x64_reg(e, e->s.b), m);
    x64_imm8(&e->a, e->i->extra);
}

static void emit_extract(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), lane = e->i->extra;
    if (x64_is_vector(e->i->type)) { /* the lane, or its halves, to the bottom */
        if (lane == 0)
            x64_vcopy(e, out, a);
        else
            x64_pshufd(e, out, a, e->i->type == IR_F32 ? lane : 0xEE);
        return;
    }
    if (lane == 0 && (e->i->op == OP_I32X4_EXTRACT_LANE || e->i->op == OP_I64X2_EXTRACT_LANE)) {
        x64_rr(&e->a, X64(66, 0F, 7E) | (row->code & X64_W), a, out);
        return;
    }
    x64_rr(&e->a, row->code, a, out);
    x64_imm8(&e->a, lane);
    if (row->extra) /* movsx */
        x64_rr(&e->a, row->extra == 1 ? X64(00, 0F, BE) | X64_BYTE_RM : X64(00, 0F, BF), out, out);
}

/* With AVX out is a third operand, else it is a. */
static void replace(x64_emitter *e, x64_code code)
{
    unsigned b = x64_reg(e, e->s.b);
    if (e->features & X64_AVX)
        x64_vrr(&e->a, code, x64_out(e), x64_reg(e, e->s.a), b);
    else
        x64_rr(&e->a, code, x64_out(e), b);
}

static void emit_replace(x64_emitter *e, const x64_row *row)
{
    unsigned lane = e->i->extra;
    if (e->i->op == OP_F64X2_REPLACE_LANE) {
        replace(e, lane ? X64(00, 0F, 16) : X64(F2, 0F, 10)); /* movlhps, movsd */
        return;
    }
    replace(e, row->code);
    x64_imm8(&e->a, e->i->op == OP_F32X4_REPLACE_LANE ? lane << 4 : lane);
}

/* ---- shuffles ---------------------------------------------------------------------------------
 */

static uint64_t eight(const uint8_t *bytes)
{
    uint64_t v = 0;
    for (unsigned n = 8; n-- > 0;)
        v = v << 8 | bytes[n];
    return v;
}

/* Whether each dword is one of the source's, whole; which ones, as pshufd wants it. */
static bool are_dwords(const uint8_t *lanes, unsigned *control)
{
    *control = 0;
    for (unsigned n = 0; n < 4; n++) {
        for (unsigned k = 0; k < 4; k++)
            if (lanes[4 * n + k] != (lanes[4 * n] & ~3u) + k)
                return false;
        *control |= (unsigned)(lanes[4 * n] >> 2 & 3) << 2 * n;
    }
    return true;
}

static void shuffle_one(x64_emitter *e, unsigned a, const uint8_t *lanes)
{
    unsigned control;
    if (are_dwords(lanes, &control)) {
        if (control == 0xE4)
            x64_vcopy(e, x64_out(e), a);
        else
            x64_pshufd(e, x64_out(e), a, control);
        return;
    }
    x64_vector_const(e, XS, eight(lanes), eight(lanes + 8));
    x64_v3(e, X64(66, 0F38, 00), x64_out(e), a, XS);
}

/* punpck: halves of both, woven in pieces of 1, 2, 4 or 8 bytes. */
static bool weaves(const uint8_t *lanes, x64_code *code)
{
    static const uint8_t low[] = {0x60, 0x61, 0x62, 0x6C}, high[] = {0x68, 0x69, 0x6A, 0x6D};
    for (unsigned half = 0; half < 2; half++)
        for (unsigned log = 0; log < 4; log++) {
            unsigned n = 0, piece = 1u << log;
            while (n < 16 && lanes[n] == 8 * half + (n / (2 * piece)) * piece + n % piece +
                                             (n & piece ? 16 : 0))
                n++;
            if (n == 16) {
                *code = X64(66, 0F, 00) | (half ? high[log] : low[log]);
                return true;
            }
        }
    return false;
}

/* Of a and b, in one instruction if there is one. */
static bool shuffle_at_once(x64_emitter *e, unsigned a, unsigned b, const uint8_t *lanes)
{
    unsigned control, run = 1;
    x64_code code;
    if (weaves(lanes, &code)) {
        x64_v3(e, code, x64_out(e), a, b);
        return true;
    }
    while (run < 16 && lanes[run] == lanes[0] + run)
        run++;
    if (run == 16) { /* palignr: b is the upper half */
        x64_v3(e, X64(66, 0F3A, 0F), x64_out(e), b, a);
        x64_imm8(&e->a, lanes[0]);
        return true;
    }
    if (are_dwords(lanes, &control) && lanes[0] < 16 && lanes[4] < 16 && lanes[8] >= 16 &&
        lanes[12] >= 16) { /* shufps */
        x64_v3(e, X64(00, 0F, C6), x64_out(e), a, b);
        x64_imm8(&e->a, control);
        return true;
    }
    return false;
}

static void emit_shuffle(x64_emitter *e)
{
    uint8_t lanes[16], other[16];
    unsigned a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b), of_a = 0;

    memcpy(lanes, ir_list_items(e->f, e->i->extra), sizeof lanes);
    for (unsigned n = 0; n < 16; n++) {
        if (a == b)
            lanes[n] &= 15;
        of_a += lanes[n] < 16;
        other[n] = lanes[n] ^ 16;
    }
    if (of_a == 16) {
        shuffle_one(e, a, lanes);
        return;
    }
    if (of_a == 0) {
        shuffle_one(e, b, other);
        return;
    }
    if (shuffle_at_once(e, a, b, lanes) || shuffle_at_once(e, b, a, other))
        return;
    for (unsigned n = 0; n < 16; n++) { /* pshufb makes zeros where bit 7 is set */
        lanes[n] = lanes[n] < 16 ? lanes[n] : 0x80;
        other[n] = other[n] < 16 ? other[n] : 0x80;
    }
    unsigned out = x64_out(e), temp = x64_temp(e);
    x64_vector_const(e, XS, eight(lanes), eight(lanes + 8));
    x64_v3(e, X64(66, 0F38, 00), out, a, XS);
    x64_vector_const(e, XS, eight(other), eight(other + 8));
    x64_v3(e, X64(66, 0F38, 00), temp, b, XS);
    x64_rr(&e->a, X64(66, 0F, EB), out, temp);
}

/* Lanes from 16 on become more than 127, and so 0. */
static void emit_swizzle(x64_emitter *e)
{
    x64_vector_const(e, XS, 0x7070707070707070, 0x7070707070707070);
    x64_rr(&e->a, X64(66, 0F, DC), XS, x64_reg(e, e->s.b)); /* paddusb */
    x64_v3(e, X64(66, 0F38, 00), x64_out(e), x64_reg(e, e->s.a), XS);
}

/* ---- shifts -----------------------------------------------------------------------------------
 */

/* The count, taken modulo, in the scratch register. */
static void count(x64_emitter *e, unsigned mask, unsigned more)
{
    x64_asm *a = &e->a;
    if (e->s.b.kind == X64_IMM) {
        x64_load_imm(a, X64_SCRATCH, ((uint64_t)e->s.b.imm & mask) + more);
    } else {
        x64_rr(a, X64(00, 0, 8B), X64_SCRATCH, x64_reg(e, e->s.b));
        x64_rr(a, X64(00, 0, 83), 4, X64_SCRATCH);
        x64_imm8(a, mask);
        if (more) {
            x64_rr(a, X64(00, 0, 83), 0, X64_SCRATCH);
            x64_imm8(a, more);
        }
    }
    x64_rr(a, X64(66, 0F, 6E), XS, X64_SCRATCH);
}

static void emit_shift(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (e->s.b.kind == X64_IMM) {
        x64_vcopy(e, out, a);
        x64_vshift(e, row->code, out, (unsigned)e->s.b.imm & row->extra);
        return;
    }
    count(e, row->extra, 0);
    x64_v3(e, row->code, out, a, XS);
}

/* Bytes: as words, whose strangers are masked away; or, for the sign, with each byte in the upper
 * half of a word. */
static void emit_shift_bytes(x64_emitter *e, const x64_row *row)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), temp = x64_temp(e);

    if (row->extra == VSHIFT_SIGNED) {
        count(e, 7, 8);
        x64_v3(e, X64(66, 0F, 68), temp, a, a); /* punpckhbw */
        x64_v3(e, X64(66, 0F, 60), out, a, a);  /* punpcklbw */
        x64_rr(x, X64(66, 0F, E1), temp, XS);   /* psraw */
        x64_rr(x, X64(66, 0F, E1), out, XS);
        x64_rr(x, X64(66, 0F, 63), out, temp); /* packsswb */
        return;
    }
    x64_code shift = row->extra == VSHIFT_LEFT ? X64(66, 0F, F1) : X64(66, 0F, D1);
    count(e, 7, 0);
    x64_v3(e, shift, out, a, XS);
    x64_rr(x, X64(66, 0F, 76), temp, temp);
    x64_vshift(e, X64(66, 0F, D1), temp, 8); /* the mask of a byte, in words */
    x64_rr(x, shift, temp, XS);
    x64_rr(x, X64(66, 0F, EF), XS, XS);
    x64_rr(x, X64(66, 0F38, 00), temp, XS); /* pshufb: to all bytes */
    x64_rr(x, X64(66, 0F, DB), out, temp);
}

/* As without a sign; then, with m what the sign bit has become, (x ^ m) - m. */
static void emit_shift_signed_64(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), temp = x64_temp(e);
    count(e, 63, 0);
    x64_v3(e, X64(66, 0F, D3), out, x64_reg(e, e->s.a), XS);
    x64_rr(x, X64(66, 0F, 76), temp, temp);
    x64_vshift(e, X64(66, 0F, F3), temp, 63);
    x64_rr(x, X64(66, 0F, D3), temp, XS);
    x64_rr(x, X64(66, 0F, EF), out, temp);
    x64_rr(x, X64(66, 0F, FB), out, temp);
}

/* ---- bits and comparisons ---------------------------------------------------------------------
 */

static void emit_compare(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), equal = row->extra & 0x7Fu;
    x64_v3(e, row->code, XS, a, x64_reg(e, e->s.b));
    if (row->extra & VCOMPARE_NOT) {
        if (equal)
            x64_rr(&e->a, X64(66, 0F, 00) | equal, XS, a);
        x64_rr(&e->a, X64(66, 0F, 76), out, out);
        x64_rr(&e->a, X64(66, 0F, EF), out, XS);
    } else {
        x64_v3_commutes(e, X64(66, 0F, 00) | equal, out, a, XS);
    }
}

static void set(x64_emitter *e, enum x64_cc cc)
{
    x64_rr(&e->a, X64(00, 0F, 90) | X64_BYTE_RM | cc, 0, x64_out(e));
    x64_rr(&e->a, X64(00, 0F, B6) | X64_BYTE_RM, x64_out(e), x64_out(e));
}

static void emit_bitmask(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (!row->extra) {
        x64_rr(&e->a, row->code, out, a);
        return;
    }
    x64_v3(e, X64(66, 0F, 63), XS, a, a); /* packsswb, twice the same */
    x64_rr(&e->a, row->code, out, XS);
    x64_rr(&e->a, X64(00, 0F, B6) | X64_BYTE_RM, out, out);
}

static void emit_binary(x64_emitter *e, const x64_row *row)
{
    x64_v3(e, row->code, x64_out(e), x64_reg(e, e->s.a), x64_reg(e, e->s.b));
    if (row->flags & TAIL)
        x64_imm8(&e->a, row->extra);
}

/* a & c | b & ~c, as b ^ (a ^ b) & c; out is a, and neither b nor c. */
static void emit_bitselect(x64_emitter *e)
{
    unsigned out = x64_out(e), b = x64_reg(e, e->s.b);
    x64_rr(&e->a, X64(66, 0F, EF), out, b);
    x64_rr(&e->a, X64(66, 0F, DB), out, x64_reg(e, e->s.c));
    x64_rr(&e->a, X64(66, 0F, EF), out, b);
}

void x64_emit_vector(x64_emitter *e, const x64_row *row)
{
    x64_asm *a = &e->a;
    switch (row->cls) {
    case CLASS_VBINARY: emit_binary(e, row); break;
    case CLASS_VUNARY:
        x64_rr(a, row->code, x64_out(e), x64_reg(e, e->s.a));
        if (row->flags & TAIL)
            x64_imm8(a, row->extra);
        break;
    case CLASS_VNOT:
        x64_rr(a, X64(66, 0F, 76), XS, XS);
        x64_v3_commutes(e, X64(66, 0F, EF), x64_out(e), x64_reg(e, e->s.a), XS);
        break;
    case CLASS_VSELECT: emit_bitselect(e); break;
    case CLASS_VCOMPARE: emit_compare(e, row); break;
    case CLASS_VSPLAT: emit_splat(e, row); break;
    case CLASS_VEXTRACT: emit_extract(e, row); break;
    case CLASS_VREPLACE: emit_replace(e, row); break;
    case CLASS_VSHIFT: emit_shift(e, row); break;
    case CLASS_VSHIFT_BYTES: emit_shift_bytes(e, row); break;
    case CLASS_VSHIFT_SIGNED_64: emit_shift_signed_64(e); break;
    case CLASS_VANY: /* ptest */
        x64_rr(a, X64(66, 0F38, 17), x64_reg(e, e->s.a), x64_reg(e, e->s.a));
        set(e, CC_NE);
        break;
    case CLASS_VALL: /* no lane is equal to 0 */
        x64_rr(a, X64(66, 0F, EF), XS, XS);
        x64_rr(a, row->code, XS, x64_reg(e, e->s.a));
        x64_rr(a, X64(66, 0F38, 17), XS, XS);
        set(e, CC_E);
        break;
    case CLASS_VBITMASK: emit_bitmask(e, row); break;
    case CLASS_VSWIZZLE: emit_swizzle(e); break;
    case CLASS_VSHUFFLE: emit_shuffle(e); break;
    case CLASS_VLOAD_SPLAT: emit_load_splat(e, row); break;
    case CLASS_VLOAD_LANE: emit_load_lane(e, row); break;
    case CLASS_VSTORE_LANE: emit_store_lane(e, row); break;
    default: x64_emit_vector_number(e, row); break;
    }
}
