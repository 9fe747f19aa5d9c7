/* SPDX-License-Identifier: Apache-2.0
 * snapshot.h — an instance's state, kept for instances that shall begin with it (engine.h has the
 * part of it that others see).
 *
 * Memory:  malloc; until wasm_snapshot_free().
 * Threads: immutable once taken.
 */
#ifndef WASMSERVE_SNAPSHOT_H
#define WASMSERVE_SNAPSHOT_H

#include "runtime.h"

const wasm_module *snapshot_module(const wasm_snapshot *snapshot);

/* What instance.c does of itself for a new instance, done from a snapshot: in this order, the first
 * when functions stand, the last when passive segments do. Errors as there. */
wasm_status snapshot_memories(const wasm_snapshot *snapshot, wasm_instance *instance);
wasm_status snapshot_globals(const wasm_snapshot *snapshot, wasm_instance *instance);
wasm_status snapshot_tables(const wasm_snapshot *snapshot, wasm_instance *instance);
void snapshot_segments(const wasm_snapshot *snapshot, wasm_instance *instance);

#endif
