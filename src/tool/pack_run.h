/* SPDX-License-Identifier: Apache-2.0
 * pack_run.h — one run of `wasmserve pack`: what it found, what it is going to do, and doing it.
 *
 * How:     A run first decides everything and makes all new files in pack's own folder; nothing in
 *          DIR changes before all of it is known to be possible. Then pack_run_publish() renames:
 *          files with hashes, pages, the manifest; and last removes what belongs to no version any
 *          more. Whoever reads DIR at any moment finds pages that refer to files that are there.
 *
 *             pack_run_begin → pack_plan_versions → pack_pages_rewrite → pack_plan_make
 *                            → pack_run_publish → pack_run_end
 *
 * Memory:  All in the run's pool, but for what the comments name.
 * Threads: The main thread's.
 */
#ifndef WASMSERVE_PACK_RUN_H
#define WASMSERVE_PACK_RUN_H

#include <time.h>

#include "pack_folder.h"
#include "pack_options.h"
#include "pack_pool.h"
#include "pack_state.h"
#include "tool.h"

/* A file that pack has made in DIR, as a manifest or a journal says. */
struct pack_known {
    const char *name;
    uint64_t size;
    const char *digest;
    struct pack_known *next;
};

/* A new file on its way into DIR; or, where staged is NULL, a new time for one that is there. */
struct pack_output {
    const char *staged, *name;
    struct timespec mtime;
    struct pack_output *next;
};

/* What is to be said at the end. */
struct pack_line {
    const char *text;
    struct pack_line *next;
};

/* A form that is to be made. */
struct pack_task {
    struct pack_version *version;
    struct pack_file *file;
    struct pack_form *form; /* not in the file's list yet */
    const char *raw;        /* as of struct pack_job */
    bool raw_staged;
    const char *old; /* of a delta: the older version's name, and its size and digest */
    const struct pack_file *old_file;
    struct timespec mtime; /* what the form is to have */
    struct pack_task *next;
};

typedef struct pack_run {
    const pack_options *options;
    struct pack_pool pool;
    pack_folder folder;
    struct pack_state state; /* of the manifest that is there; then of the one that will be */
    char *manifest;          /* the text of the one that is there, by malloc; NULL: none */
    size_t manifest_length;
    struct timespec now; /* of everything that this run makes */
    struct pack_known *known;
    struct pack_state interrupted; /* pages only: those of journals, which are pack's as well */
    struct pack_output *outputs, **outputs_tail; /* in the order in which they are published */
    struct pack_task *tasks, **tasks_tail;
    struct pack_line *lines, **lines_tail;
} pack_run;

/* Opens and locks DIR and reads what is there. pack_run_end() is due in any case. */
enum tool_exit pack_run_begin(pack_run *run, const pack_options *options);

/* Whether pack made the file of this name, and if digest is not NULL, with this content. */
bool pack_run_knows(const pack_run *run, const char *name, const char *digest);

void pack_run_output(pack_run *run, const char *staged, const char *name, struct timespec mtime);

/* Has a line said when everything went well. */
__attribute__((format(printf, 2, 3))) void pack_run_note(pack_run *run, const char *format, ...);

/* The name that a file is packed under: below --root, or without its folders. NULL: it has none,
 * which has been said; *status is the exit code for it. */
const char *pack_run_name(pack_run *run, const char *path, enum tool_exit *status);

/* pack_plan.c: the FILEs of the command line become versions in run->state, with outputs for what
 * DIR lacks of them and tasks for the forms. */
enum tool_exit pack_plan_versions(pack_run *run);
/* Does the tasks; forms that came out smaller join their files and become outputs. */
enum tool_exit pack_plan_make(pack_run *run);
/* Goes back with the names of the command line. */
enum tool_exit pack_plan_back(pack_run *run);

/* pack_pages.c: the pages of the command line and those of earlier runs, with the hashes that are
 * current in run->state. */
enum tool_exit pack_pages_rewrite(pack_run *run);

/* Makes it so. */
enum tool_exit pack_run_publish(pack_run *run);

/* done: everything is as run->state says, so that journals are no longer needed. */
void pack_run_end(pack_run *run, bool done);

#endif
