/* SPDX-License-Identifier: Apache-2.0
 * store_worker_variant.c — reads, encodes and publishes for the worker of the store.
 *
 * How:     What is read is hashed as it goes into the encoder, and what comes out is written into
 *          t/. Only when all of it is there, and what was read is what was meant, does the variant
 *          get its seal and its name.
 * Memory:  The buffers of the worker; the encoder's.
 * Threads: One.
 */
#include "store_worker_impl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

struct worker_source worker_source(int fd, uint64_t size)
{
    struct worker_source source = {.fd = fd, .size = size};

    sha256_init(&source.hash);
    return source;
}

enum worker_end worker_read(struct worker *w, struct worker_source *source, size_t *len)
{
    uint64_t left = source->size - source->done;
    size_t want = left < WORKER_PIECE ? (size_t)left : WORKER_PIECE;
    ssize_t n = want > 0 ? pread(source->fd, w->in, want, (off_t)source->done) : 0;

    if (n != (ssize_t)want) {
        return WORKER_CHANGED;
    }
    sha256_add(&source->hash, w->in, want);
    source->done += want;
    *len = want;
    return worker_go_on(w, STORE_STEP_READ) ? WORKER_DONE : WORKER_STOP;
}

bool worker_has_digest(struct worker_source *source, const uint8_t digest[SHA256_SIZE])
{
    uint8_t own[SHA256_SIZE];

    sha256_finish(&source->hash, own);
    return memcmp(own, digest, SHA256_SIZE) == 0;
}

bool worker_file_unchanged(const struct worker_file *file)
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
static enum worker_end output_end(const struct worker *w, const struct store_output *out)
{
    switch (out->error) {
    case 0: return WORKER_DONE;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EIO:
        worker_say(w, STORE_NOTE_WARNING, "%s: cannot write: %s; trying again later", w->s->path,
                   strerror(out->error));
        return WORKER_FULL;
    default:
        worker_say(w, STORE_NOTE_WARNING, "%s: cannot write a variant: %s", w->s->path,
                   strerror(out->error));
        return WORKER_LATER;
    }
}

static enum worker_end publish(struct worker *w, struct store_output *out, struct store_seal *seal)
{
    if (!worker_go_on(w, STORE_STEP_ENCODED)) {
        return WORKER_STOP;
    }
    store_output_seal(out, seal);
    if (!worker_go_on(w, STORE_STEP_SEALED)) {
        return WORKER_STOP;
    }
    store_output_sync(out);
    if (!worker_go_on(w, STORE_STEP_SYNCED)) {
        return WORKER_STOP;
    }
    store_output_publish(out, &seal->key);
    if (out->error != 0) {
        return output_end(w, out);
    }
    return worker_go_on(w, STORE_STEP_PUBLISHED) ? WORKER_DONE : WORKER_STOP;
}

bool worker_has_variant(const struct worker *w, const struct store_key *key, uint64_t *size)
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

static enum worker_end copy(struct worker *w, struct worker_source *source,
                            struct store_output *out)
{
    enum worker_end end;
    size_t len;

    do {
        end = worker_read(w, source, &len);
        if (end == WORKER_DONE && out != NULL && !store_output_write(out, w->in, len)) {
            end = output_end(w, out);
        }
    } while (end == WORKER_DONE && len > 0);
    return end;
}

enum worker_end worker_digest(struct worker *w, struct worker_file *file, bool keep)
{
    struct worker_source source = worker_source(file->fd, file->id.size);
    struct store_seal seal = {.key = {.coding = CODING_IDENTITY}, .raw_size = file->id.size};
    struct store_output out;
    enum worker_end end;

    if (keep && !store_output_begin(&out, w->s)) {
        end = output_end(w, &out);
    } else {
        end = copy(w, &source, keep ? &out : NULL);
    }
    if (end == WORKER_DONE) {
        sha256_finish(&source.hash, file->digest);
        end = worker_file_unchanged(file) ? WORKER_DONE : WORKER_CHANGED;
    }
    if (end == WORKER_DONE && keep) {
        memcpy(seal.key.digest, file->digest, SHA256_SIZE);
        end = publish(w, &out, &seal);
    }
    if (keep) {
        store_output_end(&out);
    }
    return end;
}

/* ---- encoding ---- */

static enum encoder_status run(struct worker_coder *coder, enum encoder_op op, const uint8_t **in,
                               size_t *in_len, uint8_t **out, size_t *out_len)
{
    return coder->plain ? encoder_run(coder->plain, op, in, in_len, out, out_len)
                        : delta_run(coder->delta, op, in, in_len, out, out_len);
}

/* A piece through the coder into the output; *useless becomes true once as much has come out as
 * went in altogether. */
static enum worker_end feed(struct worker *w, struct worker_coder *coder, enum encoder_op op,
                            size_t len, struct store_output *out, uint64_t raw_size, bool *useless)
{
    const uint8_t *in = w->in;
    enum encoder_status status;

    do {
        uint8_t *to = w->out;
        size_t room = WORKER_PIECE;
        status = run(coder, op, &in, &len, &to, &room);
        if (status == ENCODER_FAILED) {
            return WORKER_LATER; /* no memory; or the size is not what was promised, see below */
        }
        if (!store_output_write(out, w->out, WORKER_PIECE - room)) {
            return output_end(w, out);
        }
        *useless = out->size >= raw_size;
    } while (status == ENCODER_MORE && !*useless);
    return WORKER_DONE;
}

static enum worker_end encode(struct worker *w, struct worker_coder *coder,
                              struct worker_source *source, struct store_output *out, bool *useless)
{
    enum worker_end end;
    size_t len;

    do {
        end = worker_read(w, source, &len);
        if (end == WORKER_DONE) {
            end = feed(w, coder, len > 0 ? ENCODER_PROCESS : ENCODER_FINISH, len, out, source->size,
                       useless);
        }
    } while (end == WORKER_DONE && len > 0 && !*useless);
    return end;
}

/* The body is complete: published if it was made of what was meant. */
static enum worker_end conclude(struct worker *w, struct store_output *out, struct store_seal *seal,
                                struct worker_source *source, const struct worker_file *file)
{
    if (!worker_has_digest(source, seal->key.digest) ||
        (file != NULL && !worker_file_unchanged(file))) {
        return WORKER_CHANGED;
    }
    return publish(w, out, seal);
}

enum worker_end worker_make(struct worker *w, struct worker_coder *coder,
                            struct worker_source *source, const struct worker_file *file,
                            const struct store_key *key, bool mark, uint64_t *size)
{
    struct store_seal seal = {.key = *key, .raw_size = source->size};
    struct store_output out;
    bool useless = false;
    enum worker_end end;

    if (store_output_begin(&out, w->s)) {
        end = encode(w, coder, source, &out, &useless);
    } else {
        end = output_end(w, &out);
    }
    if (end == WORKER_DONE && !useless) {
        end = conclude(w, &out, &seal, source, file);
    } else if (end == WORKER_LATER && file != NULL && !worker_file_unchanged(file)) {
        end = WORKER_CHANGED; /* the encoder has been given less than it was promised */
    }
    *size = useless ? STORE_USELESS : out.size;
    store_output_end(&out);
    return end == WORKER_DONE && useless && mark ? worker_publish_none(w, key, source->size) : end;
}

enum worker_end worker_publish_none(struct worker *w, const struct store_key *key,
                                    uint64_t raw_size)
{
    struct store_seal seal = {.key = *key, .raw_size = raw_size};
    struct store_output out;
    enum worker_end end =
        store_output_begin(&out, w->s) ? publish(w, &out, &seal) : output_end(w, &out);

    store_output_end(&out);
    return end;
}
