/* SPDX-License-Identifier: Apache-2.0
 * answer_fields_fuzz.c — any bytes as the fields that a proxied server or a plugin may send:
 * Cache-Control, ETag, Content-Type.
 * layers: delivery
 *
 * How:     The field may be anything without a NUL; no function may read outside it. What they say
 *          must hold together: a directive in front or behind changes nothing, unless a quote is
 *          open; the tag of a compressed answer is a weak tag that matches itself and never the one
 *          that it was made of; a type is what its bare form is, with a parameter and without.
 * Memory:  Copies of the input are freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cachepolicy.h"
#include "etag.h"
#include "mediatype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says where it fails by crashing there: a fuzzer reports the stack. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* front + text + back, of exactly that size. */
static char *join(const char *front, const char *text, const char *back)
{
    size_t a = strlen(front), b = strlen(text), c = strlen(back);
    char *all = malloc(a + b + c + 1);

    require(all != NULL);
    memcpy(all, front, a);
    memcpy(all + a, text, b);
    memcpy(all + a + b, back, c + 1);
    return all;
}

static void check_cache_control(const char *text)
{
    bool forbids = cachepolicy_forbids_transform(text);
    char *later = join("max-age=1, private=\"a, b\", ", text, "");
    char *sooner = join("no-transform, ", text, "");

    require(cachepolicy_forbids_transform(later) == forbids);
    require(cachepolicy_forbids_transform(sooner));
    if (strchr(text, '"') == NULL) {
        char *behind = join(text, ", no-transform", "");
        require(cachepolicy_forbids_transform(behind));
        free(behind);
    }
    free(later);
    free(sooner);
}

static void check_tag(const char *text)
{
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        char *out = malloc(strlen(text) + ETAG_CODING_EXTRA);
        require(out != NULL);
        if (etag_for_compressed(out, text, (enum coding)c)) {
            require(etag_is_weak(out));
            require(etag_in_list(out, out, ETAG_WEAK));
            require(!etag_in_list(out, out, ETAG_STRONG));
            require(!etag_in_list(text, out, ETAG_WEAK));
        }
        free(out);
    }
}

static void check_type(const char *text)
{
    static const char *const suffixes[] = {".wasm", ".js", ".data"};
    char *with = join(text, "; charset=utf-8", "");

    require(mediatype_is_generic(text) == mediatype_is_generic(with));
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        require(mediatype_of_suffix(text, suffixes[i]) == mediatype_of_suffix(with, suffixes[i]));
    }
    require(mediatype_is(text, MEDIATYPE_WASM) == mediatype_of_suffix(text, ".wasm"));
    (void)mediatype_of_suffix(MEDIATYPE_WASM, text);
    free(with);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_cache_control(text);
    check_tag(text);
    check_type(text);
    free(text);
    return 0;
}
