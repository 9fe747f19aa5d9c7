/* SPDX-License-Identifier: Apache-2.0
 * store_record.h — the records of the store: what lies in its files, and under which names.
 *
 * Why:     The store is a directory that outlives the server, a crash and the power. Whatever is
 *          read from it may be half written, cut off, of another version or somebody's joke. So
 *          every record carries a check of all its bytes, and one that does not hold is as good as
 *          none. The formats are pure functions on bytes, with tests and a fuzz target of their
 *          own.
 * Layout:  DIR/index   which digest a file in a certain state has, and which variants there are
 *          DIR/v/      variants, by the digest of the raw file: DIGEST.br, DIGEST.OLDDIGEST.dcz,
 *                      and the raw content of a version that may be a dictionary: DIGEST.raw
 *          DIR/q/      what is to be done, a file for each job, in a fixed number of places
 *          DIR/f/      the last versions of each family of names
 *          DIR/t/      what is being written
 *          DIR/lock    held by whoever works
 * Check:   The first 16 bytes of the SHA-256 over the record before it.
 * Memory:  Callers' buffers.
 * Threads: Any.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"
#include "fileid.h"
#include "sha256.h"

#define STORE_CHECK 16

/* ---- variants ---- */

/* What a variant is of. coding is CODING_IDENTITY for the raw content; old is only looked at where
 * the coding needs a dictionary. */
struct store_key {
    enum coding coding;
    uint8_t digest[SHA256_SIZE]; /* of the raw file */
    uint8_t old[SHA256_SIZE];    /* of the dictionary */
};

#define STORE_NAME_SIZE (2 * 64 + 2 + 4 + 1)

/* The name in v/, and back. store_name_read takes exactly what store_name_write makes. */
void store_name_write(char out[STORE_NAME_SIZE], const struct store_key *key);
bool store_name_read(struct store_key *key, const char *name);

/* Stands at the end of a variant, so that the body begins at offset 0, where it can be mapped. */
struct store_seal {
    struct store_key key;
    uint64_t raw_size;  /* bytes */
    uint64_t body_size; /* bytes before the seal; 0: it was tried, and is not worth it */
    uint64_t checksum;  /* of the body, by store_checksum_add */
};

#define STORE_SEAL_SIZE 128

void store_seal_write(uint8_t out[STORE_SEAL_SIZE], const struct store_seal *seal);
bool store_seal_read(struct store_seal *seal, const uint8_t bytes[STORE_SEAL_SIZE]);

/* A checksum against bytes that change by accident, at the speed of memory: begin with
 * STORE_CHECKSUM_START, in pieces as they come, of which all but the last have a multiple of 8
 * bytes; finish by store_checksum_end with the total length. */
#define STORE_CHECKSUM_START UINT64_C(0x9e3779b97f4a7c15)

uint64_t store_checksum_add(uint64_t sum, const void *bytes, size_t len);
uint64_t store_checksum_end(uint64_t sum, uint64_t total);

/* ---- the index ---- */

/* Codings of which the index keeps a size: those without a dictionary, which have the first numbers
 * in coding.h. */
#define STORE_PLAIN ((int)CODING_GZIP + 1)

#define STORE_USELESS UINT64_MAX /* it was tried, and is not smaller than the raw file */

struct store_entry {
    struct fileid id;
    uint8_t digest[SHA256_SIZE];
    uint64_t
        sizes[STORE_PLAIN]; /* bytes of the variant; 0: not known; [CODING_IDENTITY] is unused */
    uint64_t stamp;         /* seconds since the epoch; when it was written */
};

/* Whether the file has been read: one that was given up before has an entry without a digest. */
bool store_entry_has_digest(const struct store_entry *entry);

/* The file is a table of buckets; an entry is in the bucket that its id's hash chooses, anywhere.
 */
enum {
    STORE_ENTRY_SIZE = 128,
    STORE_BUCKET_ENTRIES = 8,
    STORE_BUCKET_SIZE = STORE_ENTRY_SIZE * STORE_BUCKET_ENTRIES,
    STORE_BUCKETS = 2048,
};

/* Where in the file the bucket of the id begins. */
uint64_t store_index_offset(const struct fileid *id);

/* The entry for the id in a bucket, or false. */
bool store_index_find(struct store_entry *entry, const struct fileid *id,
                      const uint8_t bucket[STORE_BUCKET_SIZE]);

/* Puts the entry into its bucket: over the one with the same id, else into a free place, else over
 * the oldest. Returns the place, of which the caller writes STORE_ENTRY_SIZE bytes. */
size_t store_index_put(uint8_t bucket[STORE_BUCKET_SIZE], const struct store_entry *entry);

/* Takes from every entry of the bucket what it says of a variant that is gone. Returns whether
 * anything changed. */
bool store_index_forget(uint8_t bucket[STORE_BUCKET_SIZE], const struct store_key *key);

/* ---- jobs ---- */

enum store_job_kind { STORE_JOB_FILE = 1, STORE_JOB_DELTA = 2 };

#define STORE_PATH_MAX 4096 /* bytes with the terminator */

struct store_job {
    enum store_job_kind kind;
    uint8_t attempts;            /* that were begun and not ended */
    coding_set codings;          /* what is wanted */
    bool version;                /* of a family: the raw content is to be kept as well */
    struct fileid id;            /* FILE: the state of the file */
    uint8_t digest[SHA256_SIZE]; /* DELTA: of the new version */
    uint8_t old[SHA256_SIZE];    /* DELTA: of the dictionary */
    char path[STORE_PATH_MAX];   /* of the (new) file; absolute */
};

#define STORE_JOB_MAX (160 + STORE_PATH_MAX)

/* Returns the length; 0 if the path is too long or not absolute. */
size_t store_job_write(uint8_t out[STORE_JOB_MAX], const struct store_job *job);
bool store_job_read(struct store_job *job, const uint8_t *bytes, size_t len);

/* A job has one place in q/. Two that want the same have the same; others may share it by chance,
 * and then one of them has to wait. */
enum { STORE_PLACES = 1024, STORE_PLACE_NAME = 4 };

void store_job_place(char name[STORE_PLACE_NAME], const struct store_job *job);

/* ---- families ---- */

enum {
    STORE_VERSIONS = 4, /* that are kept of a family: the current one, and three to come from */
    STORE_FILE_NAME = 256,
    STORE_FAMILY_MAX = 8 + STORE_VERSIONS * (SHA256_SIZE + 8 + 8 + STORE_FILE_NAME) + STORE_CHECK,
    STORE_FAMILY_NAME = 33
};

struct store_version {
    uint8_t digest[SHA256_SIZE];
    uint64_t size; /* bytes of the raw file */
    char name[STORE_FILE_NAME];
};

struct store_family {
    size_t count;
    struct store_version versions[STORE_VERSIONS]; /* the newest first */
};

/* The name in f/ for the family of the file at path. False where its name is of none. */
bool store_family_file(char name[STORE_FAMILY_NAME], const char *path);

size_t store_family_write(uint8_t out[STORE_FAMILY_MAX], const struct store_family *family);
bool store_family_read(struct store_family *family, const uint8_t *bytes, size_t len);

/* Puts the version in front, in place of one of the same name or digest, and lets go of the oldest
 * if it must: then *dropped receives that and the result is true. */
bool store_family_add(struct store_family *family, const struct store_version *version,
                      struct store_version *dropped);

/* Whether the version with this digest, and this name (NULL: any), is kept. */
const struct store_version *store_family_find(const struct store_family *family,
                                              const uint8_t digest[SHA256_SIZE], const char *name);

void store_family_remove(struct store_family *family, const uint8_t digest[SHA256_SIZE]);

/* ---- eviction ---- */

struct store_used {
    uint64_t size; /* bytes on the disk */
    int64_t used;  /* when last, seconds since the epoch */
    bool evict;    /* the result */
};

/* Marks the least recently used of n until the rest fits into the cap (bytes), and returns how
 * many. Reorders them. */
size_t store_evict_choose(struct store_used **all, size_t n, uint64_t cap);

#endif
