/* SPDX-License-Identifier: Apache-2.0
 * slot.h — address space that goes from one store to the next, clean.
 *
 * Memory:  What is given away is the taker's until it gives it back; wasm_slots_free() unmaps what
 *          lies idle.
 * Threads: any number at once.
 */
#ifndef WASMSERVE_SLOT_H
#define WASMSERVE_SLOT_H

#include "runtime.h"

/* Sets base, reserved and image of a memory whose length and store are set: `reserved` bytes, of
 * which those of its length are accessible and zero, or what the image of that number holds. False:
 * the store has no slots, or none of that size lies idle. */
bool slot_take(wasm_memory *memory, uint64_t reserved, uint64_t image);
/* Clears a memory and keeps its address space; false if it is the caller's to unmap. */
bool slot_give(wasm_memory *memory);

/* The same for mappings of `bytes` for guest stacks, the last page of which is a guard. */
void *slot_take_stack(wasm_slots *slots, size_t bytes);
bool slot_give_stack(wasm_slots *slots, void *base, size_t bytes);

#endif
