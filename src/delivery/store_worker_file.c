/* SPDX-License-Identifier: Apache-2.0
 * store_worker_file.c — a job of the store for a file.
 *
 * How:     1. open it, and see that it is the file of the job and has been left alone for a while;
 *          2. read it for its digest, for a version of a family into a copy (DIGEST.raw);
 *          3. for each coding that is missing read it once more, through the encoder, and publish
 *             the variant;
 *          4. write into the index what the file's digest is and which variants there are; tell
 *             the family.
 * Memory:  Nothing of its own.
 * Threads: One.
 */
#include "store_worker_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum {
    FOREIGN = 60 /* seconds that a job stays which this process cannot do: another server, which has
                    the file under that name, may share the store */
};

static enum worker_end make_plain(struct worker *w, const struct worker_file *file,
                                  const struct store_key *key, const char *path, uint64_t *size)
{
    struct encoder_options options = {
        .coding = key->coding, .effort = ENCODER_BEST, .size_hint = file->id.size};
    struct worker_source source = worker_source(file->fd, file->id.size);
    struct worker_coder coder = {.plain = encoder_create(&options)};
    int64_t begun = worker_now(w);
    enum worker_end end;

    if (coder.plain == NULL) {
        return WORKER_LATER;
    }
    end = worker_make(w, &coder, &source, file, key, false, size);
    encoder_destroy(coder.plain);
    if (end == WORKER_DONE && *size != STORE_USELESS) {
        worker_say(w, STORE_NOTE_INFO, "%s: %llu bytes of %llu in %s, in %.1f s", path,
                   (unsigned long long)*size, (unsigned long long)file->id.size,
                   coding_info(key->coding)->token, (double)(worker_now(w) - begun) / 1e6);
    }
    return end;
}

static enum worker_end put_entry(const struct worker *w, struct store_entry *entry)
{
    entry->stamp = (uint64_t)(worker_now(w) / 1000000);
    if (!store_put(w->s, entry)) {
        worker_say(w, STORE_NOTE_WARNING, "%s: cannot write the index: %s; trying again later",
                   w->s->path, strerror(errno));
        return WORKER_FULL;
    }
    return WORKER_DONE;
}

/* What the index says of the file, or an empty entry. Whether it has a digest. */
static bool find_entry(const struct worker *w, const struct fileid *id, struct store_entry *entry)
{
    if (!store_find(w->s, id, entry)) {
        *entry = (struct store_entry){.id = *id};
    }
    return store_entry_has_digest(entry);
}

/* The index has what could be done; what could not is not tried again for this state of the file.
 */
enum worker_end worker_give_up_file(struct worker *w, const struct store_job *job)
{
    struct store_entry entry;

    find_entry(w, &job->id, &entry);
    for (int c = 1; c < STORE_PLAIN; c++) {
        if (coding_in(job->codings, (enum coding)c) && entry.sizes[c] == 0) {
            entry.sizes[c] = STORE_USELESS;
        }
    }
    return put_entry(w, &entry);
}

enum worker_end worker_open_file(struct worker *w, const struct store_job *job, int64_t age,
                                 struct worker_file *file)
{
    /* What a symbolic link leads to is as good as a file: the identity says that it is the one that
     * httpd has allowed. */
    file->fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    file->id = job->id;
    if (file->fd < 0 || !worker_file_unchanged(file)) {
        return age < FOREIGN ? WORKER_LATER : WORKER_CHANGED;
    }
    return fileid_settled(&file->id, worker_now(w)) ? WORKER_DONE : WORKER_LATER;
}

static enum worker_end list_version(struct worker *w, const struct store_job *job,
                                    const struct worker_file *file)
{
    const char *slash = strrchr(job->path, '/');
    struct store_family family = {0};
    struct store_version version = {.size = file->id.size}, dropped;

    memcpy(version.digest, file->digest, SHA256_SIZE);
    snprintf(version.name, sizeof(version.name), "%s", slash + 1);
    store_find_family(w->s, job->path, &family);
    if (store_family_add(&family, &version, &dropped)) {
        struct store_key key = {.coding = CODING_IDENTITY};
        memcpy(key.digest, dropped.digest, SHA256_SIZE);
        store_remove_variant(w->s, &key);
    }
    if (!store_put_family(w->s, job->path, &family)) {
        return WORKER_FULL;
    }
    return worker_go_on(w, STORE_STEP_LISTED) ? WORKER_DONE : WORKER_STOP;
}

/* The variants that are wanted and not there. */
static enum worker_end make_missing(struct worker *w, const struct store_job *job,
                                    const struct worker_file *file, struct store_entry *entry)
{
    for (int c = 1; c < STORE_PLAIN; c++) {
        struct store_key key = {.coding = (enum coding)c};
        enum worker_end end;

        if (!coding_in(job->codings, (enum coding)c) || entry->sizes[c] == STORE_USELESS ||
            !encoder_can((enum coding)c, false)) {
            continue;
        }
        memcpy(key.digest, file->digest, SHA256_SIZE);
        if (worker_has_variant(w, &key, &entry->sizes[c])) {
            continue;
        }
        end = make_plain(w, file, &key, job->path, &entry->sizes[c]);
        if (end == WORKER_DONE) {
            end = put_entry(w, entry); /* it is used from here on, while the next is made */
        }
        if (end != WORKER_DONE) {
            return end;
        }
    }
    return WORKER_DONE;
}

enum worker_end worker_do_file(struct worker *w, const struct store_job *job,
                               struct worker_file *file)
{
    struct store_key copy_key = {.coding = CODING_IDENTITY};
    bool keep = job->version && file->id.size <= w->limits->dictionary_max;
    bool known;
    struct store_entry entry;
    uint64_t size;
    enum worker_end end = WORKER_DONE;

    if (file->id.size < STORE_RAW_MIN || file->id.size > w->limits->raw_max) {
        return worker_give_up_file(w, job);
    }
    known = find_entry(w, &file->id, &entry);
    memcpy(file->digest, entry.digest, SHA256_SIZE);
    memcpy(copy_key.digest, file->digest, SHA256_SIZE);
    if (!known || (keep && !worker_has_variant(w, &copy_key, &size))) {
        end = worker_digest(w, file, keep);
        memcpy(entry.digest, file->digest, SHA256_SIZE);
    }
    if (end == WORKER_DONE) {
        end = make_missing(w, job, file, &entry);
    }
    if (end == WORKER_DONE) {
        end = put_entry(w, &entry);
    }
    if (end != WORKER_DONE) {
        return end;
    }
    if (!worker_go_on(w, STORE_STEP_INDEXED)) {
        return WORKER_STOP;
    }
    return keep ? list_version(w, job, file) : WORKER_DONE;
}
