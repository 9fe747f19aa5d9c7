/* SPDX-License-Identifier: Apache-2.0
 * native_impl.h — a module's compiled code as the files around it share it.
 *
 * Code, in one mapping, by rising offset:
 *
 *     stubs │ thunks: entry, outside, function │ the module's own functions, in their order
 *
 * Ownership: compile.c makes it, native_release() frees it. Immutable once it is made; any thread
 * may read it, also a signal handler.
 */
#ifndef WASMSERVE_NATIVE_IMPL_H
#define WASMSERVE_NATIVE_IMPL_H

#include "code.h"
#include "target.h"

/* A function that was compiled. The code ends where that of the next begins. */
typedef struct native_func {
    uint32_t code;
    uint32_t func;  /* index in the module */
    uint32_t sites; /* where its sites begin in native_module.sites */
} native_func;

/* An entry of the registry: where code of this process is, for who only has an address. */
typedef struct native_range native_range;

typedef struct native_module {
    native_code head; /* of which tier.h knows */
    quota quota;      /* what all this takes but the mapping */
    const wasm_module *module;
    code_mapping code;
    uint32_t stubs[STUB_COUNT];
    uint32_t own_code;  /* where the functions begin, behind the thunks */
    uint32_t *entries;  /* by function of the module: its code, or the thunk that calls it */
    uint32_t *wrappers; /* by canonical type: the entry thunk; 0: none */
    native_func *funcs; /* by rising offset, and one more that ends the last */
    uint32_t func_count, entry_count, wrapper_count;
    uint8_t *sites; /* pairs of differences as unsigned and signed LEB128, from the beginning of the
                       code and of the function's body */
    uint32_t site_bytes;
    bool guarded; /* memory 0 must be */
    native_range *range;
} native_module;

static inline const native_module *native_of(const wasm_instance *instance)
{
    return (const native_module *)(const void *)instance->native;
}

extern const native_tier native_tier_here;

/* compile.c. One that is not complete is allowed. */
void native_release(native_module *native);

/* ---- native_trap.c --------------------------------------------------------------------------- */

/* The function and the Wasm offset of a site, given its address. False: it is none of a function's:
 * a thunk's, or not in this code. A site of a body that was built in place of a call is in several
 * functions: `further` counts outwards from the innermost, and false says that there are no more.
 */
bool native_find(const native_module *native, const void *address, uint32_t further, uint32_t *func,
                 uint64_t *offset);
/* Records a failure of what the instance's code called last, and the frames of this activation;
 * returns the status. */
wasm_status native_unwind(wasm_instance *instance, wasm_status status);

/* ---- native_enter.c -------------------------------------------------------------------------- */

wasm_status native_run(wasm_store *store, wasm_func *func, uint64_t *slots);
/* From compiled code: calls a function of whatever kind with its slots at store->stack_top. */
wasm_status native_call_out(wasm_instance *instance, wasm_func *func, uint64_t *slots);

/* ---- native_dump.c --------------------------------------------------------------------------- */

/* A function's form; the code of all functions (see wasm_compile_options.dump). */
void native_dump_form(const ir_func *f, uint32_t func, const wasm_compile_options *options);
void native_dump_code(const native_module *native, const uint8_t *image, uint32_t length,
                      const wasm_compile_options *options);
/* Appends the mapped functions to /tmp/perf-PID.map. What goes wrong there is nobody's matter. */
void native_perf_map(const native_module *native);

/* ---- native_fault.c -------------------------------------------------------------------------- */

/* NULL: out of memory. */
native_range *native_register(const native_module *native);
void native_unregister(native_range *range); /* NULL is allowed */

#endif
