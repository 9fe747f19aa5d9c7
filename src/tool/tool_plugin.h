/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin.h — what the files of `wasmserve plugin` share.
 *
 * Memory, threads: tool_plugin.c.
 */
#ifndef WASMSERVE_TOOL_PLUGIN_H
#define WASMSERVE_TOOL_PLUGIN_H

#include "versions.h"

/* "wasmserve plugin: …" and a newline on stderr. */
__attribute__((format(printf, 1, 2))) void plugin_complain(const char *format, ...);

/* Says what is wrong and returns the exit code that belongs to it. */
int plugin_explain(const versions_fault *fault);

/* tool_plugin_list.c: shows one plugin with its history (name), or all in short (NULL). Returns the
 * exit code. */
int plugin_list(const versions_dir *dir, const char *name, bool json);

#endif
