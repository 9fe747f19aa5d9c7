/* SPDX-License-Identifier: Apache-2.0
 * pack_options.h — the command line of `wasmserve pack`.
 */
#ifndef WASMSERVE_PACK_OPTIONS_H
#define WASMSERVE_PACK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"

typedef struct pack_words {
    const char **word; /* the array is owned, the words are of argv */
    size_t count;
} pack_words;

typedef struct pack_options {
    bool help;            /* asked for; nothing else is looked at */
    const char *folder;   /* where the result goes */
    bool back;            /* go back, and the words are names of packed files */
    pack_words files;     /* what is to be packed */
    pack_words pages;     /* whose references are to be rewritten */
    pack_words pairs;     /* each "A,B" or longer */
    const char *root;     /* the folder that names count from; NULL: names without folders */
    const char *manifest; /* its name in the folder */
    const char *base;     /* the URL of the result as pages have it; ends with a slash */
    coding_set variants;  /* which are made */
    unsigned keep;        /* old versions that stay beside the current one */
    unsigned deltas;      /* old versions against which deltas are made */
    unsigned threads;     /* that compress at once */
    uint64_t memory;      /* bytes that they may take together, by estimate */
    bool force;           /* replace what is in the way, part what was a pair */
    bool quiet;           /* say nothing but complaints */
    char *base_owned;     /* the base, where one was given */
} pack_options;

/* False if the command line makes no sense, or memory is short; why has been said on stderr. The
 * value is to be released in any case. */
bool pack_options_parse(pack_options *options, int argc, char **argv);
void pack_options_release(pack_options *options);

extern const char pack_options_usage[];

#endif
