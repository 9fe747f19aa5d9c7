/* SPDX-License-Identifier: Apache-2.0
 * store_worker_delta.c — a job of the store for a delta between two versions.
 *
 * How:     Both versions are read from their copies in the store, never from the files, which may
 *          be gone. A version of which the copy is gone or no good is taken out of its family.
 * Memory:  The old version, and what the encoder makes of it: encoder.h.
 * Threads: One.
 */
#include "store_worker_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The copy of a version, open; -1 if it is not there. */
static int open_copy(const struct worker *w, const uint8_t digest[SHA256_SIZE], uint64_t *size)
{
    struct store_key key = {.coding = CODING_IDENTITY};
    struct store_seal seal;
    struct stat st;
    int fd;

    memcpy(key.digest, digest, SHA256_SIZE);
    fd = store_open_variant(w->s, &key, &seal, &st);
    if (fd >= 0) {
        *size = seal.body_size;
        store_touch(fd, &st, worker_now(w) / 1000000);
    }
    return fd;
}

/* The whole old version in memory, which the caller frees; NULL if it cannot be had. */
static uint8_t *load(struct worker *w, int fd, uint64_t size, const uint8_t digest[SHA256_SIZE],
                     enum worker_end *end)
{
    struct worker_source source = worker_source(fd, size);
    uint8_t *all = size > 0 && size <= w->limits->dictionary_max ? malloc((size_t)size) : NULL;
    size_t len;

    *end = all != NULL ? WORKER_DONE : WORKER_CHANGED;
    for (size_t at = 0; *end == WORKER_DONE; at += len) {
        *end = worker_read(w, &source, &len);
        if (*end != WORKER_DONE || len == 0) {
            break;
        }
        memcpy(all + at, w->in, len);
    }
    if (*end == WORKER_DONE && !worker_has_digest(&source, digest)) {
        *end = WORKER_CHANGED;
    }
    if (*end != WORKER_DONE) {
        free(all);
        all = NULL;
    }
    return all;
}

/* A version of which the copy is gone or no good is none. */
static enum worker_end forget_version(struct worker *w, const struct store_job *job,
                                      const uint8_t digest[SHA256_SIZE])
{
    struct store_key key = {.coding = CODING_IDENTITY};
    struct store_family family;

    memcpy(key.digest, digest, SHA256_SIZE);
    store_remove_variant(w->s, &key);
    if (store_find_family(w->s, job->path, &family)) {
        store_family_remove(&family, digest);
        store_put_family(w->s, job->path, &family);
    }
    return WORKER_DONE;
}

/* A delta that cannot be made: an empty one says so. */
enum worker_end worker_give_up_delta(struct worker *w, const struct store_job *job)
{
    enum worker_end end = WORKER_DONE;

    for (int c = 1; c < CODING_COUNT && end == WORKER_DONE; c++) {
        struct store_key key = {.coding = (enum coding)c};
        uint64_t size;

        memcpy(key.digest, job->digest, SHA256_SIZE);
        memcpy(key.old, job->old, SHA256_SIZE);
        if (coding_in(job->codings, (enum coding)c) && coding_needs_dictionary((enum coding)c) &&
            !worker_has_variant(w, &key, &size)) {
            end = worker_publish_none(w, &key, 0);
        }
    }
    return end;
}

static enum worker_end make_delta(struct worker *w, const struct store_job *job, enum coding coding,
                                  const uint8_t *old, uint64_t old_size, int fd, uint64_t new_size)
{
    struct store_key key = {.coding = coding};
    struct delta_options options = {.coding = coding,
                                    .old = old,
                                    .old_len = (size_t)old_size,
                                    .old_digest = job->old,
                                    .new_len = new_size,
                                    .effort = ENCODER_BEST};
    struct worker_source source = worker_source(fd, new_size);
    struct worker_coder coder;
    int64_t begun = worker_now(w);
    uint64_t size = 0;
    enum worker_end end;

    memcpy(key.digest, job->digest, SHA256_SIZE);
    memcpy(key.old, job->old, SHA256_SIZE);
    if (worker_has_variant(w, &key, &size)) {
        return WORKER_DONE;
    }
    coder = (struct worker_coder){.delta = delta_create(&options)};
    if (coder.delta == NULL) {
        return WORKER_LATER;
    }
    end = worker_make(w, &coder, &source, NULL, &key, true, &size);
    delta_destroy(coder.delta);
    if (end == WORKER_DONE && size != STORE_USELESS) {
        worker_say(w, STORE_NOTE_INFO, "%s: %llu bytes of %llu in %s, in %.1f s", job->path,
                   (unsigned long long)size, (unsigned long long)new_size,
                   coding_info(coding)->token, (double)(worker_now(w) - begun) / 1e6);
    }
    return end;
}

enum worker_end worker_do_delta(struct worker *w, const struct store_job *job)
{
    uint64_t old_size = 0, new_size = 0;
    int old = open_copy(w, job->old, &old_size), fd;
    uint8_t *bytes = NULL;
    enum worker_end end = WORKER_CHANGED;

    if (old >= 0) {
        bytes = load(w, old, old_size, job->old, &end);
        close(old);
    }
    if (bytes == NULL) {
        return end == WORKER_STOP ? end : forget_version(w, job, job->old);
    }
    fd = open_copy(w, job->digest, &new_size);
    end = fd >= 0 ? WORKER_DONE : WORKER_CHANGED;
    for (int c = 1; c < CODING_COUNT && end == WORKER_DONE; c++) {
        if (coding_in(job->codings, (enum coding)c) && coding_needs_dictionary((enum coding)c) &&
            delta_can((enum coding)c)) {
            end = make_delta(w, job, (enum coding)c, bytes, old_size, fd, new_size);
        }
    }
    free(bytes);
    if (fd >= 0) {
        close(fd);
    }
    return end == WORKER_CHANGED ? forget_version(w, job, job->digest) : end;
}
