/* SPDX-License-Identifier: Apache-2.0
 * validate_types.c — every type against the supertype that it declares (§3.2.8, §3.3.5 to §3.3.8).
 *
 * How:     a supertype must not be final, must be of the same form, and the subtype must be usable
 *          wherever it is: results and constant fields may be more special, parameters more
 *          general, what is mutable must be the same, and a struct may have further fields behind.
 *
 * Memory:  nothing is allocated.
 * Threads: those of the module being loaded.
 */
#include "validate_impl.h"

static bool list_fits(const module_type *types, const wasm_valtype *found,
                      const wasm_valtype *expect, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!valtype_is_below(types, found[i], types, expect[i]))
            return false;
    }
    return true;
}

static bool func_fits(const module_type *types, const wasm_functype *sub,
                      const wasm_functype *super)
{
    return sub->param_count == super->param_count && sub->result_count == super->result_count &&
           list_fits(types, super->params, sub->params, sub->param_count) &&
           list_fits(types, sub->results, super->results, sub->result_count);
}

static bool fields_fit(const module_type *types, const module_type *sub, const module_type *super)
{
    if (sub->field_count < super->field_count)
        return false;
    for (uint32_t i = 0; i < super->field_count; i++) {
        const module_field *a = &sub->fields[i], *b = &super->fields[i];
        if (a->mutable_ != b->mutable_ || !valtype_is_below(types, a->type, types, b->type) ||
            (a->mutable_ && !valtype_is_below(types, b->type, types, a->type)))
            return false;
    }
    return true;
}

wasm_status check_types(const wasm_module *m, wasm_report *report)
{
    for (uint32_t i = 0; i < m->type_count; i++) {
        const module_type *type = &m->types[i], *super;
        if (type->super == MODULE_NO_TYPE)
            continue;
        super = &m->types[type->super];
        if (super->final)
            return report_fail(report, WASM_E_SUBTYPE, type->at, WASM_NO_FUNC,
                               "type %u: its supertype %u is final", (unsigned)i,
                               (unsigned)type->super);
        if (type->form != super->form ||
            !(type->form == MODULE_FUNC ? func_fits(m->types, &type->func, &super->func)
                                        : fields_fit(m->types, type, super)))
            return report_fail(report, WASM_E_SUBTYPE, type->at, WASM_NO_FUNC,
                               "type %u cannot be used as its supertype %u", (unsigned)i,
                               (unsigned)type->super);
    }
    return WASM_OK;
}
