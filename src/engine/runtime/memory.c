/* SPDX-License-Identifier: Apache-2.0
 * memory.c — linear memories: address space first, bytes when the guest asks for them.
 *
 * How:     A memory reserves, without access, all the address space that it could grow to: its
 *          declared maximum or what the store's limit lets it have, whichever is less. Growing is
 *          then one mprotect(), the base never moves, and a page costs nothing until it is touched.
 *
 *              base            length                        reserved
 *               | read and write | no access ................. |
 *
 *          Where the system refuses the reservation (RLIMIT_AS on shared hosting, strict
 *          overcommit), the memory is mapped at its exact size and grows with mremap(): `moves`.
 *          A store that asks for it (limits.guarded) has its first memories with 32-bit addresses
 *          and pages of 64 KiB `guarded`: the reservation is all that an address and a small offset
 *          can reach, whatever the limits, and compiled code need not check. Limits bind as ever,
 *          in memory_grow().
 *          A reservation may have been another memory's before (slot.c), with the image of the
 *          module's initial memory in place.
 *          Otherwise bounds are checked by whoever accesses it, never by a fault, so all forms are
 * equal. The limit memory_bytes counts what is accessible of all memories of the store together,
 *          and so does the budget that several stores may share.
 *          Bulk operations check bounds first and for the whole range (§4.4.7), then work in
 *          chunks between which they can be stopped; a stopped guest has had part of the work done,
 *          which nobody sees, because it does not go on.
 * Memory:  wasm_memory structs live in the store's arena; the mappings end with the store or go
 *          back to its slots.
 * Threads: the store's.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime_impl.h"
#include "slot.h"

/* No reservation is larger than this: address space has an end too, and page tables of huge
 * reservations a price. A memory that is allowed more grows beyond it by moving. */
#define RESERVE_MAXIMUM ((uint64_t)8 << 30)

#define GUARDED_BYTES (((uint64_t)4 << 30) + NATIVE_GUARD_BYTES + 65536)

static uint64_t round_up(uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) / page * page;
}

/* The most pages that a memory can have; their number must be an address itself. */
static uint64_t most_pages(const wasm_bounds *bounds)
{
    /* 2^48 bytes are more than any limit and keep every product below 2^64. */
    if (bounds->byte_pages)
        return bounds->is_64 ? (uint64_t)1 << 48 : UINT32_MAX;
    return (uint64_t)1 << ((bounds->is_64 ? 48 : 32) - 16);
}

/* ---- making, growing, freeing ---------------------------------------------------------------- */

static bool map_reserved(wasm_memory *memory, uint64_t reserve, uint64_t image)
{
    void *base;

    reserve = round_up(reserve > 0 ? reserve : 1);
    if (slot_take(memory, reserve, image))
        return true;
    base = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    if (memory->length > 0 &&
        mprotect(base, round_up(memory->length), PROT_READ | PROT_WRITE) != 0) {
        munmap(base, reserve);
        return false;
    }
    memory->base = base;
    memory->reserved = reserve;
    return true;
}

static bool map_exact(wasm_memory *memory)
{
    uint64_t bytes = round_up(memory->length > 0 ? memory->length : 1);
    void *base;

    if (bytes > SIZE_MAX)
        return false;
    base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
    if (base == MAP_FAILED)
        return false;
    memory->base = base;
    memory->reserved = bytes;
    memory->moves = true;
    return true;
}

bool wasm_guard_available(void)
{
    static _Atomic int known; /* 0: not asked yet, 1: yes, -1: no. Two threads find the same. */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == 0) {
        void *base = MAP_FAILED;

        if (GUARDED_BYTES <= SIZE_MAX)
            base = mmap(NULL, GUARDED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1, 0);
        if (base != MAP_FAILED)
            munmap(base, GUARDED_BYTES);
        answer = base != MAP_FAILED ? 1 : -1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer > 0;
}

static bool map_guarded(wasm_memory *memory, uint64_t image)
{
    wasm_store *store = memory->store;

    if (store->guarded_count >= store->limits.guarded || memory->bounds.is_64 ||
        memory->bounds.byte_pages || !wasm_guard_available() ||
        !map_reserved(memory, GUARDED_BYTES, image))
        return false;
    memory->guarded = true;
    store->guarded_count++;
    return true;
}

static bool map(wasm_memory *memory, uint64_t image)
{
    uint64_t most = memory->store->limits.memory_bytes, reserve;

    if (map_guarded(memory, image))
        return true;
    /* What other memories hold already is not subtracted: they never shrink, but this one's share
     * is checked against the limit when it grows, not here. */
    if (most >> memory->page_shift > memory->max_pages)
        most = memory->max_pages << memory->page_shift;
    if (most < memory->length)
        most = memory->length;
    reserve = most < RESERVE_MAXIMUM ? most : RESERVE_MAXIMUM;
    if (reserve >= memory->length && map_reserved(memory, reserve, image)) {
        memory->moves = reserve < most;
        return true;
    }
    return map_exact(memory);
}

wasm_status memory_create(wasm_store *store, const wasm_bounds *bounds, const wasm_module *module,
                          uint64_t image, wasm_memory **out, wasm_report *report)
{
    uint8_t page_shift = bounds->byte_pages ? 0 : 16;
    uint64_t most = most_pages(bounds), length;
    wasm_memory *memory;

    if (bounds->min > most ||
        (length = bounds->min << page_shift) > store->limits.memory_bytes - store->memory_used)
        return report_fail(report, WASM_E_MEMORY_LIMIT, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "a memory of %llu pages does not fit into the limit of %llu bytes",
                           (unsigned long long)bounds->min,
                           (unsigned long long)store->limits.memory_bytes);
    memory = ARENA_NEW(&store->arena, wasm_memory);
    if (!memory)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    memory->length = length;
    memory->max_pages = bounds->has_max && bounds->max < most ? bounds->max : most;
    memory->bounds = *bounds;
    memory->page_shift = page_shift;
    memory->store = store;
    memory->module = module;
    if (!store_take(store, length))
        return report_fail(report, WASM_E_MEMORY_TOTAL, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "a memory of %llu bytes", (unsigned long long)length);
    if (!map(memory, image)) {
        store_return(store, length);
        return report_fail(report, WASM_E_NO_MEMORY, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "the system refused %llu bytes for a memory",
                           (unsigned long long)length);
    }
    memory->next = store->memories;
    store->memories = memory;
    store->memory_used += length;
    if (store->memory_used > store->memory_peak)
        store->memory_peak = store->memory_used;
    trace_line(module, WASM_TRACE_MEMORY, "memory of %llu bytes, %llu reserved%s",
               (unsigned long long)length, (unsigned long long)memory->reserved,
               memory->guarded ? ", guarded"
               : memory->moves ? ", moves when it grows further"
                               : "");
    *out = memory;
    return WASM_OK;
}

wasm_status wasm_memory_new(wasm_store *store, const wasm_bounds *bounds, wasm_memory **out)
{
    return memory_create(store, bounds, NULL, 0, out, NULL);
}

void memory_release(wasm_memory *memory)
{
    if (!slot_give(memory))
        munmap(memory->base, memory->reserved);
}

/* Makes `length` bytes accessible, where that is more than now. */
static bool extend(wasm_memory *memory, uint64_t length)
{
    uint64_t now = round_up(memory->length), then = round_up(length);

    if (then <= memory->reserved) {
        return then == now || mprotect(memory->base + now, then - now, PROT_READ | PROT_WRITE) == 0;
    }
    if (then > SIZE_MAX)
        return false;
    /* mremap() moves one mapping, and what is accessible and what is not are two: first give back
     * the rest of the reservation. */
    if (now > 0 && now < memory->reserved) {
        munmap(memory->base + now, memory->reserved - now);
        memory->reserved = now;
    }
    if (now == 0) { /* nothing to keep: a mapping of its own, then forget the old one */
        wasm_memory fresh = *memory;
        fresh.length = length;
        if (!map_exact(&fresh))
            return false;
        munmap(memory->base, memory->reserved);
        *memory = fresh;
        return true;
    }
    void *base = mremap(memory->base, memory->reserved, then, MREMAP_MAYMOVE);
    if (base == MAP_FAILED)
        return false;
    memory->base = base;
    memory->reserved = then;
    return true;
}

uint64_t memory_grow(wasm_memory *memory, uint64_t delta_pages)
{
    wasm_store *store = memory->store;
    uint64_t pages = memory->length >> memory->page_shift, bytes;

    if (delta_pages == 0)
        return pages;
    if (delta_pages > memory->max_pages - pages)
        return UINT64_MAX;
    bytes = delta_pages << memory->page_shift;
    /* What the heap holds in vain may be what is missing. If that cannot be found out now, since
     * the guest is to end, it is told no. */
    if (bytes > store->limits.memory_bytes - store->memory_used && store->heap.bytes > 0 &&
        heap_collect(store) != WASM_OK)
        return UINT64_MAX;
    if (bytes > store->limits.memory_bytes - store->memory_used || !store_take(store, bytes)) {
        trace_line(memory->module, WASM_TRACE_MEMORY, "growing by %llu bytes refused",
                   (unsigned long long)bytes);
        return UINT64_MAX;
    }
    if (!extend(memory, memory->length + bytes)) {
        store_return(store, bytes);
        trace_line(memory->module, WASM_TRACE_MEMORY, "the system refused %llu bytes",
                   (unsigned long long)bytes);
        return UINT64_MAX;
    }
    memory->length += bytes;
    store->memory_used += bytes;
    if (store->memory_used > store->memory_peak)
        store->memory_peak = store->memory_used;
    store_charge(store, bytes >> 12);
    trace_line(memory->module, WASM_TRACE_MEMORY, "memory grew to %llu bytes",
               (unsigned long long)memory->length);
    return pages;
}

/* ---- instructions ---------------------------------------------------------------------------- */

wasm_status memory_fill(wasm_memory *memory, uint64_t at, uint8_t value, uint64_t count)
{
    if (bulk_outside(at, count, memory->length))
        return WASM_E_OOB_MEMORY;
    while (count > 0) {
        uint64_t chunk = count < BULK_CHUNK_BYTES ? count : BULK_CHUNK_BYTES;
        TRY(bulk_poll(memory->store, chunk / BULK_BYTES_PER_FUEL));
        memset(memory->base + at, value, chunk);
        at += chunk;
        count -= chunk;
    }
    return WASM_OK;
}

wasm_status memory_copy(wasm_memory *to, uint64_t at, wasm_memory *from, uint64_t source,
                        uint64_t count)
{
    if (bulk_outside(at, count, to->length) || bulk_outside(source, count, from->length))
        return WASM_E_OOB_MEMORY;
    return bulk_copy(to->store, to->base + at, from->base + source, count, true);
}

uint64_t data_length(const wasm_instance *instance, uint32_t data)
{
    const module_data *segment = &instance->module->datas[data];
    bool dropped = segment->mode != MODULE_SEGMENT_PASSIVE || instance->data_dropped[data];

    return dropped ? 0 : segment->init.length;
}

wasm_status memory_init(wasm_instance *instance, uint32_t memory, uint32_t data, uint64_t at,
                        uint64_t source, uint64_t count)
{
    const module_data *segment = &instance->module->datas[data];
    wasm_memory *to = instance->memories[memory];

    if (bulk_outside(source, count, data_length(instance, data)) ||
        bulk_outside(at, count, to->length))
        return WASM_E_OOB_MEMORY;
    return bulk_copy(to->store, to->base + at,
                     instance->module->bytes + segment->init.offset + source, count, true);
}

void data_drop(wasm_instance *instance, uint32_t data)
{
    if (instance->data_dropped)
        instance->data_dropped[data] = 1;
}

bool wasm_memory_view(wasm_instance *instance, uint32_t index, uint8_t **base, uint64_t *length)
{
    if (!instance || index >= instance->module->memory_count)
        return false;
    *base = instance->memories[index]->base;
    *length = instance->memories[index]->length;
    return true;
}
