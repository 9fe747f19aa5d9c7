/* SPDX-License-Identifier: Apache-2.0
 * compile.h — the native tier as the facade sees it: a module's compiled code, made from what the
 * module holds already.
 *
 * Threads: compile_module() reads the module only, and may run in a thread of its own while
 *          instances of it run.
 */
#ifndef WASMSERVE_COMPILE_H
#define WASMSERVE_COMPILE_H

#include "module.h"
#include "tier.h"

/* Whether there is a compiler for this processor. */
bool compile_available(void);
/* As wasm_compiler_available(). */
bool compile_probe(const wasm_compile_options *options, char *how, size_t size);

/* The module's code, out of options->cache, or made now and kept there. *out belongs to the caller,
 * who gives it to the module or frees it with its tier's release(). A function that the compiler
 * declines is run by the module's tier. What is not a function's body must have been validated;
 * bodies need not be: those that are compiled are, and only code of such bodies is kept. Errors:
 * that of a body, not of the first one, NO_COMPILER, NO_EXECUTABLE, QUOTA (of the module, for all
 * that compiling needs), NO_MEMORY, and what module->stop says. */
wasm_status compile_module(const wasm_module *module, const wasm_compile_options *options,
                           native_code **out, wasm_report *report);

#endif
