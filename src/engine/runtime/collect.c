/* SPDX-License-Identifier: Apache-2.0
 * collect.c — the collector: finds what can be reached, in one go, and has the rest swept.
 *
 * How:     Everything outside of the heap that can hold a reference is a root, and is known
 *          precisely: globals and tables by their types, passive element segments, the exception
 *          that is on its way, the host's roots and the arguments of host functions that are
 *          running; frames by what their tier says of the place at which each of them stands. From
 *          there objects are marked, and followed in the same way: their types say where their
 *          references are. Objects never move.
 *          There is no recursion. What is to be followed waits on a stack of fixed size, an array
 *          or a large struct a slice at a time, so that a list takes one entry and a tree its depth
 *          times its width. If the stack is full an object is marked gray instead, and found again
 *          by walking the heap: slower, but no shape of data can make it fail or take more memory.
 *          It looks at the interrupt word as it goes. A collection that is broken off leaves the
 *          heap as it was, but for marks that the next one takes off first.
 * Memory:  The stack counts in the store's quota; it is made by the first collection.
 * Threads: the store's.
 */
#include <string.h>

#include "runtime_impl.h"

/* References that are followed at once, of an object that has many. */
#define SLICE 64
/* Objects, or roots, between two looks at the interrupt word. */
#define A_POLL 4096

/* ---- following ------------------------------------------------------------------------------- */

/* Whether an object of the type holds references to others. */
static bool has_references(const heap_object *o)
{
    const module_type *type = object_type(o);

    if (type->form == OBJECT_EXCEPTION)
        return exception_tag(o)->type->takes_objects;
    return type->ref_count > 0;
}

static void push(heap *h, heap_object *o, uint64_t next)
{
    if (h->stack_fill == HEAP_STACK_ENTRIES) {
        o->head |= HEAP_GRAY;
        h->overflowed = true;
        return;
    }
    h->stack[h->stack_fill++] = (heap_visit){.object = o, .next = next};
}

void collect_mark(wasm_store *store, wasm_ref ref)
{
    heap_object *o = ref_object(ref);

    if (!ref_is_object(ref) || (o->head & HEAP_MARKED))
        return;
    o->head |= HEAP_MARKED;
    if (has_references(o))
        push(&store->heap, o, 0);
}

static wasm_ref ref_in(const heap_object *o, uint64_t offset)
{
    wasm_ref ref;

    memcpy(&ref, (const uint8_t *)o + offset, sizeof ref);
    return ref;
}

/* Follows a slice of an object's references, the rest of which goes back on the stack first: there
 * is room, since it just came from there. */
static void follow(wasm_store *store, heap_visit visit)
{
    const module_type *type = object_type(visit.object);
    uint64_t count, end;

    if (type->form == OBJECT_EXCEPTION) {
        exception_mark(store, visit.object);
        return;
    }
    count = type->form == MODULE_STRUCT ? type->ref_count : array_length(visit.object);
    end = count - visit.next > SLICE ? visit.next + SLICE : count;
    if (end < count)
        push(&store->heap, visit.object, end);
    for (uint64_t i = visit.next; i < end; i++) {
        uint64_t offset =
            type->form == MODULE_STRUCT ? type->refs[i] : MODULE_ARRAY_HEAD + i * sizeof(wasm_ref);
        collect_mark(store, ref_in(visit.object, offset));
    }
}

static wasm_status drain(wasm_store *store)
{
    heap *h = &store->heap;

    for (uint32_t count = 0; h->stack_fill > 0; count++) {
        if (count % A_POLL == 0)
            TRY(bulk_poll(store, 0));
        follow(store, h->stack[--h->stack_fill]);
    }
    return WASM_OK;
}

static wasm_status visit_gray(wasm_store *store, heap_object *o)
{
    o->head &= ~(uint64_t)HEAP_GRAY;
    push(&store->heap, o, 0);
    return drain(store);
}

/* ---- roots ----------------------------------------------------------------------------------- */

static wasm_status mark_all(wasm_store *store, const wasm_ref *refs, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (i % A_POLL == 0)
            TRY(bulk_poll(store, 0));
        collect_mark(store, refs[i]);
    }
    return drain(store);
}

static void mark_global(wasm_store *store, const wasm_global *global)
{
    if (module_is_object(global->type))
        collect_mark(store, global->cell[0]);
}

static wasm_status mark_instance(wasm_store *store, const wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->global_count - module->global_import_count; i++)
        mark_global(store, &instance->own_globals[i]);
    for (uint32_t i = 0; instance->elem_refs && i < module->elem_count; i++)
        if (instance->elem_refs[i] && module_is_object(module->elems[i].type))
            TRY(mark_all(store, instance->elem_refs[i], module->elems[i].count));
    return WASM_OK;
}

static wasm_status mark_roots(wasm_store *store)
{
    for (const store_activation *a = store->activation; a; a = a->outer)
        TRY(a->tier->roots(store, a));
    for (const wasm_instance *instance = store->instances; instance; instance = instance->next)
        TRY(mark_instance(store, instance));
    for (const wasm_global *global = store->globals; global; global = global->next)
        mark_global(store, global);
    for (const wasm_table *table = store->tables; table; table = table->next)
        if (module_is_object(table->elem))
            TRY(mark_all(store, table->elems, table->length));
    for (const wasm_root *root = store->roots; root; root = root->next)
        collect_mark(store, root->ref);
    for (const store_arguments *held = store->arguments; held; held = held->outer)
        TRY(mark_all(store, held->refs, held->count));
    collect_mark(store, store->exception);
    return drain(store);
}

/* ---- a collection ---------------------------------------------------------------------------- */

static wasm_status mark(wasm_store *store)
{
    heap *h = &store->heap;

    h->overflowed = false;
    h->stack_fill = 0;
    TRY(mark_roots(store));
    while (h->overflowed) {
        h->overflowed = false;
        TRY(heap_each_gray(h, visit_gray, store));
    }
    return WASM_OK;
}

wasm_status heap_collect(wasm_store *store)
{
    heap *h = &store->heap;
    wasm_status status;

    if (!h->stack)
        h->stack = quota_realloc(&store->quota, NULL, 0, HEAP_STACK_ENTRIES * sizeof *h->stack);
    if (!h->stack)
        return store->quota.refused ? WASM_E_QUOTA : WASM_E_NO_MEMORY;
    if (h->dirty)
        heap_forget_marks(h);
    h->dirty = true;
    status = mark(store);
    if (status == WASM_OK)
        status = heap_sweep(store);
    if (status != WASM_OK)
        return status;
    h->dirty = false;
    h->collected++;
    for (const wasm_instance *i = store->instances; i; i = i->next)
        trace_line(i->module, WASM_TRACE_MEMORY, "collected: %llu bytes of objects are left",
                   (unsigned long long)h->bytes);
    return WASM_OK;
}

wasm_status wasm_store_collect(wasm_store *store)
{
    return heap_collect(store);
}

/* ---- roots of the host ----------------------------------------------------------------------- */

wasm_root *wasm_root_new(wasm_store *store, wasm_ref ref)
{
    wasm_root *root = quota_realloc(&store->quota, NULL, 0, sizeof *root);

    if (!root)
        return NULL;
    *root = (wasm_root){.ref = ref, .store = store, .next = store->roots};
    if (root->next)
        root->next->previous = root;
    store->roots = root;
    return root;
}

wasm_ref wasm_root_get(const wasm_root *root)
{
    return root->ref;
}

void wasm_root_set(wasm_root *root, wasm_ref ref)
{
    root->ref = ref;
}

void wasm_root_free(wasm_root *root)
{
    if (!root)
        return;
    if (root->previous)
        root->previous->next = root->next;
    else
        root->store->roots = root->next;
    if (root->next)
        root->next->previous = root->previous;
    quota_free(&root->store->quota, root, sizeof *root);
}
