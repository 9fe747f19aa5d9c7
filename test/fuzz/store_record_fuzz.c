/* SPDX-License-Identifier: Apache-2.0
 * store_record_fuzz.c — any bytes as what lies in the store's directory.
 * layers: delivery
 *
 * How:     The input is taken as a seal, a bucket of the index, a job, a family, and as the name of
 *          a variant. A record carries a check, which random bytes never have; so the same bytes
 *          are tried once more with the check made right, that the fields behind it are reached.
 *          What is accepted has to be written back as it was read.
 * Memory:  Copies of the input, freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store_record_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_name(const uint8_t *data, size_t size)
{
    char *name = malloc(size + 1), again[STORE_NAME_SIZE];
    struct store_key key;

    require(name != NULL);
    memcpy(name, data, size);
    name[size] = '\0';
    if (store_name_read(&key, name)) {
        store_name_write(again, &key);
        require(strcmp(again, name) == 0);
    }
    free(name);
}

static void check_seal(const uint8_t *data)
{
    struct store_seal seal, again;
    uint8_t bytes[STORE_SEAL_SIZE];

    if (store_seal_read(&seal, data)) {
        require(seal.key.coding < CODING_COUNT);
        store_seal_write(bytes, &seal);
        require(store_seal_read(&again, bytes));
        require(again.key.coding == seal.key.coding && again.body_size == seal.body_size &&
                again.checksum == seal.checksum);
    }
}

static void check_bucket(uint8_t *bucket)
{
    struct store_entry entry;
    struct fileid id;

    for (size_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        fileid_read(&id, bucket + i * STORE_ENTRY_SIZE + 8);
        if (store_index_find(&entry, &id, bucket)) {
            require(fileid_equal(&entry.id, &id));
        }
    }
    entry = (struct store_entry){.id = {1, 2, 3, 4, 5}, .stamp = UINT64_MAX - 1};
    require(store_index_put(bucket, &entry) < STORE_BUCKET_ENTRIES);
    require(store_index_find(&entry, &entry.id, bucket));
    store_index_forget(bucket, &(struct store_key){.coding = CODING_BR});
}

static void check_job(const uint8_t *data, size_t size)
{
    struct store_job *job = malloc(sizeof(*job));
    uint8_t *bytes = malloc(STORE_JOB_MAX);
    char place[STORE_PLACE_NAME];

    require(job != NULL && bytes != NULL);
    if (store_job_read(job, data, size)) {
        require(job->path[0] == '/' && strlen(job->path) < STORE_PATH_MAX);
        require(store_job_write(bytes, job) == size);
        store_job_place(place, job);
        require(strlen(place) == STORE_PLACE_NAME - 1);
    }
    free(job);
    free(bytes);
}

static void check_family(const uint8_t *data, size_t size)
{
    struct store_version version = {.name = "new"}, dropped;
    uint8_t bytes[STORE_FAMILY_MAX];
    struct store_family family;

    if (store_family_read(&family, data, size)) {
        require(family.count <= STORE_VERSIONS);
        require(store_family_write(bytes, &family) == size && memcmp(bytes, data, size) == 0);
        store_family_add(&family, &version, &dropped);
        require(family.count >= 1 && family.count <= STORE_VERSIONS);
    } else {
        require(family.count == 0);
    }
}

/* The bytes as they are, and with their check made right. */
static void check_all(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    check_job(data, size);
    check_family(data, size);
    if (size < STORE_CHECK) {
        return;
    }
    copy = malloc(size);
    require(copy != NULL);
    memcpy(copy, data, size);
    store_check_write(copy, size - STORE_CHECK);
    check_job(copy, size);
    check_family(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bucket[STORE_BUCKET_SIZE] = {0};

    if (data == NULL) {
        return 0;
    }
    check_name(data, size);
    check_all(data, size);
    memcpy(bucket, data, size < sizeof(bucket) ? size : sizeof(bucket));
    check_seal(bucket);
    for (size_t i = 0; i < STORE_BUCKET_ENTRIES; i += 2) {
        store_check_write(bucket + i * STORE_ENTRY_SIZE, STORE_ENTRY_SIZE - STORE_CHECK);
    }
    check_seal(bucket);
    check_bucket(bucket);
    return 0;
}
