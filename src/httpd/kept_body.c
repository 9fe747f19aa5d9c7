/* SPDX-License-Identifier: Apache-2.0
 * kept_body.c — a table of small files' contents; the header says why and when.
 *
 * How:     A few places, looked through from the first to the last; a hit is stamped, the oldest
 *          stamp is replaced. A body is one block: a count of references, and the bytes behind it.
 *          The table has one reference to each of its own, and so has what a bucket points at. The
 *          buckets are of a type of our own, which is in memory, stays there as it is when it is
 *          set aside, and can be split and copied. A heap bucket would do all of that too, but is
 *          its holder's to write into: once a filter has taken it apart and kept the first part,
 *          apr_brigade_write() puts what comes next over the bytes behind.
 * Memory:  malloc; a body outlives every pool that it was read in.
 * Threads: Any.
 */
#include "kept_body.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

struct kept_body {
    _Atomic size_t references;
    size_t size;
    uint8_t bytes[];
};

static struct place {
    struct fileid id;
    struct kept_body *body; /* NULL: empty */
    uint64_t used;          /* the clock when it was last found */
} places[KEPT_BODIES];

static uint64_t uses; /* the clock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void drop(struct kept_body *body)
{
    if (atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) == 1) {
        free(body);
    }
}

static void take(struct kept_body *body)
{
    atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
}

static apr_status_t drop_with_pool(void *data)
{
    drop(data);
    return APR_SUCCESS;
}

static const struct kept_body *lend(struct kept_body *body, apr_pool_t *pool)
{
    apr_pool_cleanup_register(pool, body, drop_with_pool, apr_pool_cleanup_null);
    return body;
}

const struct kept_body *kept_body_find(const struct fileid *id, apr_pool_t *pool)
{
    struct kept_body *body = NULL;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < KEPT_BODIES && body == NULL; i++) {
        if (places[i].body != NULL && fileid_equal(&places[i].id, id)) {
            body = places[i].body;
            places[i].used = ++uses;
            take(body);
        }
    }
    pthread_mutex_unlock(&lock);
    return body != NULL ? lend(body, pool) : NULL;
}

/* Where the file is to be kept: over an earlier state of it, in an empty place, or over the body
 * that was not used for longest. */
static struct place *place_for(const struct fileid *id)
{
    struct place *best = &places[0];

    for (int i = 0; i < KEPT_BODIES; i++) {
        struct place *place = &places[i];
        if (place->body != NULL && place->id.inode == id->inode && place->id.device == id->device) {
            return place;
        }
        if (best->body != NULL && (place->body == NULL || place->used < best->used)) {
            best = place;
        }
    }
    return best;
}

static void keep(struct kept_body *body, const struct fileid *id)
{
    struct kept_body *before;
    struct place *place;

    take(body);
    pthread_mutex_lock(&lock);
    place = place_for(id);
    before = place->body;
    *place = (struct place){*id, body, ++uses};
    pthread_mutex_unlock(&lock);
    if (before != NULL) {
        drop(before);
    }
}

/* Whether a stat of this file shows every change at once. Images that are made as a whole
 * (SquashFS, EROFS, ISO 9660) are not among those that do: they have no ctime but what was written
 * into them, with reproducible ones the same in each, and the next may be mounted from the same
 * device. */
static bool is_local(int fd)
{
#ifdef __linux__
    static const unsigned long known[] = {
        EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
        OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, 0x2fc12fc1 /* OpenZFS */};
    struct statfs fs;

    if (fstatfs(fd, &fs) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if ((unsigned long)fs.f_type == known[i]) {
            return true;
        }
    }
#else
    (void)fd;
#endif
    return false;
}

static bool is_unchanged(int fd, const struct fileid *id)
{
    struct fileid own;
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return false;
    }
    own = fileid_of_stat(&st);
    return fileid_equal(&own, id);
}

static bool read_whole(int fd, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

const struct kept_body *kept_body_read(int fd, const struct fileid *id, int64_t now,
                                       apr_pool_t *pool)
{
    struct kept_body *body;

    if (id->size == 0 || id->size > KEPT_BODY_MAX) {
        return NULL;
    }
    body = malloc(sizeof(*body) + (size_t)id->size);
    if (body == NULL) {
        return NULL;
    }
    atomic_init(&body->references, 1);
    body->size = (size_t)id->size;
    if (!read_whole(fd, body->bytes, body->size)) {
        free(body);
        return NULL;
    }
    if (fileid_settled(id, now) && is_local(fd) && is_unchanged(fd, id)) {
        keep(body, id);
    }
    return lend(body, pool);
}

const uint8_t *kept_body_bytes(const struct kept_body *body)
{
    return body->bytes;
}

size_t kept_body_size(const struct kept_body *body)
{
    return body->size;
}

/* What all parts of one bucket have in common. */
struct bucket_data {
    apr_bucket_refcount refcount; /* of the parts; APR wants it here */
    struct kept_body *body;
};

static apr_status_t bucket_read(apr_bucket *bucket, const char **bytes, apr_size_t *len,
                                apr_read_type_e block)
{
    const struct bucket_data *data = bucket->data;

    (void)block;
    *bytes = (const char *)data->body->bytes + bucket->start;
    *len = bucket->length;
    return APR_SUCCESS;
}

static void bucket_destroy(void *at)
{
    struct bucket_data *data = at;

    if (apr_bucket_shared_destroy(data)) {
        drop(data->body);
        apr_bucket_free(data);
    }
}

static const apr_bucket_type_t bucket_type = {"KEPT BODY",
                                              5,
                                              APR_BUCKET_DATA,
                                              bucket_destroy,
                                              bucket_read,
                                              apr_bucket_setaside_noop,
                                              apr_bucket_shared_split,
                                              apr_bucket_shared_copy};

apr_bucket *kept_body_bucket(const struct kept_body *body, size_t size, apr_bucket_alloc_t *list)
{
    struct kept_body *own = (struct kept_body *)(uintptr_t)body; /* the count changes, no byte */
    struct bucket_data *data = apr_bucket_alloc(sizeof(*data), list);
    apr_bucket *bucket = apr_bucket_alloc(sizeof(*bucket), list);

    take(own);
    data->body = own;
    APR_BUCKET_INIT(bucket);
    bucket->free = apr_bucket_free;
    bucket->list = list;
    bucket = apr_bucket_shared_make(bucket, data, 0, size);
    bucket->type = &bucket_type;
    return bucket;
}
