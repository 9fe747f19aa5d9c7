/* SPDX-License-Identifier: Apache-2.0
 * lower_fuse.c — finds sequences of instructions that one handler does.
 *
 * How:     Instructions come one by one, as emit() writes them. What has been written last belongs
 *          to a group, whose first instruction's handler does the whole group; if a row of
 *          icode_fused.def says what the group and the next instruction are together, the group
 *          grows, else a new one begins. Nothing moves: see icode_fused.def. Labels do not matter,
 *          since each instruction can still be entered by itself.
 *          Rows are found in a table of hashes, made once for each module.
 * Memory:  the translator's own.
 * Threads: one for each translator.
 */
#include "lower_impl.h"

/* clang-format off */
#define DO_ALU(in, op, form, to)     IC_##in##_##op##_##form##_##to
#define DO_CMP(in, op, form, to)     IC_##in##_##op##_##form##_##to
#define DO_LOAD(out, op, form, to)   IC_##out##_##op##_##form##_##to
#define DO_STORE(in, op, form)       IC_##in##_##op##_##form
#define DO_BRANCH(in, op, form, how) IC_##in##_##op##_##form##_##how
#define DO_TEST(in, op, form, how)   IC_##in##_##op##_##form##_##how
#define DO_PLAIN(id)                 IC_##id
/* clang-format on */

/* In the order of icode_fused.def, that is of their instructions from IC_FUSED on. */
static const struct row {
    uint16_t group, next; /* icode_op */
} rows[IC_FUSED_COUNT] = {
#define FUSED2(id, first, second)             [IC_##id - IC_FUSED] = {first, second},
#define FUSED3(id, two, first, second, third) [IC_##id - IC_FUSED] = {IC_##two, third},
#include "icode_fused.def"
};

_Static_assert(IC_FUSED_COUNT * 2 <= LOWER_FUSE_PLACES, "half of the places are free");

static unsigned place_of(unsigned group, unsigned next)
{
    return (group * 0x9E3779B1u + next * 0x85EBCA77u) >> 16 & (LOWER_FUSE_PLACES - 1);
}

void fuse_new(lower *l)
{
    for (unsigned i = 0; i < IC_FUSED_COUNT; i++) {
        unsigned place = place_of(rows[i].group, rows[i].next);

        while (l->fuse_places[place] != 0)
            place = (place + 1) & (LOWER_FUSE_PLACES - 1);
        l->fuse_places[place] = (uint16_t)(i + 1);
    }
}

void fuse_restart(lower *l)
{
    l->group = NO_CODE;
}

/* The row, or IC_FUSED_COUNT. */
static unsigned find(const lower *l, unsigned group, unsigned next)
{
    for (unsigned place = place_of(group, next);; place = (place + 1) & (LOWER_FUSE_PLACES - 1)) {
        unsigned i = l->fuse_places[place];

        if (i == 0)
            return IC_FUSED_COUNT;
        if (rows[i - 1].group == group && rows[i - 1].next == next)
            return i - 1;
    }
}

void fuse_next(lower *l, unsigned op, uint32_t position)
{
    unsigned row = l->group != NO_CODE ? find(l, l->group_op, op) : IC_FUSED_COUNT;

    if (row < IC_FUSED_COUNT) {
        l->group_before = l->group_op;
        l->group_op = (uint16_t)(IC_FUSED + row);
        l->code[l->group].handler = l->handlers[l->group_op];
    } else {
        l->group = position;
        l->group_op = (uint16_t)op;
        l->group_before = IC_COUNT;
    }
}

void fuse_take_back(lower *l)
{
    if (l->group != NO_CODE && l->group_before != IC_COUNT)
        l->code[l->group].handler = l->handlers[l->group_before];
    l->group = NO_CODE;
}

unsigned interp_fused_first(unsigned op)
{
    while (op >= IC_FUSED && op < IC_COUNT)
        op = rows[op - IC_FUSED].group;
    return op;
}
