/* SPDX-License-Identifier: Apache-2.0
 * x64_asm.c — see x64_asm.h. Intel SDM volume 2, chapter 2 has the formats.
 *
 * Not guarded by the architecture: it writes bytes, and a test on any machine can read them.
 */
#include <string.h>

#include "x64_asm.h"

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
    uint32_t v = (uint32_t)value;
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    code_put(a->out, bytes, 4);
}

void x64_imm64(x64_asm *a, uint64_t value)
{
    x64_imm32(a, (int64_t)(uint32_t)value);
    x64_imm32(a, (int64_t)(value >> 32));
}

/* Legacy prefix, REX, map and opcode. */
static void head(x64_asm *a, x64_code code, unsigned reg, unsigned index, unsigned rm, bool rm_reg)
{
    static const uint8_t maps[][2] = {{0}, {0x0F}, {0x0F, 0x38}, {0x0F, 0x3A}};
    unsigned map = code >> 8 & 0xFF;
    uint8_t rex =
        (uint8_t)((code & X64_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (rm & 8) >> 3);
    bool byte =
        (code & X64_BYTE && reg >= RSP) || (code & (X64_BYTE | X64_BYTE_RM) && rm_reg && rm >= RSP);

    if (code >> 24)
        x64_byte(a, (uint8_t)(code >> 24));
    if (rex || byte)
        x64_byte(a, 0x40 | rex);
    if (map != X64_MAP_0)
        code_put(a->out, maps[map], map == X64_MAP_0F ? 1 : 2);
    x64_byte(a, (uint8_t)code);
}

static void vex_head(x64_asm *a, x64_code code, unsigned reg, unsigned second, unsigned index,
                     unsigned rm)
{
    unsigned prefix = code >> 24, map = code >> 8 & 0xFF;
    uint8_t pp = prefix == 0x66 ? 1 : prefix == 0xF3 ? 2 : prefix == 0xF2 ? 3 : 0;
    uint8_t r = reg & 8 ? 0 : 0x80, x = index & 8 ? 0 : 0x40, b = rm & 8 ? 0 : 0x20;
    uint8_t last = (uint8_t)((~second & 15) << 3 | pp);

    if (map == X64_MAP_0F && x && b && !(code & X64_W)) {
        x64_byte(a, 0xC5);
        x64_byte(a, r | last);
    } else {
        x64_byte(a, 0xC4);
        x64_byte(a, (uint8_t)(r | x | b | map));
        x64_byte(a, (uint8_t)((code & X64_W ? 0x80 : 0) | last));
    }
    x64_byte(a, (uint8_t)code);
}

static void modrm(x64_asm *a, unsigned mod, unsigned reg, unsigned rm)
{
    x64_byte(a, (uint8_t)(mod << 6 | (reg & 7) << 3 | (rm & 7)));
}

static void memory(x64_asm *a, unsigned reg, x64_mem m)
{
    if (m.base == X64_NONE) { /* disp32, with an index or none (4) */
        modrm(a, 0, reg, 4);
        modrm(a, m.scale, m.index == X64_NONE ? 4 : m.index, 5);
        x64_imm32(a, m.disp);
        return;
    }
    /* rbp and r13 have no form without displacement. */
    unsigned mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;
    if (m.index != X64_NONE || (m.base & 7) == RSP) {
        modrm(a, mod, reg, 4);
        modrm(a, m.scale, m.index == X64_NONE ? 4 : m.index, m.base);
    } else {
        modrm(a, mod, reg, m.base);
    }
    if (mod == 1)
        x64_imm8(a, m.disp);
    else if (mod == 2)
        x64_imm32(a, m.disp);
}

static unsigned low(uint8_t reg)
{
    return reg == X64_NONE ? 0 : reg;
}

void x64_rr(x64_asm *a, x64_code code, unsigned reg, unsigned rm)
{
    head(a, code, reg, 0, rm, true);
    modrm(a, 3, reg, rm);
}

void x64_rm(x64_asm *a, x64_code code, unsigned reg, x64_mem mem)
{
    head(a, code, reg, low(mem.index), low(mem.base), false);
    memory(a, reg, mem);
}

void x64_vrr(x64_asm *a, x64_code code, unsigned reg, unsigned second, unsigned rm)
{
    vex_head(a, code, reg, second, 0, rm);
    modrm(a, 3, reg, rm);
}

void x64_vrm(x64_asm *a, x64_code code, unsigned reg, unsigned second, x64_mem mem)
{
    vex_head(a, code, reg, second, low(mem.index), low(mem.base));
    memory(a, reg, mem);
}

void x64_load_imm(x64_asm *a, unsigned reg, uint64_t value)
{
    if (value == 0) {
        x64_rr(a, X64(00, 0, 31), reg, reg);
    } else if (value == (uint32_t)value) {
        head(a, X64(00, 0, B8) | (reg & 7), 0, 0, reg, false);
        x64_imm32(a, (int64_t)value);
    } else if (x64_fits32((int64_t)value)) {
        x64_rr(a, X64(00, 0, C7) | X64_W, 0, reg);
        x64_imm32(a, (int64_t)value);
    } else {
        head(a, X64(00, 0, B8) | X64_W | (reg & 7), 0, 0, reg, false);
        x64_imm64(a, value);
    }
}

void x64_push(x64_asm *a, unsigned reg)
{
    head(a, X64(00, 0, 50) | (reg & 7), 0, 0, reg, false);
}

void x64_pop(x64_asm *a, unsigned reg)
{
    head(a, X64(00, 0, 58) | (reg & 7), 0, 0, reg, false);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* Room for one more in an array of the arena. */
static bool grow(x64_asm *a, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    void *old;
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    void *fresh = arena_alloc(a->arena, wanted, size);
    if (!fresh) {
        a->failed = true;
        return false;
    }
    memcpy(&old, array, sizeof old);
    if (old)
        memcpy(fresh, old, count * size);
    memcpy(array, &fresh, sizeof fresh);
    *capacity = wanted;
    return true;
}

uint32_t x64_label(x64_asm *a)
{
    uint32_t capacity = a->label_capacity;
    if (!grow(a, &a->labels, a->label_count, &capacity, sizeof *a->labels) ||
        !grow(a, &a->waiting, a->label_count, &a->label_capacity, sizeof *a->waiting))
        return 0;
    a->labels[a->label_count] = UINT32_MAX;
    a->waiting[a->label_count] = 0;
    return a->label_count++;
}

static void patch(x64_asm *a, const x64_fixup *x, uint32_t to)
{
    if (a->out->status)
        return;
    uint8_t *p = a->out->bytes + x->at;
    int32_t distance = (int32_t)(to - (x->size ? x->at + x->size : x->against));
    if (x->size == 1) {
        a->misjudged |= distance != (int8_t)distance;
        *p = (uint8_t)distance;
    } else {
        uint32_t v = (uint32_t)distance;
        for (unsigned i = 0; i < 4; i++)
            p[i] = (uint8_t)(v >> 8 * i);
    }
}

void x64_bind(x64_asm *a, uint32_t label)
{
    if (a->failed)
        return;
    uint32_t here = x64_here(a);
    a->labels[label] = here;
    for (uint32_t i = a->waiting[label]; i; i = a->fixups[i - 1].next) {
        patch(a, &a->fixups[i - 1], here);
        if (a->fixups[i - 1].against != UINT32_MAX && a->fixups[i - 1].size)
            a->lengths[a->fixups[i - 1].against] = here - a->fixups[i - 1].at - 4 <= 127u;
    }
    a->waiting[label] = 0;
}

/* The displacement at the end of what was just written. against: see x64_fixup, or the number of
 * a jump whose length the next pass wants to know. */
static void refer(x64_asm *a, uint32_t label, uint8_t size, uint32_t against)
{
    if (a->failed)
        return;
    x64_fixup x = {x64_here(a), label, 0, against, size};
    if (size == 1)
        x64_byte(a, 0);
    else
        x64_imm32(a, 0);
    if (a->labels[label] != UINT32_MAX) {
        patch(a, &x, a->labels[label]);
        return;
    }
    if (!grow(a, &a->fixups, a->fixup_count, &a->fixup_capacity, sizeof *a->fixups))
        return;
    x.next = a->waiting[label];
    a->fixups[a->fixup_count] = x;
    a->waiting[label] = ++a->fixup_count;
}

/* The bytes of the displacement, and the jump's number. */
static uint8_t jump_size(x64_asm *a, uint32_t label, uint32_t *number)
{
    *number = UINT32_MAX;
    if (a->failed)
        return 4;
    if (a->labels[label] != UINT32_MAX) /* backward: two bytes for the opcode and itself */
        return x64_here(a) + 2 - a->labels[label] <= 128 ? 1 : 4;
    if (!grow(a, &a->lengths, a->jump_count, &a->length_capacity, 1))
        return 4;
    *number = a->jump_count++;
    return a->hints && *number < a->hint_count && a->hints[*number] ? 1 : 4;
}

void x64_jump(x64_asm *a, uint32_t label)
{
    uint32_t number;
    uint8_t size = jump_size(a, label, &number);
    x64_byte(a, size == 1 ? 0xEB : 0xE9);
    refer(a, label, size, number);
}

void x64_jcc(x64_asm *a, enum x64_cc cc, uint32_t label)
{
    uint32_t number;
    uint8_t size = jump_size(a, label, &number);
    if (size == 4)
        x64_byte(a, 0x0F);
    x64_byte(a, (uint8_t)((size == 1 ? 0x70 : 0x80) | cc));
    refer(a, label, size, number);
}

void x64_table_entry(x64_asm *a, uint32_t label, uint32_t table)
{
    refer(a, label, 0, table);
}

void x64_rip(x64_asm *a, x64_code code, unsigned reg, uint32_t label)
{
    head(a, code, reg, 0, 0, false);
    modrm(a, 0, reg, RBP); /* rip */
    refer(a, label, 4, UINT32_MAX);
}

void x64_call(x64_asm *a, code_reloc_kind kind, uint32_t index)
{
    x64_byte(a, 0xE8);
    code_add_reloc(a->out, x64_here(a), kind, index);
    x64_imm32(a, 0);
}

void x64_jump_stub(x64_asm *a, code_stub stub)
{
    x64_byte(a, 0xE9);
    code_add_reloc(a->out, x64_here(a), CODE_STUB, stub);
    x64_imm32(a, 0);
}

void x64_align(x64_asm *a, uint32_t alignment)
{
    static const uint8_t nops[10][9] = {
        {0},
        {0x90},
        {0x66, 0x90},
        {0x0F, 0x1F, 0x00},
        {0x0F, 0x1F, 0x40, 0x00},
        {0x0F, 0x1F, 0x44, 0x00, 0x00},
        {0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00},
        {0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    uint32_t left = -x64_here(a) & (alignment - 1);
    while (left) {
        uint32_t n = left < 9 ? left : 9;
        code_put(a->out, nops[n], n);
        left -= n;
    }
}
