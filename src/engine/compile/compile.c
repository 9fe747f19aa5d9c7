/* SPDX-License-Identifier: Apache-2.0
 * compile.c — the driver: from a validated module to its compiled code.
 *
 * How:     Workers, the calling thread being one of them, take functions in turn; each builds,
 *          improves and emits into a buffer of its own. A function that the builder or the target
 *          declines, or whose form or code does not fit into the quota, gets a thunk by which
 *          compiled code calls the module's tier. Then everything is put in order, whoever compiled
 *          what: stubs, thunks, functions; displacements are filled in, and the result, which no
 *          longer changes, is mapped (code.c). The order is that of the module, so the same module
 *          gives the same bytes.
 *
 *          A worker has a copy of the module's record with a quota of its own, an equal part of
 *          what the module's, or options->quota, has left: validation's scratch takes from it. All
 *          else in the module is only read.
 * Memory:  Scratch dies with the call; what stays is in native_module and counted in its quota.
 * Threads: compile_module() any, several at a time even for one module; workers share the next
 *          index, and the status of the first that failed.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build.h"
#include "cache.h"
#include "compile.h"
#include "native_impl.h"
#include "place_map.h"
#include "report.h"

enum { WORKERS_MAX = 64, REFUSALS = 240 /* bytes of a text */ };

/* Where code of one function, or thunk, is in its worker's buffer. */
typedef struct piece {
    uint8_t worker;
    bool there;  /* else: declined */
    bool narrow; /* declined for want of memory that one worker may take */
    uint16_t at; /* where it was declined: an isa_op */
    uint32_t begin, end;
    uint32_t reloc, reloc_end;
    uint32_t site, site_end;
} piece;

typedef struct job job;

typedef struct worker {
    job *job;
    pthread_t thread;
    wasm_module view; /* with a quota of its own */
    code_buffer code;
    arena arena;
    builder *builder;
    wasm_report report;
    uint8_t number;
} worker;

struct job {
    const wasm_module *module;
    const wasm_compile_options *options;
    const target *target;
    build_options build;
    quota quota; /* of what follows and of workers[] */
    worker *workers;
    uint32_t worker_count;
    uint32_t own_count, type_count;
    piece *funcs;              /* by function of the module: own code */
    piece *thunks;             /* by function: function thunks */
    piece *wrappers, *outside; /* by type */
    _Atomic uint32_t next;
    _Atomic int status; /* the first failure, or WASM_OK */
    digest key;         /* of the cache, where there is one */
    native_module *out;
    uint8_t *image;
    uint32_t image_length;
    uint32_t stub_bytes; /* the first that worker 0 has written; stubs want nothing filled in */
};

bool compile_available(void)
{
    const target *here = target_here();

    return here && here->available();
}

bool compile_probe(const wasm_compile_options *options, char *how, size_t size)
{
    static const wasm_compile_options defaults = {0};
    const target *here = target_here();
    const uint8_t bytes[64] = {0};
    char refused[REFUSALS];
    code_mapping code;

    if (!how)
        size = 0;
    if (!options)
        options = &defaults;
    if (!compile_available()) {
        snprintf(how, size, "%s", "there is no compiler for this processor");
        return false;
    }
    if (code_map(bytes, sizeof bytes, options->directory, options->without, &code, refused,
                 sizeof refused) != WASM_OK) {
        snprintf(how, size, "the system allows no executable memory: %s", refused);
        return false;
    }
    snprintf(how, size, "%s, code in %s%s%s%s, %s", here->name, code_way_text(code.way),
             refused[0] ? " (refused: " : "", refused, refused[0] ? ")" : "",
             options->explicit_checks || !here->fault_at ? "checks of memory accesses"
             : wasm_guard_available()
                 ? "guard pages"
                 : "checks of memory accesses (no address space for guard pages)");
    code_unmap(&code);
    return true;
}

static void fail(job *j, wasm_status status)
{
    int none = WASM_OK;

    atomic_compare_exchange_strong(&j->status, &none, (int)status);
}

/* ---- one function ---------------------------------------------------------------------------- */

typedef enum kind { KIND_FUNC, KIND_FUNC_THUNK, KIND_OUTSIDE, KIND_ENTRY } kind;

static wasm_status build(worker *w, kind what, uint32_t index, ir_func *f, bool *declined)
{
    switch (what) {
    case KIND_FUNC: return build_function(w->builder, index, f, declined, &w->report);
    case KIND_FUNC_THUNK: return build_function_thunk(w->builder, index, f);
    case KIND_OUTSIDE: return build_outside_thunk(w->builder, index, f);
    default: return build_entry_thunk(w->builder, index, f);
    }
}

/* What the emitter noted of instructions that are in place of a call becomes several sites at the
 * same code, from the innermost body outwards. */
static void unfold_sites(code_buffer *code, uint32_t from, const ir_func *f)
{
    uint32_t count = code->site_count, to;

    for (uint32_t i = from; i < count; i++)
        for (uint32_t at = code->sites[i].offset; ir_caller(f, at); at = ir_caller(f, at))
            code_add_site(code, 0, 0);
    if (code->status != WASM_OK)
        return;
    to = code->site_count;
    while (count > from) {
        const code_site site = code->sites[--count];
        uint32_t at = site.offset, depth = 1;

        while ((at = ir_caller(f, at)) != 0)
            depth++;
        to -= depth;
        at = site.offset;
        for (uint32_t i = 0; i < depth; i++, at = ir_caller(f, at))
            code->sites[to + i] = (code_site){site.code, ir_offset(f, at)};
    }
}

/* Compiles one piece; one that is declined stays as it is. A function for whose form or code the
 * quota is too small is declined; there is no other way for a thunk. */
static wasm_status compile_piece(worker *w, kind what, uint32_t index, piece *out)
{
    code_buffer *code = &w->code;
    const uint32_t begin = code->length, reloc = code->reloc_count, site = code->site_count;
    bool declined = false;
    uint32_t entry = 0;
    ir_func f = {0};
    wasm_status status;

    ir_reset(&f, &w->arena);
    status = build(w, what, index, &f, &declined);
    if (status == WASM_OK && !declined)
        status = improve(&f, &w->job->build);
    if (status == WASM_OK && !declined && what == KIND_FUNC && w->job->options->dump)
        native_dump_form(&f, index, w->job->options);
    if (status == WASM_OK && !declined)
        status = w->job->target->emit(&f, code, &entry);
    if (status == WASM_OK && !declined && f.has_inlined)
        unfold_sites(code, site, &f);
    if (code->status != WASM_OK)
        status = code->status;
    if (status == WASM_E_QUOTA)
        arena_release(&w->arena); /* the next one may need the room for its code */
    else
        arena_clear(&w->arena);
    if (status == WASM_E_QUOTA && what == KIND_FUNC) {
        report_clear(&w->report);
        status = WASM_OK;
        declined = out->narrow = true;
    }
    if (status != WASM_OK || declined) {
        out->at = (uint16_t)(what == KIND_FUNC ? builder_at(w->builder) : OP_COUNT);
        code->length = begin;
        code->reloc_count = reloc;
        code->site_count = site;
        code->status = WASM_OK;
        return status;
    }
    *out = (piece){.worker = w->number,
                   .there = true,
                   .begin = entry,
                   .end = code->length,
                   .reloc = reloc,
                   .reloc_end = code->reloc_count,
                   .site = site,
                   .site_end = code->site_count};
    return WASM_OK;
}

/* ---- workers --------------------------------------------------------------------------------- */

static void *work(void *baton)
{
    worker *w = baton;
    job *j = w->job;
    wasm_status status;

    while (atomic_load(&j->status) == WASM_OK) {
        uint32_t i = atomic_fetch_add(&j->next, 1);

        if (i >= j->own_count)
            break;
        i += j->module->func_import_count;
        status = compile_piece(w, KIND_FUNC, i, &j->funcs[i]);
        if (status != WASM_OK)
            fail(j, status);
    }
    return NULL;
}

static wasm_status worker_begin(job *j, uint8_t number, size_t bytes)
{
    worker *w = &j->workers[number];

    w->job = j;
    w->number = number;
    w->view = *j->module;
    quota_init(&w->view.quota, bytes);
    if (j->options->stop) {
        w->view.stop = j->options->stop;
        w->view.stop_baton = j->options->stop_baton;
    }
    if (number > 0) { /* who is asked whether to go on may not know threads */
        w->view.stop = NULL;
        w->view.log = NULL;
    }
    arena_init(&w->arena, &w->view.quota);
    code_buffer_init(&w->code, &w->view.quota);
    report_clear(&w->report);
    return builder_new(&w->view, &j->build, &w->builder);
}

/* Of all that a worker has there stays what it has made. */
static void worker_rest(worker *w)
{
    builder_free(w->builder);
    w->builder = NULL;
    arena_release(&w->arena);
}

static void worker_end(worker *w)
{
    if (!w->job)
        return;
    worker_rest(w);
    code_buffer_release(&w->code);
}

static uint32_t workers_wanted(const job *j)
{
    uint32_t count = j->options->dump ? 1 : j->options->threads; /* one after the other */

    if (count > WORKERS_MAX)
        count = WORKERS_MAX;
    if (count > j->own_count)
        count = j->own_count;
    return count > 0 ? count : 1;
}

static wasm_status run_workers(job *j)
{
    uint32_t started = 1;
    sigset_t all, before;

    /* Whose process this is handles signals; the workers take none. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < j->worker_count; started++)
        if (pthread_create(&j->workers[started].thread, NULL, work, &j->workers[started]) != 0)
            break; /* fewer do it as well */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&j->workers[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(j->workers[i].thread, NULL);
    return (wasm_status)atomic_load(&j->status);
}

/* Functions were declined because a call in place of a return found no room for its arguments.
 * Whether there is any is up to all calls in the module, so all of it is compiled again. */
static wasm_status run_with_room(job *j)
{
    uint32_t room = 0;

    for (uint32_t i = 0; i < j->worker_count; i++)
        if (builder_tail_room(j->workers[i].builder) > room)
            room = builder_tail_room(j->workers[i].builder);
    if (room == 0)
        return WASM_OK;
    module_trace(j->module, WASM_TRACE_PREPARE,
                 "compiled again, with room of %u bytes for arguments of tail calls in each frame",
                 (unsigned)room);
    j->build.tail_room = room;
    for (uint32_t i = 0; i < j->worker_count; i++) {
        worker *w = &j->workers[i];

        w->code.length = i == 0 ? j->stub_bytes : 0;
        w->code.reloc_count = w->code.site_count = 0;
        builder_free(w->builder);
        w->builder = NULL;
        TRY(builder_new(&w->view, &j->build, &w->builder));
    }
    memset(j->funcs, 0, j->module->func_count * sizeof *j->funcs);
    atomic_store(&j->next, 0);
    return run_workers(j);
}

/* What the workers have left goes to the first one, with what they needed while they worked, for
 * functions that found their share too small: how many workers there are makes no difference for
 * what is compiled. */
static wasm_status run_narrow(job *j)
{
    quota *all = &j->workers[0].view.quota;

    for (uint32_t i = 1; i < j->worker_count; i++) {
        quota *q = &j->workers[i].view.quota;

        worker_rest(&j->workers[i]);
        all->limit += q->limit - q->used;
        q->limit = q->used;
    }
    for (uint32_t i = 0; j->worker_count > 1 && i < j->module->func_count; i++)
        if (j->funcs[i].narrow)
            TRY(compile_piece(&j->workers[0], KIND_FUNC, i, &j->funcs[i]));
    return WASM_OK;
}

/* ---- thunks ---------------------------------------------------------------------------------- */

static wasm_status compile_thunks(job *j)
{
    const wasm_module *module = j->module;
    worker *w = &j->workers[0];

    for (uint32_t i = 0; i < module->func_count; i++)
        if (!j->funcs[i].there)
            TRY(compile_piece(w, KIND_FUNC_THUNK, i, &j->thunks[i]));
    for (uint32_t i = 0; i < module->type_count; i++) {
        if (module->types[i].form != MODULE_FUNC || module->types[i].canonical != i)
            continue;
        TRY(compile_piece(w, KIND_ENTRY, i, &j->wrappers[i]));
        TRY(compile_piece(w, KIND_OUTSIDE, i, &j->outside[i]));
    }
    return WASM_OK;
}

/* ---- putting it together --------------------------------------------------------------------- */

enum { ALIGNMENT = 16 };

/* Where the piece will be. */
static wasm_status place(const piece *p, uint32_t *length, uint32_t *at)
{
    uint64_t end = ((uint64_t)*length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    *at = (uint32_t)end;
    end += p->end - p->begin;
    if (end > INT32_MAX) /* as far as a displacement reaches */
        return WASM_E_QUOTA;
    *length = (uint32_t)end;
    return WASM_OK;
}

static const code_buffer *buffer_of(const job *j, const piece *p)
{
    return &j->workers[p->worker].code;
}

static wasm_status layout(job *j, uint32_t *outside_at)
{
    const wasm_module *module = j->module;
    native_module *out = j->out;
    uint32_t length = j->stub_bytes, n = 0;

    for (uint32_t i = 0; i < module->type_count; i++) {
        if (j->wrappers[i].there)
            TRY(place(&j->wrappers[i], &length, &out->wrappers[i]));
        if (j->outside[i].there)
            TRY(place(&j->outside[i], &length, &outside_at[i]));
    }
    for (uint32_t i = 0; i < module->func_count; i++)
        if (j->thunks[i].there)
            TRY(place(&j->thunks[i], &length, &out->entries[i]));
    out->own_code = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    for (uint32_t i = 0; i < module->func_count; i++) {
        if (!j->funcs[i].there)
            continue;
        TRY(place(&j->funcs[i], &length, &out->entries[i]));
        out->funcs[n++] = (native_func){.code = out->entries[i], .func = i};
    }
    out->funcs[n] = (native_func){.code = length, .func = WASM_NO_FUNC};
    j->image_length = length;
    return WASM_OK;
}

static void copy_piece(job *j, const piece *p, uint32_t at, const uint32_t *outside_at)
{
    const code_buffer *from = buffer_of(j, p);

    memcpy(j->image + at, from->bytes + p->begin, p->end - p->begin);
    for (uint32_t i = p->reloc; i < p->reloc_end; i++) {
        const code_reloc *r = &from->relocs[i];
        uint32_t where = r->at - p->begin + at, to;
        int32_t distance;

        switch ((code_reloc_kind)r->kind) {
        case CODE_FUNC: to = j->out->entries[r->index]; break;
        case CODE_OUTSIDE: to = outside_at[r->index]; break;
        default: to = j->out->stubs[r->index]; break;
        }
        distance = (int32_t)(to - (where + 4));
        memcpy(j->image + where, &distance, sizeof distance);
    }
}

/* Maps of places, counted from where the function's code begins, one for each function. */
static wasm_status write_sites(job *j)
{
    native_module *out = j->out;
    place_map_writer w = {.quota = &j->quota};
    wasm_status status = WASM_OK;

    for (uint32_t n = 0; n < out->func_count; n++) {
        const uint32_t func = out->funcs[n].func;
        const piece *p = &j->funcs[func];
        const code_site *sites = buffer_of(j, p)->sites;

        out->funcs[n].sites = (uint32_t)w.length;
        place_map_begin(&w, p->begin, j->module->funcs[func].code.offset);
        for (uint32_t i = p->site; i < p->site_end && status == WASM_OK; i++)
            status = place_map_add(&w, sites[i].code, sites[i].offset);
    }
    out->funcs[out->func_count].sites = (uint32_t)w.length;
    out->site_bytes = (uint32_t)w.length;
    if (status == WASM_OK && w.length > 0) {
        out->sites = quota_realloc(&out->quota, NULL, 0, w.length);
        if (out->sites)
            memcpy(out->sites, w.bytes, w.length);
        else
            status = WASM_E_NO_MEMORY;
    }
    place_map_release(&w);
    return status;
}

static wasm_status link_image(job *j)
{
    const wasm_module *module = j->module;
    native_module *out = j->out;
    const size_t outside_bytes = (module->type_count + 1) * sizeof(uint32_t);
    uint32_t *outside_at = quota_realloc(&j->quota, NULL, 0, outside_bytes);
    wasm_status status;

    if (!outside_at)
        return WASM_E_QUOTA;
    memset(outside_at, 0, outside_bytes);
    status = layout(j, outside_at);
    if (status == WASM_OK) {
        j->image = quota_realloc(&j->quota, NULL, 0, j->image_length);
        status = j->image ? write_sites(j) : WASM_E_QUOTA;
    }
    if (status == WASM_OK) {
        /* What is between pieces traps, should anything get there. */
        memset(j->image, 0xCC, j->image_length);
        memcpy(j->image, j->workers[0].code.bytes, j->stub_bytes);
        for (uint32_t i = 0; i < module->type_count; i++) {
            if (j->wrappers[i].there)
                copy_piece(j, &j->wrappers[i], out->wrappers[i], outside_at);
            if (j->outside[i].there)
                copy_piece(j, &j->outside[i], outside_at[i], outside_at);
        }
        for (uint32_t i = 0; i < module->func_count; i++)
            copy_piece(j, j->funcs[i].there ? &j->funcs[i] : &j->thunks[i], out->entries[i],
                       outside_at);
    }
    quota_free(&j->quota, outside_at, outside_bytes);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void native_release(native_module *native)
{
    quota *q;

    if (!native)
        return;
    native_unregister(native->range);
    code_unmap(&native->code);
    q = &native->quota;
    quota_free(q, native->entries, native->entry_count * sizeof *native->entries);
    quota_free(q, native->wrappers, native->wrapper_count * sizeof *native->wrappers);
    quota_free(q, native->funcs, (native->func_count + 1u) * sizeof *native->funcs);
    quota_free(q, native->sites, native->site_bytes);
    free(native);
}

/* `count` items of `size` bytes, all 0. */
static void *zeroed(quota *q, size_t count, size_t size)
{
    void *block = quota_realloc(q, NULL, 0, count * size);

    if (block)
        memset(block, 0, count * size);
    return block;
}

static wasm_status out_new(job *j)
{
    const wasm_module *module = j->module;
    native_module *out = calloc(1, sizeof *out);

    j->out = out;
    if (!out)
        return WASM_E_NO_MEMORY;
    quota_init(&out->quota, 0); /* bounded by what it is made of */
    out->head = (native_code){.tier = &native_tier_here, .used = module->used};
    out->module = module;
    out->guarded = j->build.guarded;
    out->entry_count = module->func_count;
    out->wrapper_count = module->type_count;
    for (uint32_t i = 0; i < j->worker_count; i++)
        out->head.used |= j->workers[i].view.used;
    for (uint32_t i = 0; i < module->func_count; i++)
        out->func_count += j->funcs[i].there;
    out->head.complete = out->func_count == j->own_count;
    out->entries = zeroed(&out->quota, out->entry_count, sizeof *out->entries);
    out->wrappers = zeroed(&out->quota, out->wrapper_count, sizeof *out->wrappers);
    out->funcs = zeroed(&out->quota, out->func_count + 1u, sizeof *out->funcs);
    memcpy(out->stubs, j->workers[0].code.stubs, sizeof out->stubs);
    return (out->entries || !out->entry_count) && (out->wrappers || !out->wrapper_count) &&
                   out->funcs
               ? WASM_OK
               : WASM_E_NO_MEMORY;
}

static wasm_status begin(job *j)
{
    const wasm_module *module = j->module;
    const quota *q = &module->quota;
    const size_t limit = q->limit > j->options->quota ? q->limit : j->options->quota;
    const size_t left = limit - q->used;

    j->own_count = module->func_count - module->func_import_count;
    j->worker_count = workers_wanted(j);
    if (left / 2 < WORKERS_MAX) /* a share of 0 would be no bound */
        return WASM_E_QUOTA;
    /* Half for what is put together, the other for the workers. */
    quota_init(&j->quota, left / 2);
    j->funcs = zeroed(&j->quota, module->func_count + 1u, sizeof *j->funcs);
    j->thunks = zeroed(&j->quota, module->func_count + 1u, sizeof *j->thunks);
    j->wrappers = zeroed(&j->quota, module->type_count + 1u, sizeof *j->wrappers);
    j->outside = zeroed(&j->quota, module->type_count + 1u, sizeof *j->outside);
    j->workers = zeroed(&j->quota, j->worker_count, sizeof *j->workers);
    if (!j->funcs || !j->thunks || !j->wrappers || !j->outside || !j->workers)
        return WASM_E_QUOTA;
    for (uint32_t i = 0; i < j->worker_count; i++)
        TRY(worker_begin(j, (uint8_t)i, left / 2 / j->worker_count));
    j->target->stubs(&j->workers[0].code);
    j->stub_bytes = j->workers[0].code.length;
    return j->workers[0].code.status;
}

static void end(job *j)
{
    const wasm_module *module = j->module;

    for (uint32_t i = 0; j->workers && i < j->worker_count; i++)
        worker_end(&j->workers[i]);
    quota_free(&j->quota, j->funcs, (module->func_count + 1u) * sizeof *j->funcs);
    quota_free(&j->quota, j->thunks, (module->func_count + 1u) * sizeof *j->thunks);
    quota_free(&j->quota, j->wrappers, (module->type_count + 1u) * sizeof *j->wrappers);
    quota_free(&j->quota, j->outside, (module->type_count + 1u) * sizeof *j->outside);
    quota_free(&j->quota, j->workers, j->worker_count * sizeof *j->workers);
    quota_free(&j->quota, j->image, j->image_length);
}

static native_module *kept(const job *j, const wasm_compile_options *o)
{
    return cache_load(j->module, o, &j->key, j->build.guarded);
}

/* What was just kept is mapped from there, so that all processes share it. Where that cannot be,
 * the code of this process does without. */
static wasm_status map(job *j, wasm_report *report)
{
    const wasm_compile_options *o = j->options;
    char refused[REFUSALS];

    if (o->dump)
        native_dump_code(j->out, j->image, j->image_length, o);
    if (o->file && !o->unwatched && !cache_hand_over(j->out, j->image, j->image_length, o, &j->key))
        return WASM_E_NO_MEMORY;
    if (o->cache && !o->unwatched && !(o->without & 1u << CODE_WAY_FILE) &&
        cache_store(j->out, j->image, j->image_length, o, &j->key)) {
        native_module *shared = kept(j, o);

        if (shared) {
            native_release(j->out);
            j->out = shared;
            return WASM_OK;
        }
    }
    if (code_map(j->image, j->image_length, o->directory, o->without, &j->out->code, refused,
                 sizeof refused) != WASM_OK)
        return report_fail(report, WASM_E_NO_EXECUTABLE, WASM_NO_OFFSET, WASM_NO_FUNC, "%s",
                           refused);
    j->out->range = native_register(j->out);
    return j->out->range ? WASM_OK : WASM_E_NO_MEMORY;
}

/* Whoever wants to see what compiling does wants it done. */
static bool reads_cache(const wasm_compile_options *o)
{
    return o->cache && !o->unwatched && !o->dump && !o->file && !o->declined &&
           !(o->without & 1u << CODE_WAY_FILE);
}

static wasm_status run(job *j, wasm_report *report)
{
    wasm_status status;

    TRY(begin(j));
    status = run_workers(j);
    if (status == WASM_OK)
        status = run_with_room(j);
    for (uint32_t i = 0; status != WASM_OK && i < j->worker_count; i++)
        if (j->workers[i].report.status == status && report) {
            *report = j->workers[i].report;
            break;
        }
    TRY(status);
    TRY(run_narrow(j));
    TRY(compile_thunks(j));
    TRY(out_new(j));
    TRY(link_image(j));
    return map(j, report);
}

static uint64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *why_declined(const piece *p)
{
    return p->at < OP_COUNT ? isa_text((isa_op)p->at) : "its size or its locals";
}

static void tell_declined(const job *j)
{
    const wasm_compile_options *o = j->options;

    for (uint32_t i = j->module->func_import_count; o->declined && i < j->module->func_count; i++)
        if (!j->funcs[i].there)
            o->declined(o->declined_baton, i, why_declined(&j->funcs[i]));
}

/* What is wrong with a file was said when it was looked for first. */
static void note_good(void *baton, bool bad, const char *line)
{
    const wasm_compile_options *o = baton;

    if (!bad)
        o->note(o->note_baton, false, line);
}

/* With a cache one compiles, and the others wait for what he keeps. It may be there by now also
 * where nobody had to wait. */
static wasm_status run_in_turn(job *j, wasm_report *report)
{
    const wasm_compile_options *o = j->options;
    wasm_compile_options again = *o;
    wasm_status status;
    int lock;

    if (o->note) {
        again.note = note_good;
        again.note_baton = (void *)o;
    }
    lock = cache_lock(o, &j->key, o->stop ? o->stop : j->module->stop,
                      o->stop ? o->stop_baton : j->module->stop_baton);
    j->out = kept(j, &again);
    status = j->out ? WASM_OK : run(j, report);
    cache_unlock(lock);
    return status;
}

static wasm_status find_or_run(job *j, wasm_report *report)
{
    const wasm_compile_options *o = j->options;
    const bool looks = reads_cache(o);

    if (looks && (j->out = kept(j, o)))
        return WASM_OK;
    if (o->cached_only)
        return report_fail(report, WASM_E_NO_EXECUTABLE, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "the code cache does not have it");
    return looks ? run_in_turn(j, report) : run(j, report);
}

static void trace(const job *j, uint64_t time)
{
    const wasm_module *module = j->module;

    if (!(module->trace & WASM_TRACE_PREPARE))
        return;
    for (uint32_t i = module->func_import_count; i < module->func_count; i++) {
        if (!j->funcs[i].there)
            module_trace(module, WASM_TRACE_PREPARE,
                         "function %u is not compiled (%s): the interpreter runs it", (unsigned)i,
                         why_declined(&j->funcs[i]));
        else
            module_trace(module, WASM_TRACE_PREPARE, "function %u: %u bytes of code for %llu",
                         (unsigned)i, (unsigned)(j->funcs[i].end - j->funcs[i].begin),
                         (unsigned long long)module->funcs[i].code.length);
    }
    module_trace(module, WASM_TRACE_PREPARE,
                 "compiled %u of %u functions for %s, %s: %u bytes in %s, %llu us",
                 (unsigned)j->out->func_count, (unsigned)j->own_count, j->target->name,
                 j->build.guarded ? "with guard pages" : "with explicit checks",
                 (unsigned)j->image_length, code_way_text(j->out->code.way),
                 (unsigned long long)(time / 1000));
}

/* Guard pages are for the 32-bit memory 0 with pages of 64 KiB. */
static bool wants_guard(const wasm_module *module, const wasm_compile_options *options,
                        const target *here)
{
    const module_memory *m = module->memories;

    return !options->explicit_checks && here->fault_at && module->memory_count > 0 &&
           !m->bounds.is_64 && m->page_shift == 16 && wasm_guard_available();
}

static build_options build_of(const wasm_module *module, const wasm_compile_options *options)
{
    const target *here = target_here();

    return (build_options){.guarded = wants_guard(module, options, here),
                           .unwatched = options->unwatched,
                           .target = here};
}

wasm_status compile_module(const wasm_module *module, const wasm_compile_options *options,
                           native_code **out, wasm_report *report)
{
    job j = {.module = module, .options = options, .target = target_here()};
    const uint64_t start = nanoseconds();
    wasm_status status;

    *out = NULL;
    if (!compile_available())
        return report_fail(report, WASM_E_NO_COMPILER, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    j.build = build_of(module, options);
    if (options->cache || options->file)
        cache_key(module, j.target, j.build.guarded, &j.key);
    status = find_or_run(&j, report);
    if (status == WASM_OK) {
        if (options->perf_map)
            native_perf_map(j.out);
        if (j.funcs) { /* else it was kept */
            tell_declined(&j);
            trace(&j, nanoseconds() - start);
        }
        *out = &j.out->head;
    } else {
        native_release(j.out);
        report_fail(report, status, WASM_NO_OFFSET, WASM_NO_FUNC, "while compiling");
    }
    end(&j);
    return status;
}
