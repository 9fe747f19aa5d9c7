/* SPDX-License-Identifier: Apache-2.0
 * x64_labels.c — where labels are, how long jumps are, what is aligned: see x64_asm.h.
 *
 * How:     Code is written with all jumps long. Whatever depends on where something is (a label, a
 *          jump, an alignment, a displacement) is a mark, in the order of the code. x64_finish()
 *          walks over the marks, not over the code, and lays the function out: the first time with
 *          long forward jumps, which shows which may be short; then with those. Jumps back are
 *          always as short as they can be, since it is known where they go. Then the code is moved
 *          together in place, displacements are filled in, and sites and relocations follow.
 *
 *          Nothing gets longer from the first layout to the second but the nops of an alignment: if
 *          that moves a label out of a short jump's reach, all forward jumps stay long.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include <string.h>

#include "x64_asm.h"

enum { JUMP_LONG = 5, JCC_LONG = 6, JUMP_SHORT = 2, REACH = 127 };

typedef enum mark_kind {
    MARK_LABEL,
    MARK_JUMP,
    MARK_JCC,
    MARK_ALIGN,
    MARK_REFER, /* four bytes, from their own end to the label */
    MARK_ENTRY  /* four bytes, from `base`, a label, to the label */
} mark_kind;

struct x64_mark {
    uint32_t at;    /* offset as it was written */
    uint32_t to;    /* and in the layout */
    uint32_t label; /* ALIGN: the alignment */
    uint32_t base;  /* jumps: where it ended in the first layout */
    uint8_t kind;
    uint8_t written, size; /* bytes as written, in the layout */
    bool forward;          /* a jump to a label behind it */
};

/* Room for one more in an array of the arena. */
static bool grow(x64_asm *a, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (arena_grow(a->arena, array, capacity, (uint64_t)count + 1, size))
        return true;
    a->failed = true;
    return false;
}

void x64_begin(x64_asm *a, code_buffer *out, arena *memory)
{
    *a = (x64_asm){.out = out,
                   .arena = memory,
                   .first = out->length,
                   .first_reloc = out->reloc_count,
                   .first_site = out->site_count};
}

uint32_t x64_label(x64_asm *a)
{
    if (!grow(a, &a->labels, a->label_count, &a->label_capacity, sizeof *a->labels))
        return 0;
    a->labels[a->label_count] = UINT32_MAX;
    return a->label_count++;
}

static void mark(x64_asm *a, mark_kind kind, uint32_t label, uint32_t base, unsigned bytes)
{
    if (a->failed || !grow(a, &a->marks, a->mark_count, &a->mark_capacity, sizeof *a->marks))
        return;
    a->marks[a->mark_count++] = (x64_mark){.at = x64_here(a),
                                           .label = label,
                                           .base = base,
                                           .kind = (uint8_t)kind,
                                           .written = (uint8_t)bytes,
                                           .size = (uint8_t)bytes};
}

void x64_bind(x64_asm *a, uint32_t label)
{
    mark(a, MARK_LABEL, label, 0, 0);
}

void x64_refer(x64_asm *a, uint32_t label)
{
    mark(a, MARK_REFER, label, 0, 4);
    x64_imm32(a, 0);
}

void x64_table_entry(x64_asm *a, uint32_t label, uint32_t table)
{
    mark(a, MARK_ENTRY, label, table, 4);
    x64_imm32(a, 0);
}

void x64_jump(x64_asm *a, uint32_t label)
{
    static const uint8_t code[JUMP_LONG] = {0xE9};
    mark(a, MARK_JUMP, label, 0, JUMP_LONG);
    code_put(a->out, code, JUMP_LONG);
}

void x64_jcc(x64_asm *a, enum x64_cc cc, uint32_t label)
{
    const uint8_t code[JCC_LONG] = {0x0F, (uint8_t)(0x80 | cc)};
    mark(a, MARK_JCC, label, 0, JCC_LONG);
    code_put(a->out, code, JCC_LONG);
}

static void put_nops(uint8_t *to, uint32_t count)
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
    while (count) {
        uint32_t n = count < 9 ? count : 9;
        memcpy(to, nops[n], n);
        to += n;
        count -= n;
    }
}

void x64_align(x64_asm *a, uint32_t alignment)
{
    static const uint8_t room[32];
    uint32_t bytes = -x64_here(a) & (alignment - 1);
    mark(a, MARK_ALIGN, alignment, 0, bytes);
    code_put(a->out, room, bytes);
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* The size of a jump that stands at `at`. The first time labels that come later are unknown. */
static uint8_t jump_size(const x64_asm *a, x64_mark *m, uint32_t at, bool first, bool shorten)
{
    uint32_t label = a->labels[m->label];
    if (first)
        m->forward = label == UINT32_MAX;
    if (!m->forward)
        return at + JUMP_SHORT - label <= REACH + 1 ? JUMP_SHORT : m->written;
    return shorten && label - m->base <= REACH ? JUMP_SHORT : m->written;
}

/* Says where everything is. `first`: nothing is known of it yet. `shorten`: forward jumps, by what
 * the first layout has shown. False: one of those does not get where it goes. */
static bool lay_out(x64_asm *a, bool first, bool shorten)
{
    uint32_t shift = 0; /* how much closer to the beginning than as written */
    for (x64_mark *m = a->marks; m < a->marks + a->mark_count; m++) {
        m->to = m->at - shift;
        switch (m->kind) {
        case MARK_LABEL: a->labels[m->label] = m->to; break;
        case MARK_ALIGN: m->size = (uint8_t)(-m->to & (m->label - 1)); break;
        case MARK_JUMP:
        case MARK_JCC:
            m->size = jump_size(a, m, m->to, first, shorten);
            if (first)
                m->base = m->to + m->size;
            break;
        default: break;
        }
        shift += (uint32_t)m->written - m->size;
    }
    if (!shorten)
        return true;
    for (const x64_mark *m = a->marks; m < a->marks + a->mark_count; m++)
        if (m->forward && m->size == JUMP_SHORT && a->labels[m->label] - m->to > REACH + JUMP_SHORT)
            return false;
    return true;
}

/* Writes what the mark stands for where the layout has it. */
static void fill_in(const x64_asm *a, const x64_mark *m)
{
    uint8_t *p = a->out->bytes + m->to, *end = p + m->size;
    if (m->kind == MARK_LABEL)
        return;
    if (m->kind == MARK_ALIGN) {
        put_nops(p, m->size);
        return;
    }
    uint32_t distance =
        a->labels[m->label] - (m->kind == MARK_ENTRY ? a->labels[m->base] : m->to + m->size);
    if (m->size == JUMP_SHORT) {
        p[0] = m->kind == MARK_JUMP ? 0xEB : p[1] - 0x10; /* 0F 8x is 7x */
        p[1] = (uint8_t)distance;
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        end[(int)i - 4] = (uint8_t)(distance >> 8 * i);
}

void x64_finish(x64_asm *a)
{
    code_buffer *out = a->out;
    if (a->failed || out->status)
        return;
    lay_out(a, true, false);
    if (!lay_out(a, false, true))
        lay_out(a, false, false);

    uint32_t from = a->first, to = from; /* the code between the marks */
    uint32_t site = a->first_site, reloc = a->first_reloc;
    for (const x64_mark *m = a->marks; m < a->marks + a->mark_count; m++) {
        uint32_t shift = from - to;
        for (; site < out->site_count && out->sites[site].code <= m->at; site++)
            out->sites[site].code -= shift;
        for (; reloc < out->reloc_count && out->relocs[reloc].at <= m->at; reloc++)
            out->relocs[reloc].at -= shift;
        uint32_t bytes = m->kind == MARK_ALIGN ? 0 : m->written;
        memmove(out->bytes + to, out->bytes + from, m->at + bytes - from);
        fill_in(a, m);
        from = m->at + m->written;
        to = m->to + m->size;
    }
    for (; site < out->site_count; site++)
        out->sites[site].code -= from - to;
    for (; reloc < out->reloc_count; reloc++)
        out->relocs[reloc].at -= from - to;
    memmove(out->bytes + to, out->bytes + from, out->length - from);
    out->length -= from - to;
}
