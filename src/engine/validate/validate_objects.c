/* SPDX-License-Identifier: Apache-2.0
 * validate_objects.c — structs, arrays, casts and i31 (specification §3.4.5 to §3.4.9 of 3.0).
 *
 * How:     one function for each shape. Fields and elements give and take their unpacked types;
 *          what reads a packed one says whether it is signed, and nothing else may.
 *
 * Memory:  see validate_impl.h.
 * Threads: one for each scratch.
 */
#include "validate_impl.h"

/* ---- finding ----------------------------------------------------------------------------------
 */

/* The struct or array type `index`; *ref is the reference to it that may be null. */
static wasm_status find_object_type(validate_scratch *s, uint32_t index, module_form form,
                                    const module_type **out, wasm_valtype *ref)
{
    const wasm_module *m = s->module;
    if (index >= m->type_count)
        return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u; the module has %u", (unsigned)index,
                            (unsigned)m->type_count);
    if (m->types[index].form != form)
        return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u is not %s", (unsigned)index,
                            form == MODULE_STRUCT ? "a struct" : "an array");
    *out = &m->types[index];
    *ref = cursor_reference_to(&s->c, index, true);
    return WASM_OK;
}

static wasm_valtype not_null(wasm_valtype type)
{
    return type & ~(wasm_valtype)WASM_NULLABLE;
}

static bool is_packed(wasm_valtype storage)
{
    return unpacked(storage) != storage;
}

/* The element of an array type. */
static wasm_valtype element_of(const module_type *array)
{
    return array->fields[0].type;
}

static wasm_status need_mutable_array(validate_scratch *s, const module_type *array, uint32_t index)
{
    if (array->fields[0].mutable_)
        return WASM_OK;
    return scratch_fail(s, WASM_E_IMMUTABLE_ARRAY, "type %u", (unsigned)index);
}

/* ---- structs ----------------------------------------------------------------------------------
 */

static wasm_status check_struct_new(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_type *type;
    wasm_valtype ref;
    TRY(find_object_type(s, in->index, MODULE_STRUCT, &type, &ref));
    for (uint32_t i = type->field_count; i > 0; i--) {
        wasm_valtype field = type->fields[i - 1].type;
        if (in->op == OP_STRUCT_NEW)
            TRY(stack_pop(s, unpacked(field)));
        else if (!valtype_has_default(field))
            return scratch_fail(s, WASM_E_NO_DEFAULT, "field %u of type %u is %s",
                                (unsigned)(i - 1), (unsigned)in->index,
                                wasm_valtype_text(field).text);
    }
    out->type = not_null(ref);
    return stack_push(s, out->type);
}

/* Whether the instruction reads a field as it is, or widens one. */
static wasm_status check_packing(validate_scratch *s, isa_op plain, wasm_valtype storage)
{
    if (is_packed(storage) == (s->op != plain))
        return WASM_OK;
    return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s of %s", isa_text(s->op),
                        is_packed(storage) ? "a packed integer" : wasm_valtype_text(storage).text);
}

static wasm_status check_struct_access(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_type *type;
    wasm_valtype ref;
    TRY(find_object_type(s, in->index, MODULE_STRUCT, &type, &ref));
    if (in->index2 >= type->field_count)
        return scratch_fail(s, WASM_E_UNKNOWN_FIELD, "field %u; type %u has %u",
                            (unsigned)in->index2, (unsigned)in->index, (unsigned)type->field_count);
    const module_field *field = &type->fields[in->index2];
    out->type = unpacked(field->type);
    if (in->op == OP_STRUCT_SET) {
        if (!field->mutable_)
            return scratch_fail(s, WASM_E_IMMUTABLE_FIELD, "field %u of type %u",
                                (unsigned)in->index2, (unsigned)in->index);
        TRY(stack_pop(s, out->type));
        return stack_pop(s, ref);
    }
    TRY(check_packing(s, OP_STRUCT_GET, field->type));
    TRY(stack_pop(s, ref));
    return stack_push(s, out->type);
}

/* ---- arrays -----------------------------------------------------------------------------------
 */

/* A segment that elements of the array are made of. */
static wasm_status check_segment(validate_scratch *s, const instr *in, const module_type *array)
{
    wasm_valtype storage = element_of(array);
    const module_elem *elem;
    if (in->op == OP_ARRAY_NEW_DATA || in->op == OP_ARRAY_INIT_DATA) {
        if (WASM_IS_REF(storage))
            return scratch_fail(s, WASM_E_ARRAY_BYTES, "type %u holds %s", (unsigned)in->index,
                                wasm_valtype_text(storage).text);
        return find_data(s, in->index2);
    }
    TRY(find_elem(s, in->index2, &elem));
    if (!type_fits(s, elem->type, storage))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "segment %u of %s for type %u of %s",
                            (unsigned)in->index2, wasm_valtype_text(elem->type).text,
                            (unsigned)in->index, wasm_valtype_text(storage).text);
    return WASM_OK;
}

static wasm_status check_array_new(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_type *type;
    wasm_valtype ref;
    TRY(find_object_type(s, in->index, MODULE_ARRAY, &type, &ref));
    wasm_valtype storage = element_of(type);
    switch (in->op) {
    case OP_ARRAY_NEW:
        TRY(stack_pop(s, WASM_I32));
        TRY(stack_pop(s, unpacked(storage)));
        break;
    case OP_ARRAY_NEW_DEFAULT:
        if (!valtype_has_default(storage))
            return scratch_fail(s, WASM_E_NO_DEFAULT, "type %u holds %s", (unsigned)in->index,
                                wasm_valtype_text(storage).text);
        TRY(stack_pop(s, WASM_I32));
        break;
    case OP_ARRAY_NEW_FIXED:
        if (in->index2 > LIMIT_FIXED)
            return scratch_fail(s, WASM_E_IMPL_LIMIT, "%u operands; the limit is %u",
                                (unsigned)in->index2, (unsigned)LIMIT_FIXED);
        for (uint32_t i = 0; i < in->index2; i++)
            TRY(stack_pop(s, unpacked(storage)));
        break;
    default: /* array.new_data, array.new_elem */
        TRY(check_segment(s, in, type));
        TRY(stack_pop(s, WASM_I32));
        TRY(stack_pop(s, WASM_I32));
        break;
    }
    out->type = not_null(ref);
    return stack_push(s, out->type);
}

static wasm_status check_array_access(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_type *type;
    wasm_valtype ref;
    TRY(find_object_type(s, in->index, MODULE_ARRAY, &type, &ref));
    out->type = unpacked(element_of(type));
    if (in->op == OP_ARRAY_SET) {
        TRY(need_mutable_array(s, type, in->index));
        TRY(stack_pop(s, out->type));
        TRY(stack_pop(s, WASM_I32));
        return stack_pop(s, ref);
    }
    TRY(check_packing(s, OP_ARRAY_GET, element_of(type)));
    TRY(stack_pop(s, WASM_I32));
    TRY(stack_pop(s, ref));
    return stack_push(s, out->type);
}

static wasm_status check_array_copy(validate_scratch *s, const instr *in)
{
    const module_type *to, *from;
    wasm_valtype to_ref, from_ref;
    TRY(find_object_type(s, in->index, MODULE_ARRAY, &to, &to_ref));
    TRY(find_object_type(s, in->index2, MODULE_ARRAY, &from, &from_ref));
    TRY(need_mutable_array(s, to, in->index));
    if (!type_fits(s, element_of(from), element_of(to)))
        return scratch_fail(s, WASM_E_ARRAY_TYPES, "from type %u to type %u", (unsigned)in->index2,
                            (unsigned)in->index);
    TRY(stack_pop(s, WASM_I32));
    TRY(stack_pop(s, WASM_I32));
    TRY(stack_pop(s, from_ref));
    TRY(stack_pop(s, WASM_I32));
    return stack_pop(s, to_ref);
}

/* array.fill, array.init_data, array.init_elem: into a range of an array. */
static wasm_status check_array_write(validate_scratch *s, const instr *in)
{
    const module_type *type;
    wasm_valtype ref;
    TRY(find_object_type(s, in->index, MODULE_ARRAY, &type, &ref));
    TRY(need_mutable_array(s, type, in->index));
    TRY(stack_pop(s, WASM_I32));
    if (in->op == OP_ARRAY_FILL) {
        TRY(stack_pop(s, unpacked(element_of(type))));
    } else {
        TRY(check_segment(s, in, type));
        TRY(stack_pop(s, WASM_I32));
    }
    TRY(stack_pop(s, WASM_I32));
    return stack_pop(s, ref);
}

/* ---- casts ------------------------------------------------------------------------------------
 */

/* The type above all others of a reference's hierarchy. */
static wasm_valtype top_of(const validate_scratch *s, wasm_valtype type)
{
    static const wasm_valtype tops[] = {WASM_ANYREF, WASM_FUNCREF, WASM_EXTERNREF};
    for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
        if (type_fits(s, type, tops[i]))
            return tops[i];
    }
    return WASM_EXNREF;
}

static wasm_status check_cast(validate_scratch *s, const instr *in, validate_op *out)
{
    bool null = in->op == OP_REF_TEST_NULL || in->op == OP_REF_CAST_NULL;
    out->type = null ? in->type : not_null(in->type);
    TRY(stack_pop(s, top_of(s, in->type)));
    bool cast = in->op == OP_REF_CAST || in->op == OP_REF_CAST_NULL;
    return stack_push(s, cast ? out->type : (wasm_valtype)WASM_I32);
}

/* What is left of `type` when `taken` has been taken out of it. */
static wasm_valtype without(wasm_valtype type, wasm_valtype taken)
{
    return (taken & WASM_NULLABLE) != 0 ? not_null(type) : type;
}

static wasm_status check_branch_on_cast(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_valtype *types;
    uint32_t count;
    bool fail = in->op == OP_BR_ON_CAST_FAIL;
    TRY(find_label_types(s, in->index, &types, &count));
    if (!type_fits(s, in->type2, in->type))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s from %s to %s", isa_text(s->op),
                            wasm_valtype_text(in->type).text, wasm_valtype_text(in->type2).text);
    wasm_valtype rest = without(in->type, in->type2), taken = fail ? rest : in->type2;
    if (count == 0 || !type_fits(s, taken, types[count - 1]))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "label %u does not take %s",
                            (unsigned)in->index, wasm_valtype_text(taken).text);
    out->type = in->type;
    out->type2 = in->type2;
    TRY(stack_pop(s, in->type));
    TRY(stack_pop_list(s, types, count - 1));
    TRY(stack_push_list(s, types, count - 1));
    return stack_push(s, fail ? in->type2 : rest);
}

/* any.convert_extern, extern.convert_any: null stays null, and what is not does too. */
static wasm_status check_conversion(validate_scratch *s, wasm_valtype from, wasm_valtype to,
                                    validate_op *out)
{
    wasm_valtype found;
    TRY(stack_pop_ref(s, &found));
    if (!type_fits(s, found, from))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%s expects %s, found %s", isa_text(s->op),
                            wasm_valtype_text(from).text, wasm_valtype_text(found).text);
    out->type = (found & WASM_NULLABLE) != 0 ? to : not_null(to);
    return stack_push(s, out->type);
}

static wasm_status check_ref_eq(validate_scratch *s)
{
    const wasm_valtype eqref = WASM_KIND_EQ | WASM_NULLABLE;
    TRY(stack_pop(s, eqref));
    TRY(stack_pop(s, eqref));
    return stack_push(s, WASM_I32);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

wasm_status check_object(validate_scratch *s, const instr *in, validate_op *out)
{
    switch (in->op) {
    case OP_STRUCT_NEW:
    case OP_STRUCT_NEW_DEFAULT: return check_struct_new(s, in, out);
    case OP_STRUCT_GET:
    case OP_STRUCT_GET_S:
    case OP_STRUCT_GET_U:
    case OP_STRUCT_SET: return check_struct_access(s, in, out);
    case OP_ARRAY_NEW:
    case OP_ARRAY_NEW_DEFAULT:
    case OP_ARRAY_NEW_FIXED:
    case OP_ARRAY_NEW_DATA:
    case OP_ARRAY_NEW_ELEM: return check_array_new(s, in, out);
    case OP_ARRAY_GET:
    case OP_ARRAY_GET_S:
    case OP_ARRAY_GET_U:
    case OP_ARRAY_SET: return check_array_access(s, in, out);
    case OP_ARRAY_LEN:
        TRY(stack_pop(s, WASM_KIND_ARRAY | WASM_NULLABLE));
        return stack_push(s, WASM_I32);
    case OP_ARRAY_COPY: return check_array_copy(s, in);
    case OP_ARRAY_FILL:
    case OP_ARRAY_INIT_DATA:
    case OP_ARRAY_INIT_ELEM: return check_array_write(s, in);
    case OP_REF_TEST:
    case OP_REF_TEST_NULL:
    case OP_REF_CAST:
    case OP_REF_CAST_NULL: return check_cast(s, in, out);
    case OP_BR_ON_CAST:
    case OP_BR_ON_CAST_FAIL: return check_branch_on_cast(s, in, out);
    case OP_ANY_CONVERT_EXTERN: return check_conversion(s, WASM_EXTERNREF, WASM_ANYREF, out);
    case OP_EXTERN_CONVERT_ANY: return check_conversion(s, WASM_ANYREF, WASM_EXTERNREF, out);
    case OP_REF_I31:
        TRY(stack_pop(s, WASM_I32));
        out->type = WASM_KIND_I31;
        return stack_push(s, WASM_KIND_I31);
    case OP_I31_GET_S:
    case OP_I31_GET_U:
        TRY(stack_pop(s, WASM_KIND_I31 | WASM_NULLABLE));
        return stack_push(s, WASM_I32);
    case OP_REF_EQ: return check_ref_eq(s);
    default: return scratch_fail(s, WASM_E_USAGE, "%s has no case here", isa_text(s->op));
    }
}
