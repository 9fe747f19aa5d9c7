/* SPDX-License-Identifier: Apache-2.0
 * order.c — bottom-up merge sort of indices.
 *
 * How:     runs of width 1, 2, 4, … are merged from one array into the other, which then change
 *          roles; an odd number of passes is followed by a copy. A merge takes from the left run on
 *          a tie: that is what keeps equal items in their order.
 *
 * Memory:  the two arrays of the caller.
 * Threads: no shared state.
 */
#include "order.h"

#include <string.h>

/* Merges from[begin, middle) and from[middle, end) into to[begin, end). */
static void merge(const void *items, order_compare_fn compare, const uint32_t *from, uint32_t *to,
                  size_t begin, size_t middle, size_t end)
{
    size_t left = begin, right = middle;
    for (size_t i = begin; i < end; i++) {
        bool take_left =
            left < middle && (right == end || compare(items, from[left], from[right]) <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

void order_sort(const void *items, uint32_t count, order_compare_fn compare, uint32_t *indices,
                uint32_t *scratch)
{
    uint32_t *from = indices, *to = scratch;
    for (uint32_t i = 0; i < count; i++)
        from[i] = i;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            size_t middle = begin + width < count ? begin + width : count;
            size_t end = begin + 2 * width < count ? begin + 2 * width : count;
            merge(items, compare, from, to, begin, middle, end);
        }
        uint32_t *other = from;
        from = to;
        to = other;
    }
    if (from != indices)
        memcpy(indices, from, (size_t)count * sizeof *indices);
}
