/* SPDX-License-Identifier: Apache-2.0
 * build.h — from the validated stream to SSA, and the passes that improve it.
 *
 * Threads: a builder belongs to one thread; the module is only read, but for validate's scratch,
 *          which takes from the module's quota.
 */
#ifndef WASMSERVE_BUILD_H
#define WASMSERVE_BUILD_H

#include "ir.h"
#include "target.h"
#include "validate.h"

typedef struct build_options {
    bool guarded;       /* memory 0 lies in a reservation of 4 GiB and NATIVE_GUARD_BYTES, and never
                       moves: its accesses need no check */
    bool unwatched;     /* without IR_POLL (wasm_compile_options) */
    uint32_t tail_room; /* bytes that each call leaves on the stack at least (target.tail_room) */
    const target *target;
} build_options;

typedef struct builder builder;
wasm_status builder_new(wasm_module *module, const build_options *options, builder **out);
void builder_free(builder *b); /* NULL is allowed */

/* The function `func` (not an import) as SSA, not improved yet. WASM_OK and *declined: it uses what
 * this compiler or the target has no code for (garbage-collected references, try_table and such), or
 * ends with a call that has no room for its arguments; the interpreter runs it, and *f is undefined. Other errors: QUOTA, NO_MEMORY. */
wasm_status build_function(builder *b, uint32_t func, ir_func *f, bool *declined,
                           wasm_report *report);

/* The instruction that build_function() was at when it declined; OP_COUNT: the function as a whole,
 * for its size or the types of its locals. */
isa_op builder_at(const builder *b);

/* What build_options.tail_room would have had to be for the functions that were declined for want
 * of it, up to BUILD_TAIL_ROOM_MAX; 0: there was none. */
uint32_t builder_tail_room(const builder *b);
enum { BUILD_TAIL_ROOM_MAX = 128 };

/* Thunks (native.h). */
wasm_status build_outside_thunk(builder *b, uint32_t type, ir_func *f);
wasm_status build_function_thunk(builder *b, uint32_t func, ir_func *f);
wasm_status build_entry_thunk(builder *b, uint32_t type, ir_func *f);

/* All passes, in their order; leaves f analysed, edges split, uses counted: what target.emit wants.
 */
wasm_status improve(ir_func *f, const build_options *options);

#endif
