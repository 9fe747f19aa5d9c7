/* SPDX-License-Identifier: Apache-2.0
 * pack_run.c — the beginning and the end of a run of `wasmserve pack`; see pack_run.h.
 *
 * Memory, threads: see pack_run.h.
 */
#include "pack_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack_manifest.h"
#include "pack_report.h"

#define MANIFEST_MAX ((size_t)256 << 20)

static void exhausted(void)
{
    pack_complain("out of memory");
    exit(TOOL_FAILED);
}

/* ---- what is there --------------------------------------------------------------------------- */

static void remember(void *context, const char *name, uint64_t size, const char *digest)
{
    pack_run *run = context;
    struct pack_known *known = pack_pool_get(&run->pool, sizeof *known);

    known->name = name;
    known->size = size;
    known->digest = digest;
    known->next = run->known;
    run->known = known;
}

static void remember_state(pack_run *run, const struct pack_state *state)
{
    for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next)
        for (const struct pack_version *version = unit->versions; version != NULL;
             version = version->next)
            pack_state_visit(&run->pool, version, remember, run);
}

/* A journal that cannot be read was not complete when its run ended; then that run had not begun to
 * change anything. */
static void remember_journal(void *context, const char *text, size_t length)
{
    pack_run *run = context;
    struct pack_state state;
    const char *why;

    if (!pack_manifest_read(&run->pool, text, length, &state, &why))
        return;
    remember_state(run, &state);
    for (const struct pack_page *page = state.pages; page != NULL; page = page->next)
        pack_state_page(&run->pool, &run->interrupted, page->name, page->base);
}

static enum tool_exit read_manifest(pack_run *run)
{
    struct stat status;
    const char *why;
    int fd;

    switch (pack_folder_look(&run->folder, run->options->manifest, &status)) {
    case PACK_ABSENT: return TOOL_OK;
    case PACK_OBSTACLE: return TOOL_REFUSED;
    case PACK_FILE: break;
    }
    fd = pack_folder_open_file(&run->folder, run->options->manifest);
    if (fd >= 0) {
        run->manifest = pack_read_all(fd, MANIFEST_MAX, &run->manifest_length);
        int error = errno;
        close(fd);
        errno = error;
    }
    if (run->manifest == NULL) {
        pack_complain("%s/%s: %s", run->folder.path, run->options->manifest, strerror(errno));
        return TOOL_REFUSED;
    }
    if (!pack_manifest_read(&run->pool, run->manifest, run->manifest_length, &run->state, &why)) {
        pack_complain(
            "%s/%s cannot be used: %s; put it right, or move it away and remove the files "
            "that it names; or choose another name for pack's by --manifest",
            run->folder.path, run->options->manifest, why);
        return TOOL_REFUSED;
    }
    remember_state(run, &run->state);
    return TOOL_OK;
}

enum tool_exit pack_run_begin(pack_run *run, const pack_options *options)
{
    enum tool_exit status;

    *run = (pack_run){.options = options, .pool = {.exhausted = exhausted}};
    run->outputs_tail = &run->outputs;
    run->tasks_tail = &run->tasks;
    run->lines_tail = &run->lines;
    clock_gettime(CLOCK_REALTIME, &run->now);
    status = pack_folder_open(&run->folder, options->folder);
    if (status == TOOL_OK)
        status = read_manifest(run);
    if (status == TOOL_OK)
        status = pack_folder_recover(&run->folder, remember_journal, run);
    return status;
}

void pack_run_end(pack_run *run, bool done)
{
    pack_folder_close(&run->folder, done);
    pack_pool_free(&run->pool);
    free(run->manifest);
}

bool pack_run_knows(const pack_run *run, const char *name, const char *digest)
{
    for (const struct pack_known *known = run->known; known != NULL; known = known->next)
        if (strcmp(known->name, name) == 0 &&
            (digest == NULL || strcmp(known->digest, digest) == 0))
            return true;
    return false;
}

void pack_run_output(pack_run *run, const char *staged, const char *name, struct timespec mtime)
{
    struct pack_output *output = pack_pool_get(&run->pool, sizeof *output);

    output->staged = staged;
    output->name = name;
    output->mtime = mtime;
    *run->outputs_tail = output;
    run->outputs_tail = &output->next;
}

void pack_run_note(pack_run *run, const char *format, ...)
{
    struct pack_line *line = pack_pool_get(&run->pool, sizeof *line);
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line->text = pack_pool_string(&run->pool, text, strlen(text));
    *run->lines_tail = line;
    run->lines_tail = &line->next;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The path below --root, both without links and dots. NULL, and *why, if it is not below. */
static const char *below_root(pack_run *run, const char *path, const char **why)
{
    char *root = realpath(run->options->root, NULL), *file = root ? realpath(path, NULL) : NULL;
    const char *name = NULL;

    if (root == NULL || file == NULL) {
        *why = strerror(errno);
    } else {
        size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(file, root, length) == 0 && file[length] == '/')
            name = pack_pool_string(&run->pool, file + length + 1, strlen(file + length + 1));
        else
            *why = "it is not below the folder that --root says";
    }
    free(root);
    free(file);
    return name;
}

const char *pack_run_name(pack_run *run, const char *path, enum tool_exit *status)
{
    const char *name, *fault, *why = NULL;

    *status = TOOL_REFUSED;
    if (access(path, R_OK) != 0) {
        pack_complain("%s: %s", path, strerror(errno));
        return NULL;
    }
    name = run->options->root ? below_root(run, path, &why) : pack_name_base(path);
    if (name == NULL) {
        pack_complain("%s: %s", path, why);
        return NULL;
    }
    fault = strcmp(name, run->options->manifest) == 0
                ? "is that of the manifest; --manifest gives that one another"
                : pack_name_fault(name);
    if (fault != NULL) {
        pack_complain("%s cannot be packed: its name %s", path, fault);
        return NULL;
    }
    *status = TOOL_OK;
    return name;
}

/* ---- publication ----------------------------------------------------------------------------- */

struct search {
    const char *name;
    bool found;
};

static void compare(void *context, const char *name, uint64_t size, const char *digest)
{
    struct search *search = context;

    (void)size;
    (void)digest;
    search->found |= strcmp(search->name, name) == 0;
}

static bool still_wanted(pack_run *run, const char *name)
{
    struct search search = {.name = name};

    for (const struct pack_unit *unit = run->state.units; unit != NULL && !search.found;
         unit = unit->next)
        for (const struct pack_version *version = unit->versions; version != NULL;
             version = version->next)
            pack_state_visit(&run->pool, version, compare, &search);
    return search.found;
}

/* Whether a file of DIR has a content that pack has given it. */
static bool is_ours(const pack_run *run, const char *name)
{
    char digest[SHA256_HEX_SIZE];
    uint64_t size;
    int fd = pack_folder_open_file(&run->folder, name);
    bool readable = fd >= 0 && pack_copy(fd, -1, &size, digest);

    if (fd >= 0)
        close(fd);
    return readable && pack_run_knows(run, name, digest);
}

/* Removes what belongs to no version any more, if it still is what pack made. */
static enum tool_exit remove_old(pack_run *run)
{
    struct stat there;
    enum tool_exit status = TOOL_OK;

    for (const struct pack_known *known = run->known; known != NULL && status == TOOL_OK;
         known = known->next) {
        if (still_wanted(run, known->name) ||
            pack_folder_look(&run->folder, known->name, &there) != PACK_FILE)
            continue;
        if (!is_ours(run, known->name)) {
            pack_complain("%s/%s belongs to no version any more, but is not what pack made: it is "
                          "left there",
                          run->folder.path, known->name);
            continue;
        }
        status = pack_folder_remove(&run->folder, known->name);
        if (status == TOOL_OK)
            pack_run_note(run, "removed %s", known->name);
    }
    return status;
}

static enum tool_exit publish_manifest(pack_run *run, const char *text, size_t length)
{
    const char *staged = pack_folder_stage(&run->folder, &run->pool);
    enum tool_exit status = pack_folder_write(&run->folder, staged, text, length);

    return status == TOOL_OK
               ? pack_folder_publish(&run->folder, staged, run->options->manifest, run->now)
               : status;
}

static enum tool_exit publish(pack_run *run, const char *text, size_t length)
{
    bool same_manifest = run->manifest != NULL && run->manifest_length == length &&
                         memcmp(run->manifest, text, length) == 0;
    enum tool_exit status = TOOL_OK;

    if (run->outputs != NULL || !same_manifest) {
        /* What there was and what there will be: from here on an interruption leaves traces. */
        if (run->manifest != NULL)
            status = pack_folder_journal(&run->folder, run->manifest, run->manifest_length);
        if (status == TOOL_OK)
            status = pack_folder_journal(&run->folder, text, length);
        if (status != TOOL_OK)
            return status;
    }
    for (const struct pack_output *output = run->outputs; output != NULL && status == TOOL_OK;
         output = output->next)
        status =
            output->staged == NULL
                ? pack_folder_touch(&run->folder, output->name, output->mtime)
                : pack_folder_publish(&run->folder, output->staged, output->name, output->mtime);
    if (status == TOOL_OK && !same_manifest)
        status = publish_manifest(run, text, length);
    if (status != TOOL_OK)
        return status;
    pack_folder_sync(&run->folder);
    return remove_old(run);
}

enum tool_exit pack_run_publish(pack_run *run)
{
    size_t length;
    char *text = pack_manifest_write(&run->pool, &run->state, &length);

    if (text == NULL)
        exhausted();
    enum tool_exit status = publish(run, text, length);
    free(text);
    if (status == TOOL_OK)
        for (const struct pack_line *line = run->lines; line != NULL; line = line->next)
            pack_say("%s", line->text);
    return status;
}
