/* SPDX-License-Identifier: Apache-2.0
 * store_dir_write.c — writing into the store, for the one who holds the lock.
 *
 * How:     What has to become visible as a whole is written into t/, synced, and renamed to its
 *          place: a crash leaves the old state or the new one, and in t/ a file that the next round
 *          removes. The index is written in place, an entry at a time: a torn one fails its check.
 * Memory:  A buffer for an output; a list of the variants while evicting.
 * Threads: The holder of the lock.
 */
#include "store_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store_dir_impl.h"

enum {
    OUTPUT_BUFFER = 64 * 1024,
    BLOCK = 4096,       /* what a file takes of a disk is a multiple of about that */
    JOB_WRITE_TIME = 60 /* seconds; a job that is no job for longer is not being written */
};

static const char output_path[] = "t/variant", family_path[] = "t/family";

/* ---- directories ---- */

/* Opens a directory beneath the root for listing, or NULL. */
static DIR *list(int root, const char *name)
{
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0) {
        close(fd);
    }
    return dir;
}

static const char *next_name(DIR *dir)
{
    const struct dirent *entry;

    do {
        entry = readdir(dir);
    } while (entry != NULL &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

static void sync_directory(int root, const char *name)
{
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0) {
        (void)fsync(fd); /* a rename that the power takes back leaves the state before it */
        close(fd);
    }
}

static void remove_leftovers(int root)
{
    DIR *dir = list(root, "t");
    const char *name;

    if (dir == NULL) {
        return;
    }
    while ((name = next_name(dir)) != NULL) {
        unlinkat(dirfd(dir), name, 0);
    }
    closedir(dir);
}

int store_lock(struct store *s)
{
    int fd;

    store_heal(s);
    fd = openat(s->root, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    store_make_subdirectories(s->root);
    remove_leftovers(s->root);
    return fd;
}

/* ---- the index and families ---- */

static bool read_bucket(const struct store *s, uint64_t at, uint8_t bucket[STORE_BUCKET_SIZE])
{
    ssize_t n = pread(s->index, bucket, STORE_BUCKET_SIZE, (off_t)at);

    if (n < 0) {
        return false;
    }
    memset(bucket + n, 0, STORE_BUCKET_SIZE - (size_t)n);
    return true;
}

bool store_put(const struct store *s, const struct store_entry *entry)
{
    uint8_t bucket[STORE_BUCKET_SIZE];
    uint64_t at = store_index_offset(&entry->id);
    size_t place;

    if (!read_bucket(s, at, bucket)) {
        return false;
    }
    place = store_index_put(bucket, entry);
    at += place * STORE_ENTRY_SIZE;
    return pwrite(s->index, bucket + place * STORE_ENTRY_SIZE, STORE_ENTRY_SIZE, (off_t)at) ==
           STORE_ENTRY_SIZE;
}

static void forget(const struct store *s, const struct store_key *key)
{
    uint8_t bucket[STORE_BUCKET_SIZE];

    if (coding_needs_dictionary(key->coding) || key->coding == CODING_IDENTITY) {
        return;
    }
    for (uint64_t i = 0; i < STORE_BUCKETS; i++) {
        uint64_t at = i * STORE_BUCKET_SIZE;
        if (read_bucket(s, at, bucket) && store_index_forget(bucket, key)) {
            (void)!pwrite(s->index, bucket, sizeof(bucket), (off_t)at);
        }
    }
}

bool store_put_family(const struct store *s, const char *path, const struct store_family *family)
{
    uint8_t record[STORE_FAMILY_MAX];
    char file[2 + STORE_FAMILY_NAME] = "f/";

    if (!store_family_file(file + 2, path)) {
        return false;
    }
    if (!store_write_record(s->root, family_path, record, store_family_write(record, family),
                            O_CREAT | O_TRUNC)) {
        return false;
    }
    if (renameat(s->root, family_path, s->root, file) != 0) {
        unlinkat(s->root, family_path, 0);
        return false;
    }
    return true;
}

/* ---- variants ---- */

void store_remove_variant(const struct store *s, const struct store_key *key)
{
    char path[STORE_VARIANT_PATH];

    store_variant_path(path, key);
    unlinkat(s->root, path, 0);
    forget(s, key);
}

struct found {
    struct store_used used;
    struct store_key key;
};

struct listing {
    struct found *all;
    size_t n, room;
};

static struct found *add_found(struct listing *listing)
{
    if (listing->n == listing->room) {
        size_t room = listing->room ? 2 * listing->room : 64;
        struct found *all = realloc(listing->all, room * sizeof(*all));
        if (all == NULL) {
            return NULL;
        }
        listing->all = all;
        listing->room = room;
    }
    return &listing->all[listing->n++];
}

/* Lists the variants; what is none by its name or kind is removed. */
static struct listing list_variants(const struct store *s)
{
    struct listing listing = {NULL, 0, 0};
    DIR *dir = list(s->root, "v");
    const char *name;

    while (dir != NULL && (name = next_name(dir)) != NULL) {
        struct store_key key;
        struct found *found;
        struct stat st;
        if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (!S_ISREG(st.st_mode) || !store_name_read(&key, name)) {
            unlinkat(dirfd(dir), name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
            continue;
        }
        found = add_found(&listing);
        if (found == NULL) {
            break; /* what is not listed stays until the next time */
        }
        found->key = key;
        found->used = (struct store_used){
            .size = ((uint64_t)st.st_size + BLOCK - 1) / BLOCK * BLOCK, .used = st.st_atim.tv_sec};
        /* Never read: what it was made at. */
        if (st.st_mtim.tv_sec > st.st_atim.tv_sec) {
            found->used.used = st.st_mtim.tv_sec;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return listing;
}

size_t store_evict(const struct store *s, uint64_t cap, int64_t *youngest)
{
    struct listing listing = list_variants(s);
    struct store_used **all = malloc((listing.n + 1) * sizeof(struct store_used *));
    size_t evicted = 0;

    if (all != NULL) {
        for (size_t i = 0; i < listing.n; i++) {
            all[i] = &listing.all[i].used;
        }
        evicted = store_evict_choose(all, listing.n, cap);
        for (size_t i = 0; evicted > 0 && i < listing.n; i++) {
            const struct store_used *used = &listing.all[i].used;
            if (used->evict) {
                *youngest = used->used > *youngest ? used->used : *youngest;
                store_remove_variant(s, &listing.all[i].key);
            }
        }
    }
    free(all);
    free(listing.all);
    return evicted;
}

/* ---- jobs ---- */

static void job_path(char path[2 + STORE_PLACE_NAME], const char *place)
{
    path[0] = 'q';
    path[1] = '/';
    memcpy(path + 2, place, STORE_PLACE_NAME);
}

/* The least name of a place that is greater than after; false if there is none. Everything else
 * that lies there is removed. */
static bool next_place(const struct store *s, char place[STORE_PLACE_NAME])
{
    char least[STORE_PLACE_NAME] = "";
    DIR *dir = list(s->root, "q");
    const char *name;

    while (dir != NULL && (name = next_name(dir)) != NULL) {
        if (strlen(name) != STORE_PLACE_NAME - 1 ||
            strspn(name, "0123456789abcdef") != STORE_PLACE_NAME - 1) {
            unlinkat(dirfd(dir), name, 0);
        } else if (strcmp(name, place) > 0 && (least[0] == '\0' || strcmp(name, least) < 0)) {
            memcpy(least, name, STORE_PLACE_NAME);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    memcpy(place, least, STORE_PLACE_NAME);
    return least[0] != '\0';
}

bool store_next_job(const struct store *s, char place[STORE_PLACE_NAME], struct store_job *job,
                    int64_t *age, int64_t now)
{
    uint8_t record[STORE_JOB_MAX];
    char path[2 + STORE_PLACE_NAME], own[STORE_PLACE_NAME];

    while (next_place(s, place)) {
        struct stat st = {0};
        ssize_t n;
        job_path(path, place);
        n = store_read_record(s->root, path, record, sizeof(record), &st);
        *age = now - st.st_mtim.tv_sec;
        if (n > 0 && store_job_read(job, record, (size_t)n)) {
            store_job_place(own, job);
            if (strcmp(own, place) == 0) {
                return true;
            }
        }
        /* A link, a directory, or something that has stopped growing. */
        if (n < 0 || *age > JOB_WRITE_TIME || *age < 0) {
            unlinkat(s->root, path, 0);
        }
    }
    return false;
}

void store_remove_job(const struct store *s, const struct store_job *job)
{
    char path[2 + STORE_PLACE_NAME] = "q/";

    store_job_place(path + 2, job);
    unlinkat(s->root, path, 0);
}

bool store_update_job(const struct store *s, const struct store_job *job)
{
    uint8_t record[STORE_JOB_MAX];
    char path[2 + STORE_PLACE_NAME] = "q/";

    store_job_place(path + 2, job);
    return store_write_record(s->root, path, record, store_job_write(record, job), 0);
}

/* ---- outputs ---- */

static bool fail(struct store_output *out)
{
    if (out->error == 0) {
        out->error = errno != 0 ? errno : EIO;
    }
    return false;
}

bool store_output_begin(struct store_output *out, const struct store *s)
{
    *out = (struct store_output){.s = s, .fd = -1, .checksum = STORE_CHECKSUM_START};
    out->buffer = malloc(OUTPUT_BUFFER);
    if (out->buffer == NULL) {
        return fail(out);
    }
    unlinkat(s->root, output_path, 0);
    out->fd =
        openat(s->root, output_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return out->fd >= 0 || fail(out);
}

static bool flush(struct store_output *out)
{
    for (size_t done = 0; done < out->held;) {
        ssize_t n = write(out->fd, out->buffer + done, out->held - done);
        if (n <= 0) {
            return fail(out);
        }
        done += (size_t)n;
    }
    out->held = 0;
    return true;
}

bool store_output_write(struct store_output *out, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    if (out->error != 0) {
        return false;
    }
    while (len > 0) {
        size_t room = OUTPUT_BUFFER - out->held, part = len < room ? len : room;
        memcpy(out->buffer + out->held, at, part);
        out->held += part;
        out->size += part;
        at += part;
        len -= part;
        if (out->held == OUTPUT_BUFFER) {
            out->checksum = store_checksum_add(out->checksum, out->buffer, OUTPUT_BUFFER);
            if (!flush(out)) {
                return false;
            }
        }
    }
    return true;
}

bool store_output_seal(struct store_output *out, struct store_seal *seal)
{
    uint8_t bytes[STORE_SEAL_SIZE];

    if (out->error != 0) {
        return false;
    }
    seal->body_size = out->size;
    seal->checksum =
        store_checksum_end(store_checksum_add(out->checksum, out->buffer, out->held), out->size);
    store_seal_write(bytes, seal);
    if (!flush(out)) {
        return false;
    }
    memcpy(out->buffer, bytes, sizeof(bytes));
    out->held = sizeof(bytes);
    return flush(out);
}

bool store_output_sync(struct store_output *out)
{
    return out->error == 0 && (fsync(out->fd) == 0 || fail(out));
}

bool store_output_publish(struct store_output *out, const struct store_key *key)
{
    char path[STORE_VARIANT_PATH];

    if (out->error != 0) {
        return false;
    }
    store_variant_path(path, key);
    if (renameat(out->s->root, output_path, out->s->root, path) != 0) {
        bool way = errno == EISDIR && unlinkat(out->s->root, path, AT_REMOVEDIR) == 0;
        if (!way || renameat(out->s->root, output_path, out->s->root, path) != 0) {
            return fail(out);
        }
    }
    close(out->fd);
    out->fd = -1;
    sync_directory(out->s->root, "v");
    return true;
}

void store_output_end(struct store_output *out)
{
    if (out->fd >= 0) {
        close(out->fd);
        unlinkat(out->s->root, output_path, 0);
    }
    free(out->buffer);
    out->buffer = NULL;
    out->fd = -1;
}
