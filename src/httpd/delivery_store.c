/* SPDX-License-Identifier: Apache-2.0
 * delivery_store.c — variants out of the store, and requests for those that are not there yet.
 *
 * How:     The raw file's identity, which httpd has looked up anyway, leads to an entry of the
 *          index with the digest of its content and the sizes of its variants: one read, whatever
 *          is asked for. The variant that wins is opened; its seal says what it is, and its body
 *          has been compared with the checksum once by this process.
 * Access:  A variant in the store is the content of the raw file, which this very request may have.
 *          It has no name of its own that anybody could deny. For a delta the old version's name is
 *          asked for as for any (delivery_access.h), even where that file is gone by now.
 * Jobs:    What is missing is asked for with a file in the store's queue, by each process once in
 *          ten seconds at most, and answered with what there is.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_store.h"

#include <stdatomic.h>
#include <unistd.h>

#include "apr_portable.h"
#include "apr_strings.h"
#include "http_core.h"

#include "delivery_access.h"
#include "delivery_dictionary.h"
#include "delivery_sidecar.h"
#include "delta.h"
#include "digest_memo.h"
#include "encoder.h"
#include "httpd_log.h"
#include "kept_body.h"
#include "passed_over.h"
#include "store_service.h"

/* For passed_over_first, beside what delivery_sidecar.c numbers; the coding is added to the first.
 */
enum { REASON_BROKEN = 1000, REASON_NO_JOB = 2000 };

/* ---- jobs ---- */

enum { ASKED = 256, AGAIN = 10 };

/* Whether this process has not asked about the path in this state within the last seconds. Two that
 * share a place in the table are asked about more often, which the queue puts up with. */
static bool may_ask(const request_rec *r, const char *path, int64_t state)
{
    static _Atomic uint64_t asked[ASKED];
    struct fileid about = {.mtime = state, .ctime = apr_time_sec(r->request_time) / AGAIN};
    uint64_t hash;

    while (*path != '\0') {
        about.inode = about.inode * 31 + (unsigned char)*path++;
    }
    hash = fileid_hash(&about);
    about.ctime = 0;
    return atomic_exchange_explicit(&asked[fileid_hash(&about) % ASKED], hash,
                                    memory_order_relaxed) != hash;
}

static void add_job(request_rec *r, struct store_job *job, const char *path)
{
    struct store *store = store_service_store();
    int error;

    if (strlen(path) >= sizeof(job->path)) {
        return;
    }
    apr_cpystrn(job->path, path, sizeof(job->path));
    if (store_add_job(store, job)) {
        LOG_R(APLOG_DEBUG, 0, r, "%s: asked the store for %s", path,
              job->kind == STORE_JOB_DELTA ? "a delta" : "variants");
        return;
    }
    error = errno;
    /* Of a disk without room for the question the worker never hears, and could not tell. */
    if (passed_over_first(store->path, apr_time_sec(r->request_time) / 60, REASON_NO_JOB)) {
        LOG_R(APLOG_WARNING, error, r,
              "store: %s takes no orders for variants: serving without until it does", store->path);
    } else {
        LOG_R(APLOG_DEBUG, error, r, "%s: the store takes no job", path);
    }
    store_heal(store);
}

/* The codings that the file shall have variants in: allowed here, and not beside it. */
static coding_set codings_without_sidecar(const struct delivery_ask *ask, coding_set missing)
{
    struct delivery_file found[CODING_COUNT];
    coding_set others = ask->codings & (coding_set)~missing;

    /* For those that this client did not ask for, nobody has looked. */
    return missing | (others & (coding_set)~delivery_sidecar.find(ask, others, found));
}

/* Asks for the variants of the requested file that are not known, and as a version for its content.
 */
static void ask_for_file(const struct delivery_ask *ask, const struct store_entry *entry,
                         coding_set missing)
{
    request_rec *r = ask->r;
    struct store_job job = {.kind = STORE_JOB_FILE, .id = entry->id, .version = ask->is_version};
    coding_set codings;

    if (!may_ask(r, r->filename, r->finfo.mtime)) {
        return;
    }
    codings = codings_without_sidecar(ask, missing);
    for (int c = 1; c < STORE_PLAIN; c++) {
        if (coding_in(codings, (enum coding)c) && entry->sizes[c] == 0 &&
            encoder_can((enum coding)c, false)) {
            job.codings |= (coding_set)(1u << c);
        }
    }
    add_job(r, &job, r->filename);
}

/* Asks for the content of the old version, if this client could have it. */
static void ask_for_old(const struct delivery_ask *ask)
{
    request_rec *r = ask->r;
    struct store_job job = {.kind = STORE_JOB_FILE, .version = true};
    apr_finfo_t seen;

    if (may_ask(r, ask->dictionary->path, 0) &&
        delivery_access_file(r, ask->dictionary->path, NULL, &seen)) {
        job.id = delivery_file_id(&seen);
        if (job.id.size <= store_service_limits()->dictionary_max) {
            add_job(r, &job, ask->dictionary->path);
        }
    }
}

static void ask_for_delta(const struct delivery_ask *ask, const struct store_entry *entry,
                          coding_set wanted)
{
    struct store_job job = {.kind = STORE_JOB_DELTA};

    for (int c = STORE_PLAIN; c < CODING_COUNT; c++) {
        if (coding_in(wanted, (enum coding)c) && delta_can((enum coding)c)) {
            job.codings |= (coding_set)(1u << c);
        }
    }
    if (job.codings != 0 && may_ask(ask->r, ask->dictionary->path, ask->r->finfo.mtime)) {
        memcpy(job.digest, entry->digest, SHA256_SIZE);
        memcpy(job.old, ask->dictionary->digest, SHA256_SIZE);
        add_job(ask->r, &job, ask->r->filename);
    }
}

/* ---- finding ---- */

static struct store_key key_of(const struct delivery_ask *ask, const struct store_entry *entry,
                               enum coding coding)
{
    struct store_key key = {.coding = coding};

    memcpy(key.digest, entry->digest, SHA256_SIZE);
    if (coding_needs_dictionary(coding)) {
        memcpy(key.old, ask->dictionary->digest, SHA256_SIZE);
    }
    return key;
}

/* A variant of the store: which one, and once it has been looked up, as it lies there. */
struct stored {
    struct store_key key;
    struct store_seal seal;
    struct stat st;
    const struct kept_body *body; /* the file, with its seal, in memory; or */
    int fd;                       /* its descriptor, which is the caller's to close; else -1 */
};

static void fill(struct delivery_file *file, enum coding coding, const struct delivery_ask *ask,
                 const struct store_entry *entry, uint64_t size)
{
    struct stored *stored = apr_palloc(ask->r->pool, sizeof(*stored));

    *stored = (struct stored){.key = key_of(ask, entry, coding), .fd = -1};
    *file = (struct delivery_file){.coding = coding,
                                   .source = &delivery_store,
                                   .path = ask->r->filename,
                                   .size = (apr_off_t)size,
                                   .stored = stored};
}

static coding_set find_plain(const struct delivery_ask *ask, const struct store_entry *entry,
                             coding_set wanted, struct delivery_file found[CODING_COUNT])
{
    coding_set have = 0, missing = 0;

    for (int c = 1; c < STORE_PLAIN; c++) {
        coding_set bit = (coding_set)(1u << c);
        if ((wanted & bit) == 0) {
            continue;
        }
        if (entry->sizes[c] == 0) {
            missing |= bit;
        } else if (entry->sizes[c] != STORE_USELESS) {
            fill(&found[c], (enum coding)c, ask, entry, entry->sizes[c]);
            have |= bit;
        }
    }
    if (missing != 0) {
        ask_for_file(ask, entry, missing);
    }
    return have;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The record of the file's family, from memory if it lies there as it did. It is small, and asked
 * for with each delta. */
static const struct kept_body *family_record(request_rec *r)
{
    const struct store *store = store_service_store();
    const struct kept_body *body;
    struct fileid id;
    struct stat st;
    int fd;

    if (!store_stat_family(store, r->filename, &st)) {
        return NULL;
    }
    id = fileid_of_stat(&st);
    body = kept_body_find(&id, r->pool);
    if (body == NULL) {
        fd = store_open_family(store, r->filename);
        if (fd < 0) {
            return NULL;
        }
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
            id = fileid_of_stat(&st);
            body = kept_body_read(fd, &id, r->request_time, r->pool);
        }
        close(fd);
    }
    return body;
}

static void find_family(request_rec *r, struct store_family *family)
{
    const struct kept_body *record = family_record(r);

    *family = (struct store_family){0};
    if (record != NULL && kept_body_size(record) <= STORE_FAMILY_MAX &&
        !store_family_read(family, kept_body_bytes(record), kept_body_size(record))) {
        *family = (struct store_family){0};
    }
}

/* Whether the store has both versions; asks for what it has not. */
static bool has_versions(const struct delivery_ask *ask, const struct store_entry *entry)
{
    request_rec *r = ask->r;
    struct store_family family;
    bool has_new, has_old;

    find_family(r, &family);
    has_new = store_family_find(&family, entry->digest, base_name(r->filename)) != NULL;
    has_old = store_family_find(&family, ask->dictionary->digest, ask->dictionary->name) != NULL;
    if (!has_new) {
        ask_for_file(ask, entry, 0);
    }
    if (!has_old) {
        ask_for_old(ask);
    }
    return has_new && has_old;
}

/* The variant in memory, if it is there in the state that a stat of the file shows. One that is to
 * be touched is not looked for there: that takes a descriptor, and makes it another state. */
static bool recall(request_rec *r, struct stored *out)
{
    struct fileid id;
    const uint8_t *bytes;

    if (!store_stat_variant(store_service_store(), &out->key, &out->st) ||
        !delivery_file_from_memory(r, out->st.st_size) ||
        store_touch_is_due(&out->st, apr_time_sec(r->request_time))) {
        return false;
    }
    id = fileid_of_stat(&out->st);
    out->body = kept_body_find(&id, r->pool);
    if (out->body == NULL) {
        return false;
    }
    bytes = kept_body_bytes(out->body) + kept_body_size(out->body) - STORE_SEAL_SIZE;
    return store_seal_fits(bytes, &out->key, &out->st, &out->seal);
}

/* Looks for the variant with out->key in memory and in the store. */
static bool look_up(request_rec *r, struct stored *out)
{
    if (recall(r, out)) {
        return true;
    }
    out->body = NULL;
    out->fd = store_open_variant(store_service_store(), &out->key, &out->seal, &out->st);
    return out->fd >= 0;
}

static void close_stored(struct stored *stored)
{
    if (stored->fd >= 0) {
        close(stored->fd);
        stored->fd = -1;
    }
}

static coding_set find_deltas(const struct delivery_ask *ask, const struct store_entry *entry,
                              coding_set wanted, struct delivery_file found[CODING_COUNT])
{
    coding_set have = 0, missing = 0;

    if (entry->id.size > store_service_limits()->dictionary_max) {
        return 0;
    }
    if (!store_entry_has_digest(entry)) {
        /* Never heard of: perhaps all its variants lie beside it, and nobody has asked for any. One
         * that was given up has an entry. */
        if (entry->stamp == 0) {
            ask_for_file(ask, entry, 0);
        }
        return 0;
    }
    if (!has_versions(ask, entry)) {
        return 0;
    }
    for (int c = STORE_PLAIN; c < CODING_COUNT; c++) {
        coding_set bit = (coding_set)(1u << c);
        struct stored stored = {.key = key_of(ask, entry, (enum coding)c), .fd = -1};

        if ((wanted & bit) == 0) {
            continue;
        }
        if (!look_up(ask->r, &stored)) {
            missing |= bit;
            continue;
        }
        close_stored(&stored);
        if (stored.seal.body_size > 0) {
            fill(&found[c], (enum coding)c, ask, entry, stored.seal.body_size);
            *found[c].stored = stored; /* in memory, it is not looked up again */
            have |= bit;
        }
    }
    if (missing != 0) {
        ask_for_delta(ask, entry, missing);
    }
    return have;
}

static coding_set find(const struct delivery_ask *ask, coding_set wanted,
                       struct delivery_file found[CODING_COUNT])
{
    static const coding_set deltas = 1u << CODING_DCB | 1u << CODING_DCZ;
    struct store *store = store_service_store();
    struct store_entry entry;
    struct fileid id;
    coding_set have;

    if (store == NULL) {
        return 0;
    }
    id = delivery_file_id(&ask->r->finfo);
    if (id.size < STORE_RAW_MIN || id.size > store_service_limits()->raw_max ||
        !fileid_settled(&id, ask->r->request_time)) {
        return 0;
    }
    if (!store_find(store, &id, &entry)) {
        entry = (struct store_entry){.id = id};
    }
    have = find_plain(ask, &entry, wanted, found);
    if ((wanted & deltas) != 0) {
        have |= find_deltas(ask, &entry, wanted, found);
    }
    return have;
}

/* ---- opening ---- */

/* Whether the body is what was written, looked at once by this process for each state of the file.
 * The time of the last change of the inode does not count: noting that the variant is used changes
 * it. */
static bool body_is_good(const struct stored *stored)
{
    static const uint8_t bad[SHA256_SIZE];
    const struct store_seal *seal = &stored->seal;
    struct fileid id = fileid_of_stat(&stored->st);
    uint8_t seen[SHA256_SIZE];
    bool good;

    id.ctime = 0;
    if (digest_memo_get(&id, seen)) {
        return memcmp(seen, seal->key.digest, SHA256_SIZE) == 0;
    }
    good = stored->body != NULL ? store_bytes_hold(kept_body_bytes(stored->body), seal)
                                : store_body_holds(stored->fd, seal);
    digest_memo_put(&id, good ? seal->key.digest : bad);
    return good;
}

/* Gives the descriptor to the request's pool. As a copy, because APR does not close what it was
 * handed in the one way that there is, once a file bucket has moved on to another pool: under
 * HTTP/2 that would be a descriptor lost with each answer. */
static bool adopt(request_rec *r, struct stored *stored, struct delivery_file *file)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_os_file_t os = stored->fd;
    apr_file_t *handed = NULL;
    apr_status_t status;

    apr_os_file_put(&handed, &os,
                    APR_READ | APR_BINARY | AP_SENDFILE_ENABLED(core->enable_sendfile), r->pool);
    status = apr_file_dup(&file->fd, handed, r->pool);
    close_stored(stored);
    return status == APR_SUCCESS;
}

/* Makes what was looked up what is sent: from memory, or by a descriptor. */
static bool take(request_rec *r, struct stored *stored, struct delivery_file *file)
{
    if (stored->body == NULL && delivery_file_from_memory(r, stored->st.st_size) &&
        delivery_file_wanted(r)) {
        struct fileid id = fileid_of_stat(&stored->st);
        stored->body = kept_body_read(stored->fd, &id, r->request_time, r->pool);
    }
    file->body = stored->body;
    if (file->body != NULL) {
        close_stored(stored);
        return true;
    }
    return adopt(r, stored, file);
}

/* The body's checksum tells it from every other body that there could be for this coding: made
 * again by another version of a library, say. */
static const char *tag_of(request_rec *r, const struct store_seal *seal)
{
    return apr_psprintf(r->pool, "\"%016" APR_UINT64_T_HEX_FMT "-%s\"",
                        (apr_uint64_t)seal->checksum, coding_info(seal->key.coding)->token);
}

/* What the index promised is not there: asks for it anew, and for a look at the others. */
static void ask_again(const struct delivery_ask *ask, const struct store_key *key)
{
    struct store_job job = {.kind = STORE_JOB_FILE,
                            .codings = ask->codings,
                            .id = delivery_file_id(&ask->r->finfo),
                            .version = ask->is_version};

    if (coding_needs_dictionary(key->coding)) {
        job.kind = STORE_JOB_DELTA;
        job.codings = (coding_set)(1u << key->coding);
        memcpy(job.digest, key->digest, SHA256_SIZE);
        memcpy(job.old, key->old, SHA256_SIZE);
    }
    if (may_ask(ask->r, ask->r->filename, key->coding)) {
        add_job(ask->r, &job, ask->r->filename);
    }
}

static bool open_stored(const struct delivery_ask *ask, struct delivery_file *file)
{
    struct store *store = store_service_store();
    request_rec *r = ask->r;
    struct stored *stored = file->stored;

    if (coding_needs_dictionary(file->coding) && !delivery_access_name(r, ask->dictionary->path)) {
        return false;
    }
    if ((stored->body == NULL && !look_up(r, stored)) || stored->seal.body_size == 0 ||
        !body_is_good(stored)) {
        if (passed_over_first(r->filename, r->finfo.mtime, REASON_BROKEN + file->coding)) {
            LOG_R(APLOG_INFO, 0, r, "%s: its %s variant in the store is gone or damaged",
                  r->filename, coding_info(file->coding)->token);
        }
        close_stored(stored);
        store_heal(store);
        ask_again(ask, &stored->key);
        return false;
    }
    if (stored->fd >= 0) {
        store_touch(stored->fd, &stored->st, apr_time_sec(r->request_time));
    }
    if (!take(r, stored, file)) {
        return false;
    }
    file->finfo = (apr_finfo_t){.filetype = APR_REG,
                                .valid = APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_MTIME,
                                .size = stored->st.st_size,
                                .mtime = apr_time_from_sec(stored->st.st_mtim.tv_sec)};
    file->size = (apr_off_t)stored->seal.body_size;
    file->tag = tag_of(r, &stored->seal);
    return true;
}

const struct delivery_source delivery_store = {.find = find, .open = open_stored};
