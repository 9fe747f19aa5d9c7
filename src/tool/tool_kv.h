/* SPDX-License-Identifier: Apache-2.0
 * tool_kv.h — a shared store for a guest of the command line, which shares it with nobody.
 *
 * Memory:  tool_kv_open() to tool_kv_close().
 * Threads: one.
 */
#ifndef WASMSERVE_TOOL_KV_H
#define WASMSERVE_TOOL_KV_H

#include "kv.h"

/* An empty store of the size that a plugin's has by default; NULL if the system refuses. */
kv_store *tool_kv_open(void);
void tool_kv_close(kv_store *store); /* NULL is allowed */

#endif
