/* SPDX-License-Identifier: Apache-2.0
 * image.h — the initial contents of a module's own memory 0, made once for all its instances.
 *
 * Memory:  wasm_module.image, made by the loading thread, freed with the module.
 * Threads: Immutable once made; applied by any number of threads at once.
 */
#ifndef WASMSERVE_IMAGE_H
#define WASMSERVE_IMAGE_H

#include "runtime.h"

/* Sets module->image if the module has data segments, with the bytes of those that can be placed
 * without an instance. Errors: QUOTA, NO_MEMORY. */
wasm_status image_make(wasm_module *module);
void image_free(wasm_module *module); /* also without an image */

/* The number of leading data segments that image_apply() does the work of; 0 without an image. */
uint32_t image_segments(const wasm_module *module);
/* Tells images that may be mapped over a memory apart, in this process and for ever; 0: there is
 * none, or it would be copied. */
uint64_t image_number(const wasm_module *module);
/* Whether the module has a passive data segment; found out once, since there may be a million. */
bool image_has_passive(const wasm_module *module);
/* ---- of any memory, for snapshots ---- */

typedef struct memory_image memory_image;
/* What `length` bytes hold that is not zero; a multiple of the host's page. NULL: the system has no
 * memory for it. */
memory_image *image_of_bytes(const uint8_t *bytes, uint64_t length);
void image_of_bytes_free(memory_image *image); /* NULL is allowed */
uint64_t image_number_of(const memory_image *image);
/* As image_apply(). */
wasm_status image_write(const memory_image *image, wasm_memory *memory);

/* ---- of a module ---- */

/* Writes the image, if there is one, to `memory`: the module's own memory 0, fresh (all zero, or
 * with this image in place) and of the minimum size. Errors: NO_MEMORY; DEADLINE and the like
 * between chunks. */
wasm_status image_apply(const wasm_module *module, wasm_memory *memory);

#endif
