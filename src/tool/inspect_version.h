/* SPDX-License-Identifier: Apache-2.0
 * inspect_version.h — what a module says its version is.
 */
#ifndef WASMSERVE_INSPECT_VERSION_H
#define WASMSERVE_INSPECT_VERSION_H

#include "engine.h"

typedef enum inspect_result {
    INSPECT_NONE,  /* the module names none */
    INSPECT_KNOWN, /* buf has it: printable, terminated */
    INSPECT_FAILED /* it has a version() that did not answer; buf says why */
} inspect_result;

/* A custom section "version" goes before an exported function version(), which is called in a
 * sandbox where every import is refused. */
inspect_result inspect_version(const wasm_module *module, char *buf, size_t size);

#endif
