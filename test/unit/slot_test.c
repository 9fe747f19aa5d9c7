/* SPDX-License-Identifier: Apache-2.0
 * slot_test.c — address space that goes from store to store: it is reused, it is clean, its ends
 * are where the next memory's are, and neither threads, fork nor a system without address space get
 * in its way.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 65536, THREADS = 4, ROUNDS = 200 };

/* (memory (export "m") 1) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0)))
 */
#define MODULE_GROW                                                                                \
    "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 01) 07(02 ('f') 00 00 ('m') 02 00)"                  \
    "0a(01 (00 20 00 40 00 0b))"

static wasm_limits with_slots(wasm_slots *slots, uint32_t guarded)
{
    wasm_limits limits = wasm_limits_default();

    limits.slots = slots;
    limits.guarded = guarded;
    return limits;
}

/* A module with `pages` of memory, and `length` bytes of `fill` in it from `at` on. */
static wasm_module *module_with_data(uint32_t pages, uint32_t at, uint32_t length, uint8_t fill)
{
    size_t size;
    char head[256];
    wasm_module *module = NULL;
    wasm_report report;
    uint8_t *start, *bytes;
    size_t payload = length + 16, used = 0;

    snprintf(head, sizeof head, "05(01 00 %02x) 07(01 ('m') 02 00)", pages);
    start = module_text(head, &size);
    bytes = malloc(size + payload + 16);
    memcpy(bytes, start, size);
    free(start);
    uint8_t *out = bytes + size, body[32];
    body[used++] = 1; /* one segment, active, memory 0 */
    body[used++] = 0;
    body[used++] = 0x41;
    for (int i = 0; i < 4; i++)
        body[used++] = (uint8_t)((at >> (7 * i) & 0x7f) | 0x80);
    body[used++] = 0; /* of a signed number below 2^28 */
    body[used++] = 0x0b;
    for (int i = 0; i < 3; i++)
        body[used++] = (uint8_t)((length >> (7 * i) & 0x7f) | (i < 2 ? 0x80 : 0));
    *out++ = 11;
    for (int i = 0; i < 4; i++)
        *out++ = (uint8_t)(((used + length) >> (7 * i) & 0x7f) | (i < 3 ? 0x80 : 0));
    memcpy(out, body, used);
    memset(out + used, fill, length);
    wasm_module_load(bytes, (size_t)(out - bytes) + used + length, NULL, &module, &report);
    free(bytes);
    return module;
}

/* Whether the memory is as a new instance's of such a module must be. */
static bool is_initial(const uint8_t *base, uint64_t bytes, uint32_t at, uint32_t length,
                       uint8_t fill)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (base[i] != (i >= at && i - at < length ? fill : 0))
            return false;
    return true;
}

/* Makes an instance, looks at all of its memory, and leaves it full of 0xA5. */
static bool use(wasm_slots *slots, uint32_t guarded, const wasm_module *module, uint32_t at,
                uint32_t length, uint8_t fill, uint64_t grow, uint8_t **where)
{
    wasm_limits limits = with_slots(slots, guarded);
    wasm_store *store = wasm_store_new(&limits, NULL);
    wasm_instance *instance;
    uint8_t *base;
    uint64_t bytes;
    bool well;

    if (!store)
        return false;
    well = wasm_instantiate(store, module, NULL, &instance, NULL) == WASM_OK &&
           wasm_memory_view(instance, 0, &base, &bytes) &&
           is_initial(base, bytes, at, length, fill);
    if (well) {
        well = grow == 0 || memory_grow(instance->memory0, grow) != UINT64_MAX;
        wasm_memory_view(instance, 0, &base, &bytes);
        memset(base, 0xA5, bytes);
        memset(store->stack, 0xA5, 4096);
        *where = base;
    }
    wasm_store_free(store);
    return well;
}

TEST(a_memory_is_reused_and_clean)
{
    static const struct {
        uint32_t pages, at, length;
        uint64_t grow;
    } kinds[] = {{1, 100, 50, 0},
                 {3, 100, 50, 0},
                 {3, 5000, 100000, 0},
                 {3, 5000, 100000, 7},
                 {1, 0, 0, 20}};

    for (uint32_t guarded = 0; guarded < 2; guarded++) {
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            wasm_slots *slots = wasm_slots_new(4);
            wasm_module *module =
                module_with_data(kinds[k].pages, kinds[k].at, kinds[k].length, 0x11);
            uint8_t *first = NULL, *next = NULL;
            REQUIRE(slots != NULL && module != NULL);
            REQUIRE(use(slots, guarded, module, kinds[k].at, kinds[k].length, 0x11, kinds[k].grow,
                        &first));
            for (int i = 0; i < 5; i++) {
                REQUIRE(use(slots, guarded, module, kinds[k].at, kinds[k].length, 0x11,
                            kinds[k].grow, &next));
                CHECK(next == first);
            }
            wasm_module_free(module);
            wasm_slots_free(slots);
        }
    }
}

TEST(a_slot_goes_to_a_module_with_another_image)
{
    wasm_slots *slots = wasm_slots_new(1);
    wasm_module *one = module_with_data(3, 5000, 100000, 0x11),
                *two = module_with_data(2, 70000, 50000, 0x22),
                *none = module_with_data(4, 0, 0, 0);
    uint8_t *first = NULL, *next = NULL;

    REQUIRE(slots != NULL && one != NULL && two != NULL && none != NULL);
    REQUIRE(use(slots, 0, one, 5000, 100000, 0x11, 2, &first));
    for (int i = 0; i < 3; i++) {
        REQUIRE(use(slots, 0, two, 70000, 50000, 0x22, 0, &next));
        CHECK(next == first);
        REQUIRE(use(slots, 0, none, 0, 0, 0, 1, &next));
        CHECK(next == first);
        REQUIRE(use(slots, 0, one, 5000, 100000, 0x11, 2, &next));
        CHECK(next == first);
    }
    wasm_module_free(one);
    /* A module that is gone leaves nothing, whatever lies at its address now. */
    one = module_with_data(3, 5000, 100000, 0x33);
    REQUIRE(one != NULL);
    CHECK(use(slots, 0, one, 5000, 100000, 0x33, 0, &next));
    wasm_module_free(one);
    wasm_module_free(two);
    wasm_module_free(none);
    wasm_slots_free(slots);
}

/* mincore() fails for what is not mapped, and says nothing of access; write() does. */
static bool is_accessible(const uint8_t *at)
{
    int ends[2];
    bool is;

    if (pipe(ends) != 0)
        return false;
    is = write(ends[1], at, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return is;
}

TEST(what_a_memory_had_grown_by_is_closed)
{
    wasm_slots *slots = wasm_slots_new(2);
    wasm_limits limits = with_slots(slots, 1);
    uint8_t *before = NULL;
    fixture f;

    REQUIRE(slots != NULL);
    for (int i = 0; i < 3; i++) {
        REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
        wasm_memory *memory = f.store->memories;
        CHECK(i == 0 || memory->base == before);
        before = memory->base;
        CHECK(is_accessible(memory->base + PAGE - 1));
        CHECK(!is_accessible(memory->base + PAGE));
        CHECK(memory_grow(memory, 9) == 1);
        CHECK(is_accessible(memory->base + 10 * PAGE - 1));
        CHECK(!is_accessible(memory->base + 10 * PAGE));
        fixture_close(&f);
    }
    wasm_slots_free(slots);
}

TEST(a_stack_is_reused_and_clean)
{
    wasm_slots *slots = wasm_slots_new(2);
    wasm_limits limits = with_slots(slots, 0);
    uint64_t *before = NULL;
    size_t count;

    REQUIRE(slots != NULL);
    for (int round = 0; round < 3; round++) {
        wasm_store *store = wasm_store_new(&limits, NULL);
        bool clean = true;
        REQUIRE(store != NULL);
        CHECK(round == 0 || store->stack == before);
        before = store->stack;
        count = (size_t)((uint64_t *)store->native.floor - store->stack);
        for (size_t i = 0; i < count; i++)
            clean = clean && store->stack[i] == 0;
        CHECK(clean);
        memset(store->stack, 0xA5, count * sizeof *store->stack);
        wasm_store_free(store);
    }
    wasm_slots_free(slots);
}

TEST(no_more_than_was_said_lie_idle)
{
    wasm_slots *slots = wasm_slots_new(2);
    wasm_limits limits = with_slots(slots, 0);
    wasm_store *stores[5];
    uint8_t *bases[5];
    wasm_bounds bounds = {.min = 1};
    wasm_memory *memory;
    unsigned mapped = 0;

    REQUIRE(slots != NULL);
    for (int i = 0; i < 5; i++) {
        stores[i] = wasm_store_new(&limits, NULL);
        REQUIRE(stores[i] != NULL);
        REQUIRE(wasm_memory_new(stores[i], &bounds, &memory) == WASM_OK);
        bases[i] = memory->base;
    }
    for (int i = 0; i < 5; i++)
        wasm_store_free(stores[i]);
    for (int i = 0; i < 5; i++) {
        unsigned char resident;
        mapped += mincore(bases[i], 4096, &resident) == 0;
    }
    CHECK_EQ_UINT(mapped, 2);
    wasm_slots_free(slots);
}

TEST(the_budget_counts_what_lives_and_not_what_lies_idle)
{
    wasm_budget budget = {.limit = 3 * PAGE};
    wasm_slots *slots = wasm_slots_new(4);
    wasm_limits limits = with_slots(slots, 0);
    fixture f, g;

    REQUIRE(slots != NULL);
    limits.budget = &budget;
    for (int i = 0; i < 10; i++) {
        REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
        CHECK_EQ_UINT(budget.used, PAGE);
        CHECK(memory_grow(f.store->memories, 2) == 1);
        CHECK(memory_grow(f.store->memories, 1) == UINT64_MAX);
        CHECK_EQ_UINT(budget.used, 3 * PAGE);
        CHECK(!fixture_open(&g, MODULE_GROW, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(g.status, WASM_E_MEMORY_TOTAL);
        fixture_close(&g);
        fixture_close(&f);
        CHECK_EQ_UINT(budget.used, 0);
    }
    wasm_slots_free(slots);
}

/* ---- threads, fork, no address space --------------------------------------------------------- */

typedef struct work {
    wasm_slots *slots;
    const wasm_module *modules[2];
    bool well;
} work;

static void *run(void *data)
{
    work *w = data;
    uint8_t *where;

    w->well = true;
    for (int i = 0; i < ROUNDS; i++)
        w->well = w->well && use(w->slots, 0, w->modules[i % 2], 5000, i % 2 ? 40000 : 30000,
                                 i % 2 ? 0x22 : 0x11, (uint64_t)i % 3, &where);
    return NULL;
}

TEST(threads_share_slots)
{
    wasm_slots *slots = wasm_slots_new(THREADS);
    wasm_module *one = module_with_data(1, 5000, 30000, 0x11),
                *two = module_with_data(1, 5000, 40000, 0x22);
    pthread_t threads[THREADS];
    work works[THREADS];

    REQUIRE(slots != NULL && one != NULL && two != NULL);
    for (int i = 0; i < THREADS; i++) {
        works[i] = (work){.slots = slots, .modules = {one, two}};
        REQUIRE(pthread_create(&threads[i], NULL, run, &works[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(works[i].well);
    }
    wasm_module_free(one);
    wasm_module_free(two);
    wasm_slots_free(slots);
}

/* 0, or what went wrong. What the parent keeps idle is the child's own after fork. */
static int after_fork(wasm_slots *slots, const wasm_module *module, const uint8_t *first)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    struct rlimit limit;
    wasm_slots *narrow;
    uint8_t *where = NULL;

    if (!use(slots, 0, module, 5000, 100000, 0x11, 0, &where) || where != first)
        return 1;
    wasm_slots_free(slots);
    /* Without address space for reservations slots have nothing to keep but stacks. */
    narrow = wasm_slots_new(4);
    if (statm == NULL || fscanf(statm, "%lu", &pages) != 1)
        return 6;
    fclose(statm);
    limit.rlim_cur = limit.rlim_max =
        (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)128 << 20);
    if (!narrow || setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    for (int i = 0; i < 5; i++) {
        wasm_limits limits = with_slots(narrow, 1);
        fixture f;
        limits.memory_bytes = (uint64_t)1 << 30;
        if (!fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL))
            return 3;
        if (!f.store->memories->moves || f.store->memories->guarded)
            return 4;
        if (memory_grow(f.store->memories, 50) != 1 || f.store->memories->base[51 * PAGE - 1] != 0)
            return 5;
        memset(f.store->memories->base, 0xA5, 51 * PAGE);
        fixture_close(&f);
    }
    return 0;
}

TEST(slots_live_on_in_a_child_and_do_without_address_space)
{
    wasm_slots *slots = wasm_slots_new(4);
    wasm_module *module = module_with_data(3, 5000, 100000, 0x11);
    uint8_t *first = NULL, *next = NULL;
    int status = -1;
    pid_t child;

    REQUIRE(slots != NULL && module != NULL);
    REQUIRE(use(slots, 0, module, 5000, 100000, 0x11, 0, &first));
    fflush(stdout);
    child = fork();
    if (child == 0)
        _exit(after_fork(slots, module, first));
    REQUIRE(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
    CHECK(use(slots, 0, module, 5000, 100000, 0x11, 0, &next));
    CHECK(next == first);
    wasm_module_free(module);
    wasm_slots_free(slots);
}
