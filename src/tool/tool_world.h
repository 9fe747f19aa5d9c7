/* SPDX-License-Identifier: Apache-2.0
 * tool_world.h — what `wasmserve run` and `wasmserve plugin` put into an exchange: time and chance.
 *
 * Both are callbacks of exchange.h, whose baton they do not look at.
 */
#ifndef TOOL_WORLD_H
#define TOOL_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "engine.h"

/* Nanoseconds: clock 0 since 1970, any other since some moment in the past. */
uint64_t tool_read_clock(void *baton, unsigned clock_id);

/* WASM_E_HOST_FAILURE where the system has no random bytes. */
wasm_status tool_fill_random(void *baton, void *buffer, size_t size);

#endif
