/* SPDX-License-Identifier: Apache-2.0
 * order.h — sorts indices of items, stably and in O(n log n) whatever the items are.
 *
 * It finds equal items (duplicate export names, equal function types) where the items come from
 * hostile input: a hash table could be filled with colliding names, a quicksort led into its worst
 * case, and qsort() may allocate outside the quota; a merge sort has none of that.
 *
 * Memory:  the caller's.
 * Threads: no shared state.
 */
#ifndef WASMSERVE_ORDER_H
#define WASMSERVE_ORDER_H

#include "engine.h"

/* Less than, equal to or greater than 0 as item a stands before, beside or behind item b. */
typedef int (*order_compare_fn)(const void *items, uint32_t a, uint32_t b);

/* Fills indices[] with 0..count-1 so that the items ascend; equal items keep their order, so the
 * first of a run of equals is the one with the smallest index. scratch[] has room for count. */
void order_sort(const void *items, uint32_t count, order_compare_fn compare, uint32_t *indices,
                uint32_t *scratch);

#endif
