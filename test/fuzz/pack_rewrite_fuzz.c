/* SPDX-License-Identifier: Apache-2.0
 * pack_rewrite_fuzz.c — any text as a page or a script whose references are rewritten.
 * layers: delivery
 *
 * How:     The first byte chooses the language, the file's place and the base. Whatever the text
 *          is, nothing but hashes may change: the result with every hash taken out is the text with
 *          every hash taken out. Rewriting the result changes nothing more; and rewriting it to
 *          other hashes finds as many references, and gives what rewriting the text to them gives.
 * Memory:  The texts are freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pack_name.h"
#include "pack_rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says where it fails by crashing there: a fuzzer reports the stack. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The context is the hash that all packed files have. */
static const char *hash_of(const void *context, const char *name)
{
    static const char *const site[] = {"app.wasm", "pkg/x.js", "pkg/x_bg.wasm", "a", "b c.d"};

    for (size_t i = 0; i < sizeof(site) / sizeof(site[0]); i++) {
        if (strcmp(site[i], name) == 0) {
            return context;
        }
    }
    return NULL;
}

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Removes every dot with 16 hex digits behind it; the new length. */
static size_t without_hashes(char *text, size_t len)
{
    size_t n = 0, i = 0;

    while (i < len) {
        size_t digits = 0;
        if (text[i] == '.') {
            while (digits < PACK_HASH_DIGITS && i + 1 + digits < len &&
                   is_digit(text[i + 1 + digits])) {
                digits++;
            }
        }
        if (digits == PACK_HASH_DIGITS) {
            i += 1 + PACK_HASH_DIGITS;
        } else {
            text[n++] = text[i++];
        }
    }
    return n;
}

static void check_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    char *left = malloc(a_len + 1), *right = malloc(b_len + 1);

    if (left != NULL && right != NULL) {
        memcpy(left, a, a_len);
        memcpy(right, b, b_len);
        a_len = without_hashes(left, a_len);
        b_len = without_hashes(right, b_len);
        require(a_len == b_len && memcmp(left, right, a_len) == 0);
    }
    free(left);
    free(right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"index.html", "main.js", "pkg/y.js", "pkg/y.html"};
    static const char *const bases[] = {"/", "/assets/", "https://h/"};
    static const char one[] = "3f9c02d1e4a5b677", other[] = "0123456789abcdef";
    struct pack_rules rules = {.hash_of = hash_of, .context = one};
    struct pack_rewritten first, second, third, direct;
    const char *text;
    size_t len;

    if (size == 0) {
        return 0;
    }
    rules.file = files[data[0] % 4];
    rules.language = pack_rewrite_language(rules.file);
    rules.base = bases[data[0] / 4 % 3];
    text = (const char *)data + 1;
    len = size - 1;

    first = pack_rewrite(&rules, text, len);
    if (first.text == NULL) {
        return 0;
    }
    check_same(text, len, first.text, first.len);
    second = pack_rewrite(&rules, first.text, first.len);
    require(second.text == NULL ||
            (second.references == first.references && second.len == first.len &&
             memcmp(second.text, first.text, first.len) == 0));
    rules.context = other;
    third = pack_rewrite(&rules, first.text, first.len);
    direct = pack_rewrite(&rules, text, len);
    require(third.text == NULL || direct.text == NULL ||
            (third.references == direct.references && third.len == direct.len &&
             memcmp(third.text, direct.text, direct.len) == 0));
    free(first.text);
    free(second.text);
    free(third.text);
    free(direct.text);
    return 0;
}
