/* SPDX-License-Identifier: Apache-2.0
 * slot.c — memories and stacks of stores that have ended, for those that begin.
 *
 * To reserve, open and unmap the address space of a guest takes ten times as long as what a small
 * guest does in it, and holds the lock of the process's address space, for which all its threads
 * stand in line. What a guest wrote, on the other hand, is a few pages.
 *
 * How:     When a store ends, its mappings are cleared and lie here; a store with the same needs
 *          takes them. Clearing drops the pages (MADV_DONTNEED): an anonymous page is zero when it
 *          is touched again, and one that was copied from the image of a module's initial memory
 *          (image.c) is the image's again. So a memory remembers whose image is mapped over it, and
 *          goes to the next instance of the same module if there is one; for another, fresh pages
 *          are mapped over it. In small memories pages that were written are zeroed instead, which
 *          keeps them and costs less than to fault them in again.
 *          It happens when the store ends, not when the next one begins: what lies idle holds
 *          nothing of anybody. A mapping that cannot be cleared is unmapped.
 *          What a memory had grown by is closed again, so that a guest finds no access behind its
 *          memory's end, whatever the one before it had.
 * Limits:  At most `keep` memories and as many stacks lie idle. They count in no budget, since
 *          nothing is in them: of resident memory each memory keeps KEEP_RESIDENT at most, each
 *          stack twice STACK_RESIDENT.
 * Memory:  slots[] and stacks[] are allocated at once; giving back allocates nothing.
 * Threads: A lock for the few assignments. A store may be freed in a signal handler that came above
 *          the very code here (prefork does that when it ends a child), so giving back does not
 *          wait for the lock: it tries, and then unmaps. A child has its parent's idle mappings, as
 *          copies of its own; but none should be made before fork where another thread may hold the
 *          lock.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slot.h"

#define KEEP_RESIDENT  ((uint64_t)128 << 10)
#define STACK_RESIDENT ((size_t)8 << 10)

enum { LOCK_TRIES = 16 };

typedef struct slot {
    uint8_t *base;
    uint64_t reserved;
    uint64_t open; /* bytes that are accessible, from the first on; a multiple of the host's page */
    uint64_t image; /* mapped over it; 0: none */
} slot;

typedef struct stack_slot {
    void *base;
    size_t bytes;
} stack_slot;

struct wasm_slots {
    pthread_mutex_t lock;
    uint32_t keep;
    uint32_t count, stack_count;
    slot *slots; /* the last is the one that was given back last */
    stack_slot *stacks;
};

static uint64_t round_up(uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) / page * page;
}

wasm_slots *wasm_slots_new(uint32_t keep)
{
    wasm_slots *slots = calloc(1, sizeof *slots);

    if (!slots)
        return NULL;
    slots->keep = keep;
    slots->slots = calloc((size_t)keep + 1, sizeof *slots->slots);
    slots->stacks = calloc((size_t)keep + 1, sizeof *slots->stacks);
    if (!slots->slots || !slots->stacks || pthread_mutex_init(&slots->lock, NULL) != 0) {
        free(slots->slots);
        free(slots->stacks);
        free(slots);
        return NULL;
    }
    return slots;
}

void wasm_slots_free(wasm_slots *slots)
{
    if (!slots)
        return;
    for (uint32_t i = 0; i < slots->count; i++)
        munmap(slots->slots[i].base, slots->slots[i].reserved);
    for (uint32_t i = 0; i < slots->stack_count; i++)
        munmap(slots->stacks[i].base, slots->stacks[i].bytes);
    pthread_mutex_destroy(&slots->lock);
    free(slots->slots);
    free(slots->stacks);
    free(slots);
}

static bool try_lock(wasm_slots *slots)
{
    for (int i = 0; i < LOCK_TRIES; i++)
        if (pthread_mutex_trylock(&slots->lock) == 0)
            return true;
    return false;
}

/* ---- memories -------------------------------------------------------------------------------- */

/* The idle slot that has the least to be done to it: with the image, then without any, then the one
 * that has waited longest. With the lock. */
static bool choose(wasm_slots *slots, uint64_t reserved, uint64_t image, slot *out)
{
    uint32_t found = UINT32_MAX;

    for (uint32_t i = slots->count; i-- > 0;) {
        const slot *s = &slots->slots[i];
        if (s->reserved != reserved)
            continue;
        if (s->image == image) {
            found = i;
            break;
        }
        if (found == UINT32_MAX || slots->slots[found].image != 0)
            found = i;
    }
    if (found == UINT32_MAX)
        return false;
    *out = slots->slots[found];
    slots->count--;
    memmove(&slots->slots[found], &slots->slots[found + 1],
            (slots->count - found) * sizeof *slots->slots);
    return true;
}

/* Takes the image away, and opens and closes what is wanted; false if the system refuses. */
static bool prepare(slot *s, uint64_t open, uint64_t image)
{
    if (s->image != 0 && s->image != image) {
        if (mmap(s->base, s->open, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
            return false;
        s->image = 0;
    }
    if (s->open < open && mprotect(s->base + s->open, open - s->open, PROT_READ | PROT_WRITE) != 0)
        return false;
    if (s->open > open && mprotect(s->base + open, s->open - open, PROT_NONE) != 0)
        return false;
    s->open = open;
    return true;
}

bool slot_take(wasm_memory *memory, uint64_t reserved, uint64_t image)
{
    wasm_slots *slots = memory->store->limits.slots;
    bool found;
    slot s;

    if (!slots)
        return false;
    pthread_mutex_lock(&slots->lock);
    found = choose(slots, reserved, image, &s);
    pthread_mutex_unlock(&slots->lock);
    if (!found)
        return false;
    if (!prepare(&s, round_up(memory->length), image)) {
        munmap(s.base, s.reserved);
        return false;
    }
    memory->base = s.base;
    memory->reserved = s.reserved;
    memory->image = s.image;
    return true;
}

/* Zeroes the pages that are not. Looking at one that was never written costs little and nothing of
 * resident memory: all of them are the kernel's one page of zeroes. */
static void clear_pages(uint8_t *base, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    for (uint64_t at = 0; at < bytes; at += page)
        if (base[at] != 0 || memcmp(base + at, base + at + 1, page - 1) != 0)
            memset(base + at, 0, page);
}

bool slot_give(wasm_memory *memory)
{
    wasm_slots *slots = memory->store->limits.slots;
    slot s = {.base = memory->base,
              .reserved = memory->reserved,
              .open = round_up(memory->length),
              .image = memory->image};
    bool kept;

    /* One that moves has been cut or enlarged, or will be. */
    if (!slots || memory->moves || s.image == MEMORY_IMAGE_PARTLY)
        return false;
    if (s.image == 0 && s.open <= KEEP_RESIDENT)
        clear_pages(s.base, s.open);
    else if (madvise(s.base, s.open, MADV_DONTNEED) != 0)
        return false;
    if (!try_lock(slots))
        return false;
    kept = slots->count < slots->keep;
    if (kept)
        slots->slots[slots->count++] = s;
    pthread_mutex_unlock(&slots->lock);
    return kept;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

void *slot_take_stack(wasm_slots *slots, size_t bytes)
{
    void *base = NULL;

    if (!slots)
        return NULL;
    pthread_mutex_lock(&slots->lock);
    for (uint32_t i = slots->stack_count; i-- > 0;) {
        if (slots->stacks[i].bytes != bytes)
            continue;
        base = slots->stacks[i].base;
        slots->stack_count--;
        memmove(&slots->stacks[i], &slots->stacks[i + 1],
                (slots->stack_count - i) * sizeof *slots->stacks);
        break;
    }
    pthread_mutex_unlock(&slots->lock);
    return base;
}

/* No guest can read what another left on its stack, but what it left may be secret. The interpreter
 * begins at the low end and compiled code at the high one, so that is where the pages are kept. */
static bool clear_stack(uint8_t *base, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), edge = (STACK_RESIDENT + page - 1) / page * page;
    size_t open = bytes - page;

    if (open <= 2 * edge)
        return madvise(base, open, MADV_DONTNEED) == 0;
    memset(base, 0, edge);
    memset(base + open - edge, 0, edge);
    return madvise(base + edge, open - 2 * edge, MADV_DONTNEED) == 0;
}

bool slot_give_stack(wasm_slots *slots, void *base, size_t bytes)
{
    bool kept;

    if (!slots || !clear_stack(base, bytes) || !try_lock(slots))
        return false;
    kept = slots->stack_count < slots->keep;
    if (kept)
        slots->stacks[slots->stack_count++] = (stack_slot){.base = base, .bytes = bytes};
    pthread_mutex_unlock(&slots->lock);
    return kept;
}
