/* SPDX-License-Identifier: Apache-2.0
 * lower_objects.c — structs, arrays, casts and i31.
 *
 * How:     What reads one value of an object is pending like arithmetic, of a family that follows
 *          from the type of the field or element. What makes an object, or moves many elements, has
 *          its operands in their homes, where the collector finds them. Conversions between
 *          externref and anyref are nothing: a reference looks the same in both.
 * Inputs:  validated instructions; types are not checked.
 * Memory:  the translator's scratch.
 * Threads: one for each translator.
 */
#include "lower_impl.h"

/* ---- kinds of storage ------------------------------------------------------------------------ */

/* Families for what a field or element is kept as; a reference is kept as an i64. */
typedef struct storage {
    uint16_t field, field_signed, element, element_signed; /* IC_*, first form */
    uint16_t field_set, element_set;
} storage;

static storage storage_of(wasm_valtype type)
{
    switch (WASM_KIND(type)) {
    case MODULE_I8:
        return (storage){IC_FIELD_I8_U_S_S,    IC_FIELD_I8_S_S_S, IC_ELEMENT_I8_U_SS_S,
                         IC_ELEMENT_I8_S_SS_S, IC_FIELD_SET_8_SS, IC_ELEMENT_SET_8};
    case MODULE_I16:
        return (storage){IC_FIELD_I16_U_S_S,    IC_FIELD_I16_S_S_S, IC_ELEMENT_I16_U_SS_S,
                         IC_ELEMENT_I16_S_SS_S, IC_FIELD_SET_16_SS, IC_ELEMENT_SET_16};
    case WASM_I32:
        return (storage){IC_FIELD_I32_S_S,    IC_FIELD_I32_S_S,   IC_ELEMENT_I32_SS_S,
                         IC_ELEMENT_I32_SS_S, IC_FIELD_SET_32_SS, IC_ELEMENT_SET_32};
    case WASM_F32:
        return (storage){IC_FIELD_F32_S_S,    IC_FIELD_F32_S_S,   IC_ELEMENT_F32_SS_S,
                         IC_ELEMENT_F32_SS_S, IC_FIELD_SET_32_SS, IC_ELEMENT_SET_32};
    case WASM_V128:
        return (storage){.field_set = IC_FIELD_SET_128, .element_set = IC_ELEMENT_SET_128};
    case WASM_F64:
        return (storage){IC_FIELD_F64_S_S,    IC_FIELD_F64_S_S,   IC_ELEMENT_F64_SS_S,
                         IC_ELEMENT_F64_SS_S, IC_FIELD_SET_64_SS, IC_ELEMENT_SET_64};
    default:
        return (storage){IC_FIELD_I64_S_S,    IC_FIELD_I64_S_S,   IC_ELEMENT_I64_SS_S,
                         IC_ELEMENT_I64_SS_S, IC_FIELD_SET_64_SS, IC_ELEMENT_SET_64};
    }
}

static const module_type *type_at(const lower *l, uint32_t index)
{
    const module_type *types = l->module->types;

    return &types[types[index].canonical];
}

static uint32_t element_slots(const lower *l, uint32_t index)
{
    return type_slots_of(type_at(l, index)->fields[0].type);
}

/* ---- one value ------------------------------------------------------------------------------- */

/* Begins what computes one value of a reference, with a number that says which. */
static void lower_read(lower *l, const validate_op *op, unsigned family, value_class cls,
                       uint32_t number)
{
    const entry e = pop(l);
    operand x;
    pending *p;

    flush_unless(l, &e);
    x = op->op == OP_REF_I31 ? take_whole(l, &e, ALLOW_A) : take(l, &e, ALLOW_A);
    p = begin_pending(l, op, cls);
    p->family = (uint16_t)family;
    p->a = x;
    p->index = number;
}

/* A vector goes from slot to slot: of a struct, with an offset, or with an index of an array. */
static void lower_vector_get(lower *l, const validate_op *op, bool is_array, uint32_t offset)
{
    entry index = {.kind = ENTRY_HOME}, object;
    uint16_t from, which = 0;
    icode *at;

    flush_home(l);
    if (is_array)
        index = pop(l);
    object = pop(l);
    from = take(l, &object, 0).slot;
    if (is_array)
        which = take(l, &index, 0).slot;
    at = emit_mapped(l, is_array ? IC_ELEMENT_128 : IC_FIELD_128, 2, op->offset);
    at[1].u16[1] = from;
    if (is_array)
        at[1].u16[2] = which;
    else
        at[1].u32[1] = offset;
    at[1].u16[0] = push(l, ENTRY_HOME, CLASS_V128)->home;
    forget_accumulators(l);
}

static void lower_struct_get(lower *l, const validate_op *op)
{
    const module_field *field = &type_at(l, op->index)->fields[op->index2];
    const storage kept = storage_of(field->type);

    if (field->type == WASM_V128) {
        lower_vector_get(l, op, false, field->offset);
        return;
    }
    lower_read(l, op, op->op == OP_STRUCT_GET_S ? kept.field_signed : kept.field,
               class_of(op->type), field->offset);
}

static void lower_struct_set(lower *l, const validate_op *op)
{
    const module_field *field = &type_at(l, op->index)->fields[op->index2];
    const storage kept = storage_of(field->type);
    const entry value = pop(l), object = pop(l);
    /* Only integers have a form that takes them from the accumulator. */
    bool vector = field->type == WASM_V128;
    unsigned from = acc_of((value_class)value.cls) == ACC_INT ? ALLOW_A : 0, form;
    operand x, y;
    icode *at;

    if (value.kind != ENTRY_PENDING)
        flush_unless(l, &object);
    take_pair(l, &object, &value, vector ? 0 : ALLOW_A, from, &x, &y);
    form = x.mode == MODE_A ? FORM_WRITE_AS : y.mode == MODE_A ? FORM_WRITE_SA : FORM_WRITE_SS;
    if (x.mode == MODE_A && y.mode == MODE_A) { /* of two accumulators: cannot be */
        lower_fail(l, WASM_E_USAGE);
        return;
    }
    at = emit_mapped(l, kept.field_set + form, 2, op->offset);
    at[1].u16[0] = x.slot;
    at[1].u16[1] = y.slot;
    at[1].u32[1] = field->offset;
}

static void lower_array_get(lower *l, const validate_op *op)
{
    const wasm_valtype element = type_at(l, op->index)->fields[0].type;
    const storage kept = storage_of(element);
    entry index, array;
    operand x, y;
    pending *p;

    if (element == WASM_V128) {
        lower_vector_get(l, op, true, 0);
        return;
    }
    index = pop(l);
    array = pop(l);
    if (array.kind != ENTRY_PENDING && index.kind != ENTRY_PENDING)
        flush_home(l);
    take_pair(l, &array, &index, ALLOW_A, ALLOW_A | ALLOW_I, &x, &y);
    p = begin_pending(l, op, class_of(op->type));
    p->family = op->op == OP_ARRAY_GET_S ? kept.element_signed : kept.element;
    p->a = x;
    p->b = y;
}

static void lower_array_set(lower *l, const validate_op *op)
{
    const storage kept = storage_of(type_at(l, op->index)->fields[0].type);
    const entry value = pop(l), index = pop(l), array = pop(l);
    operand a, i, v;
    icode *at;

    if (value.kind != ENTRY_PENDING && index.kind != ENTRY_PENDING)
        flush_unless(l, &array);
    /* The pending one goes first. */
    if (value.kind == ENTRY_PENDING) {
        v = take(l, &value, 0);
        i = take(l, &index, 0);
        a = take(l, &array, 0);
    } else if (index.kind == ENTRY_PENDING) {
        i = take(l, &index, 0);
        a = take(l, &array, 0);
        v = take(l, &value, 0);
    } else {
        a = take(l, &array, 0);
        i = take(l, &index, 0);
        v = take(l, &value, 0);
    }
    at = emit_mapped(l, kept.element_set, 2, op->offset);
    at[1].u16[0] = a.slot;
    at[1].u16[1] = i.slot;
    at[1].u16[2] = v.slot;
}

static void lower_ref_eq(lower *l, const validate_op *op)
{
    validate_op compare = *op;

    compare.op = OP_I64_EQ;
    lower_alu(l, &compare, &lower_rules[OP_I64_EQ]);
}

/* ---- making, and many elements --------------------------------------------------------------- */

void take_contiguous(lower *l, uint32_t operands, bool collects)
{
    flush_home(l);
    materialize(l, l->height - operands);
    if (collects)
        record_roots(l);
    truncate_stack(l, l->height - operands);
}

/* An object of the type, made of operands in their homes and left in the first of them. */
static void lower_make(lower *l, const validate_op *op, unsigned ic, uint32_t operands,
                       uint32_t number)
{
    entry *made;
    icode *at;

    take_contiguous(l, operands, true);
    made = push(l, ENTRY_HOME, CLASS_REF);
    at = emit_mapped(l, ic, 3, op->offset);
    at[1].u16[0] = made->home;
    at[1].u32[1] = number;
    at[2].pointer = type_at(l, op->index);
    forget_accumulators(l);
    l->acc_slot[ACC_INT] = made->home;
}

static void lower_array_op(lower *l, const validate_op *op, unsigned ic, uint32_t operands,
                           uint32_t number)
{
    icode *at;

    take_contiguous(l, operands, false);
    at = emit_mapped(l, ic, 3, op->offset);
    at[1].u16[0] = (uint16_t)next_home(l);
    at[2].u32[0] = number;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void lower_object(lower *l, const validate_op *op)
{
    switch (op->op) {
    case OP_STRUCT_NEW:
        lower_make(l, op, IC_STRUCT_NEW, type_at(l, op->index)->field_count, 0);
        break;
    case OP_STRUCT_NEW_DEFAULT: lower_make(l, op, IC_STRUCT_NEW_DEFAULT, 0, 0); break;
    case OP_STRUCT_GET:
    case OP_STRUCT_GET_S:
    case OP_STRUCT_GET_U: lower_struct_get(l, op); break;
    case OP_STRUCT_SET: lower_struct_set(l, op); break;
    case OP_ARRAY_NEW: lower_make(l, op, IC_ARRAY_NEW, 2, element_slots(l, op->index)); break;
    case OP_ARRAY_NEW_DEFAULT: lower_make(l, op, IC_ARRAY_NEW_DEFAULT, 1, 0); break;
    case OP_ARRAY_NEW_FIXED: lower_make(l, op, IC_ARRAY_NEW_FIXED, op->index2, op->index2); break;
    case OP_ARRAY_NEW_DATA: lower_make(l, op, IC_ARRAY_NEW_DATA, 2, op->index2); break;
    case OP_ARRAY_NEW_ELEM: lower_make(l, op, IC_ARRAY_NEW_ELEM, 2, op->index2); break;
    case OP_ARRAY_GET:
    case OP_ARRAY_GET_S:
    case OP_ARRAY_GET_U: lower_array_get(l, op); break;
    case OP_ARRAY_SET: lower_array_set(l, op); break;
    case OP_ARRAY_LEN: lower_read(l, op, IC_ARRAY_LENGTH_S_S, CLASS_I32, 0); break;
    case OP_ARRAY_FILL: lower_array_op(l, op, IC_ARRAY_FILL, 4, element_slots(l, op->index)); break;
    case OP_ARRAY_COPY: lower_array_op(l, op, IC_ARRAY_COPY, 5, 0); break;
    case OP_ARRAY_INIT_DATA: lower_array_op(l, op, IC_ARRAY_INIT_DATA, 4, op->index2); break;
    case OP_ARRAY_INIT_ELEM: lower_array_op(l, op, IC_ARRAY_INIT_ELEM, 4, op->index2); break;
    case OP_REF_TEST:
    case OP_REF_TEST_NULL: lower_read(l, op, IC_TEST_REF_S_S, CLASS_I32, op->type); break;
    case OP_REF_CAST:
    case OP_REF_CAST_NULL: lower_read(l, op, IC_CAST_REF_S_S, class_of(op->type), op->type); break;
    case OP_ANY_CONVERT_EXTERN:
    case OP_EXTERN_CONVERT_ANY: break;
    case OP_REF_I31: lower_read(l, op, IC_MAKE_I31_S_S, CLASS_REF, 0); break;
    case OP_I31_GET_S: lower_read(l, op, IC_READ_I31_S_S_S, CLASS_I32, 0); break;
    case OP_I31_GET_U: lower_read(l, op, IC_READ_I31_U_S_S, CLASS_I32, 0); break;
    case OP_REF_EQ: lower_ref_eq(l, op); break;
    default: lower_fail(l, WASM_E_USAGE); break; /* cannot be: lower_ops.c asserts */
    }
}
