/* SPDX-License-Identifier: Apache-2.0
 * native_trap.c — where compiled code stood: from a return address to function and Wasm offset, and
 * from a frame to the one that called it.
 *
 * How:     Code leaves in native.sp where its return address stands, and in native.fp its frame.
 *          Frames are a chain from there to the entry thunk, whose frame pointer is 0. Functions
 *          are found by bisection; a function's sites are read from its beginning, which only
 *          happens after a trap. Thunks are nobody's frames.
 * Memory:  Nothing is allocated. Threads: the store's.
 */
#include "native_impl.h"

#define FRAMES_MAX (sizeof((wasm_store *)0)->frames / sizeof((wasm_store *)0)->frames[0])

/* ---- sites ----------------------------------------------------------------------------------- */

static uint8_t *put_leb(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static const uint8_t *get_leb(const uint8_t *at, uint64_t *value)
{
    unsigned shift = 0;

    *value = 0;
    do {
        *value |= (uint64_t)(*at & 0x7F) << shift;
        shift += 7;
    } while (*at++ & 0x80);
    return at;
}

size_t native_write_sites(uint8_t *to, const code_site *sites, uint32_t count, uint32_t code,
                          uint64_t body)
{
    uint8_t *at = to;
    uint32_t offset = (uint32_t)body;

    for (uint32_t i = 0; i < count; i++) {
        int32_t moved = (int32_t)(sites[i].offset - offset);

        at = put_leb(at, sites[i].code - code);
        at = put_leb(at, (uint32_t)moved << 1 ^ (moved < 0 ? UINT32_MAX : 0));
        code = sites[i].code;
        offset = sites[i].offset;
    }
    return (size_t)(at - to);
}

bool native_find(const native_module *native, const void *address, uint32_t *func, uint64_t *offset)
{
    uintptr_t distance = (uintptr_t)address - (uintptr_t)native->code.base;
    uint32_t low = 0, high = native->func_count, place;
    const uint8_t *at, *end;
    uint32_t where;

    if (distance > native->code.length || distance < native->own_code || high == 0)
        return false;
    place = (uint32_t)distance;
    /* The last that begins before the place: a call may be a function's last instruction, and then
     * its return address is the beginning of the next. An access never is at the very beginning. */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (native->funcs[middle].code < place)
            low = middle;
        else
            high = middle;
    }
    *func = native->funcs[low].func;
    *offset = WASM_NO_OFFSET;
    at = native->sites + native->funcs[low].sites;
    end = native->sites + native->funcs[low + 1].sites;
    place -= native->funcs[low].code;
    where = (uint32_t)native->module->funcs[*func].code.offset;
    while (at < end) {
        uint64_t step, moved;

        at = get_leb(at, &step);
        at = get_leb(at, &moved);
        where += (uint32_t)(moved >> 1 ^ (moved & 1 ? UINT32_MAX : 0));
        if (step >= place) {
            if (step == place)
                *offset = where;
            break;
        }
        place -= (uint32_t)step;
    }
    return true;
}

/* ---- frames ---------------------------------------------------------------------------------- */

wasm_status native_unwind(wasm_instance *instance, wasm_status status)
{
    wasm_store *store = instance->store;
    const native_module *native = native_of(instance);
    const void *address = *(const void *const *)store->native.sp;
    const void *const *frame = store->native.fp;
    bool innermost = true;

    for (;;) {
        uint32_t func;
        uint64_t offset;

        if (native_find(native, address, &func, &offset)) {
            if (innermost)
                store_trap(store, status, instance->module, func, offset);
            innermost = false;
            store_frame(store, instance->module, func, offset);
        }
        if (!frame || (!innermost && store->frame_count >= FRAMES_MAX))
            return status;
        address = frame[1];
        frame = frame[0];
    }
}
