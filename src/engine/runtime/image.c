/* SPDX-License-Identifier: Apache-2.0
 * image.c — one copy of the initial memory for all instances of a module.
 *
 * Compilers of garbage collected languages emit tens of thousands of small data segments (Go 28,000
 * and more, esbuild 100,000). Walking them for each request would cost more than the request; so
 * they are put together when the module is loaded.
 *
 * How:     The image covers the longest run of leading segments that are active, lie in memory 0,
 *          have a place that is known without an instance, and fit into the minimum size. Later
 *          segments win over earlier ones, as in §4.5.4, because they are written in order. The
 *          first segment that is not so ends it, and everything from there on is applied one by one
 *          at each instantiation, with its trap at the same point as without an image.
 *          Host pages that some segment touches are kept, runs of them one after the other:
 *
 *             memory   ....[run 0 ]........[run 1      ]....
 *             image    [run 0 ][run 1      ]
 *
 *          The bytes stand in a sealed memfd, which is mapped privately over the fresh memory: the
 *          page cache is shared by all instances and all child processes, and a page is copied when
 *          a guest writes to it. Where there is no memfd, or the memory moves (mremap works on one
 *          mapping), or the image is so small that copying is cheaper than a mapping, the runs are
 *          copied.
 * Limits:  An image must be dense, or a small file could make a large one: at most IMAGE_RUNS_MAX
 *          runs, and no more than IMAGE_SPREAD times the bytes of its segments plus a constant.
 *          What fails that has its segments applied one by one. Its bytes count in the module's
 *          quota.
 * Memory:  The struct lives in the module's arena; mapping and descriptor are released by
 *          image_free().
 * Threads: image_make() on the loading thread, then immutable.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"
#include "runtime_impl.h"

#define IMAGE_RUNS_MAX   16
#define IMAGE_SPREAD     16
#define IMAGE_SPREAD_MIN ((uint64_t)1 << 20)
/* From here on a mapping beats a copy: measured with the faults of a guest that touches two pages
 * and with the teardown, 16 KiB take 12 µs either way, 64 KiB take 14 against 35. */
#define IMAGE_MAP_FROM ((uint64_t)16 << 10)

typedef struct image_run {
    uint64_t at;     /* in memory, a multiple of the host page */
    uint64_t offset; /* in the image */
    uint64_t length;
} image_run;

struct memory_image {
    bool passive; /* the module has a passive data segment */
    uint32_t segments;
    uint32_t run_count;
    image_run runs[IMAGE_RUNS_MAX];
    uint8_t *bytes; /* read only after it is made */
    uint64_t length;
    uint64_t number;
    int fd; /* -1: bytes are an anonymous mapping; run_count 0: there is neither */
};

/* What a first pass over the segments finds out. */
typedef struct survey {
    uint32_t segments;
    uint64_t *places;  /* where each of them goes */
    uint64_t end;      /* behind the last byte that is written */
    uint64_t data;     /* bytes in the segments */
    uint64_t *touched; /* a bit for each host page below `end` */
} survey;

static uint64_t host_page(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Whether segment i can be in the image, and where it goes. */
static wasm_status place(const wasm_module *module, uint32_t i, uint64_t *at, bool *fits)
{
    const module_data *segment = &module->datas[i];
    uint64_t size = module->memories[0].bounds.min << module->memories[0].page_shift;
    uint64_t slots[2] = {0, 0};

    *fits = false;
    if (segment->memory != 0)
        return WASM_OK;
    TRY(constant_evaluate(module, NULL, segment->offset, slots, fits));
    *at = slots[0];
    if (*fits && (*at > size || segment->init.length > size - *at))
        *fits = false;
    return WASM_OK;
}

/* Finds how far the image can reach. Passive segments are no hindrance: they change nothing. */
static wasm_status look_ahead(const wasm_module *module, survey *s)
{
    for (; s->segments < module->data_count; s->segments++) {
        const module_data *segment = &module->datas[s->segments];
        uint64_t at = 0;
        bool fits;
        if (segment->mode != MODULE_SEGMENT_ACTIVE)
            continue;
        TRY(place(module, s->segments, &at, &fits));
        if (!fits)
            break;
        s->places[s->segments] = at;
        if (segment->init.length == 0)
            continue;
        s->data += segment->init.length;
        if (at + segment->init.length > s->end)
            s->end = at + segment->init.length;
    }
    return WASM_OK;
}

static bool is_touched(const survey *s, uint64_t page)
{
    return (s->touched[page / 64] >> (page % 64) & 1) != 0;
}

/* The bytes of segment i that the image takes; 0 for one that changes nothing. */
static uint64_t written_bytes(const wasm_module *module, uint32_t i)
{
    const module_data *segment = &module->datas[i];

    return segment->mode == MODULE_SEGMENT_ACTIVE ? segment->init.length : 0;
}

static void mark_pages(const wasm_module *module, survey *s)
{
    uint64_t page = host_page();

    for (uint32_t i = 0; i < s->segments; i++) {
        uint64_t length = written_bytes(module, i), at = s->places[i];
        if (length == 0)
            continue;
        for (uint64_t p = at / page; p <= (at + length - 1) / page; p++)
            s->touched[p / 64] |= (uint64_t)1 << (p % 64);
    }
}

/* Lists the runs of touched pages; false if there are too many of them. */
static bool find_runs(memory_image *image, const survey *s)
{
    uint64_t page = host_page(), pages = (s->end + page - 1) / page;

    for (uint64_t p = 0; p < pages; p++) {
        if (!is_touched(s, p))
            continue;
        uint64_t first = p;
        while (p < pages && is_touched(s, p))
            p++;
        if (image->run_count == IMAGE_RUNS_MAX)
            return false;
        image->runs[image->run_count++] =
            (image_run){.at = first * page, .offset = image->length, .length = (p - first) * page};
        image->length += (p - first) * page;
    }
    return true;
}

/* ---- storage --------------------------------------------------------------------------------- */

static bool storage_open(memory_image *image)
{
    image->fd = memfd_create("wasm-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (image->fd >= 0 && ftruncate(image->fd, (off_t)image->length) == 0) {
        image->bytes = mmap(NULL, image->length, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
        if (image->bytes != MAP_FAILED)
            return true;
    }
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
    image->bytes = mmap(NULL, image->length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return image->bytes != MAP_FAILED;
}

static void storage_close(memory_image *image)
{
    munmap(image->bytes, image->length);
    if (image->fd >= 0)
        close(image->fd);
}

/* Takes write access away for good. A seal asks that no writable mapping exists. */
static bool storage_seal(memory_image *image)
{
    if (image->fd < 0)
        return mprotect(image->bytes, image->length, PROT_READ) == 0;
    munmap(image->bytes, image->length);
    fcntl(image->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    image->bytes = mmap(NULL, image->length, PROT_READ, MAP_SHARED, image->fd, 0);
    if (image->bytes != MAP_FAILED)
        return true;
    close(image->fd);
    return false;
}

/* Writes `length` bytes that belong at `at` of the memory. A segment's pages are all in one run. */
static void write_segment(memory_image *image, uint64_t at, const uint8_t *bytes, uint64_t length)
{
    const image_run *run = image->runs;

    while (at - run->at >= run->length)
        run++;
    memcpy(image->bytes + run->offset + (at - run->at), bytes, length);
}

static void fill(const wasm_module *module, memory_image *image, const survey *s)
{
    for (uint32_t i = 0; i < s->segments; i++)
        if (written_bytes(module, i) > 0)
            write_segment(image, s->places[i], module->bytes + module->datas[i].init.offset,
                          module->datas[i].init.length);
}

/* ---- the room's interface -------------------------------------------------------------------- */

/* The one thing that images share: no two have the same. */
static uint64_t next_number(void)
{
    static _Atomic uint64_t last;

    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

/* Puts the bytes together if the survey found it worth it. */
static void build(wasm_module *module, memory_image *image, const survey *s)
{
    quota *q = &module->quota;

    if (!find_runs(image, s) || image->length > IMAGE_SPREAD_MIN + s->data * IMAGE_SPREAD ||
        image->length > q->limit - q->used || !storage_open(image)) {
        image->run_count = 0;
        return;
    }
    fill(module, image, s);
    if (!storage_seal(image)) {
        image->run_count = 0;
        return;
    }
    image->segments = s->segments;
    image->number = next_number();
    q->used += image->length;
    if (q->used > q->peak)
        q->peak = q->used;
}

/* Looks at the segments and makes an image of those that it can. Where the quota refuses scratch
 * there is none, and segments are applied one by one. */
static wasm_status make_runs(wasm_module *module, memory_image *image)
{
    quota *q = &module->quota;
    size_t places_bytes = module->data_count * sizeof(uint64_t), touched_bytes = 0;
    survey s = {0};
    wasm_status status;

    s.places = quota_realloc(q, NULL, 0, places_bytes);
    if (!s.places)
        return WASM_OK;
    status = look_ahead(module, &s);
    if (status == WASM_OK && s.data > 0) {
        touched_bytes = (size_t)(s.end / host_page() / 64 + 1) * sizeof *s.touched;
        s.touched = quota_realloc(q, NULL, 0, touched_bytes);
    }
    if (s.touched) {
        memset(s.touched, 0, touched_bytes);
        mark_pages(module, &s);
        build(module, image, &s);
    }
    quota_free(q, s.touched, touched_bytes);
    quota_free(q, s.places, places_bytes);
    return status;
}

wasm_status image_make(wasm_module *module)
{
    memory_image *image;

    if (module->data_count == 0)
        return WASM_OK;
    image = ARENA_NEW(&module->arena, memory_image);
    if (!image)
        return module->quota.refused ? WASM_E_QUOTA : WASM_E_NO_MEMORY;
    image->fd = -1;
    for (uint32_t i = 0; i < module->data_count; i++)
        if (module->datas[i].mode == MODULE_SEGMENT_PASSIVE)
            image->passive = true;
    module->image = image;
    if (module->memory_count == 0 || module->memory_import_count > 0 ||
        ((uint64_t)1 << module->memories[0].page_shift) % host_page() != 0)
        return WASM_OK;
    return make_runs(module, image);
}

void image_free(wasm_module *module)
{
    memory_image *image = module->image;

    if (image && image->run_count > 0) {
        storage_close(image);
        module->quota.used -= image->length;
    }
    module->image = NULL;
}

uint32_t image_segments(const wasm_module *module)
{
    const memory_image *image = module->image;

    return image ? image->segments : 0;
}

static bool is_mappable(const memory_image *image)
{
    return image->run_count > 0 && image->fd >= 0 && image->length >= IMAGE_MAP_FROM;
}

uint64_t image_number_of(const memory_image *image)
{
    return is_mappable(image) ? image->number : 0;
}

uint64_t image_number(const wasm_module *module)
{
    return module->image ? image_number_of(module->image) : 0;
}

bool image_has_passive(const wasm_module *module)
{
    const memory_image *image = module->image;

    return image && image->passive;
}

static wasm_status copy_run(const memory_image *image, const image_run *run, wasm_memory *memory)
{
    /* The last page may reach behind the segments, but never behind the memory, whose size is a
     * multiple of the host's pages. */
    return bulk_copy(memory->store, memory->base + run->at, image->bytes + run->offset, run->length,
                     false);
}

/* Maps a run over the memory; false if the system refuses, with the memory whole and zero. */
static bool map_run(const memory_image *image, const image_run *run, wasm_memory *memory,
                    wasm_status *status)
{
    uint8_t *at = memory->base + run->at;

    if (mmap(at, run->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             image->fd, (off_t)run->offset) != MAP_FAILED)
        return true;
    /* A refused MAP_FIXED may have left a hole. */
    if (mmap(at, run->length, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        *status = WASM_E_NO_MEMORY;
    return false;
}

wasm_status image_apply(const wasm_module *module, wasm_memory *memory)
{
    const memory_image *image = module->image;

    return image ? image_write(image, memory) : WASM_OK;
}

wasm_status image_write(const memory_image *image, wasm_memory *memory)
{
    wasm_status status = WASM_OK;

    if (image->run_count == 0 || (memory->image != 0 && memory->image == image->number))
        return WASM_OK;
    bool mappable = !memory->moves && is_mappable(image);

    if (mappable)
        memory->image = image->number;
    for (uint32_t i = 0; i < image->run_count; i++) {
        const image_run *run = &image->runs[i];
        if (mappable && map_run(image, run, memory, &status))
            continue;
        if (mappable)
            memory->image = MEMORY_IMAGE_PARTLY;
        TRY(status);
        TRY(copy_run(image, run, memory));
    }
    return WASM_OK;
}

/* ---- of any memory --------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, uint64_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* Lists runs of pages that are not zero, joining those with no more than `gap` pages between them;
 * false if there are too many. */
static bool survey_bytes(memory_image *image, const uint8_t *bytes, uint64_t length, uint64_t gap)
{
    uint64_t page = host_page();
    image_run *run = NULL;

    image->run_count = 0;
    for (uint64_t at = 0; at < length; at += page) {
        if (is_zero(bytes + at, page))
            continue;
        if (!run || at - (run->at + run->length) > gap * page) {
            if (image->run_count == IMAGE_RUNS_MAX)
                return false;
            run = &image->runs[image->run_count++];
            *run = (image_run){.at = at};
        }
        run->length = at + page - run->at;
    }
    return true;
}

memory_image *image_of_bytes(const uint8_t *bytes, uint64_t length)
{
    memory_image *image = calloc(1, sizeof *image);
    uint64_t page = host_page();

    if (!image)
        return NULL;
    image->fd = -1;
    for (uint64_t gap = 0; !survey_bytes(image, bytes, length, gap); gap = 2 * gap + 1) {
    }
    for (uint32_t i = 0; i < image->run_count; i++) {
        image->runs[i].offset = image->length;
        image->length += image->runs[i].length;
    }
    if (image->run_count == 0)
        return image;
    if (!storage_open(image)) {
        free(image);
        return NULL;
    }
    /* Pages of zeroes stay holes of the file. */
    for (uint32_t i = 0; i < image->run_count; i++)
        for (uint64_t at = 0; at < image->runs[i].length; at += page)
            if (!is_zero(bytes + image->runs[i].at + at, page))
                memcpy(image->bytes + image->runs[i].offset + at, bytes + image->runs[i].at + at,
                       page);
    if (!storage_seal(image)) {
        free(image);
        return NULL;
    }
    image->number = next_number();
    return image;
}

void image_of_bytes_free(memory_image *image)
{
    if (image && image->run_count > 0)
        storage_close(image);
    free(image);
}
