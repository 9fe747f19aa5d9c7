/* SPDX-License-Identifier: Apache-2.0
 * dictionary.h — delivery against the version that the client has already (RFC 9842), as rules.
 *
 * Why:     After a deployment a browser holds app.3f9c02d1.wasm and asks for app.88ab31e0.wasm.
 *          Most of the bytes are the same; a delta is a small part of the smallest whole file. For
 *          that the server says with the first answer what it may be a dictionary for, the client
 *          announces its digest with the second request, and the answer is coded against it.
 * Family:  Names are of one family if they differ only in the parts that are hashes (cachepolicy.h)
 *          and in at least one of them. A dictionary serves its family and nothing else. The id
 *          that goes to the client and comes back is the name itself, so that the server can find
 *          the file again: as the client wrote it in the URL, which needs no escapes in a field.
 * Files:   A delta beside the raw file is named
 *              app.88ab31e0.wasm.0123456789abcdef.dcz
 *          with the first 16 hex digits (lower case) of the dictionary's SHA-256. The whole digest
 *          stands at the beginning of the file, as the coding wants it:
 *              dcb  ff 44 43 42               digest(32)  then a brotli stream      (RFC 9842 §4)
 *              dcz  5e 2a 4d 18 20 00 00 00   digest(32)  then zstd frames          (RFC 9842 §5)
 * Trust:   What a client announces is its own word. The name is used only inside the directory of
 *          the requested file and only within its family; the digest is compared with the whole
 *          of it. Whether the client may have either file is httpd's to say.
 * Memory:  Strings are borrowed; results go into the caller's buffers.
 * Threads: Any.
 */
#ifndef DICTIONARY_H
#define DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"

#define DICTIONARY_DIGEST      32         /* bytes of a SHA-256 */
#define DICTIONARY_ID_SIZE     (1024 + 1) /* RFC 9842 §2.1.3, and the terminator */
#define DICTIONARY_HEADER_MAX  40         /* of dcz; dcb has 36 */
#define DICTIONARY_SUFFIX_SIZE 22         /* ".0123456789abcdef.dcz" and the terminator */

/* ---- what the client says ---- */

/* Available-Dictionary: one byte sequence of 32 bytes. False for any other value, or none. */
bool dictionary_read_available(const char *field, uint8_t digest[DICTIONARY_DIGEST]);

/* Dictionary-ID: a string of at most 1024 characters. False for any other value, or none. */
bool dictionary_read_id(const char *field, char id[DICTIONARY_ID_SIZE]);

/* The request fields that tell where an answer goes, NULL where absent, and the
 * Access-Control-Allow-Origin that the answer will have, NULL where it has none or nobody knows. */
struct dictionary_reader {
    const char *fetch_site;   /* Sec-Fetch-Site */
    const char *fetch_mode;   /* Sec-Fetch-Mode */
    const char *origin;       /* Origin */
    const char *allow_origin; /* Access-Control-Allow-Origin */
};

/* Whether an answer may be coded with a dictionary, or become one: only if the page that asked may
 * read it, or the size of a delta tells that page of what it may not read (RFC 9842 §9.3.2). */
bool dictionary_may_serve(const struct dictionary_reader *reader);

/* ---- names ---- */

/* Whether b is another version of the file a. Names without directories. */
bool dictionary_same_family(const char *a, const char *b);

/* The name with a "*" in place of each hash: the same for all of a family. False if it has none, or
 * size is not enough. */
bool dictionary_write_family(char *out, size_t size, const char *name);

/* The file name that an id of ours stands for: percent-decoded, without a slash, not beginning with
 * a dot. False if it stands for none. name must have DICTIONARY_ID_SIZE bytes. */
bool dictionary_name_of_id(const char *id, char *name);

/* The value of Use-As-Dictionary for the file `name` that was asked for as path (as it stands in
 * the request: percent-encoded, without query): a URLPattern for its family, and the id. False
 * where none can be made: the last part of the path is not the name, the name has no hash, the path
 * has characters that a URL does not have, or size is not enough. */
bool dictionary_write_use_as(char *out, size_t size, const char *path, const char *name);

/* What the name of a delta has behind the raw file's name. coding is one that needs a dictionary.
 */
void dictionary_write_suffix(char out[DICTIONARY_SUFFIX_SIZE], enum coding coding,
                             const uint8_t digest[DICTIONARY_DIGEST]);

/* ---- bytes ---- */

/* Writes the fixed header, and returns its length. coding is one that needs a dictionary. */
size_t dictionary_write_header(uint8_t out[DICTIONARY_HEADER_MAX], enum coding coding,
                               const uint8_t digest[DICTIONARY_DIGEST]);

/* If the len bytes at head begin with the fixed header of the coding, its length, and *digest
 * points to the digest in it; else 0. */
size_t dictionary_read_header(const uint8_t *head, size_t len, enum coding coding,
                              const uint8_t **digest);

/* The largest window, in bytes, that every client of the coding takes with a dictionary of that
 * size: dcb 16 MiB, dcz max(8 MiB, 1.25 × size), at most 128 MiB (RFC 9842 §4, §5); but not more
 * than the size rounded up to a power of two, which is what the first versions of Chromium with dcz
 * take (RATIONALE.md, "Why is the window of a delta smaller than RFC 9842 allows?"). */
uint64_t dictionary_window_max(enum coding coding, uint64_t dictionary_size);

#endif
