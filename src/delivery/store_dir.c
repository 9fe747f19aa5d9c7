/* SPDX-License-Identifier: Apache-2.0
 * store_dir.c — the directory of the store, and reading from it; store_dir.h has the rules.
 *
 * How:     Names are resolved beneath the directory's descriptor, with O_NOFOLLOW, so that a
 *          symbolic link is an error like any other; O_NONBLOCK, so that a FIFO holds nobody up. A
 *          subdirectory that is missing is made again by whoever needs it.
 * Index:   Read with pread, never mapped: a file that is cut off under a mapping kills the process.
 *          Its descriptor is replaced with dup3 when the file is another one, so that other threads
 *          read from the old or the new one under the same number.
 * Memory:  No allocation but the list of a directory.
 * Threads: As store_dir.h.
 */
#include "store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store_dir_impl.h"

enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, HOUR = 3600 };

const char *const store_subdirectories[] = {"v", "q", "f", "t", NULL};

static enum store_fault judge(int root, uid_t owner)
{
    struct stat st;

    if (fstat(root, &st) != 0) {
        return STORE_ABSENT;
    }
    if (st.st_uid != owner) {
        return STORE_NOT_OWNED;
    }
    return (st.st_mode & 077) != 0 ? STORE_OPEN_TO_OTHERS : STORE_FINE;
}

static int open_root(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

enum store_fault store_check(const char *path, uid_t owner)
{
    int root = open_root(path);
    enum store_fault fault;

    if (root < 0) {
        return STORE_ABSENT;
    }
    fault = judge(root, owner);
    close(root);
    return fault;
}

void store_make_subdirectories(int root)
{
    for (size_t i = 0; store_subdirectories[i] != NULL; i++) {
        const char *name = store_subdirectories[i];
        struct stat st;
        if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
            unlinkat(root, name, 0);
        }
        mkdirat(root, name, 0700);
    }
}

static int open_index(int root)
{
    struct stat st;
    int fd = openat(root, "index", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool store_open(struct store *s, const char *path, uid_t owner)
{
    size_t len = strlen(path);

    if (len >= sizeof(s->path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(s->path, path, len + 1);
    s->owner = owner;
    s->index = -1;
    s->root = open_root(path);
    if (s->root < 0) {
        return false;
    }
    if (judge(s->root, owner) == STORE_FINE) {
        store_make_subdirectories(s->root);
        s->index = open_index(s->root);
    } else {
        errno = EPERM;
    }
    if (s->index < 0) {
        int error = errno;
        close(s->root);
        errno = error;
        return false;
    }
    return true;
}

void store_close(struct store *s)
{
    close(s->index);
    close(s->root);
}

static bool is_gone(int fd)
{
    struct stat st;

    return fstat(fd, &st) != 0 || st.st_nlink == 0;
}

/* Gives the descriptor `as` the file of fd, which is closed. */
static void become(int fd, int as)
{
    if (fd >= 0) {
        dup3(fd, as, O_CLOEXEC);
        close(fd);
    }
}

void store_heal(struct store *s)
{
    if (is_gone(s->root)) {
        int root = open_root(s->path);
        if (root >= 0 && judge(root, s->owner) != STORE_FINE) {
            close(root);
            root = -1;
        }
        become(root, s->root);
    }
    if (is_gone(s->index)) {
        become(open_index(s->root), s->index);
    }
}

bool store_find(const struct store *s, const struct fileid *id, struct store_entry *entry)
{
    uint8_t bucket[STORE_BUCKET_SIZE];
    ssize_t n = pread(s->index, bucket, sizeof(bucket), (off_t)store_index_offset(id));

    if (n <= 0) {
        return false;
    }
    memset(bucket + n, 0, sizeof(bucket) - (size_t)n);
    return store_index_find(entry, id, bucket);
}

void store_variant_path(char out[STORE_VARIANT_PATH], const struct store_key *key)
{
    out[0] = 'v';
    out[1] = '/';
    store_name_write(out + 2, key);
}

static bool key_equal(const struct store_key *a, const struct store_key *b)
{
    return a->coding == b->coding && memcmp(a->digest, b->digest, SHA256_SIZE) == 0 &&
           (!coding_needs_dictionary(a->coding) || memcmp(a->old, b->old, SHA256_SIZE) == 0);
}

bool store_seal_fits(const uint8_t bytes[STORE_SEAL_SIZE], const struct store_key *key,
                     const struct stat *st, struct store_seal *seal)
{
    return store_seal_read(seal, bytes) && key_equal(&seal->key, key) &&
           seal->body_size == (uint64_t)st->st_size - STORE_SEAL_SIZE;
}

bool store_stat_variant(const struct store *s, const struct store_key *key, struct stat *st)
{
    char path[STORE_VARIANT_PATH];

    store_variant_path(path, key);
    return fstatat(s->root, path, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
           st->st_size >= STORE_SEAL_SIZE;
}

int store_open_variant(const struct store *s, const struct store_key *key, struct store_seal *seal,
                       struct stat *st)
{
    char path[STORE_VARIANT_PATH];
    uint8_t bytes[STORE_SEAL_SIZE];
    int fd;

    store_variant_path(path, key);
    fd = openat(s->root, path, READ_FLAGS);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size >= STORE_SEAL_SIZE &&
        pread(fd, bytes, sizeof(bytes), st->st_size - STORE_SEAL_SIZE) == STORE_SEAL_SIZE &&
        store_seal_fits(bytes, key, st, seal)) {
        return fd;
    }
    close(fd);
    return -1;
}

bool store_bytes_hold(const uint8_t *body, const struct store_seal *seal)
{
    uint64_t sum = store_checksum_add(STORE_CHECKSUM_START, body, (size_t)seal->body_size);

    return store_checksum_end(sum, seal->body_size) == seal->checksum;
}

bool store_body_holds(int fd, const struct store_seal *seal)
{
    uint64_t sum = STORE_CHECKSUM_START, done = 0;
    uint8_t piece[16 * 1024];

    while (done < seal->body_size) {
        uint64_t left = seal->body_size - done;
        size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
        if (pread(fd, piece, want, (off_t)done) != (ssize_t)want) {
            return false;
        }
        sum = store_checksum_add(sum, piece, want);
        done += want;
    }
    return store_checksum_end(sum, done) == seal->checksum;
}

bool store_touch_is_due(const struct stat *st, int64_t now)
{
    return st->st_atim.tv_sec + HOUR < now;
}

void store_touch(int fd, const struct stat *st, int64_t now)
{
    if (store_touch_is_due(st, now)) {
        const struct timespec times[2] = {{.tv_sec = (time_t)now}, {.tv_nsec = UTIME_OMIT}};
        (void)futimens(fd, times); /* worth nothing more than a try */
    }
}

ssize_t store_read_record(int root, const char *path, uint8_t *out, size_t size, struct stat *st)
{
    int fd = openat(root, path, READ_FLAGS);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    n = fstat(fd, st) == 0 && S_ISREG(st->st_mode) ? read(fd, out, size) : 0;
    close(fd);
    return n;
}

/* The name of the record of path's family, from the root of the store. */
static bool family_record(char file[2 + STORE_FAMILY_NAME], const char *path)
{
    memcpy(file, "f/", 3);
    return store_family_file(file + 2, path);
}

bool store_stat_family(const struct store *s, const char *path, struct stat *st)
{
    char file[2 + STORE_FAMILY_NAME];

    return family_record(file, path) && fstatat(s->root, file, st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st->st_mode);
}

int store_open_family(const struct store *s, const char *path)
{
    char file[2 + STORE_FAMILY_NAME];

    return family_record(file, path) ? openat(s->root, file, READ_FLAGS) : -1;
}

bool store_find_family(const struct store *s, const char *path, struct store_family *family)
{
    uint8_t record[STORE_FAMILY_MAX];
    char file[2 + STORE_FAMILY_NAME];
    struct stat st;
    ssize_t n;

    if (!family_record(file, path)) {
        return false;
    }
    n = store_read_record(s->root, file, record, sizeof(record), &st);
    return n > 0 && store_family_read(family, record, (size_t)n);
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool store_write_record(int root, const char *path, const uint8_t *bytes, size_t len, int flags)
{
    int fd = openat(root, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    int error;
    bool done;

    if (fd < 0) {
        return false;
    }
    done = write_all(fd, bytes, len);
    error = errno;
    close(fd);
    if (!done) {
        unlinkat(root, path, 0);
        errno = error;
    }
    return done;
}

bool store_add_job(const struct store *s, const struct store_job *job)
{
    uint8_t record[STORE_JOB_MAX];
    char path[2 + STORE_PLACE_NAME] = "q/";
    size_t len = store_job_write(record, job);

    if (len == 0) {
        errno = ENAMETOOLONG;
        return false;
    }
    store_job_place(path + 2, job);
    if (store_write_record(s->root, path, record, len, O_CREAT | O_EXCL)) {
        return true;
    }
    if (errno == ENOENT && mkdirat(s->root, "q", 0700) == 0 &&
        store_write_record(s->root, path, record, len, O_CREAT | O_EXCL)) {
        return true;
    }
    return errno == EEXIST;
}
