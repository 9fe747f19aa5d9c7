/* SPDX-License-Identifier: Apache-2.0
 * pack_options.c — options, defaults and complaints of `wasmserve pack`.
 *
 * How:     Options and files may stand in any order; an option's value is the next word, or behind
 *          an equals sign. --rewrite takes all words up to the next option. "--" ends the options.
 * Memory, threads: pack_options.h.
 */
#include "pack_options.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder.h"
#include "pack_name.h"
#include "pack_report.h"
#include "tool_number.h"

enum { KEEP = 3, KEEP_MAX = 1000, DELTAS = 2, THREADS_MAX = 256 };

#define MEMORY_MIN ((uint64_t)64 << 20)

const char pack_options_usage[] =
    "usage: wasmserve pack -o DIR [OPTION…] FILE… [--rewrite PAGE…]\n"
    "       wasmserve pack -o DIR --rollback NAME…\n"
    "Puts each FILE into DIR under a name with a hash of its content, with .br, .zst and .gz\n"
    "variants and with deltas against its earlier versions, and writes DIR/manifest.json. Old\n"
    "versions stay. Running it twice changes nothing.\n"
    "  -o, --output DIR     where all of it goes; is made if it is not there\n"
    "  --rewrite PAGE…      put these HTML, JavaScript or other text files into DIR as well, with\n"
    "                       their references to the FILEs pointed to the names with hashes\n"
    "  --pair A,B[,C…]      FILEs that belong together and get one hash. By themselves are "
    "paired:\n"
    "                       x.js and x_bg.wasm (wasm-bindgen), x.js and x.wasm with x.data and\n"
    "                       x.worker.js (emscripten), wasm_exec.js and the only other .wasm (Go)\n"
    "  --root FOLDER        keep FILEs and PAGEs in the folders that they have below FOLDER\n"
    "                       (default: all of them directly in DIR)\n"
    "  --base URL           the URL of DIR, where pages do not refer to it by / (default) or by\n"
    "                       relative paths: /assets/, https://cdn.example/app/\n"
    "  --manifest NAME      the manifest's name in DIR (default manifest.json), where that is "
    "taken\n"
    "                       by a web app manifest\n"
    "  --keep N             old versions that stay beside the current one (default 3, 0 to 1000)\n"
    "  --deltas N           make deltas against the newest N of them (default 2)\n"
    "  --encodings LIST     the variants: br,zstd,gzip (default), or none\n"
    "  --rollback NAME…     make the version before current again: files, by the names that they\n"
    "                       were packed as; with their pairs, and with the pages rewritten\n"
    "  --force              replace files in DIR that are in the way; part what was a pair\n"
    "  -j, --jobs N         compress so many files at once (default: the processors)\n"
    "  --memory SIZE        of so much memory, with K, M or G (default: half of the machine's)\n"
    "  -q, --quiet          say nothing but complaints\n"
    "Exit code: 0 done, 1 failed, 2 refused (a file is missing, no module, or in the way), 64 bad\n"
    "usage.\n";

/* ---- values ---------------------------------------------------------------------------------- */

static bool parse_count(const char *text, unsigned max, unsigned *value)
{
    uint64_t number;

    if (!tool_number_parse(text, false, max, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

static bool parse_variants(const char *text, coding_set *set)
{
    *set = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (;;) {
        size_t length = strcspn(text, ",");
        enum coding coding = coding_by_token(text, length);
        if (coding == CODING_COUNT || coding == CODING_IDENTITY || coding_needs_dictionary(coding))
            return false;
        if (!encoder_can(coding, false)) {
            pack_complain("this build was made without a library for %s",
                          coding_info(coding)->token);
            return false;
        }
        *set |= (coding_set)(1u << coding);
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool parse_base(pack_options *options, const char *text)
{
    size_t length = strlen(text);

    free(options->base_owned);
    if (asprintf(&options->base_owned, "%s%s", text,
                 length > 0 && text[length - 1] != '/' ? "/" : "") < 0)
        options->base_owned = NULL;
    options->base = options->base_owned;
    return options->base != NULL && pack_name_base_fault(options->base) == NULL;
}

/* Not in a folder below, and nothing that could be a packed file or pack's own. */
static bool is_manifest_name(const char *name)
{
    static const char ending[] = ".json";
    size_t length = strlen(name), n = sizeof ending - 1;

    return length > n && strcmp(name + length - n, ending) == 0 && strchr(name, '/') == NULL &&
           pack_name_fault(name) == NULL;
}

static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

static uint64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t half = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : 0;

    return half > MEMORY_MIN ? half : MEMORY_MIN;
}

static void add_word(pack_words *words, const char *word)
{
    words->word[words->count++] = word;
}

/* ---- options --------------------------------------------------------------------------------- */

enum option_id {
    OPTION_OUTPUT,
    OPTION_REWRITE,
    OPTION_PAIR,
    OPTION_ROOT,
    OPTION_BASE,
    OPTION_MANIFEST,
    OPTION_KEEP,
    OPTION_DELTAS,
    OPTION_ENCODINGS,
    OPTION_ROLLBACK,
    OPTION_FORCE,
    OPTION_JOBS,
    OPTION_MEMORY,
    OPTION_QUIET,
    OPTION_HELP,
    OPTION_COUNT
};

/* rewrite has no value of its own, but opens a list of words. */
static const struct option_row {
    const char *name, *brief;
    bool has_value;
    const char *wanted; /* what its value must be */
} rows[] = {
    [OPTION_OUTPUT] = {"--output", "-o", true, "a folder"},
    [OPTION_REWRITE] = {"--rewrite", NULL, false, NULL},
    [OPTION_PAIR] = {"--pair", NULL, true, "two files or more with commas between them"},
    [OPTION_ROOT] = {"--root", NULL, true, "a folder"},
    [OPTION_BASE] = {"--base", NULL, true, "a URL or its path"},
    [OPTION_MANIFEST] = {"--manifest", NULL, true, "a file name that ends with .json"},
    [OPTION_KEEP] = {"--keep", NULL, true, "a number from 0 to 1000"},
    [OPTION_DELTAS] = {"--deltas", NULL, true, "a number from 0 to 1000"},
    [OPTION_ENCODINGS] = {"--encodings", NULL, true, "br, zstd and gzip with commas, or none"},
    [OPTION_ROLLBACK] = {"--rollback", NULL, false, NULL},
    [OPTION_FORCE] = {"--force", NULL, false, NULL},
    [OPTION_JOBS] = {"--jobs", "-j", true, "a number from 1 to 256"},
    [OPTION_MEMORY] = {"--memory", NULL, true, "a size of 64M or more"},
    [OPTION_QUIET] = {"--quiet", "-q", false, NULL},
    [OPTION_HELP] = {"--help", "-h", false, NULL},
};

_Static_assert(sizeof rows / sizeof rows[0] == OPTION_COUNT, "a row for each option");

static bool apply(pack_options *options, enum option_id id, const char *value)
{
    switch (id) {
    case OPTION_OUTPUT: options->folder = value; return value[0] != '\0';
    case OPTION_PAIR: add_word(&options->pairs, value); return strchr(value, ',') != NULL;
    case OPTION_ROOT: options->root = value; return value[0] != '\0';
    case OPTION_BASE: return parse_base(options, value);
    case OPTION_MANIFEST: options->manifest = value; return is_manifest_name(value);
    case OPTION_KEEP: return parse_count(value, KEEP_MAX, &options->keep);
    case OPTION_DELTAS: return parse_count(value, KEEP_MAX, &options->deltas);
    case OPTION_ENCODINGS: return parse_variants(value, &options->variants);
    case OPTION_JOBS:
        return parse_count(value, THREADS_MAX, &options->threads) && options->threads > 0;
    case OPTION_MEMORY:
        return tool_number_parse(value, true, UINT64_MAX / 2, &options->memory) &&
               options->memory >= MEMORY_MIN;
    case OPTION_ROLLBACK: options->back = true; return true;
    case OPTION_FORCE: options->force = true; return true;
    case OPTION_QUIET: options->quiet = true; return true;
    case OPTION_HELP: options->help = true; return true;
    case OPTION_REWRITE:
    case OPTION_COUNT: break;
    }
    return true;
}

/* The option that a word names; *value is what stands in the same word behind an equals sign, or
 * behind a single letter ("-j4"), or NULL. */
static enum option_id find_option(const char *word, const char **value)
{
    bool brief = word[1] != '-';
    const char *equals = strchr(word, '=');
    size_t length = brief ? 2 : equals ? (size_t)(equals - word) : strlen(word);
    unsigned id = 0;

    *value = brief ? (word[2] ? word + 2 : NULL) : equals ? equals + 1 : NULL;
    while (id < OPTION_COUNT) {
        const char *name = brief ? rows[id].brief : rows[id].name;
        if (name != NULL && strlen(name) == length && memcmp(name, word, length) == 0)
            break;
        id++;
    }
    return (enum option_id)id;
}

/* The option at argv[*i], with *i moved over its value; *pages says whether words are PAGEs now. */
static bool take_option(pack_options *options, int argc, char **argv, int *i, bool *pages)
{
    const char *word = argv[*i], *value;
    enum option_id id = find_option(word, &value);

    if (id == OPTION_COUNT) {
        pack_complain("there is no option \"%s\"", word);
        return false;
    }
    *pages = id == OPTION_REWRITE;
    if (id == OPTION_REWRITE && value != NULL) {
        add_word(&options->pages, value);
        return true;
    }
    if (rows[id].has_value && value == NULL) {
        if (*i + 1 == argc) {
            pack_complain("%s wants %s", rows[id].name, rows[id].wanted);
            return false;
        }
        value = argv[++*i];
    } else if (!rows[id].has_value && value != NULL) {
        pack_complain("%s takes no value", rows[id].name);
        return false;
    }
    if (value == NULL)
        value = "";
    if (!apply(options, id, value)) {
        pack_complain("%s wants %s, not \"%s\"", rows[id].name, rows[id].wanted, value);
        return false;
    }
    return true;
}

static bool consistent(const pack_options *options)
{
    if (options->folder == NULL) {
        pack_complain("-o DIR says where the result goes; without it there is nothing to do");
        return false;
    }
    if (options->files.count == 0) {
        pack_complain(options->back ? "--rollback wants the names of packed files"
                                    : "no FILE to pack was given");
        return false;
    }
    if (options->back && (options->pages.count > 0 || options->pairs.count > 0)) {
        pack_complain("--rollback goes with neither --rewrite nor --pair: what was paired and "
                      "rewritten then, is so again");
        return false;
    }
    return true;
}

bool pack_options_parse(pack_options *options, int argc, char **argv)
{
    size_t room = (size_t)argc * sizeof(char *);
    bool only_files = false, pages = false;

    *options = (pack_options){.base = "/",
                              .manifest = "manifest.json",
                              .keep = KEEP,
                              .deltas = DELTAS,
                              .variants = 1u << CODING_BR | 1u << CODING_ZSTD | 1u << CODING_GZIP,
                              .threads = processors(),
                              .memory = half_of_memory()};
    options->files.word = malloc(room);
    options->pages.word = malloc(room);
    options->pairs.word = malloc(room);
    if (options->files.word == NULL || options->pages.word == NULL || options->pairs.word == NULL) {
        pack_complain("out of memory");
        return false;
    }
    for (int i = 1; i < argc && !options->help; i++) {
        if (only_files || argv[i][0] != '-' || argv[i][1] == '\0') {
            add_word(pages ? &options->pages : &options->files, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            only_files = true;
            pages = false;
        } else if (!take_option(options, argc, argv, &i, &pages)) {
            return false;
        }
    }
    return options->help || consistent(options);
}

void pack_options_release(pack_options *options)
{
    free(options->files.word);
    free(options->pages.word);
    free(options->pairs.word);
    free(options->base_owned);
}
