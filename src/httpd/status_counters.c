/* SPDX-License-Identifier: Apache-2.0
 * status_counters.c — the shared segment: rows for plugins, slots for children. See the header.
 *
 *   struct segment | rows[row_count] | slots: pid and in_flight[row_count], for each child
 *                    (plugins, owners)
 *
 * A slot is free when its pid is 0, and may be taken over when its process is gone; whoever takes
 * it over subtracts what that process had in flight from the rows. That happens when a new child
 * looks for a slot, and when a call is about to be refused: then a dead child's calls would be the
 * difference. A process number that was given to a stranger meanwhile only delays the repair.
 *
 * Memory:  the segment: see the header. Static: the pointer to the segment, set by the parent
 *          before the fork, and the child's slot, set once in child_init.
 */
#include "status_counters.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "apr_shm.h"
#include "apr_strings.h"
#include "http_core.h"

#include "httpd_log.h"

#define RETAINED_KEY  "mod_wasmserve-counters"
#define ROWS_AT_LEAST 64
#define OWNER_ROWS    256 /* RATIONALE "Of a module that .htaccess names" */

struct slot {
    _Atomic int64_t pid;
    wasm_budget memory;
    _Atomic uint64_t in_flight[]; /* row_count */
};

struct segment {
    uint64_t layout;    /* of struct counter_row: another build of the module begins anew */
    size_t row_count;   /* all */
    size_t owner_count; /* of them, the last ones: for owners */
    size_t slot_count;
    _Atomic uint64_t refused; /* memory, in children that have ended */
    struct counter_row rows[];
};

/* What the parent keeps over restarts. */
struct retained {
    struct segment *segment;
};

static struct segment *segment;
static struct slot *own_slot;
static wasm_budget without_slot; /* of a child that has none */

static uint64_t layout(void)
{
    return (uint64_t)sizeof(struct counter_row) << 32 | WASM_STATUS_COUNT;
}

static size_t slot_size(size_t rows)
{
    return sizeof(struct slot) + rows * sizeof(uint64_t);
}

static struct slot *slot_at(const struct segment *seg, size_t i)
{
    return (struct slot *)((char *)(seg->rows + seg->row_count) + i * slot_size(seg->row_count));
}

static size_t plugin_rows(const struct segment *seg)
{
    return seg->row_count - seg->owner_count;
}

static struct segment *segment_new(server_rec *s, size_t rows, size_t owners, size_t slots)
{
    size_t size =
        sizeof(struct segment) + rows * sizeof(struct counter_row) + slots * slot_size(rows);
    apr_shm_t *shm;
    struct segment *made;
    apr_status_t rv = apr_shm_create(&shm, size, NULL, s->process->pool);

    if (rv != APR_SUCCESS) {
        LOG_S(APLOG_CRIT, rv, s,
              "no shared memory for the figures of plugins (%" APR_SIZE_T_FMT " bytes)", size);
        return NULL;
    }
    made = apr_shm_baseaddr_get(shm);
    memset(made, 0, size);
    made->layout = layout();
    made->row_count = rows;
    made->owner_count = owners;
    made->slot_count = slots;
    return made;
}

/* Rows that a configuration may use: free ones, those that it has already, and those of
 * configurations before the last, whose children are gone. */
static bool reusable(const struct counter_row *row, int generation)
{
    return row->key[0] == '\0' ||
           (row->generation < generation - 1 && counter_get(&row->in_flight) == 0);
}

/* Field by field would be the same: nobody else writes to the new row yet. Calls in flight stay
 * with the old segment, which the old children go on using. */
static void row_copy(struct counter_row *to, const struct counter_row *from)
{
    memcpy((void *)to, (const void *)from, sizeof(*to));
    atomic_store(&to->in_flight, 0);
}

bool counters_begin(server_rec *s, apr_pool_t *ptemp, int plugins, int children, bool owners)
{
    struct retained *retained = ap_retained_data_get(RETAINED_KEY);
    int generation = ap_state_query(AP_SQ_CONFIG_GEN);
    /* Children of two generations live side by side during a graceful restart. */
    size_t slots = 2 * (size_t)children + 8, rows = ROWS_AT_LEAST, usable = 0;
    size_t for_owners = owners ? OWNER_ROWS : 0;
    struct segment *old;

    (void)ptemp;
    if (retained == NULL) {
        retained = ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
    }
    old = retained->segment;
    if (old != NULL && old->layout == layout()) {
        for (size_t i = 0; i < plugin_rows(old); i++) {
            usable += reusable(&old->rows[i], generation);
        }
        if (usable >= (size_t)plugins && old->slot_count >= slots &&
            old->owner_count >= for_owners) {
            segment = old;
            return true;
        }
        rows = plugin_rows(old);
    } else {
        old = NULL;
    }
    while (rows < 2 * (size_t)plugins + (old ? plugin_rows(old) - usable : 0)) {
        rows *= 2;
    }
    segment = segment_new(s, rows + for_owners, for_owners, slots);
    if (segment == NULL) {
        return false;
    }
    for (size_t i = 0; old != NULL && i < plugin_rows(old); i++) {
        row_copy(&segment->rows[i], &old->rows[i]);
    }
    for (size_t i = 0; old != NULL && i < old->owner_count && i < for_owners; i++) {
        row_copy(&segment->rows[rows + i], &old->rows[plugin_rows(old) + i]);
    }
    retained->segment = segment;
    return true;
}

struct counter_row *counters_row(const char *key)
{
    int generation = ap_state_query(AP_SQ_CONFIG_GEN);
    struct counter_row *room = NULL;

    for (size_t i = 0; i < plugin_rows(segment); i++) {
        struct counter_row *row = &segment->rows[i];

        if (strncmp(row->key, key, COUNTER_KEY_SIZE - 1) == 0) {
            row->generation = generation;
            return row;
        }
        if (room == NULL && reusable(row, generation)) {
            room = row;
        }
    }
    if (room != NULL) {
        memset((void *)room, 0, sizeof(*room));
        apr_cpystrn(room->key, key, sizeof(room->key));
        room->generation = generation;
    }
    return room;
}

struct counter_row *counters_owner(uid_t uid)
{
    struct counter_row *rows = &segment->rows[plugin_rows(segment)];
    int64_t owner = (int64_t)uid + 1;
    size_t first = uid % segment->owner_count;

    for (size_t i = 0; i < segment->owner_count; i++) {
        struct counter_row *row = &rows[(first + i) % segment->owner_count];
        int64_t found = 0;

        if (atomic_compare_exchange_strong(&row->owner, &found, owner) || found == owner) {
            return row;
        }
    }
    return &rows[first];
}

struct counter_row *counters_owner_at(size_t index, uid_t *uid)
{
    for (size_t i = segment ? plugin_rows(segment) : 0; segment && i < segment->row_count; i++) {
        struct counter_row *row = &segment->rows[i];
        int64_t owner = atomic_load(&row->owner);

        if (owner != 0 && index-- == 0) {
            *uid = (uid_t)(owner - 1);
            return row;
        }
    }
    return NULL;
}

/* Gives back what a dead process had in flight. The caller has made the slot its own. */
static void slot_settle(struct slot *slot)
{
    for (size_t i = 0; i < segment->row_count; i++) {
        uint64_t lost = atomic_exchange(&slot->in_flight[i], 0);

        if (lost != 0) {
            atomic_fetch_sub(&segment->rows[i].in_flight, lost);
        }
    }
    atomic_fetch_add(&segment->refused, atomic_exchange(&slot->memory.refused, 0));
    atomic_store(&slot->memory.used, 0);
    atomic_store(&slot->memory.peak, 0);
}

static bool process_is_gone(int64_t pid)
{
    return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Settles the slots of dead children, and frees them. */
static void slots_repair(void)
{
    for (size_t i = 0; i < segment->slot_count; i++) {
        struct slot *slot = slot_at(segment, i);
        int64_t pid = atomic_load(&slot->pid);

        /* -1 is nobody's process: it keeps others away until the slot is settled. */
        if (pid > 0 && process_is_gone(pid) &&
            atomic_compare_exchange_strong(&slot->pid, &pid, -1)) {
            slot_settle(slot);
            atomic_store(&slot->pid, 0);
        }
    }
}

static apr_status_t slot_release(void *data)
{
    struct slot *slot = data;

    own_slot = NULL;
    slot_settle(slot);
    atomic_store(&slot->pid, 0);
    return APR_SUCCESS;
}

void counters_child_init(apr_pool_t *pchild)
{
    own_slot = NULL;
    if (segment == NULL) {
        return;
    }
    slots_repair();
    for (size_t i = 0; i < segment->slot_count && own_slot == NULL; i++) {
        struct slot *slot = slot_at(segment, i);
        int64_t nobody = 0;

        if (atomic_compare_exchange_strong(&slot->pid, &nobody, (int64_t)getpid())) {
            own_slot = slot;
        }
    }
    /* Without a slot (more children than the MPM said it would make) calls are counted all the
     * same; only a crash of this child could then not be set right. */
    if (own_slot != NULL) {
        apr_pool_cleanup_register(pchild, own_slot, slot_release, apr_pool_cleanup_null);
    }
}

wasm_budget *counters_budget(void)
{
    return own_slot != NULL ? &own_slot->memory : &without_slot;
}

void counters_memory_of_all(struct counters_memory *memory)
{
    memset(memory, 0, sizeof(*memory));
    if (segment == NULL) {
        return;
    }
    memory->refused = atomic_load(&segment->refused);
    for (size_t i = 0; i < segment->slot_count; i++) {
        const struct slot *slot = slot_at(segment, i);
        uint64_t used = atomic_load(&slot->memory.used), peak = atomic_load(&slot->memory.peak);

        if (atomic_load(&slot->pid) <= 0) {
            continue;
        }
        memory->children++;
        memory->used += used;
        memory->largest = used > memory->largest ? used : memory->largest;
        memory->peak = peak > memory->peak ? peak : memory->peak;
        memory->refused += atomic_load(&slot->memory.refused);
    }
}

bool counters_enter(struct counter_row *row, uint64_t limit)
{
    uint64_t now = atomic_load(&row->in_flight);
    bool repaired = false;

    for (;;) {
        if (now >= limit) {
            if (repaired) {
                return false;
            }
            slots_repair();
            repaired = true;
            now = atomic_load(&row->in_flight);
        } else if (atomic_compare_exchange_weak(&row->in_flight, &now, now + 1)) {
            break;
        }
    }
    if (own_slot != NULL) {
        atomic_fetch_add(&own_slot->in_flight[row - segment->rows], 1);
    }
    return true;
}

void counters_leave(struct counter_row *row)
{
    if (own_slot != NULL) {
        atomic_fetch_sub(&own_slot->in_flight[row - segment->rows], 1);
    }
    atomic_fetch_sub(&row->in_flight, 1);
}

void counter_max(counter *c, uint64_t n)
{
    uint64_t now = atomic_load(c);

    while (now < n && !atomic_compare_exchange_weak(c, &now, n)) {
    }
}
