/* SPDX-License-Identifier: Apache-2.0
 * native_trap.c — where compiled code stood: from a return address to function and Wasm offset, and
 * from a frame to the one that called it.
 *
 * How:     Code leaves in native.sp where its return address stands, and in native.fp its frame.
 *          Frames are a chain from there to the entry thunk, whose frame pointer is 0. Functions
 *          are found by bisection; a function's sites are read from its beginning, which only
 *          happens after a trap (place_map.h). A frame whose code is a body in place of a call
 *          stands for several; whose body, the offset says. Thunks are nobody's frames.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include "native_impl.h"
#include "place_map.h"

#define FRAMES_MAX (sizeof((wasm_store *)0)->frames / sizeof((wasm_store *)0)->frames[0])

/* ---- sites ----------------------------------------------------------------------------------- */

/* Whose body the byte is in; of a function of ours, or of one that is in place of its call. */
static uint32_t func_at(const wasm_module *module, uint64_t offset)
{
    uint32_t low = module->func_import_count, high = module->func_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (module->funcs[middle].code.offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool native_find(const native_module *native, const void *address, uint32_t further, uint32_t *func,
                 uint64_t *offset)
{
    uintptr_t distance = (uintptr_t)address - (uintptr_t)native->code.base;
    uint32_t low = 0, high = native->func_count, place;

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
    *offset = place_map_find(native->sites + native->funcs[low].sites,
                             native->funcs[low + 1].sites - native->funcs[low].sites,
                             place - native->funcs[low].code, further,
                             native->module->funcs[*func].code.offset);
    if (*offset == WASM_NO_OFFSET)
        return further == 0;
    *func = func_at(native->module, *offset);
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

        for (uint32_t n = 0; native_find(native, address, n, &func, &offset); n++) {
            if (innermost)
                store_trap(store, status, instance->module, func, offset);
            innermost = false;
            store_frame(store, instance->module, func, offset);
            if (offset == WASM_NO_OFFSET)
                break;
        }
        if (!frame || (!innermost && store->frame_count >= FRAMES_MAX))
            return status;
        address = frame[1];
        frame = frame[0];
    }
}
