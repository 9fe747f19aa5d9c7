/* SPDX-License-Identifier: Apache-2.0
 * store_seal.c — names and seals of variants in the store; the formats are in store_record.h.
 *
 * Seal:    magic(8) coding(8) digest(32) old(32) raw size(8) body size(8) checksum(8) zero(8)
 *          check(16)
 * Memory:  No allocation.
 * Threads: Any.
 */
#include <string.h>

#include "bytes.h"
#include "store_record_impl.h"

enum { SEALED = STORE_SEAL_SIZE - STORE_CHECK };

static const uint8_t seal_magic[8] = {'W', 'S', 's', 'e', 'a', 'l', '1', '\n'};
static const char raw_suffix[] = ".raw";

void store_check_write(uint8_t *record, size_t len)
{
    uint8_t digest[SHA256_SIZE];
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, record, len);
    sha256_finish(&hash, digest);
    memcpy(record + len, digest, STORE_CHECK);
}

bool store_check_holds(const uint8_t *record, size_t len)
{
    uint8_t digest[SHA256_SIZE];
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, record, len);
    sha256_finish(&hash, digest);
    return memcmp(record + len, digest, STORE_CHECK) == 0;
}

char *store_hex_write(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
    return out;
}

/* Lower case only: a name is compared as it was written. */
static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(uint8_t *out, const char **text)
{
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        int high = digit((*text)[0]), low = high < 0 ? -1 : digit((*text)[1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
        *text += 2;
    }
    return true;
}

static const char *suffix_of(enum coding coding)
{
    return coding == CODING_IDENTITY ? raw_suffix : coding_info(coding)->suffix;
}

void store_name_write(char out[STORE_NAME_SIZE], const struct store_key *key)
{
    const char *suffix = suffix_of(key->coding);

    out = store_hex_write(out, key->digest, SHA256_SIZE);
    if (coding_needs_dictionary(key->coding)) {
        *out++ = '.';
        out = store_hex_write(out, key->old, SHA256_SIZE);
    }
    memcpy(out, suffix, strlen(suffix) + 1);
}

bool store_name_read(struct store_key *key, const char *name)
{
    bool delta;

    *key = (struct store_key){.coding = CODING_IDENTITY};
    if (!read_hex(key->digest, &name)) {
        return false;
    }
    delta = name[0] == '.' && digit(name[1]) >= 0 && digit(name[2]) >= 0 && digit(name[3]) >= 0 &&
            digit(name[4]) >= 0;
    if (delta) {
        name++;
        if (!read_hex(key->old, &name)) {
            return false;
        }
    }
    for (int c = 0; c < CODING_COUNT; c++) {
        if (coding_needs_dictionary((enum coding)c) == delta &&
            strcmp(name, suffix_of((enum coding)c)) == 0) {
            key->coding = (enum coding)c;
            return true;
        }
    }
    return false;
}

void store_seal_write(uint8_t out[STORE_SEAL_SIZE], const struct store_seal *seal)
{
    memset(out, 0, STORE_SEAL_SIZE);
    memcpy(out, seal_magic, 8);
    out[8] = (uint8_t)seal->key.coding;
    memcpy(out + 16, seal->key.digest, SHA256_SIZE);
    if (coding_needs_dictionary(seal->key.coding)) {
        memcpy(out + 48, seal->key.old, SHA256_SIZE);
    }
    bytes_put_u64(out + 80, seal->raw_size);
    bytes_put_u64(out + 88, seal->body_size);
    bytes_put_u64(out + 96, seal->checksum);
    store_check_write(out, SEALED);
}

bool store_seal_read(struct store_seal *seal, const uint8_t bytes[STORE_SEAL_SIZE])
{
    if (memcmp(bytes, seal_magic, 8) != 0 || bytes[8] >= CODING_COUNT ||
        !store_check_holds(bytes, SEALED)) {
        return false;
    }
    seal->key.coding = (enum coding)bytes[8];
    memcpy(seal->key.digest, bytes + 16, SHA256_SIZE);
    memcpy(seal->key.old, bytes + 48, SHA256_SIZE);
    seal->raw_size = bytes_get_u64(bytes + 80);
    seal->body_size = bytes_get_u64(bytes + 88);
    seal->checksum = bytes_get_u64(bytes + 96);
    return true;
}

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0xff51afd7ed558ccdu;
    return sum ^ sum >> 29;
}

/* One multiplication for eight bytes; the dependency of each step on the one before makes the order
 * count. */
uint64_t store_checksum_add(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t word;

    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        sum = mix(sum, bytes_get_u64(at));
    }
    if (len > 0) {
        uint8_t last[8] = {0};
        memcpy(last, at, len);
        sum = mix(sum, bytes_get_u64(last));
    }
    return sum;
}

uint64_t store_checksum_end(uint64_t sum, uint64_t total)
{
    return mix(mix(sum, total), 0);
}
