/* SPDX-License-Identifier: Apache-2.0
 * store_fixture.h — a store and a few files in a directory of their own, and the one question that
 * matters: whether everything in it is right.
 *
 * How:     world_begin() makes the directory, with a store and a place for files. The clock of the
 *          worker's seams is an hour ahead, so that no file is too young. world_check() opens every
 *          variant as a request would, decodes it with the library of its coding, and compares the
 *          SHA-256 of what comes out with the digest in its name; it also says whether anything
 *          lies in t/.
 * Memory:  A world is the test's; world_end() removes its directory.
 * Threads: One; children made by fork have copies.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <brotli/decode.h>
#include <zlib.h>

#include "store_worker.h"

#if __has_include(<zstd.h>)
#include <zstd.h>
#endif

struct world {
    char dir[64]; /* has store/ and www/ */
    struct store store;
    struct store_limits limits;
};

/* ---- files */

static inline int world_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void world_end(struct world *world)
{
    store_close(&world->store);
    nftw(world->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *world_path(const struct world *world, const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", world->dir, name);
    return path;
}

static inline bool world_begin(struct world *world)
{
    snprintf(world->dir, sizeof(world->dir), "/tmp/wasmserve-store-XXXXXX");
    if (!CHECK(mkdtemp(world->dir) != NULL)) {
        return false;
    }
    mkdir(world_path(world, "store"), 0700);
    mkdir(world_path(world, "www"), 0700);
    world->limits = (struct store_limits){64 << 20, 8 << 20, 4 << 20};
    return CHECK(store_open(&world->store, world_path(world, "store"), geteuid()));
}

static inline void world_write(const struct world *world, const char *name, const void *data,
                               size_t len)
{
    int fd = open(world_path(world, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    close(fd);
}

/* Replaces a file as a careful deployment does. */
static inline void world_replace(const struct world *world, const char *name, const void *data,
                                 size_t len)
{
    world_write(world, "www/.new", data, len);
    CHECK(rename(world_path(world, "www/.new"), world_path(world, name)) == 0);
}

/* Words out of a table, which compress about as code does; the same for the same seed. */
static inline uint8_t *world_content(size_t len, uint32_t seed)
{
    uint8_t *data = malloc(len), words[64][8];
    uint32_t table = 12345;

    for (size_t i = 0; i < sizeof(words); i++) {
        table = table * 1664525 + 1013904223;
        words[i / 8][i % 8] = (uint8_t)(table >> 24);
    }
    for (size_t at = 0; data != NULL && at < len;) {
        size_t n = 1 + (seed >> 28) % 8;
        seed = seed * 1664525 + 1013904223;
        n = n < len - at ? n : len - at;
        memcpy(data + at, words[seed >> 26], n);
        at += n;
    }
    return data;
}

static inline struct fileid world_id(const struct world *world, const char *name)
{
    struct stat st = {0};

    stat(world_path(world, name), &st);
    return fileid_of_stat(&st);
}

static inline void world_digest(const void *data, size_t len, uint8_t digest[SHA256_SIZE])
{
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, data, len);
    sha256_finish(&hash, digest);
}

/* ---- decoding */

struct world_bytes {
    uint8_t *at;
    size_t len;
};

/* The whole content of a descriptor's first len bytes. */
static inline struct world_bytes world_read(int fd, size_t len)
{
    struct world_bytes bytes = {malloc(len + 1), len};

    if (bytes.at == NULL || pread(fd, bytes.at, len, 0) != (ssize_t)len) {
        FAIL("cannot read %zu bytes", len);
    }
    return bytes;
}

static inline bool world_gunzip(struct world_bytes in, struct world_bytes *out)
{
    z_stream z = {.next_in = in.at,
                  .avail_in = (uInt)in.len,
                  .next_out = out->at,
                  .avail_out = (uInt)out->len};
    int said = inflateInit2(&z, 15 + 16);

    said = said == Z_OK ? inflate(&z, Z_FINISH) : said;
    out->len = z.total_out;
    inflateEnd(&z);
    return said == Z_STREAM_END && z.avail_in == 0;
}

static inline bool world_unzstd(struct world_bytes in, struct world_bytes *out,
                                struct world_bytes dictionary)
{
#if __has_include(<zstd.h>)
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in.at, in.len, 0};
    ZSTD_outBuffer to = {out->at, out->len, 0};
    size_t said = 1;

    ZSTD_DCtx_refPrefix(z, dictionary.at, dictionary.len);
    /* A skippable frame, which the header of dcz is, ends with a 0 of its own. */
    while (from.pos < from.size && !ZSTD_isError(said)) {
        size_t before = from.pos;
        said = ZSTD_decompressStream(z, &to, &from);
        if (said == 0 && from.pos == 40 && dictionary.at != NULL) {
            ZSTD_DCtx_refPrefix(z, dictionary.at, dictionary.len);
            said = 1;
        } else if (from.pos == before) {
            break;
        }
    }
    ZSTD_freeDCtx(z);
    out->len = to.pos;
    return said == 0 && from.pos == from.size;
#else
    (void)in;
    (void)dictionary;
    (void)out;
    return false;
#endif
}

static inline bool world_unbrotli(struct world_bytes in, struct world_bytes *out)
{
    return BrotliDecoderDecompress(in.len, in.at, &out->len, out->at) ==
           BROTLI_DECODER_RESULT_SUCCESS;
}

static inline bool world_undcb(struct world_bytes in, struct world_bytes *out,
                               struct world_bytes dictionary)
{
#if __has_include(<brotli/shared_dictionary.h>)
    enum { HEADER = 4 + SHA256_SIZE };
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *next = in.at + HEADER;
    size_t left = in.len - HEADER, room = out->len;
    uint8_t *to = out->at;
    bool right = in.len > HEADER &&
                 BrotliDecoderAttachDictionary(state, BROTLI_SHARED_DICTIONARY_RAW, dictionary.len,
                                               dictionary.at) &&
                 BrotliDecoderDecompressStream(state, &left, &next, &room, &to, NULL) ==
                     BROTLI_DECODER_RESULT_SUCCESS;

    BrotliDecoderDestroyInstance(state);
    out->len -= room;
    return right && left == 0;
#else
    (void)in;
    (void)dictionary;
    (void)out;
    return false;
#endif
}

/* The raw content of a version in the store; at is NULL if there is none. */
static inline struct world_bytes world_copy(const struct world *world,
                                            const uint8_t digest[SHA256_SIZE])
{
    struct world_bytes bytes = {NULL, 0};
    struct store_key key = {.coding = CODING_IDENTITY};
    struct store_seal seal;
    struct stat st;
    int fd;

    memcpy(key.digest, digest, SHA256_SIZE);
    fd = store_open_variant(&world->store, &key, &seal, &st);
    if (fd >= 0) {
        bytes = world_read(fd, (size_t)seal.body_size);
        close(fd);
    }
    return bytes;
}

/* What the variant decodes to has the digest of its name. Those that a request would not take
 * either, since they are not whole, are right to lie there. */
static inline bool world_variant_is_right(const struct world *world, const struct store_key *key)
{
    struct world_bytes body, raw, old = {NULL, 0};
    uint8_t digest[SHA256_SIZE];
    struct store_seal seal;
    struct stat st;
    int fd = store_open_variant(&world->store, key, &seal, &st);
    bool right = true;

    if (fd < 0 || !store_body_holds(fd, &seal) || seal.body_size == 0) {
        close(fd);
        return true;
    }
    body = world_read(fd, (size_t)seal.body_size);
    raw = (struct world_bytes){malloc((size_t)seal.raw_size + 1), (size_t)seal.raw_size};
    close(fd);
    switch (key->coding) {
    case CODING_IDENTITY:
        memcpy(raw.at, body.at, body.len);
        right = body.len == raw.len;
        break;
    case CODING_BR: right = world_unbrotli(body, &raw); break;
    case CODING_GZIP: right = world_gunzip(body, &raw); break;
    case CODING_ZSTD: right = world_unzstd(body, &raw, old); break;
    default:
        old = world_copy(world, key->old);
        if (old.at == NULL) { /* dropped with its version: nobody can ask for this any more */
            free(body.at);
            free(raw.at);
            return true;
        }
        right = key->coding == CODING_DCB ? world_undcb(body, &raw, old)
                                          : world_unzstd(body, &raw, old);
        break;
    }
    world_digest(raw.at, raw.len, digest);
    right = right && raw.len == seal.raw_size && memcmp(digest, key->digest, SHA256_SIZE) == 0;
    free(body.at);
    free(raw.at);
    free(old.at);
    return right;
}

static inline int world_count(const struct world *world, const char *name)
{
    DIR *dir = opendir(world_path(world, name));
    int n = 0;

    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

/* Every variant in the store is right. */
static inline void world_check(const struct world *world)
{
    DIR *dir = opendir(world_path(world, "store/v"));

    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        struct store_key key;
        if (store_name_read(&key, e->d_name) && !world_variant_is_right(world, &key)) {
            FAIL("%s does not decode to what its name says", e->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* What the index says of the file as it is now, if anything, is the digest of its content. */
static inline bool world_index_is_right(const struct world *world, const char *name,
                                        struct store_entry *entry)
{
    struct fileid id = world_id(world, name);
    uint8_t digest[SHA256_SIZE];
    struct world_bytes raw;
    int fd;

    if (!store_find(&world->store, &id, entry)) {
        return false;
    }
    fd = open(world_path(world, name), O_RDONLY);
    raw = world_read(fd, (size_t)id.size);
    close(fd);
    world_digest(raw.at, raw.len, digest);
    free(raw.at);
    CHECK_EQ_MEM(entry->digest, SHA256_SIZE, digest, SHA256_SIZE);
    return true;
}

/* ---- the worker */

static inline bool world_go_on(void *context, enum store_step step)
{
    (void)context;
    (void)step;
    return true;
}

static inline void world_log(void *context, enum store_note level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

/* An hour ahead. */
static inline int64_t world_now(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &t);
    return ((int64_t)t.tv_sec + 3600) * 1000000;
}

static const struct store_seams world_seams = {world_go_on, world_log, world_now, NULL};

#define WORLD_PLAIN ((coding_set)(1u << CODING_BR | 1u << CODING_ZSTD | 1u << CODING_GZIP))

/* Asks for variants of a file below www/. */
static inline void world_ask_for(const struct world *world, const char *name, bool version,
                                 coding_set codings)
{
    struct store_job job = {.kind = STORE_JOB_FILE,
                            .codings = codings,
                            .version = version,
                            .id = world_id(world, name)};

    snprintf(job.path, sizeof(job.path), "%s", world_path(world, name));
    CHECK(store_add_job(&world->store, &job));
}

static inline void world_ask(const struct world *world, const char *name, bool version)
{
    world_ask_for(world, name, version, WORLD_PLAIN);
}

static inline void world_ask_delta(const struct world *world, const char *name,
                                   const uint8_t digest[SHA256_SIZE],
                                   const uint8_t old[SHA256_SIZE])
{
    struct store_job job = {.kind = STORE_JOB_DELTA,
                            .codings = 1u << CODING_DCZ | 1u << CODING_DCB};

    memcpy(job.digest, digest, SHA256_SIZE);
    memcpy(job.old, old, SHA256_SIZE);
    snprintf(job.path, sizeof(job.path), "%s", world_path(world, name));
    CHECK(store_add_job(&world->store, &job));
}

static inline enum store_round world_work(struct world *world)
{
    return store_work(&world->store, &world->limits, &world_seams);
}

#endif
