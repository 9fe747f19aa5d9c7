/* SPDX-License-Identifier: Apache-2.0
 * sha256.h — SHA-256 (FIPS 180-4), for the digests that pin a module to its exact bytes, name the
 * versions of a file, and tell a client's dictionary from another (RFC 9842 §2.2).
 *
 * Here because neither libc nor APR of the supported distributions offers it, and because this is
 * the layer that all who need it may include: httpd/, tool/ and delivery itself. C, and the
 * processor's instructions for it where there are some (sha256_mix.h); streaming, nothing is
 * allocated; a sha256 value belongs to one thread at a time. It hashes public data, so it makes no
 * attempt to run in constant time or to wipe itself.
 */
#ifndef WASMSERVE_SHA256_H
#define WASMSERVE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* 64 digits and the terminator */

typedef struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes added so far, modulo 2^64; FIPS 180-4 allows 2^61 - 1 */
    uint8_t block[64];
} sha256;

void sha256_init(sha256 *hash);
/* bytes may be NULL if length is 0. */
void sha256_add(sha256 *hash, const void *bytes, size_t length);
/* The digest of all that was added; hash must be initialised again before the next use. */
void sha256_finish(sha256 *hash, uint8_t digest[SHA256_SIZE]);

/* A digest as 64 lower-case hexadecimal digits. */
void sha256_write_hex(const uint8_t digest[SHA256_SIZE], char hex[SHA256_HEX_SIZE]);

/* All in one: the digest of bytes as 64 lower-case hexadecimal digits. */
void sha256_hex(const void *bytes, size_t length, char hex[SHA256_HEX_SIZE]);

#endif
