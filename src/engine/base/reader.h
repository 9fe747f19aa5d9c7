/* SPDX-License-Identifier: Apache-2.0
 * reader.h — a cursor over borrowed bytes: LEB128, fixed-width numbers, names.
 *
 * It never reads past its end and remembers where in the file it stands, so that every error can
 * name its byte. All functions return WASM_OK or the status of §5.2.2 that applies, and fill
 * nothing but their out parameter. A function that fails leaves the reader where it was: the
 * offset is then that of the item that could not be read.
 *
 * Memory:  borrowed throughout.
 * Threads: a reader is a value; copies are independent.
 */
#ifndef WASMSERVE_READER_H
#define WASMSERVE_READER_H

#include "engine.h"

typedef struct reader {
    const uint8_t *start; /* of the file, for offsets */
    const uint8_t *next;
    const uint8_t *end;
} reader;

static inline uint64_t reader_offset(const reader *r)
{
    return (uint64_t)(r->next - r->start);
}
static inline size_t reader_left(const reader *r)
{
    return (size_t)(r->end - r->next);
}

static inline wasm_status reader_u8(reader *r, uint8_t *out)
{
    if (r->next == r->end)
        return WASM_E_UNEXPECTED_END;
    *out = *r->next++;
    return WASM_OK;
}
wasm_status reader_u32le(reader *r, uint32_t *out);
wasm_status reader_u64le(reader *r, uint64_t *out);
/* `length` bytes where they stand. */
wasm_status reader_bytes(reader *r, size_t length, const uint8_t **out);

/* LEB128 (§5.2.2). LEB_TOO_LONG: more bytes than the width needs; LEB_TOO_LARGE: bits beyond the
 * width are not zero, or not the sign. */
wasm_status reader_leb_u32_long(reader *r, uint32_t *out); /* of any length */
static inline wasm_status reader_leb_u32(reader *r, uint32_t *out)
{
    /* Nine of ten indices and sizes in real modules are one byte long. */
    if (r->next != r->end && *r->next < 0x80) {
        *out = *r->next++;
        return WASM_OK;
    }
    return reader_leb_u32_long(r, out);
}
wasm_status reader_leb_u64(reader *r, uint64_t *out);
wasm_status reader_leb_s32(reader *r, int32_t *out);
wasm_status reader_leb_s33(reader *r, int64_t *out); /* block types, heap types */
wasm_status reader_leb_s64(reader *r, int64_t *out);
/* A length-prefixed name, checked as UTF-8; *out points into the borrowed bytes. */
wasm_status reader_name(reader *r, const char **out, size_t *length);
/* The next `length` bytes as a reader of their own; r moves behind them. */
wasm_status reader_sub(reader *r, uint64_t length, reader *out);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF). */
bool reader_is_utf8(const uint8_t *bytes, size_t length);

#endif
