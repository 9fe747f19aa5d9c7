/* SPDX-License-Identifier: Apache-2.0
 * store.c — what one guest may use, how far it came, and how it is stopped.
 *
 * How:     A store is made for one guest call (or for a few), so making it is kept to a handful of
 *          system calls: one block for itself, one mapping for the guest stack. The stack has a
 *          page without access behind it: tiers compare with stack_end before they use a frame, the
 *          page is the second lock on that door. Compiled code comes down from the end of the
 *          mapping and keeps a margin to what comes up towards it: so that it has stack_bytes as
 *          well, the mapping is larger by that.
 *          Stopping works through one word, store->poll. Tiers look at it at function entries and
 *          loop headers, bulk operations between chunks; store_poll() is the cold side that says
 *          why. Whoever interrupts (the watchdog, a server that shuts down) sets flag and reason
 *          with one compare-and-swap.
 *          Fuel: tiers charge one unit for each WebAssembly instruction (in advance, per stretch of
 *          code between two polls); bulk operations one unit for each 64 bytes or 8 table elements
 *          they move, and memory.grow one for each 4 KiB. When less is left than is to be charged
 *          the rest is taken and the guest stops, so the point where it stops depends on the
 *          program and its input alone.
 * Memory:  Everything in a store is freed by wasm_store_free(). Instances live in its arena;
 *          memories, tables and the stack are mappings that have limits of their own.
 * Threads: One at a time, but for wasm_store_interrupt(), which may come from any thread or from a
 *          signal handler.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime_impl.h"
#include "slot.h"

#define STACK_MINIMUM ((size_t)16 << 10)

wasm_limits wasm_limits_default(void)
{
    return (wasm_limits){.memory_bytes = (uint64_t)64 << 20,
                         .table_elements = 10000000,
                         .stack_bytes = (size_t)1 << 20,
                         .call_depth = 100000,
                         .fuel = WASM_FUEL_OFF,
                         .quota = (size_t)64 << 20};
}

/* ---- making and freeing ---------------------------------------------------------------------- */

static size_t stack_mapping_bytes(const wasm_store *store)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (store->limits.stack_bytes + NATIVE_MARGIN + page - 1) / page * page + page;
}

static bool stack_map(wasm_store *store)
{
    size_t bytes = stack_mapping_bytes(store), page = (size_t)sysconf(_SC_PAGESIZE);
    void *base = slot_take_stack(store->limits.slots, bytes);

    if (!base) {
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
            return false;
        if (mprotect((char *)base + bytes - page, page, PROT_NONE) != 0) {
            munmap(base, bytes);
            return false;
        }
    }
    store->stack = store->stack_top = base;
    store->stack_end = store->stack + (bytes - page - NATIVE_MARGIN) / sizeof *store->stack;
    store->native.floor = (char *)base + bytes - page;
    return true;
}

wasm_store *wasm_store_new(const wasm_limits *limits, void *data)
{
    wasm_store *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    store->limits = limits ? *limits : wasm_limits_default();
    if (store->limits.stack_bytes < STACK_MINIMUM)
        store->limits.stack_bytes = STACK_MINIMUM;
    if (store->limits.stack_bytes > SIZE_MAX / 4 || !stack_map(store)) {
        free(store);
        return NULL;
    }
    quota_init(&store->quota, store->limits.quota);
    arena_init(&store->arena, &store->quota);
    store->data = data;
    store->fuel = store->limits.fuel;
    atomic_init(&store->poll, store->fuel == WASM_FUEL_OFF ? 0 : STORE_POLL_METERED);
    store_forget_failure(store);
    return store;
}

/* A process that is told to end may do so in a signal handler, which stands on the stack of the
 * compiled code that it interrupted (httpd's prefork frees its pools there). */
static bool runs_on_stack_of(const wasm_store *store)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return here - (uintptr_t)store->stack < stack_mapping_bytes(store);
}

void wasm_store_free(wasm_store *store)
{
    if (!store || !watchdog_let_go(store))
        return;
    for (wasm_memory *m = store->memories; m; m = m->next)
        memory_release(m);
    for (wasm_table *t = store->tables; t; t = t->next)
        table_release(t);
    while (store->roots)
        wasm_root_free(store->roots);
    heap_release(store);
    store_return(store, store->budget_used);
    if (!runs_on_stack_of(store) &&
        !slot_give_stack(store->limits.slots, store->stack, stack_mapping_bytes(store)))
        munmap(store->stack, stack_mapping_bytes(store));
    arena_release(&store->arena);
    free(store);
}

void *wasm_store_data(const wasm_store *store)
{
    return store->data;
}

/* ---- the budget of several stores --------------------------------------------------------------
 */

bool store_take(wasm_store *store, uint64_t bytes)
{
    wasm_budget *budget = store->limits.budget;
    uint64_t used, peak;

    if (!budget || bytes == 0)
        return true;
    used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (used > budget->limit || bytes > budget->limit - used) {
            atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    store->budget_used += bytes;
    peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    while (peak < used + bytes &&
           !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, used + bytes,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return true;
}

void store_return(wasm_store *store, uint64_t bytes)
{
    if (!store->limits.budget || bytes == 0)
        return;
    store->budget_used -= bytes;
    atomic_fetch_sub_explicit(&store->limits.budget->used, bytes, memory_order_relaxed);
}

/* ---- interruption and fuel ------------------------------------------------------------------- */

void wasm_store_interrupt(wasm_store *store, wasm_status reason)
{
    uint32_t old = atomic_load_explicit(&store->poll, memory_order_relaxed), set;

    do {
        if (old & STORE_POLL_INTERRUPT)
            return; /* the first reason wins */
        set = old | STORE_POLL_INTERRUPT | (uint32_t)reason << STORE_POLL_REASON;
    } while (!atomic_compare_exchange_weak_explicit(&store->poll, &old, set, memory_order_release,
                                                    memory_order_relaxed));
}

void wasm_store_clear_interrupt(wasm_store *store)
{
    atomic_fetch_and_explicit(&store->poll, STORE_POLL_METERED, memory_order_relaxed);
}

bool wasm_store_interrupted(const wasm_store *store)
{
    return (atomic_load_explicit(&store->poll, memory_order_relaxed) & STORE_POLL_INTERRUPT) != 0;
}

wasm_status store_poll(wasm_store *store, uint64_t cost)
{
    uint32_t poll = atomic_load_explicit(&store->poll, memory_order_acquire);

    if (poll & STORE_POLL_INTERRUPT)
        return (wasm_status)(poll >> STORE_POLL_REASON);
    if (poll & STORE_POLL_METERED) {
        if (store->fuel < cost) {
            store->fuel = 0;
            return WASM_E_FUEL;
        }
        store->fuel -= cost;
    }
    return WASM_OK;
}

void store_charge(wasm_store *store, uint64_t cost)
{
    if (atomic_load_explicit(&store->poll, memory_order_relaxed) & STORE_POLL_METERED)
        store->fuel -= cost < store->fuel ? cost : store->fuel;
}

wasm_status bulk_copy(wasm_store *store, void *to, const void *from, uint64_t bytes, bool charged)
{
    /* Chunks must go in the direction in which none overwrites what a later one reads. */
    bool backwards = (uintptr_t)to > (uintptr_t)from;

    for (uint64_t done = 0; done < bytes;) {
        uint64_t left = bytes - done;
        uint64_t chunk = left < BULK_CHUNK_BYTES ? left : BULK_CHUNK_BYTES;
        uint64_t skip = backwards ? left - chunk : done;
        TRY(bulk_poll(store, charged ? chunk / BULK_BYTES_PER_FUEL : 0));
        memmove((uint8_t *)to + skip, (const uint8_t *)from + skip, chunk);
        done += chunk;
    }
    return WASM_OK;
}

uint64_t wasm_store_fuel_left(const wasm_store *store)
{
    return store->fuel; /* of a store that is not metered: WASM_FUEL_OFF, never charged */
}

void wasm_store_refuel(wasm_store *store)
{
    store->fuel = store->limits.fuel;
}

uint64_t wasm_store_memory_used(const wasm_store *store)
{
    return store->memory_used;
}

uint64_t wasm_store_memory_peak(const wasm_store *store)
{
    return store->memory_peak;
}

/* ---- what went wrong ------------------------------------------------------------------------- */

void store_forget_failure(wasm_store *store)
{
    report_clear(&store->report);
    store->frame_count = 0;
    store->exception = 0;
}

wasm_status store_trap(wasm_store *store, wasm_status status, const wasm_module *module,
                       uint32_t func, uint64_t offset)
{
    wasm_report *report = &store->report;

    if (report->status == WASM_OK) {
        char text[160];
        report_fail(report, status, offset, func, "%s",
                    status == WASM_E_EXCEPTION ? exception_describe(store, text, sizeof text) : "");
        trace_line(module, WASM_TRACE_CALLS, "stopped in function %u at byte %llu: %s", func,
                   (unsigned long long)offset, wasm_status_text(status));
    } else if (report->func == WASM_NO_FUNC && store->frame_count == 0) {
        /* A host function failed and left its text; the calling instruction is the innermost place
         * in guest code. */
        report->func = func;
        report->offset = offset;
    }
    return status;
}

void store_frame(wasm_store *store, const wasm_module *module, uint32_t func, uint64_t offset)
{
    if (store->frame_count < sizeof store->frames / sizeof store->frames[0])
        store->frames[store->frame_count++] =
            (wasm_frame){.module = module, .func = func, .offset = offset};
}

size_t wasm_store_backtrace(const wasm_store *store, wasm_frame *frames, size_t max)
{
    size_t count = store->frame_count < max ? store->frame_count : max;

    if (count > 0)
        memcpy(frames, store->frames, count * sizeof *frames);
    return count;
}

const wasm_report *wasm_store_report(const wasm_store *store)
{
    return &store->report;
}

void trace_line(const wasm_module *module, unsigned bit, const char *format, ...)
{
    char line[256];
    va_list args;

    if (!module || !module->log || !(module->trace & bit))
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    module->log(module->log_baton, bit, line);
}
