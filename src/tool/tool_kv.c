/* SPDX-License-Identifier: Apache-2.0
 * tool_kv.c — a shared store for a guest of the command line: a mapping, given back afterwards.
 *
 * Memory, threads: tool_kv.h.
 */
#include "tool_kv.h"

#include <sys/mman.h>

kv_store *tool_kv_open(void)
{
    void *memory =
        mmap(NULL, KV_BYTES_DEFAULT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kv_store *store = memory != MAP_FAILED ? kv_store_format(memory, KV_BYTES_DEFAULT) : NULL;

    if (store == NULL && memory != MAP_FAILED)
        munmap(memory, KV_BYTES_DEFAULT);
    return store;
}

void tool_kv_close(kv_store *store)
{
    if (store != NULL)
        munmap(store, KV_BYTES_DEFAULT);
}
