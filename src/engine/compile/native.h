/* SPDX-License-Identifier: Apache-2.0
 * native.h — what compiled code and the rest of the engine know of each other: the calling
 * convention, the helpers, thunks, traps, frames. The same for all architectures but for registers.
 *
 * Registers that hold all the time: INSTANCE, the wasm_instance whose code runs; BASE, the base of
 * memory 0 where that does not move (else undefined, and reserved all the same); the frame pointer
 * and the stack pointer. All others belong to nobody: a call keeps none of them.
 *
 * Stack: compiled code runs on the store's guest stack, downwards from its end (or from where
 *     compiled code stood that called out), while interpreted frames and slots grow upwards from
 * its beginning to store->stack_top. Every function saves the frame pointer and sets it, so frames
 *     are a chain of (frame pointer, return address) pairs; the first has frame pointer 0. At its
 *     entry a function traps with STACK_EXHAUSTED unless what it needs stays above
 *     store->native.limit. Below the limit NATIVE_MARGIN bytes are free: for signal handlers, and
 *     for functions that need less than NATIVE_SMALL_FRAME, which compare the stack pointer as it
 * is. C code never runs there: gates switch to the thread's own stack and back.
 *
 * Calls: arguments in order; those of types I32 and I64 in the target's integer argument registers,
 *     F32, F64 and V128 in its vector argument registers, each kind counted by itself; what is left
 *     over is on the stack, at the stack pointer before the call, 8 bytes each (V128: 16), in
 *     order, without padding. Results likewise, with the result registers, their stack part in the
 *     same place as that of the arguments; the caller leaves room for both. The stack pointer is a
 *     multiple of 16 before the call instruction.
 *
 * Tail calls: a function that ends by calling another in its place takes its own frame down and
 *     jumps there. Arguments on the stack go where its own came from: so they may not take more
 *     than its caller has left room for: its own arguments, its results, or what all calls in the
 *     module leave (build_options.tail_room).
 *
 * Thunks are functions made of IR (build_thunk.c), for each of
 *     a type          "outside": called as if it were the CALLEE, for functions of other instances,
 *                     tiers and hosts: arguments into slots at store->stack_top, helper INVOKE,
 *                     results out of them
 *     an import or a function that this compiler declines: the same, with instance->funcs[index]
 *     a type          "entry": parameters (slots: I64, code: I64); arguments out of the slots,
 * calls the code, results into them
 *
 * Traps: code for a trap calls the target's trap gate with the status, out of the way of the
 *     function. The gate calls helper TRAP, which finds function and Wasm offset by the return
 *     address, and leaves all compiled frames of this activation: native_enter() returns the
 * status. A fault in a GUARDED access is turned into the same call by the handler (native_fault.c).
 * Sites: every instruction that may trap, call or fault has one: where the code is (of calls: the
 *     return address; of accesses: NATIVE_ACCESS_SITE behind the beginning of the instruction,
 * which may be another's return address) and the Wasm offset; of an instruction that stands in place
 * of a call, one for each body around it, from within outwards.
 */
#ifndef WASMSERVE_NATIVE_H
#define WASMSERVE_NATIVE_H

#include "runtime.h"

typedef enum native_helper {
#define HELPER(id, arguments, answer) NATIVE_##id,
#include "native_helpers.def"
#undef HELPER
    NATIVE_HELPERS
} native_helper;

enum { NATIVE_ACCESS_SITE = 1 }; /* bytes; no instruction is that short */

typedef enum native_answer { NATIVE_STATUS, NATIVE_VALUE, NATIVE_NOTHING } native_answer;

/* instance->helpers points to this: so that code holds no addresses. */
extern const void *const native_helper_table[NATIVE_HELPERS];

#endif
