/* SPDX-License-Identifier: Apache-2.0
 * inspect_version.h — what a module says its version is.
 */
#ifndef WASMSERVE_INSPECT_VERSION_H
#define WASMSERVE_INSPECT_VERSION_H

#include "engine.h"

/* Writes the version to buf (always terminated, printable) and answers true; false if the module
 * names none. A custom section "version" goes before an exported function version(), which is
 * called in a sandbox where every import is refused; if that fails, buf says why. */
bool inspect_version(const wasm_module *module, char *buf, size_t size);

#endif
