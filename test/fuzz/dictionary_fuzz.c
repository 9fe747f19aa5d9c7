/* SPDX-License-Identifier: Apache-2.0
 * dictionary_fuzz.c — any bytes as the fields, names and headers of dictionary delivery.
 * layers: delivery
 *
 * How:     The input, ended by a NUL, is taken as an Available-Dictionary, as a Dictionary-ID, as
 *          an id, as a path with the name behind its last slash, as two names parted by a line
 *          feed, and as the first bytes of a delta. Nothing may be read outside it, and what is
 *          accepted has to be what it says: an id that is written comes back as itself, the value
 *          of Use-As-Dictionary leads back to the name it was made for, families are symmetric and
 *          nobody is his own dictionary, an accepted header holds the digest that was asked for.
 * Memory:  A copy of the input is freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "structured.h"
#include "variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_fields(const char *text)
{
    uint8_t digest[DICTIONARY_DIGEST];
    char id[DICTIONARY_ID_SIZE], back[DICTIONARY_ID_SIZE], written[2 * DICTIONARY_ID_SIZE + 3];

    if (dictionary_read_available(text, digest)) {
        require(strchr(text, ':') != NULL);
        require(!dictionary_read_id(text, id)); /* a field has one type */
    }
    if (dictionary_read_id(text, id)) {
        require(strlen(id) < DICTIONARY_ID_SIZE);
        require(structured_write_string(written, sizeof(written), id));
        require(dictionary_read_id(written, back) && strcmp(id, back) == 0);
    }
}

static void check_id(const char *text)
{
    char name[DICTIONARY_ID_SIZE];

    if (dictionary_name_of_id(text, name)) {
        require(name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL);
        require(strlen(name) <= strlen(text));
    }
}

/* The id in a value of Use-As-Dictionary, as a client would read it. */
static void check_use_as(const char *path)
{
    char value[8192], id[DICTIONARY_ID_SIZE], name[DICTIONARY_ID_SIZE];
    const char *slash = strrchr(path, '/'), *at;

    if (slash == NULL || !dictionary_name_of_id(slash + 1, name) ||
        !dictionary_write_use_as(value, sizeof(value), path, name)) {
        return;
    }
    require(strncmp(value, "match=\"/", 8) == 0 && strchr(value, '*') != NULL);
    at = strstr(value, ", id=");
    require(at != NULL && dictionary_read_id(at + 5, id));
    require(strcmp(id, slash + 1) == 0);
    for (const char *c = value; *c != '\0'; c++) {
        require(*c >= 0x20 && *c <= 0x7e);
    }
}

static void check_families(char *text)
{
    char *feed = strchr(text, '\n');

    require(!dictionary_same_family(text, text));
    if (feed != NULL) {
        *feed = '\0';
        require(dictionary_same_family(text, feed + 1) == dictionary_same_family(feed + 1, text));
    }
}

static void check_head(const uint8_t *data, size_t size)
{
    static const uint8_t nobody[DICTIONARY_DIGEST];

    for (int c = 0; c < CODING_COUNT; c++) {
        struct variant_facts facts = {.coding = (enum coding)c,
                                      .regular = true,
                                      .size = 1000,
                                      .head = data,
                                      .head_len = size < VARIANT_HEAD_MAX ? size : VARIANT_HEAD_MAX,
                                      .dictionary = nobody};
        const uint8_t *digest;
        enum variant_verdict verdict = variant_judge(&facts);

        require(verdict < VARIANT_VERDICTS && variant_reason(verdict) != NULL);
        if (coding_needs_dictionary((enum coding)c)) {
            size_t header = dictionary_read_header(data, size, (enum coding)c, &digest);
            require(verdict != VARIANT_USABLE ||
                    (header != 0 && memcmp(digest, nobody, sizeof(nobody)) == 0));
            require(header <= size);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
        check_head(data, size);
    }
    text[size] = '\0';
    check_fields(text);
    check_id(text);
    check_use_as(text);
    check_families(text); /* last: it cuts the text */
    free(text);
    return 0;
}
