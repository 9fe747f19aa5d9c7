/* SPDX-License-Identifier: Apache-2.0
 * guestmem.h — the one gate to a guest's linear memory for everything a host function does with it.
 *
 * A guest's pointer is a number that the guest chose. Every function here takes it as such, adds in
 * 64 bits, compares with the memory as it is at this moment, and only then touches a byte; false
 * (or a GUESTMEM_ result other than OK) means the pointer was bad, and that nothing was touched.
 * What the ABI answers then (an errno, a trap) is its own affair.
 *
 * Alignment is not asked for: all typed access goes byte by byte in little-endian order, which is
 * right for every address and on every machine.
 *
 * Memory:  nothing is allocated. A view points into the guest's memory and is stale after anything
 *          that can grow it, which for a host function is a call back into the guest; take it anew
 *          then.
 * Threads: as the store. All of this is memory 0 of the calling instance, as the ABIs say.
 */
#ifndef WASMSERVE_GUESTMEM_H
#define WASMSERVE_GUESTMEM_H

#include "engine.h"

/* The bytes at..at+length-1. *bytes is never NULL on success, not even for length 0, which is
 * allowed at any address up to the memory's end. */
bool guestmem_view(const wasm_caller *caller, uint32_t at, uint32_t length, uint8_t **bytes);

/* Copies out of and into the guest. */
bool guestmem_read(const wasm_caller *caller, uint32_t at, void *to, uint32_t length);
bool guestmem_write(const wasm_caller *caller, uint32_t at, const void *from, uint32_t length);

/* One little-endian integer. */
bool guestmem_load_u8(const wasm_caller *caller, uint32_t at, uint8_t *value);
bool guestmem_load_u16(const wasm_caller *caller, uint32_t at, uint16_t *value);
bool guestmem_load_u32(const wasm_caller *caller, uint32_t at, uint32_t *value);
bool guestmem_load_u64(const wasm_caller *caller, uint32_t at, uint64_t *value);
bool guestmem_store_u8(const wasm_caller *caller, uint32_t at, uint8_t value);
bool guestmem_store_u16(const wasm_caller *caller, uint32_t at, uint16_t value);
bool guestmem_store_u32(const wasm_caller *caller, uint32_t at, uint32_t value);
bool guestmem_store_u64(const wasm_caller *caller, uint32_t at, uint64_t value);

/* Little-endian integers in host memory: a structure that was viewed or is being put together. */
uint16_t guestmem_get_u16(const uint8_t *bytes);
uint32_t guestmem_get_u32(const uint8_t *bytes);
uint64_t guestmem_get_u64(const uint8_t *bytes);
void guestmem_put_u16(uint8_t *bytes, uint16_t value);
void guestmem_put_u32(uint8_t *bytes, uint32_t value);
void guestmem_put_u64(uint8_t *bytes, uint64_t value);

/* Entry `index` of an array of {u32 pointer, u32 length}, viewed: what an iovec describes. */
bool guestmem_vector(const wasm_caller *caller, uint32_t array, uint32_t index, uint8_t **bytes,
                     uint32_t *length);

typedef enum guestmem_text {
    GUESTMEM_OK,
    GUESTMEM_FAULT,    /* not all of it is inside the memory */
    GUESTMEM_TOO_LONG, /* length + 1 > size */
    GUESTMEM_NUL       /* a NUL byte inside: it would end the string for whoever reads it */
} guestmem_text;

/* Copies a string of the given length and terminates it. text has `size` bytes, at least 1. */
guestmem_text guestmem_string(const wasm_caller *caller, uint32_t at, uint32_t length, char *text,
                              size_t size);

#endif
