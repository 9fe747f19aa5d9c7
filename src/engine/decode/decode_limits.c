/* SPDX-License-Identifier: Apache-2.0
 * decode_limits.c — the types of tables, memories and globals (§5.3.9 to §5.3.12).
 *
 * How:     limits of tables and memories are read as 64-bit numbers, as WebAssembly 3.0 writes
 *          them; whether they are in range for the address type is the validator's question. A page
 *          size (of the custom page sizes proposal) follows them as a power of two, of which two
 *          are allowed.
 *
 * Memory:  what is read is the caller's.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

enum limits_flags { LIMITS_MAX = 1, LIMITS_SHARED = 2, LIMITS_64 = 4, LIMITS_PAGE_SIZE = 8 };

/* Before memory64, limits were 32-bit numbers, and what is larger was malformed. */
static wasm_status decode_limit(cursor *c, uint64_t *out, const char *what)
{
    uint32_t narrow;
    if ((c->enabled & WASM_FEATURE(WASM_FEATURE_MEMORY64)) != 0)
        return cursor_check(c, reader_leb_u64(&c->r, out), what);
    TRY(cursor_u32(c, &narrow, what));
    *out = narrow;
    return WASM_OK;
}

/* Limits, whose flags may be those in `known`. */
static wasm_status decode_bounds(decoder *d, unsigned known, wasm_bounds *out, uint8_t *seen)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint8_t flags;
    TRY(cursor_u8(c, &flags, "limits"));
    *seen = flags;
    if ((flags & ~known) != 0)
        return cursor_fail(c, WASM_E_LIMITS_FLAGS, offset, "0x%02x", flags);
    if ((flags & LIMITS_PAGE_SIZE) != 0)
        TRY(cursor_need(c, WASM_FEATURE_CUSTOM_PAGE_SIZES, offset, "a page size"));
    if ((flags & LIMITS_SHARED) != 0)
        TRY(cursor_need(c, WASM_FEATURE_THREADS, offset, "a shared memory"));
    if ((flags & LIMITS_64) != 0)
        TRY(cursor_need(c, WASM_FEATURE_MEMORY64, offset, "a 64-bit address type"));
    out->has_max = (flags & LIMITS_MAX) != 0;
    out->shared = (flags & LIMITS_SHARED) != 0;
    out->is_64 = (flags & LIMITS_64) != 0;
    TRY(decode_limit(c, &out->min, "a minimum"));
    return out->has_max ? decode_limit(c, &out->max, "a maximum") : WASM_OK;
}

wasm_status decode_table_type(decoder *d, module_table *out)
{
    out->at = (uint32_t)reader_offset(&d->c.r);
    uint8_t flags;
    TRY(cursor_reftype(&d->c, &out->elem));
    return decode_bounds(d, LIMITS_MAX | LIMITS_64, &out->bounds, &flags);
}

wasm_status decode_memory_type(decoder *d, module_memory *out)
{
    out->at = (uint32_t)reader_offset(&d->c.r);
    cursor *c = &d->c;
    uint8_t flags;
    uint32_t shift;
    out->page_shift = 16;
    TRY(decode_bounds(d, LIMITS_MAX | LIMITS_SHARED | LIMITS_64 | LIMITS_PAGE_SIZE, &out->bounds,
                      &flags));
    if ((flags & LIMITS_PAGE_SIZE) == 0)
        return WASM_OK;
    uint64_t offset = reader_offset(&c->r);
    TRY(cursor_u32(c, &shift, "a page size"));
    if (shift > 64)
        return cursor_fail(c, WASM_E_PAGE_SIZE_BITS, offset, "2^%u", (unsigned)shift);
    if (shift != 0 && shift != 16)
        return cursor_fail(c, WASM_E_PAGE_SIZE, offset, "2^%u; pages have 1 byte or 65536",
                           (unsigned)shift);
    out->page_shift = (uint8_t)shift;
    out->bounds.byte_pages = shift == 0;
    return WASM_OK;
}

wasm_status decode_mutability(cursor *c, bool *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t mutability;
    TRY(cursor_u8(c, &mutability, "a mutability"));
    if (mutability > 1)
        return cursor_fail(c, WASM_E_MUTABILITY, offset, "0x%02x", mutability);
    *out = mutability == 1;
    return WASM_OK;
}

wasm_status decode_global_type(decoder *d, module_global *out)
{
    TRY(cursor_valtype(&d->c, &out->type));
    return decode_mutability(&d->c, &out->mutable_);
}
