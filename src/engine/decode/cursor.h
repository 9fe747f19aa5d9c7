/* SPDX-License-Identifier: Apache-2.0
 * cursor.h — a reader that knows what it reads for: errors with their place, features, types.
 *
 * Decoder and validator read through it, so that every failure is reported with its byte, its
 * function and one sentence, and so that "is this feature on?" is asked in one place. What a
 * module needs gathers in `used`; its owner adds it to module->used when it is done.
 *
 * Memory:  borrowed.
 * Threads: a cursor is a value of its user.
 */
#ifndef WASMSERVE_CURSOR_H
#define WASMSERVE_CURSOR_H

#include "engine.h"
#include "module.h"
#include "reader.h"
#include "report.h"

typedef struct cursor {
    reader r;
    wasm_features enabled;
    wasm_features used;
    wasm_report *report;
    const module_type *types; /* NULL while they are being read: then indices stay as they are */
    uint32_t type_count;      /* that a type index may name */
    uint32_t func;            /* that errors are blamed on, or WASM_NO_FUNC */
} cursor;

/* A cursor over a span of the module's file. */
cursor cursor_over(const wasm_module *module, module_span span, uint32_t func, wasm_report *report);

/* Reports at `offset`; gives status, which the compiler then knows not to be OK. */
#define cursor_fail(c, status, offset, ...)                                                        \
    ((void)report_fail((c)->report, (status), (offset), (c)->func, __VA_ARGS__), (status))

/* Reports a failed read of `what` where the cursor stands; OK passes through. */
wasm_status cursor_check(cursor *c, wasm_status status, const char *what);

/* `what`, at `offset`, needs a feature: FEATURE if it is off. */
wasm_status cursor_need_failed(cursor *c, unsigned feature_bit, uint64_t offset, const char *what);
static inline wasm_status cursor_need(cursor *c, unsigned feature_bit, uint64_t offset,
                                      const char *what)
{
    c->used |= WASM_FEATURE(feature_bit);
    if ((c->enabled & WASM_FEATURE(feature_bit)) != 0)
        return WASM_OK;
    return cursor_need_failed(c, feature_bit, offset, what);
}

/* What these read is 0 after a failure. */
static inline wasm_status cursor_u8(cursor *c, uint8_t *out, const char *what)
{
    wasm_status status = reader_u8(&c->r, out);
    if (status == WASM_OK)
        return WASM_OK;
    *out = 0;
    return cursor_check(c, status, what);
}
static inline wasm_status cursor_u32(cursor *c, uint32_t *out, const char *what)
{
    wasm_status status = reader_leb_u32(&c->r, out);
    if (status == WASM_OK)
        return WASM_OK;
    *out = 0;
    return cursor_check(c, status, what);
}

/* The number of items of a vector, each of at least `item_bytes` bytes: UNEXPECTED_END if the rest
 * of the section cannot hold them (a handful is allowed to find out itself), IMPL_LIMIT above
 * `limit`. `have` items exist already and count towards the limit. */
wasm_status cursor_count(cursor *c, uint32_t *out, size_t item_bytes, uint32_t have, uint32_t limit,
                         const char *what);

/* A value type (§5.3.4), a reference type (§5.3.3), what a field holds (§5.3.8), with canonical
 * indices; VALUE_TYPE, REF_TYPE, UNKNOWN_TYPE or FEATURE. */
wasm_status cursor_valtype(cursor *c, wasm_valtype *out);
wasm_status cursor_reftype(cursor *c, wasm_valtype *out);
wasm_status cursor_storage_type(cursor *c, wasm_valtype *out);
/* A heap type (§5.3.2), as the type of a reference to it that may be null. */
wasm_status cursor_heaptype(cursor *c, wasm_valtype *out);
/* The reference to type `index`, which exists. */
wasm_valtype cursor_reference_to(const cursor *c, uint32_t index, bool nullable);

/* Steps over an expression and tells where it stood, its `end` included. Instructions are decoded,
 * not checked. */
wasm_status cursor_expression(cursor *c, module_span *out);

#endif
