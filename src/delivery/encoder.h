/* SPDX-License-Identifier: Apache-2.0
 * encoder.h — one stream of bytes on its way into a content coding.
 *
 * Why:     The output filter compresses as it sends, the store and `wasmserve pack` compress at
 *          leisure, and delta delivery compresses against an earlier version. All of them want the
 *          same three codings from three libraries with three interfaces; here is the one they use.
 * How:     encoder.c holds a row of functions for each coding, one file a library: encoder_gzip.c
 *          (zlib), encoder_brotli.c, encoder_zstd.c. Where libzstd is absent, or libbrotlienc too
 *          old for dictionaries, build.sh compiles X_absent.c in place of X.c, and encoder_can()
 *          says so.
 * Windows: Never more than a decoder of the coding must have: 32 KiB for gzip, 16 MiB for br
 *          (RFC 7932 §9.1), 8 MiB for zstd (RFC 9659 §3). With a dictionary, dcz may have
 *          max(8 MiB, 1.25 × the dictionary) up to 128 MiB, dcb 16 MiB (RFC 9842 §2.1, §2.2).
 *          What stands in front of the stream in dcb and dcz, magic number and digest, is the
 *          caller's.
 * Memory:  An encoder is the caller's, from encoder_create() to encoder_destroy(). The dictionary
 *          is borrowed for as long.
 * Threads: An encoder belongs to one thread at a time; different ones know nothing of each other.
 */
#ifndef ENCODER_H
#define ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"

typedef struct encoder encoder;

enum encoder_effort {
    ENCODER_FAST, /* as it is sent: some megabytes of memory, tens of megabytes a second */
    ENCODER_BEST  /* once, for many: as small as the coding allows, in up to 200 MiB of memory, or
                     with a dictionary 40 times its size */
};

/* Where an encoder has its memory from, other than malloc: of a pool that keeps what was used, for
 * one, since megabytes that come fresh from the system for each answer cost as much as some of the
 * compressing. Functions as malloc and free. */
struct encoder_memory {
    void *(*take)(void *baton, size_t size); /* NULL if there is none */
    void (*give)(void *baton, void *at);     /* at may be NULL */
    void *baton;
};

struct encoder_options {
    enum coding coding; /* not CODING_IDENTITY */
    enum encoder_effort effort;
    int level;                 /* of the library, moved into its range; 0: what the effort means */
    uint64_t size_hint;        /* bytes that will come, UINT64_MAX: unknown. ENCODER_FAST may be
                                  told wrong; with ENCODER_BEST another number is ENCODER_FAILED,
                                  since a file has changed while it was read */
    const uint8_t *dictionary; /* NULL: none. A raw one: earlier content, not a trained one */
    size_t dictionary_len;
    const struct encoder_memory *memory; /* NULL: malloc. Borrowed until the end. zstd's interface
                                            for it is not a stable one, and uses malloc anyway */
};

enum encoder_op {
    ENCODER_PROCESS, /* take input, give what is ready */
    ENCODER_FLUSH,   /* give everything, so that what came in can be decoded */
    ENCODER_FINISH   /* the last input */
};

enum encoder_status {
    ENCODER_MORE,  /* the output is full: call again with the same operation and what is left */
    ENCODER_DONE,  /* the operation is complete: all input is taken */
    ENCODER_FAILED /* out of memory, or the library found an error; only destroy it now */
};

/* Whether this build has the coding, with a dictionary or without. */
bool encoder_can(enum coding coding, bool with_dictionary);

/* NULL if encoder_can() is false or there is no memory. */
encoder *encoder_create(const struct encoder_options *options);

/* Moves *in forward over what was taken and *out over what was written, and lowers the lengths
 * accordingly. ENCODER_MORE means that *out_len is 0. After FINISH is done, only destroy it. */
enum encoder_status encoder_run(encoder *e, enum encoder_op op, const uint8_t **in, size_t *in_len,
                                uint8_t **out, size_t *out_len);

/* At any time; e may be NULL. */
void encoder_destroy(encoder *e);

#endif
