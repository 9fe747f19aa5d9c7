/* SPDX-License-Identifier: Apache-2.0
 * status_counters.h — figures about plugins, shared by all children and kept over restarts.
 *
 * One anonymous shared memory segment, made by the parent, holds a row for each plugin (by name and
 * server, whatever version of it runs) and a slot for each child. Counters only grow, so a metrics
 * system can take differences; a restart, graceful or not, goes on counting where it was, since the
 * segment belongs to the process and not to the configuration. Calls in flight are counted twice:
 * in the row, which WasmServeConcurrency is compared with, and in the child's slot, by which the
 * row is set right should a child die in the middle of a call.
 *
 * Modules that .htaccess files name are counted for the owner of their directory: there are rows
 * for 256 owners, taken by the children as they come. Owners beyond that share the rows of others.
 *
 * Memory:  the segment lives as long as the parent; a larger one replaces it when the rows do not
 *          suffice (children of earlier generations go on with theirs).
 * Threads: counters_begin in the parent while the configuration is read; all else in any thread of
 *          any child. Every shared field is an atomic of its own, read without a lock: a page of
 *          figures may be a call ahead of itself, never torn.
 */
#ifndef STATUS_COUNTERS_H
#define STATUS_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "httpd.h"

#include "engine.h"

#define COUNTER_KEY_SIZE 256

typedef _Atomic uint64_t counter;

struct counter_row {
    char key[COUNTER_KEY_SIZE]; /* "name server"; "" is a free row. Parent only */
    int generation;             /* of the configuration that used it last. Parent only */
    _Atomic int64_t owner;      /* in a row for an owner: its uid + 1; 0: nobody's yet */
    counter requests;           /* calls that were asked for, refused ones included */
    counter answered;           /* ended with an answer of the guest's */
    counter passed;             /* filters: ended with the response of who was next */
    counter exits;              /* of the answered: with an exit code other than 0 */
    counter busy;               /* refused: WasmServeConcurrency */
    counter refused;            /* refused: a body that is too large or broken */
    counter nonsense;           /* failed: no header, or not one that may be sent */
    counter mute;               /* failed: an exit code other than 0 and no answer */
    counter cut;                /* of all failures: after a part of the answer had been sent */
    counter bytes_in;           /* request bodies, as the guests read them */
    counter bytes_out;          /* what guests wrote to stdout, headers included */
    counter guest_nanoseconds;  /* waiting for clients not included */
    counter memory_peak;        /* the largest linear memory of any call, bytes */
    counter switches;           /* a child took another version from WasmServePluginDir */
    counter switches_failed;    /* a child could not use the version that is active there */
    counter in_flight;
    counter failed[WASM_STATUS_COUNT]; /* by wasm_status: traps, limits, client gone, … */
};

/* Finds or makes the row for a key. To be called for every plugin of a configuration, after
 * counters_begin(). NULL only if the segment is full, which counters_begin() prevents. */
struct counter_row *counters_row(const char *key);

/* Prepares for `plugins` rows and, if `owners` is set, those for owners; `children` is the most
 * children that the MPM may run. Returns false if there is no shared memory, with the reason in the
 * log. */
bool counters_begin(server_rec *s, apr_pool_t *ptemp, int plugins, int children, bool owners);

/* The row of an owner, in any child of a configuration that has such rows. */
struct counter_row *counters_owner(uid_t uid);

/* The index-th row that has an owner, and who it is; NULL beyond the last. */
struct counter_row *counters_owner_at(size_t index, uid_t *uid);

/* What the guests of this child have together; it lies in the child's slot, so that any child can
 * show it. For a child, after counters_child_init(). */
wasm_budget *counters_budget(void);

struct counters_memory {
    unsigned children;
    uint64_t used;    /* by all of them */
    uint64_t largest; /* what one of them has now */
    uint64_t peak;    /* and what one that lives has had */
    uint64_t refused; /* since the server began, by the dead as well */
};
void counters_memory_of_all(struct counters_memory *memory);

/* In a new child: takes a slot, and gives it back when pchild is destroyed. */
void counters_child_init(apr_pool_t *pchild);

/* Counts a call in if fewer than `limit` are in flight (UINT64_MAX: always); false if not. */
bool counters_enter(struct counter_row *row, uint64_t limit);
void counters_leave(struct counter_row *row);

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void counter_max(counter *c, uint64_t n);

#endif
