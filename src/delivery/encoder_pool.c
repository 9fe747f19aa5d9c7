/* SPDX-License-Identifier: Apache-2.0
 * encoder_pool.c — a list of blocks with a lock; the header says what for.
 *
 * How:     A block begins with its size. The kept ones are in no order: of those that are large
 *          enough the smallest is taken, if it is not larger by more than an eighth. When the list
 *          is full, what comes is freed: what is in it has been wanted before.
 * Memory:  malloc.
 * Threads: Any.
 */
#include "encoder_pool.h"

#include <pthread.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

struct block {
    alignas(max_align_t) size_t size; /* of the bytes behind this */
};

static struct block *kept[ENCODER_POOL_BLOCKS];
static unsigned kept_count;
static size_t kept_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct block *find(size_t size)
{
    struct block *block = NULL;
    unsigned best = 0;

    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < kept_count; i++) {
        if (kept[i]->size >= size && kept[i]->size - size <= size / 8 &&
            (block == NULL || kept[i]->size < block->size)) {
            block = kept[i];
            best = i;
        }
    }
    if (block != NULL) {
        kept[best] = kept[--kept_count];
        kept_bytes -= block->size;
    }
    pthread_mutex_unlock(&lock);
    return block;
}

static void *take(void *baton, size_t size)
{
    struct block *block = size >= ENCODER_POOL_LEAST ? find(size) : NULL;

    (void)baton;
    if (block == NULL) {
        block = size <= SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + size) : NULL;
        if (block == NULL) {
            return NULL;
        }
        block->size = size;
    }
    return block + 1;
}

static void give(void *baton, void *at)
{
    struct block *block = at;

    (void)baton;
    if (block == NULL) {
        return;
    }
    block--;
    if (block->size >= ENCODER_POOL_LEAST) {
        pthread_mutex_lock(&lock);
        if (kept_count < ENCODER_POOL_BLOCKS && block->size <= ENCODER_POOL_BYTES - kept_bytes) {
            kept[kept_count++] = block;
            kept_bytes += block->size;
            block = NULL;
        }
        pthread_mutex_unlock(&lock);
    }
    free(block);
}

const struct encoder_memory encoder_pool = {take, give, NULL};

size_t encoder_pool_kept(void)
{
    size_t bytes;

    pthread_mutex_lock(&lock);
    bytes = kept_bytes;
    pthread_mutex_unlock(&lock);
    return bytes;
}
