/* SPDX-License-Identifier: Apache-2.0
 * digest_memo.c — a table of identities and digests, and the reading of a file; the header says
 * why.
 *
 * How:     An identity has one place in the table, by its hash; a newcomer takes it over. Two files
 *          that are asked for in turn and share a place are read each time, which more than 256
 *          versions of applications in one process would have to come about.
 * Memory:  Static.
 * Threads: Any.
 */
#include "digest_memo.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 256, PIECE = 16 * 1024 };

static struct place {
    struct fileid id; /* all zero: empty; no file has a size and times of zero and is asked for */
    uint8_t digest[SHA256_SIZE];
} places[PLACES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct place *place_of(const struct fileid *id)
{
    return &places[fileid_hash(id) % PLACES];
}

bool digest_memo_get(const struct fileid *id, uint8_t digest[SHA256_SIZE])
{
    const struct place *place = place_of(id);
    bool found;

    pthread_mutex_lock(&lock);
    found = fileid_equal(&place->id, id);
    if (found) {
        memcpy(digest, place->digest, SHA256_SIZE);
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void digest_memo_put(const struct fileid *id, const uint8_t digest[SHA256_SIZE])
{
    struct place *place = place_of(id);

    pthread_mutex_lock(&lock);
    place->id = *id;
    memcpy(place->digest, digest, SHA256_SIZE);
    pthread_mutex_unlock(&lock);
}

/* Whether fd is the file, unchanged. */
static bool is_file(int fd, const struct fileid *id)
{
    struct stat st;
    struct fileid own;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    own = fileid_of_stat(&st);
    return fileid_equal(&own, id);
}

static bool read_digest(int fd, uint8_t digest[SHA256_SIZE])
{
    uint8_t piece[PIECE];
    sha256 hash;
    ssize_t n;

    sha256_init(&hash);
    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        sha256_add(&hash, piece, (size_t)n);
    }
    sha256_finish(&hash, digest);
    return n == 0;
}

static bool read_file(const char *path, const struct fileid *id, uint8_t digest[SHA256_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool done;

    if (fd < 0) {
        return false;
    }
    done = is_file(fd, id) && read_digest(fd, digest) && is_file(fd, id);
    close(fd);
    return done;
}

bool digest_memo_of_file(const char *path, const struct fileid *id, int64_t now,
                         uint8_t digest[SHA256_SIZE])
{
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    bool done;

    if (digest_memo_get(id, digest)) {
        return true;
    }
    if (!fileid_settled(id, now) || atomic_flag_test_and_set(&busy)) {
        return false;
    }
    done = read_file(path, id, digest);
    atomic_flag_clear(&busy);
    if (done) {
        digest_memo_put(id, digest);
    }
    return done;
}
