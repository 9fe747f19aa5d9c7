/* SPDX-License-Identifier: Apache-2.0
 * store_family.c — the last versions of a family of names, for those who have one of them.
 *
 * Family:  magic(8), then for each version digest(32) size(8) length of the name(8) name, and
 *          check(16).
 * Name:    Of the file in f/: 32 hex digits of the SHA-256 over the directory and the pattern of
 *          the family (dictionary.h).
 * Memory:  No allocation.
 * Threads: Any.
 */
#include <string.h>

#include "bytes.h"
#include "dictionary.h"
#include "store_record_impl.h"

enum { MAGIC = 8, AT_SIZE = SHA256_SIZE, AT_LENGTH = AT_SIZE + 8, AT_NAME = AT_LENGTH + 8 };

static const char family_magic[MAGIC] = "WSfamil1";

bool store_family_file(char name[STORE_FAMILY_NAME], const char *path)
{
    const char *slash = strrchr(path, '/');
    char pattern[STORE_FILE_NAME];
    uint8_t digest[SHA256_SIZE];
    sha256 hash;

    if (slash == NULL || strlen(slash + 1) >= STORE_FILE_NAME ||
        !dictionary_write_family(pattern, sizeof(pattern), slash + 1)) {
        return false;
    }
    sha256_init(&hash);
    sha256_add(&hash, path, (size_t)(slash + 1 - path));
    sha256_add(&hash, pattern, strlen(pattern));
    sha256_finish(&hash, digest);
    store_hex_write(name, digest, (STORE_FAMILY_NAME - 1) / 2);
    return true;
}

size_t store_family_write(uint8_t out[STORE_FAMILY_MAX], const struct store_family *family)
{
    uint8_t *at = out + MAGIC;

    memcpy(out, family_magic, MAGIC);
    for (size_t i = 0; i < family->count; i++) {
        const struct store_version *version = &family->versions[i];
        size_t len = strlen(version->name);
        memcpy(at, version->digest, SHA256_SIZE);
        bytes_put_u64(at + AT_SIZE, version->size);
        bytes_put_u64(at + AT_LENGTH, len);
        memcpy(at + AT_NAME, version->name, len);
        at += AT_NAME + len;
    }
    store_check_write(out, (size_t)(at - out));
    return (size_t)(at - out) + STORE_CHECK;
}

bool store_family_read(struct store_family *family, const uint8_t *bytes, size_t len)
{
    const uint8_t *end;

    family->count = 0;
    if (len < MAGIC + STORE_CHECK || memcmp(bytes, family_magic, MAGIC) != 0 ||
        !store_check_holds(bytes, len - STORE_CHECK)) {
        return false;
    }
    end = bytes + len - STORE_CHECK;
    for (bytes += MAGIC; bytes < end;) {
        struct store_version *version = &family->versions[family->count];
        uint64_t name;
        if (family->count == STORE_VERSIONS || end - bytes < AT_NAME) {
            family->count = 0;
            return false;
        }
        name = bytes_get_u64(bytes + AT_LENGTH);
        if (name == 0 || name >= STORE_FILE_NAME || name > (uint64_t)(end - bytes) - AT_NAME ||
            memchr(bytes + AT_NAME, '\0', name) != NULL ||
            memchr(bytes + AT_NAME, '/', name) != NULL) {
            family->count = 0;
            return false;
        }
        memcpy(version->digest, bytes, SHA256_SIZE);
        version->size = bytes_get_u64(bytes + AT_SIZE);
        memcpy(version->name, bytes + AT_NAME, name);
        version->name[name] = '\0';
        family->count++;
        bytes += AT_NAME + name;
    }
    return true;
}

static void remove_at(struct store_family *family, size_t i)
{
    family->count--;
    memmove(&family->versions[i], &family->versions[i + 1],
            (family->count - i) * sizeof(family->versions[0]));
}

bool store_family_add(struct store_family *family, const struct store_version *version,
                      struct store_version *dropped)
{
    bool full;

    for (size_t i = family->count; i > 0; i--) {
        const struct store_version *other = &family->versions[i - 1];
        if (memcmp(other->digest, version->digest, SHA256_SIZE) == 0 ||
            strcmp(other->name, version->name) == 0) {
            remove_at(family, i - 1);
        }
    }
    full = family->count == STORE_VERSIONS;
    if (full) {
        *dropped = family->versions[--family->count];
    }
    memmove(&family->versions[1], &family->versions[0],
            family->count * sizeof(family->versions[0]));
    family->versions[0] = *version;
    family->count++;
    return full;
}

const struct store_version *store_family_find(const struct store_family *family,
                                              const uint8_t digest[SHA256_SIZE], const char *name)
{
    for (size_t i = 0; i < family->count; i++) {
        const struct store_version *version = &family->versions[i];
        if (memcmp(version->digest, digest, SHA256_SIZE) == 0 &&
            (name == NULL || strcmp(version->name, name) == 0)) {
            return version;
        }
    }
    return NULL;
}

void store_family_remove(struct store_family *family, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = family->count; i > 0; i--) {
        if (memcmp(family->versions[i - 1].digest, digest, SHA256_SIZE) == 0) {
            remove_at(family, i - 1);
        }
    }
}
