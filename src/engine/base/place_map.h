/* SPDX-License-Identifier: Apache-2.0
 * place_map.h — from a place in a function's code back to the byte of the module's file.
 *
 * A trap report names the instruction of the file. Only instructions that can trap, poll or call
 * have an entry, in the order of their code; those of a body that was compiled in place of a call
 * have one more for the call, and so on outwards. Both tiers keep such maps; what a place counts (words,
 * bytes) is theirs.
 *
 * Memory:  The writer's buffer belongs to the quota it was given and is reused from function to
 *          function; a finished map is copied by whoever keeps it.
 * Threads: a writer belongs to one; place_map_find() reads only.
 */
#ifndef WASMSERVE_PLACE_MAP_H
#define WASMSERVE_PLACE_MAP_H

#include "arena.h"

typedef struct place_map_writer {
    quota *quota;
    uint8_t *bytes; /* maps one behind the other, as far as `length` */
    size_t length, capacity;
    uint32_t place;
    uint64_t offset;
} place_map_writer;

/* A map begins at `length`, whose entries count from this place and this offset on. */
void place_map_begin(place_map_writer *w, uint32_t place, uint64_t offset);
/* Places never descend. QUOTA, or OK. */
wasm_status place_map_add(place_map_writer *w, uint32_t place, uint64_t offset);
void place_map_release(place_map_writer *w);
/* The file offset of what is at `place`, counted from where the map begins, as `offset` is what it
 * began with: the first entry for that place, or the one that comes `further` behind it; or
 * WASM_NO_OFFSET. The map is believed: it ends with a whole entry. */
uint64_t place_map_find(const uint8_t *map, size_t bytes, uint32_t place, uint32_t further,
                        uint64_t offset);

#endif
