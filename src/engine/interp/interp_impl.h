/* SPDX-License-Identifier: Apache-2.0
 * interp_impl.h — what the files of the interpreter share: prepared functions and frames.
 *
 * A frame lies on the store's guest stack, in 64-bit slots:
 *
 *     fp ─▶ parameters │ return address │ other locals │ operand homes …
 *
 * Every operand of the specification's stack has its home slot behind the locals. The arguments of
 * a call are put into their homes, and the first of them is where the callee's frame begins: calls
 * copy nothing. Results are left at the callee's fp, which is again where the caller expects them.
 * A v128 takes two slots.
 *
 * The return address is the caller's call instruction. Its first field is the distance between both
 * frames, so nothing else has to be saved; execution goes on ICODE_CALL_WORDS behind it. A call
 * from the host returns to a stub whose next instruction is EXIT. A call into another instance (a
 * far call) keeps FAR_SLOTS slots more, before the callee's frame: the calling instance, the call
 * instruction and the number of result slots; it returns to a stub with FAR_RETURN.
 *
 * Slots hold i32 zero-extended, f32 in the low half with zeroes above, references as they are.
 */
#ifndef WASMSERVE_INTERP_IMPL_H
#define WASMSERVE_INTERP_IMPL_H

#include "icode.h"
#include "interp.h"
#include "runtime.h"

#define FAR_SLOTS 3

/* Frames are addressed with 16 bits. 50,000 locals, the most that decode lets pass, fit with more
 * than 15,000 operands above them. */
#define FRAME_SLOTS_MAX 65535u

/* A translated body; wasm_func.code points to it. Lives in the module's arena. */
typedef struct interp_func {
    const icode *code;
    uint32_t words;
    uint32_t param_slots;
    uint32_t result_slots;
    uint32_t map_bytes;
    const uint8_t *map; /* instruction → file offset, see map.c */
} interp_func;

/* module->prepared. */
typedef struct interp_module {
    interp_func *funcs; /* of the module's own functions: index minus func_import_count */
    uint32_t count;
    size_t code_bytes; /* code and maps */
} interp_module;

/* The address of each instruction's handler, IC_COUNT of them. */
const void *const *interp_handlers(void);

/* Runs func with its arguments in slots[], as tier.invoke says. */
wasm_status interp_execute(wasm_store *store, wasm_func *func, uint64_t *slots);

/* Records what stopped the guest at `pc` of the frame `fp` and who called it. Returns status. */
wasm_status interp_unwind(wasm_store *store, wasm_instance *instance, const uint64_t *fp,
                          const icode *pc, wasm_status status);

/* Translates a body; used by tier.prepare. */
typedef struct lower lower;
wasm_status lower_new(wasm_module *module, interp_module *prepared, lower **out,
                      wasm_report *report);
void lower_free(lower *l); /* NULL is allowed */
/* Fills prepared->funcs[func - func_import_count]. */
wasm_status lower_function(lower *l, uint32_t func, wasm_report *report);

/* Writes a function's code to the module's log, a line each. */
void interp_dump(const wasm_module *module, uint32_t func);

/* map.c: pairs of code position (in words) and file offset, in order, as differences in LEB128. */
typedef struct map_writer {
    quota *quota;
    uint8_t *bytes;
    size_t length, capacity;
    uint32_t position;
    uint64_t offset;
} map_writer;
void map_begin(map_writer *w);
wasm_status map_add(map_writer *w, uint32_t position, uint64_t offset);
void map_release(map_writer *w);
/* The file offset of the instruction at `position`, or WASM_NO_OFFSET. */
uint64_t map_find(const uint8_t *map, uint32_t bytes, uint32_t position);

#endif
