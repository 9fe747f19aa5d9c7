/* SPDX-License-Identifier: Apache-2.0
 * store_worker.c — does the jobs of the store; store_worker.h says what must hold whatever happens.
 *
 * How:     A round takes the lock and walks over the jobs. For a file:
 *   1. open it, and see that it is the file of the job and has been left alone for a while;
 *   2. read it for its digest, for a version of a family into a copy (DIGEST.raw);
 *   3. for each coding that is missing read it once more, through the encoder, and publish the
 * variant;
 *   4. write into the index what the file's digest is and which variants there are; tell the
 * family. For a delta both versions are read from their copies, never from the files, which may be
 *          gone.
 * Ends:    A job is removed when it is done, when its file is another one by now, and when it was
 *          begun too often. It stays if the file is too young, if the worker has to stop, and if
 * the disk is full. Memory:  Buffers of a piece, and what store_worker.h says. Threads: One.
 */
#include "store_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delta.h"
#include "encoder.h"

enum {
    PIECE = 64 * 1024,
    FOREIGN = 60 /* seconds that a job stays which this process cannot do: another server, which has
                    the file under that name, may share the store */
};

/* How a job, or a part of one, ended. */
enum end {
    END_DONE,    /* it can be removed */
    END_LATER,   /* not now; the next job */
    END_CHANGED, /* the file is not what it was */
    END_FULL,    /* nothing can be written */
    END_STOP     /* go_on said no */
};

struct worker {
    struct store *s;
    const struct store_limits *limits;
    const struct store_seams *seams;
    uint8_t *in, *out; /* PIECE each */
};

static bool go_on(const struct worker *w, enum store_step step)
{
    return w->seams->go_on(w->seams->context, step);
}

__attribute__((format(printf, 3, 4))) static void say(const struct worker *w, enum store_note level,
                                                      const char *format, ...)
{
    char text[STORE_PATH_MAX + 256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    w->seams->log(w->seams->context, level, text);
}

static int64_t now(const struct worker *w)
{
    return w->seams->now(w->seams->context);
}

/* ---- reading ---- */

/* Where bytes come from: a file of which the first size bytes are read, and hashed. */
struct source {
    int fd;
    uint64_t size, done;
    sha256 hash;
};

static struct source source_of(int fd, uint64_t size)
{
    struct source source = {.fd = fd, .size = size};

    sha256_init(&source.hash);
    return source;
}

/* The next piece; *len is 0 at the end. A file that has become shorter has changed. */
static enum end read_piece(struct worker *w, struct source *source, size_t *len)
{
    uint64_t left = source->size - source->done;
    size_t want = left < PIECE ? (size_t)left : PIECE;
    ssize_t n = want > 0 ? pread(source->fd, w->in, want, (off_t)source->done) : 0;

    if (n != (ssize_t)want) {
        return END_CHANGED;
    }
    sha256_add(&source->hash, w->in, want);
    source->done += want;
    *len = want;
    return go_on(w, STORE_STEP_READ) ? END_DONE : END_STOP;
}

/* Whether what was read has the digest. */
static bool has_digest(struct source *source, const uint8_t digest[SHA256_SIZE])
{
    uint8_t own[SHA256_SIZE];

    sha256_finish(&source->hash, own);
    return memcmp(own, digest, SHA256_SIZE) == 0;
}

/* The file of a job. */
struct file {
    int fd;
    struct fileid id;
    uint8_t digest[SHA256_SIZE];
};

static bool is_unchanged(const struct file *file)
{
    struct stat st;
    struct fileid id;

    if (fstat(file->fd, &st) != 0) {
        return false;
    }
    id = fileid_of_stat(&st);
    return S_ISREG(st.st_mode) && fileid_equal(&id, &file->id);
}

/* ---- publishing ---- */

/* An error of the disk concerns every job; any other, this one. */
static enum end end_of_output(const struct worker *w, const struct store_output *out)
{
    switch (out->error) {
    case 0: return END_DONE;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EIO:
        say(w, STORE_NOTE_WARNING, "%s: cannot write: %s; trying again later", w->s->path,
            strerror(out->error));
        return END_FULL;
    default:
        say(w, STORE_NOTE_WARNING, "%s: cannot write a variant: %s", w->s->path,
            strerror(out->error));
        return END_LATER;
    }
}

static enum end publish(struct worker *w, struct store_output *out, struct store_seal *seal)
{
    if (!go_on(w, STORE_STEP_ENCODED)) {
        return END_STOP;
    }
    store_output_seal(out, seal);
    if (!go_on(w, STORE_STEP_SEALED)) {
        return END_STOP;
    }
    store_output_sync(out);
    if (!go_on(w, STORE_STEP_SYNCED)) {
        return END_STOP;
    }
    store_output_publish(out, &seal->key);
    if (out->error != 0) {
        return end_of_output(w, out);
    }
    return go_on(w, STORE_STEP_PUBLISHED) ? END_DONE : END_STOP;
}

/* Whether the variant is there, whole; *size receives that of its body. */
static bool has_variant(const struct worker *w, const struct store_key *key, uint64_t *size)
{
    struct store_seal seal;
    struct stat st;
    int fd = store_open_variant(w->s, key, &seal, &st);
    bool good = fd >= 0 && store_body_holds(fd, &seal);

    if (fd >= 0) {
        close(fd);
    }
    *size = good ? seal.body_size : 0;
    return good;
}

/* ---- the content of a version, and its digest ---- */

static enum end copy(struct worker *w, struct source *source, struct store_output *out)
{
    enum end end;
    size_t len;

    do {
        end = read_piece(w, source, &len);
        if (end == END_DONE && out != NULL && !store_output_write(out, w->in, len)) {
            end = end_of_output(w, out);
        }
    } while (end == END_DONE && len > 0);
    return end;
}

/* Reads the file for its digest; keep: into a copy in the store as well. */
static enum end digest_file(struct worker *w, struct file *file, bool keep)
{
    struct source source = source_of(file->fd, file->id.size);
    struct store_seal seal = {.key = {.coding = CODING_IDENTITY}, .raw_size = file->id.size};
    struct store_output out;
    enum end end;

    if (keep && !store_output_begin(&out, w->s)) {
        end = end_of_output(w, &out);
    } else {
        end = copy(w, &source, keep ? &out : NULL);
    }
    if (end == END_DONE) {
        sha256_finish(&source.hash, file->digest);
        end = is_unchanged(file) ? END_DONE : END_CHANGED;
    }
    if (end == END_DONE && keep) {
        memcpy(seal.key.digest, file->digest, SHA256_SIZE);
        end = publish(w, &out, &seal);
    }
    if (keep) {
        store_output_end(&out);
    }
    return end;
}

/* ---- encoding ---- */

/* An encoder or a delta: the same thing to feed. */
struct coder {
    encoder *plain;
    struct delta *delta;
};

static enum encoder_status run(struct coder *coder, enum encoder_op op, const uint8_t **in,
                               size_t *in_len, uint8_t **out, size_t *out_len)
{
    return coder->plain ? encoder_run(coder->plain, op, in, in_len, out, out_len)
                        : delta_run(coder->delta, op, in, in_len, out, out_len);
}

/* A piece through the coder into the output; *useless becomes true once as much has come out as
 * went in altogether. */
static enum end feed(struct worker *w, struct coder *coder, enum encoder_op op, size_t len,
                     struct store_output *out, uint64_t raw_size, bool *useless)
{
    const uint8_t *in = w->in;
    enum encoder_status status;

    do {
        uint8_t *to = w->out;
        size_t room = PIECE;
        status = run(coder, op, &in, &len, &to, &room);
        if (status == ENCODER_FAILED) {
            return END_LATER; /* no memory; or the size is not what was promised, see below */
        }
        if (!store_output_write(out, w->out, PIECE - room)) {
            return end_of_output(w, out);
        }
        *useless = out->size >= raw_size;
    } while (status == ENCODER_MORE && !*useless);
    return END_DONE;
}

static enum end encode(struct worker *w, struct coder *coder, struct source *source,
                       struct store_output *out, bool *useless)
{
    enum end end;
    size_t len;

    do {
        end = read_piece(w, source, &len);
        if (end == END_DONE) {
            end = feed(w, coder, len > 0 ? ENCODER_PROCESS : ENCODER_FINISH, len, out, source->size,
                       useless);
        }
    } while (end == END_DONE && len > 0 && !*useless);
    return end;
}

/* Makes one variant from the source. What is useless is published without a body if mark is set, so
 * that nobody tries again. *size receives the size, or STORE_USELESS. */
static enum end make_variant(struct worker *w, struct coder *coder, struct source *source,
                             const struct file *file, const struct store_key *key, bool mark,
                             uint64_t *size)
{
    struct store_seal seal = {.key = *key, .raw_size = source->size};
    struct store_output out;
    bool useless = false;
    enum end end = END_DONE;

    if (!store_output_begin(&out, w->s)) {
        end = end_of_output(w, &out);
    } else {
        end = encode(w, coder, source, &out, &useless);
    }
    if (end == END_DONE && useless) {
        *size = STORE_USELESS;
        store_output_end(&out);
        if (!mark) {
            return END_DONE;
        }
        end = store_output_begin(&out, w->s) ? publish(w, &out, &seal) : end_of_output(w, &out);
    } else if (end == END_LATER && file != NULL && !is_unchanged(file)) {
        end = END_CHANGED;
    } else if (end == END_DONE) {
        end = has_digest(source, key->digest) && (file == NULL || is_unchanged(file)) ? END_DONE
                                                                                      : END_CHANGED;
        if (end == END_DONE) {
            end = publish(w, &out, &seal);
            *size = out.size;
        }
    }
    store_output_end(&out);
    return end;
}

static enum end make_plain(struct worker *w, const struct file *file, const struct store_key *key,
                           const char *path, uint64_t *size)
{
    struct encoder_options options = {
        .coding = key->coding, .effort = ENCODER_BEST, .size_hint = file->id.size};
    struct source source = source_of(file->fd, file->id.size);
    struct coder coder = {.plain = encoder_create(&options)};
    int64_t begun = now(w);
    enum end end;

    if (coder.plain == NULL) {
        return END_LATER;
    }
    end = make_variant(w, &coder, &source, file, key, false, size);
    encoder_destroy(coder.plain);
    if (end == END_DONE && *size != STORE_USELESS) {
        say(w, STORE_NOTE_INFO, "%s: %llu bytes of %llu in %s, in %.1f s", path,
            (unsigned long long)*size, (unsigned long long)file->id.size,
            coding_info(key->coding)->token, (double)(now(w) - begun) / 1e6);
    }
    return end;
}

/* ---- a job for a file ---- */

static enum end put_entry(const struct worker *w, struct store_entry *entry)
{
    entry->stamp = (uint64_t)(now(w) / 1000000);
    if (!store_put(w->s, entry)) {
        say(w, STORE_NOTE_WARNING, "%s: cannot write the index: %s; trying again later", w->s->path,
            strerror(errno));
        return END_FULL;
    }
    return END_DONE;
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
static enum end give_up(struct worker *w, const struct store_job *job)
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

static enum end open_file(struct worker *w, const struct store_job *job, int64_t age,
                          struct file *file)
{
    /* What a symbolic link leads to is as good as a file: the identity says that it is the one that
     * httpd has allowed. */
    file->fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    file->id = job->id;
    if (file->fd < 0 || !is_unchanged(file)) {
        return age < FOREIGN ? END_LATER : END_CHANGED;
    }
    return fileid_settled(&file->id, now(w)) ? END_DONE : END_LATER;
}

static enum end list_version(struct worker *w, const struct store_job *job, const struct file *file)
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
        return END_FULL;
    }
    return go_on(w, STORE_STEP_LISTED) ? END_DONE : END_STOP;
}

/* The variants that are wanted and not there. */
static enum end make_missing(struct worker *w, const struct store_job *job, const struct file *file,
                             struct store_entry *entry)
{
    for (int c = 1; c < STORE_PLAIN; c++) {
        struct store_key key = {.coding = (enum coding)c};
        enum end end;

        if (!coding_in(job->codings, (enum coding)c) || entry->sizes[c] == STORE_USELESS ||
            !encoder_can((enum coding)c, false)) {
            continue;
        }
        memcpy(key.digest, file->digest, SHA256_SIZE);
        if (has_variant(w, &key, &entry->sizes[c])) {
            continue;
        }
        end = make_plain(w, file, &key, job->path, &entry->sizes[c]);
        if (end == END_DONE) {
            end = put_entry(w, entry); /* it is used from here on, while the next is made */
        }
        if (end != END_DONE) {
            return end;
        }
    }
    return END_DONE;
}

static enum end do_file(struct worker *w, const struct store_job *job, struct file *file)
{
    struct store_key copy_key = {.coding = CODING_IDENTITY};
    bool keep = job->version && file->id.size <= w->limits->dictionary_max;
    bool known;
    struct store_entry entry;
    uint64_t size;
    enum end end = END_DONE;

    if (file->id.size < STORE_RAW_MIN || file->id.size > w->limits->raw_max) {
        return give_up(w, job);
    }
    known = find_entry(w, &file->id, &entry);
    memcpy(file->digest, entry.digest, SHA256_SIZE);
    memcpy(copy_key.digest, file->digest, SHA256_SIZE);
    if (!known || (keep && !has_variant(w, &copy_key, &size))) {
        end = digest_file(w, file, keep);
        memcpy(entry.digest, file->digest, SHA256_SIZE);
    }
    if (end == END_DONE) {
        end = make_missing(w, job, file, &entry);
    }
    if (end == END_DONE) {
        end = put_entry(w, &entry);
    }
    if (end != END_DONE) {
        return end;
    }
    if (!go_on(w, STORE_STEP_INDEXED)) {
        return END_STOP;
    }
    return keep ? list_version(w, job, file) : END_DONE;
}

/* ---- a job for a delta ---- */

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
        store_touch(fd, &st, now(w) / 1000000);
    }
    return fd;
}

/* The whole old version in memory, which the caller frees; NULL if it cannot be had. */
static uint8_t *load(struct worker *w, int fd, uint64_t size, const uint8_t digest[SHA256_SIZE],
                     enum end *end)
{
    struct source source = source_of(fd, size);
    uint8_t *all = size > 0 && size <= w->limits->dictionary_max ? malloc((size_t)size) : NULL;
    size_t len;

    *end = all != NULL ? END_DONE : END_CHANGED;
    for (size_t at = 0; *end == END_DONE; at += len) {
        *end = read_piece(w, &source, &len);
        if (*end != END_DONE || len == 0) {
            break;
        }
        memcpy(all + at, w->in, len);
    }
    if (*end == END_DONE && !has_digest(&source, digest)) {
        *end = END_CHANGED;
    }
    if (*end != END_DONE) {
        free(all);
        all = NULL;
    }
    return all;
}

/* A version of which the copy is gone or no good is none. */
static enum end forget_version(struct worker *w, const struct store_job *job,
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
    return END_DONE;
}

/* A delta that cannot be made: an empty one says so. */
static enum end give_up_delta(struct worker *w, const struct store_job *job)
{
    enum end end = END_DONE;

    for (int c = 1; c < CODING_COUNT && end == END_DONE; c++) {
        struct store_seal seal = {.key = {.coding = (enum coding)c}};
        struct store_output out;
        uint64_t size;

        memcpy(seal.key.digest, job->digest, SHA256_SIZE);
        memcpy(seal.key.old, job->old, SHA256_SIZE);
        if (!coding_in(job->codings, (enum coding)c) || !coding_needs_dictionary((enum coding)c) ||
            has_variant(w, &seal.key, &size)) {
            continue;
        }
        end = store_output_begin(&out, w->s) ? publish(w, &out, &seal) : end_of_output(w, &out);
        store_output_end(&out);
    }
    return end;
}

static enum end make_delta(struct worker *w, const struct store_job *job, enum coding coding,
                           const uint8_t *old, uint64_t old_size, int fd, uint64_t new_size)
{
    struct store_key key = {.coding = coding};
    struct delta_options options = {.coding = coding,
                                    .old = old,
                                    .old_len = (size_t)old_size,
                                    .old_digest = job->old,
                                    .new_len = new_size,
                                    .effort = ENCODER_BEST};
    struct source source = source_of(fd, new_size);
    struct coder coder;
    int64_t begun = now(w);
    uint64_t size = 0;
    enum end end;

    memcpy(key.digest, job->digest, SHA256_SIZE);
    memcpy(key.old, job->old, SHA256_SIZE);
    if (has_variant(w, &key, &size)) {
        return END_DONE;
    }
    coder = (struct coder){.delta = delta_create(&options)};
    if (coder.delta == NULL) {
        return END_LATER;
    }
    end = make_variant(w, &coder, &source, NULL, &key, true, &size);
    delta_destroy(coder.delta);
    if (end == END_DONE && size != STORE_USELESS) {
        say(w, STORE_NOTE_INFO, "%s: %llu bytes of %llu in %s, in %.1f s", job->path,
            (unsigned long long)size, (unsigned long long)new_size, coding_info(coding)->token,
            (double)(now(w) - begun) / 1e6);
    }
    return end;
}

static enum end do_delta(struct worker *w, const struct store_job *job)
{
    uint64_t old_size = 0, new_size = 0;
    int old = open_copy(w, job->old, &old_size), fd;
    uint8_t *bytes = NULL;
    enum end end = END_CHANGED;

    if (old >= 0) {
        bytes = load(w, old, old_size, job->old, &end);
        close(old);
    }
    if (bytes == NULL) {
        return end == END_STOP ? end : forget_version(w, job, job->old);
    }
    fd = open_copy(w, job->digest, &new_size);
    end = fd >= 0 ? END_DONE : END_CHANGED;
    for (int c = 1; c < CODING_COUNT && end == END_DONE; c++) {
        if (coding_in(job->codings, (enum coding)c) && coding_needs_dictionary((enum coding)c) &&
            delta_can((enum coding)c)) {
            end = make_delta(w, job, (enum coding)c, bytes, old_size, fd, new_size);
        }
    }
    free(bytes);
    if (fd >= 0) {
        close(fd);
    }
    return end == END_CHANGED ? forget_version(w, job, job->digest) : end;
}

/* ---- a round ---- */

static enum end attempt(struct worker *w, struct store_job *job, int64_t age)
{
    struct file file = {.fd = -1};
    enum end end = END_DONE;

    if (job->attempts >= STORE_ATTEMPTS) {
        say(w, STORE_NOTE_WARNING,
            "%s: given up after %d attempts that did not come to an end; a new version of the file "
            "is a new matter",
            job->path, STORE_ATTEMPTS);
        return job->kind == STORE_JOB_FILE ? give_up(w, job) : give_up_delta(w, job);
    }
    if (job->kind == STORE_JOB_FILE) {
        end = open_file(w, job, age, &file);
    }
    if (end == END_DONE) {
        job->attempts++;
        end = store_update_job(w->s, job) ? END_DONE : END_FULL;
    }
    if (end == END_DONE && !go_on(w, STORE_STEP_NOTED)) {
        end = END_STOP;
    }
    if (end == END_DONE) {
        if (job->kind == STORE_JOB_DELTA) {
            end = do_delta(w, job);
        } else {
            end = go_on(w, STORE_STEP_OPENED) ? do_file(w, job, &file) : END_STOP;
        }
        /* An attempt that was broken off in good order was none. No memory, though, counts. */
        if (end == END_STOP || end == END_FULL) {
            job->attempts--;
            store_update_job(w->s, job);
        }
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
    return end;
}

/* Takes away what is too much. That what was used within the last hour has to go is a sign that the
 * store is too small for what is asked for: it will be made again and again. */
static void evict(struct worker *w)
{
    int64_t seconds = now(w) / 1000000, youngest = INT64_MIN;

    if (store_evict(w->s, w->limits->cap, &youngest) > 0 && youngest > seconds - 3600) {
        say(w, STORE_NOTE_WARNING,
            "%s: full of variants that are in use; a larger size would save making them again",
            w->s->path);
    }
}

static enum store_round do_jobs(struct worker *w)
{
    char place[STORE_PLACE_NAME] = "";
    struct store_job job;
    int64_t age;

    while (store_next_job(w->s, place, &job, &age, now(w) / 1000000)) {
        enum end end = go_on(w, STORE_STEP_TAKEN) ? attempt(w, &job, age) : END_STOP;
        if (end == END_FULL) {
            return STORE_ROUND_FULL;
        }
        if (end == END_STOP) {
            return STORE_ROUND_STOPPED;
        }
        if (end == END_LATER) {
            continue;
        }
        store_remove_job(w->s, &job);
        if (!go_on(w, STORE_STEP_REMOVED)) {
            return STORE_ROUND_STOPPED;
        }
        evict(w);
        if (!go_on(w, STORE_STEP_EVICTED)) {
            return STORE_ROUND_STOPPED;
        }
    }
    return STORE_ROUND_DONE;
}

enum store_round store_work(struct store *s, const struct store_limits *limits,
                            const struct store_seams *seams)
{
    struct worker w = {.s = s, .limits = limits, .seams = seams};
    enum store_round round = STORE_ROUND_BUSY;
    int lock = store_lock(s);

    if (lock < 0) {
        return STORE_ROUND_BUSY;
    }
    w.in = malloc(PIECE);
    w.out = malloc(PIECE);
    if (w.in != NULL && w.out != NULL) {
        round = go_on(&w, STORE_STEP_LOCKED) ? do_jobs(&w) : STORE_ROUND_STOPPED;
    }
    free(w.in);
    free(w.out);
    close(lock);
    return round;
}
