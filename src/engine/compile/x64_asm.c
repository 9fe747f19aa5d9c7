/* SPDX-License-Identifier: Apache-2.0
 * x64_asm.c — see x64_asm.h. Intel SDM volume 2, chapter 2 has the formats.
 *
 * Not guarded by the architecture: it writes bytes, and a test on any machine can read them.
 */
#include <string.h>

#include "x64_asm.h"

/* An instruction is written in one piece: the buffer is asked once whether there is room, and what
 * it refuses goes nowhere. */
enum { LONGEST = 16 };
typedef struct piece {
    uint8_t *at;
    uint8_t nowhere[LONGEST];
} piece;

static void begin(x64_asm *a, piece *p)
{
    p->at = code_room(a->out, LONGEST) ? a->out->bytes + a->out->length : p->nowhere;
}

static void end(x64_asm *a, const piece *p)
{
    if (!a->out->status)
        a->out->length = (uint32_t)(p->at - a->out->bytes);
}

static void put(piece *p, unsigned byte)
{
    *p->at++ = (uint8_t)byte;
}

static void put32(piece *p, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    memcpy(p->at, bytes, 4);
    p->at += 4;
}

void x64_byte(x64_asm *a, uint8_t byte)
{
    code_put_byte(a->out, byte);
}

void x64_imm8(x64_asm *a, int64_t value)
{
    x64_byte(a, (uint8_t)value);
}

void x64_imm32(x64_asm *a, int64_t value)
{
    piece p;
    begin(a, &p);
    put32(&p, (uint32_t)value);
    end(a, &p);
}

void x64_imm64(x64_asm *a, uint64_t value)
{
    x64_imm32(a, (int64_t)(uint32_t)value);
    x64_imm32(a, (int64_t)(value >> 32));
}

/* Legacy prefix, REX, map and opcode. */
static void head(piece *p, x64_code code, unsigned reg, unsigned index, unsigned rm, bool rm_reg)
{
    unsigned map = code >> 8 & 0xFF;
    unsigned rex = (code & X64_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (rm & 8) >> 3;
    bool byte =
        (code & X64_BYTE && reg >= RSP) || (code & (X64_BYTE | X64_BYTE_RM) && rm_reg && rm >= RSP);

    if (code >> 24)
        put(p, code >> 24);
    if (rex || byte)
        put(p, 0x40 | rex);
    if (map != X64_MAP_0) {
        put(p, 0x0F);
        if (map != X64_MAP_0F)
            put(p, map == X64_MAP_0F38 ? 0x38 : 0x3A);
    }
    put(p, code);
}

static void vex_head(piece *p, x64_code code, unsigned reg, unsigned second, unsigned index,
                     unsigned rm)
{
    unsigned prefix = code >> 24, map = code >> 8 & 0xFF;
    unsigned pp = prefix == 0x66 ? 1 : prefix == 0xF3 ? 2 : prefix == 0xF2 ? 3 : 0;
    unsigned r = reg & 8 ? 0 : 0x80, x = index & 8 ? 0 : 0x40, b = rm & 8 ? 0 : 0x20;
    unsigned last = (~second & 15) << 3 | pp;

    if (map == X64_MAP_0F && x && b && !(code & X64_W)) {
        put(p, 0xC5);
        put(p, r | last);
    } else {
        put(p, 0xC4);
        put(p, r | x | b | map);
        put(p, (code & X64_W ? 0x80 : 0) | last);
    }
    put(p, code);
}

static void modrm(piece *p, unsigned mod, unsigned reg, unsigned rm)
{
    put(p, mod << 6 | (reg & 7) << 3 | (rm & 7));
}

static void memory(piece *p, unsigned reg, x64_mem m)
{
    if (m.base == X64_NONE) { /* disp32, with an index or none (4) */
        modrm(p, 0, reg, 4);
        modrm(p, m.scale, m.index == X64_NONE ? 4 : m.index, 5);
        put32(p, (uint32_t)m.disp);
        return;
    }
    /* rbp and r13 have no form without displacement. */
    unsigned mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;
    if (m.index != X64_NONE || (m.base & 7) == RSP) {
        modrm(p, mod, reg, 4);
        modrm(p, m.scale, m.index == X64_NONE ? 4 : m.index, m.base);
    } else {
        modrm(p, mod, reg, m.base);
    }
    if (mod == 1)
        put(p, (uint32_t)m.disp);
    else if (mod == 2)
        put32(p, (uint32_t)m.disp);
}

static unsigned low(uint8_t reg)
{
    return reg == X64_NONE ? 0 : reg;
}

void x64_rr(x64_asm *a, x64_code code, unsigned reg, unsigned rm)
{
    piece p;
    begin(a, &p);
    head(&p, code, reg, 0, rm, true);
    modrm(&p, 3, reg, rm);
    end(a, &p);
}

void x64_rm(x64_asm *a, x64_code code, unsigned reg, x64_mem mem)
{
    piece p;
    begin(a, &p);
    head(&p, code, reg, low(mem.index), low(mem.base), false);
    memory(&p, reg, mem);
    end(a, &p);
}

void x64_vrr(x64_asm *a, x64_code code, unsigned reg, unsigned second, unsigned rm)
{
    piece p;
    begin(a, &p);
    vex_head(&p, code, reg, second, 0, rm);
    modrm(&p, 3, reg, rm);
    end(a, &p);
}

void x64_vrm(x64_asm *a, x64_code code, unsigned reg, unsigned second, x64_mem mem)
{
    piece p;
    begin(a, &p);
    vex_head(&p, code, reg, second, low(mem.index), low(mem.base));
    memory(&p, reg, mem);
    end(a, &p);
}

/* An opcode that has the register in its lowest bits. */
static void opcode_reg(x64_asm *a, x64_code code, unsigned reg)
{
    piece p;
    begin(a, &p);
    head(&p, code | (reg & 7), 0, 0, reg, false);
    end(a, &p);
}

void x64_load_imm(x64_asm *a, unsigned reg, uint64_t value)
{
    if (value == 0) {
        x64_rr(a, X64(00, 0, 31), reg, reg);
    } else if (value == (uint32_t)value) {
        opcode_reg(a, X64(00, 0, B8), reg);
        x64_imm32(a, (int64_t)value);
    } else if (x64_fits32((int64_t)value)) {
        x64_rr(a, X64(00, 0, C7) | X64_W, 0, reg);
        x64_imm32(a, (int64_t)value);
    } else {
        opcode_reg(a, X64(00, 0, B8) | X64_W, reg);
        x64_imm64(a, value);
    }
}

void x64_push(x64_asm *a, unsigned reg)
{
    opcode_reg(a, X64(00, 0, 50), reg);
}

void x64_pop(x64_asm *a, unsigned reg)
{
    opcode_reg(a, X64(00, 0, 58), reg);
}

void x64_rip(x64_asm *a, x64_code code, unsigned reg, uint32_t label)
{
    piece p;
    begin(a, &p);
    head(&p, code, reg, 0, 0, false);
    modrm(&p, 0, reg, RBP); /* rip */
    end(a, &p);
    x64_refer(a, label);
}

void x64_call(x64_asm *a, code_reloc_kind kind, uint32_t index)
{
    x64_byte(a, 0xE8);
    code_add_reloc(a->out, x64_here(a), kind, index);
    x64_imm32(a, 0);
}

void x64_jump_out(x64_asm *a, code_reloc_kind kind, uint32_t index)
{
    x64_byte(a, 0xE9);
    code_add_reloc(a->out, x64_here(a), kind, index);
    x64_imm32(a, 0);
}
