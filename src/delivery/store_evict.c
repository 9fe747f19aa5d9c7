/* SPDX-License-Identifier: Apache-2.0
 * store_evict.c — who has to go when the store is full: whoever was used longest ago.
 *
 * How:     Sorted by last use, the newest are kept as long as they fit; a large one that does not
 *          fit goes, and smaller ones behind it may stay. Of two that were used in the same second
 *          the larger goes first.
 * Memory:  The caller's array is sorted in place.
 * Threads: Any.
 */
#include <stdlib.h>

#include "store_record.h"

static int newest_first(const void *a, const void *b)
{
    const struct store_used *left = *(struct store_used *const *)a;
    const struct store_used *right = *(struct store_used *const *)b;

    if (left->used != right->used) {
        return left->used > right->used ? -1 : 1;
    }
    return (left->size > right->size) - (left->size < right->size);
}

size_t store_evict_choose(struct store_used **all, size_t n, uint64_t cap)
{
    uint64_t left = cap;
    size_t evicted = 0;

    if (n > 1) {
        qsort(all, n, sizeof(*all), newest_first);
    }
    for (size_t i = 0; i < n; i++) {
        all[i]->evict = all[i]->size > left;
        evicted += all[i]->evict;
        left -= all[i]->evict ? 0 : all[i]->size;
    }
    return evicted;
}
