/* SPDX-License-Identifier: Apache-2.0
 * pack_pages.c — pages and scripts with names of their own, which refer to files with hashes.
 *
 * How:     A page of the command line is read where it is and goes into DIR under its own name. One
 *          that was rewritten by an earlier run is kept up to date, in DIR, whether it is named
 *          again or not: rewriting replaces the hashes of before (pack_rewrite.h), so the text in
 *          DIR is as good as the original. That is also how going back works.
 * Memory:  One text at a time.
 * Threads: see pack_run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack_report.h"
#include "pack_rewrite.h"
#include "pack_run.h"

#define PAGE_MAX ((size_t)64 << 20)

static bool is_listed(const struct pack_page *pages, const char *name)
{
    while (pages != NULL && strcmp(pages->name, name) != 0)
        pages = pages->next;
    return pages != NULL;
}

/* Whether something other than the page itself, or an earlier result, is where it is to go. */
static bool in_the_way(const pack_run *run, const char *name, const struct stat *source,
                       const struct stat *there)
{
    return !is_listed(run->state.pages, name) && !is_listed(run->interrupted.pages, name) &&
           (source->st_dev != there->st_dev || source->st_ino != there->st_ino);
}

/* Whether DIR has exactly this text under the name. */
static bool is_there(pack_run *run, const char *name, const char *text, size_t length)
{
    char digest[SHA256_HEX_SIZE];

    sha256_hex(text, length, digest);
    return pack_folder_has(&run->folder, name, length, digest);
}

static enum tool_exit place_page(pack_run *run, const char *name, const struct stat *source,
                                 const struct pack_rewritten *result)
{
    struct stat there;
    enum pack_there kind = pack_folder_look(&run->folder, name, &there);
    enum tool_exit status;

    if (kind == PACK_OBSTACLE)
        return TOOL_REFUSED;
    if (kind == PACK_FILE && is_there(run, name, result->text, result->len)) {
        pack_run_note(run, "unchanged %s", name);
        return TOOL_OK;
    }
    if (kind == PACK_FILE && in_the_way(run, name, source, &there) && !run->options->force) {
        pack_complain("%s/%s is in the way: pack has not written it; remove it, or use --force",
                      run->folder.path, name);
        return TOOL_REFUSED;
    }
    const char *staged = pack_folder_stage(&run->folder, &run->pool);
    status = pack_folder_write(&run->folder, staged, result->text, result->len);
    if (status == TOOL_OK) {
        pack_run_output(run, staged, name, run->now);
        pack_run_note(run, "rewrote %s: %zu reference%s", name, result->references,
                      result->references == 1 ? "" : "s");
    }
    return status;
}

/* Rewrites what a descriptor gives, and closes it. shown: what it is called when it fails. */
static enum tool_exit rewrite_page(pack_run *run, int fd, const char *shown, const char *name,
                                   const char *base)
{
    struct pack_rules rules = {.language = pack_rewrite_language(name),
                               .file = name,
                               .base = base,
                               .hash_of = pack_state_hash_of,
                               .context = &run->state};
    struct pack_rewritten result = {NULL, 0, 0};
    enum tool_exit status;
    struct stat source;
    char *text = NULL;
    size_t length;

    if (fd >= 0 && fstat(fd, &source) == 0)
        text = pack_read_all(fd, PAGE_MAX, &length);
    if (text == NULL) {
        pack_complain("%s: %s", shown, strerror(errno));
        status = TOOL_REFUSED;
    } else {
        result = pack_rewrite(&rules, text, length);
        if (result.text == NULL) {
            pack_complain("out of memory");
            status = TOOL_FAILED;
        } else {
            if (result.references == 0)
                pack_complain("%s: nothing in it refers to a packed file", shown);
            status = place_page(run, name, &source, &result);
        }
    }
    if (fd >= 0)
        close(fd);
    free(result.text);
    free(text);
    return status;
}

static enum tool_exit rewrite_given(pack_run *run, const char *path)
{
    enum tool_exit status;
    const char *name = pack_run_name(run, path, &status);

    if (name == NULL)
        return status;
    if (pack_state_unit(&run->state, name) != NULL) {
        pack_complain("%s is packed under a name with a hash, so it cannot be a page as well; "
                      "--pair rewrites references between packed files",
                      name);
        return TOOL_USAGE;
    }
    status = rewrite_page(run, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), path, name,
                          run->options->base);
    if (status == TOOL_OK)
        pack_state_page(&run->pool, &run->state, name, run->options->base);
    return status;
}

static bool is_given(pack_run *run, const char *name)
{
    for (size_t i = 0; i < run->options->pages.count; i++) {
        enum tool_exit status;
        const char *given = pack_run_name(run, run->options->pages.word[i], &status);
        if (given != NULL && strcmp(given, name) == 0)
            return true;
    }
    return false;
}

enum tool_exit pack_pages_rewrite(pack_run *run)
{
    const pack_words *pages = &run->options->pages;
    enum tool_exit status = TOOL_OK;

    for (size_t i = 0; i < pages->count && status == TOOL_OK; i++)
        status = rewrite_given(run, pages->word[i]);
    for (const struct pack_page *page = run->state.pages; page != NULL && status == TOOL_OK;
         page = page->next) {
        if (is_given(run, page->name))
            continue;
        int fd = pack_folder_open_file(&run->folder, page->name);
        if (fd < 0 && errno == ENOENT) {
            pack_complain("%s/%s was rewritten by an earlier run and is not there any more",
                          run->folder.path, page->name);
            continue;
        }
        status = rewrite_page(run, fd,
                              pack_pool_format(&run->pool, "%s/%s", run->folder.path, page->name),
                              page->name, page->base);
    }
    return status;
}
