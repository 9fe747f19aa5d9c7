/* SPDX-License-Identifier: Apache-2.0
 * validate_stack.c — the operand and control stacks of the validator: growth, polymorphism, errors.
 *
 * How:     arrays double when full. The operand stack has a limit (limits.h), since calls with many
 *          results can need more than any guest's stack holds; the others are bounded by the bytes
 *          of a body. A pop below the innermost frame's base succeeds in unreachable code and
 *          changes nothing.
 *
 * Memory:  see validate_impl.h.
 * Threads: one for each scratch.
 */
#include "validate_impl.h"

#include <string.h>

static wasm_valtype signature_type(char letter)
{
    wasm_valtype type = isa_letter_type(letter);
    return type != 0 ? type : TYPE_ADDRESS; /* 'a' */
}

/* Reads the sig column, whose grammar the unit test of the table guards. */
static void read_signature(const char *text, signature *out)
{
    if (*text == '*')
        return;
    for (; *text != ':'; text++)
        out->pop[out->pop_count++] = signature_type(*text);
    while (*++text != '\0')
        out->push[out->push_count++] = signature_type(*text);
}

wasm_status validate_scratch_new(wasm_module *module, validate_scratch **out)
{
    validate_scratch *s = quota_realloc(&module->quota, NULL, 0, sizeof *s);
    if (s == NULL)
        return quota_fail(&module->quota, NULL);
    memset(s, 0, sizeof *s);
    s->module = module;
    arena_init(&s->short_arena, &module->quota);
    for (unsigned op = 0; op < OP_COUNT; op++)
        read_signature(isa_describe((isa_op)op)->sig, &s->signatures[op]);
    *out = s;
    return WASM_OK;
}

void validate_scratch_free(validate_scratch *s)
{
    if (s == NULL)
        return;
    quota *q = &s->module->quota;
    quota_free(q, s->operands, s->operand_room * sizeof *s->operands);
    quota_free(q, s->controls, s->control_room * sizeof *s->controls);
    quota_free(q, s->locals, s->local_room * sizeof *s->locals);
    quota_free(q, s->labels, s->label_room * sizeof *s->labels);
    quota_free(q, s->clauses, s->clause_room * sizeof *s->clauses);
    quota_free(q, s->known, s->known_room * sizeof *s->known);
    quota_free(q, s->settings, s->setting_room * sizeof *s->settings);
    arena_release(&s->short_arena);
    quota_free(q, s, sizeof *s);
}

wasm_status scratch_grow(validate_scratch *s, void **array, uint32_t *room, uint32_t limit,
                         size_t size, const char *what)
{
    if (*room >= limit)
        return scratch_fail(s, WASM_E_IMPL_LIMIT, "more than %u %s", (unsigned)limit, what);
    uint32_t more = *room == 0 ? 64 : *room <= limit / 2 ? *room * 2 : limit;
    if (more > limit)
        more = limit;
    void *grown = quota_realloc(&s->module->quota, *array, *room * size, more * size);
    if (grown == NULL)
        return quota_fail(&s->module->quota, s->c.report);
    *array = grown;
    *room = more;
    return WASM_OK;
}

wasm_status stack_push_slow(validate_scratch *s, wasm_valtype type)
{
    void *array = s->operands;
    TRY(scratch_grow(s, &array, &s->operand_room, LIMIT_OPERANDS, sizeof *s->operands,
                     "operands on the stack"));
    s->operands = array;
    return stack_push(s, type);
}

wasm_status stack_pop_any(validate_scratch *s, wasm_valtype *type)
{
    if (s->operand_count == s->top->base) {
        *type = TYPE_UNKNOWN;
        if (s->top->unreachable)
            return WASM_OK;
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s finds no operand on the stack",
                            isa_text(s->op));
    }
    *type = s->operands[--s->operand_count];
    s->slots -= type_slots(*type);
    return WASM_OK;
}

wasm_status stack_pop_slow(validate_scratch *s, wasm_valtype expect)
{
    if (s->operand_count == s->top->base) {
        if (s->top->unreachable)
            return WASM_OK;
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s expects %s, the stack is empty",
                            isa_text(s->op), wasm_valtype_text(expect).text);
    }
    wasm_valtype found;
    TRY(stack_pop_any(s, &found));
    if (expect == TYPE_UNKNOWN || type_fits(s, found, expect))
        return WASM_OK;
    return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s expects %s, found %s", isa_text(s->op),
                        wasm_valtype_text(expect).text, wasm_valtype_text(found).text);
}

bool type_fits(const validate_scratch *s, wasm_valtype found, wasm_valtype expect)
{
    const module_type *types = s->module->types;
    if (found == expect || found == TYPE_UNKNOWN)
        return true;
    return found == TYPE_UNKNOWN_REF ? WASM_IS_REF(expect)
                                     : valtype_is_below(types, found, types, expect);
}

wasm_status stack_pop_ref(validate_scratch *s, wasm_valtype *type)
{
    TRY(stack_pop_any(s, type));
    if (*type == TYPE_UNKNOWN)
        *type = TYPE_UNKNOWN_REF;
    if (WASM_IS_REF(*type))
        return WASM_OK;
    return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s expects a reference, found %s",
                        isa_text(s->op), wasm_valtype_text(*type).text);
}

wasm_status stack_pop_list(validate_scratch *s, const wasm_valtype *types, uint32_t count)
{
    while (count > 0)
        TRY(stack_pop(s, types[--count]));
    return WASM_OK;
}

wasm_status stack_push_list(validate_scratch *s, const wasm_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(stack_push(s, types[i]));
    return WASM_OK;
}

wasm_status stack_signature(validate_scratch *s, isa_op op, wasm_valtype address)
{
    const signature *sig = &s->signatures[op];
    for (unsigned i = sig->pop_count; i > 0; i--)
        TRY(stack_pop(s, sig->pop[i - 1] == TYPE_ADDRESS ? address : sig->pop[i - 1]));
    for (unsigned i = 0; i < sig->push_count; i++)
        TRY(stack_push(s, sig->push[i] == TYPE_ADDRESS ? address : sig->push[i]));
    return WASM_OK;
}

void stack_unreachable(validate_scratch *s)
{
    s->operand_count = s->top->base;
    s->slots = s->top->base_slots;
    s->top->unreachable = true;
}

wasm_status control_push(validate_scratch *s, isa_op op, const wasm_functype *type)
{
    bool visible = s->control_count == 0 || (s->top->visible && !s->top->unreachable);
    if (s->control_count == s->control_room) {
        void *array = s->controls;
        TRY(scratch_grow(s, &array, &s->control_room, UINT32_MAX / 2, sizeof *s->controls,
                         "nested blocks"));
        s->controls = array;
    }
    s->top = &s->controls[s->control_count++];
    *s->top = (control){
        .type = type,
        .base = s->operand_count,
        .base_slots = s->slots,
        .settings = s->setting_count,
        .op = (uint8_t)op,
        .visible = visible,
    };
    return WASM_OK;
}
_Static_assert(OP_TRY_TABLE <= UINT8_MAX, "control.op holds the ops that open blocks");
