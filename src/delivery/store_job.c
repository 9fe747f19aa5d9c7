/* SPDX-License-Identifier: Apache-2.0
 * store_job.c — what the store is asked to do, as a record.
 *
 * Job:     magic(8) kind(1) attempts(1) codings(1) version(1) zero(4) id(40) digest(32) old(32)
 *          length of the path(8) path check(16)
 * Memory:  No allocation.
 * Threads: Any.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "store_record_impl.h"

enum {
    AT_KIND = 8,
    AT_ATTEMPTS,
    AT_CODINGS,
    AT_VERSION,
    AT_ID = 16,
    AT_DIGEST = AT_ID + FILEID_BYTES,
    AT_OLD = AT_DIGEST + SHA256_SIZE,
    AT_LENGTH = AT_OLD + SHA256_SIZE,
    AT_PATH = AT_LENGTH + 8
};

_Static_assert(AT_PATH + STORE_PATH_MAX + STORE_CHECK <= STORE_JOB_MAX, "the largest job fits");

static const char job_magic[8] = "WSjob1\n";

size_t store_job_write(uint8_t out[STORE_JOB_MAX], const struct store_job *job)
{
    size_t len = strnlen(job->path, STORE_PATH_MAX);

    if (len == STORE_PATH_MAX || job->path[0] != '/') {
        return 0;
    }
    memset(out, 0, AT_PATH);
    memcpy(out, job_magic, 8);
    out[AT_KIND] = (uint8_t)job->kind;
    out[AT_ATTEMPTS] = job->attempts;
    out[AT_CODINGS] = job->codings;
    out[AT_VERSION] = job->version;
    fileid_write(out + AT_ID, &job->id);
    memcpy(out + AT_DIGEST, job->digest, SHA256_SIZE);
    memcpy(out + AT_OLD, job->old, SHA256_SIZE);
    bytes_put_u64(out + AT_LENGTH, len);
    memcpy(out + AT_PATH, job->path, len);
    store_check_write(out, AT_PATH + len);
    return AT_PATH + len + STORE_CHECK;
}

bool store_job_read(struct store_job *job, const uint8_t *bytes, size_t len)
{
    uint64_t path;

    if (len < AT_PATH + STORE_CHECK || memcmp(bytes, job_magic, 8) != 0) {
        return false;
    }
    path = bytes_get_u64(bytes + AT_LENGTH);
    if (path != len - AT_PATH - STORE_CHECK || path >= STORE_PATH_MAX ||
        !store_check_holds(bytes, len - STORE_CHECK) || bytes[AT_PATH] != '/' ||
        memchr(bytes + AT_PATH, '\0', path) != NULL ||
        (bytes[AT_KIND] != STORE_JOB_FILE && bytes[AT_KIND] != STORE_JOB_DELTA)) {
        return false;
    }
    job->kind = (enum store_job_kind)bytes[AT_KIND];
    job->attempts = bytes[AT_ATTEMPTS];
    job->codings = bytes[AT_CODINGS];
    job->version = bytes[AT_VERSION] != 0;
    fileid_read(&job->id, bytes + AT_ID);
    memcpy(job->digest, bytes + AT_DIGEST, SHA256_SIZE);
    memcpy(job->old, bytes + AT_OLD, SHA256_SIZE);
    memcpy(job->path, bytes + AT_PATH, path);
    job->path[path] = '\0';
    return true;
}

void store_job_place(char name[STORE_PLACE_NAME], const struct store_job *job)
{
    uint64_t place = fileid_hash(&job->id);

    if (job->kind == STORE_JOB_DELTA) {
        /* Parts of digests are as good as any hash of them. */
        place = bytes_get_u64(job->digest) ^ bytes_get_u64(job->old) * 0x9e3779b97f4a7c15u;
        place ^= place >> 32;
    }
    snprintf(name, STORE_PLACE_NAME, "%03x", (unsigned)(place % STORE_PLACES) & 0xfffu);
}
