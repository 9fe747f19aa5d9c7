/* SPDX-License-Identifier: Apache-2.0
 * versions_record_fuzz.c — any bytes as the record of a plugin's versions.
 * layers: versions
 *
 * How:     What the parser takes must be written exactly as it was read: the format has one form
 *          for each state. Then things are done to it, as the input's last bytes say, and what
 *          comes out must be a record as well, with an active version that is known.
 * Memory:  released before the function returns.
 * Threads: one.
 */
#include "versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Writes, reads again and compares; the text if `as` is NULL. */
static void check_form(const versions_record *record, const char *as, size_t as_length)
{
    versions_record again;
    size_t length, second_length;
    char *text = versions_record_format(record, &length), *second;

    require(text != NULL);
    require(as == NULL || (length == as_length && memcmp(text, as, length) == 0));
    require(versions_record_parse(&again, record->name, text, length, NULL) == VERSIONS_OK);
    second = versions_record_format(&again, &second_length);
    require(second != NULL && second_length == length && memcmp(second, text, length) == 0);
    versions_record_release(&again);
    free(text);
    free(second);
}

static void act(versions_record *record, uint8_t what)
{
    char before[VERSIONS_HEX_SIZE];
    version_entry entry = {.called = (what & 4) != 0, .bytes = what, .added = 1700000000};
    const char text[2] = {(char)what, '\0'};

    memcpy(before, record->active, sizeof before);
    snprintf(entry.hex, sizeof entry.hex, "%064x", what);
    versions_make_label(text, entry.label);
    snprintf(entry.abi, sizeof entry.abi, "cgi");
    switch (what % 3) {
    case 0:
        if (versions_record_entry(record, entry.hex) == NULL)
            require(versions_record_add(record, &entry, "who", NULL) == VERSIONS_OK);
        break;
    case 1:
        if (versions_record_activate(record, entry.hex, 1700000000, "?", NULL) == VERSIONS_OK)
            require(strcmp(record->active, entry.hex) == 0);
        else
            require(strcmp(record->active, before) == 0);
        break;
    default:
        if (versions_record_rollback(record, 1700000000, "a b", NULL) != VERSIONS_OK)
            require(strcmp(record->active, before) == 0 && record->before_count == 0);
    }
    require(record->active[0] == '\0' || versions_record_entry(record, record->active) != NULL);
    require(record->before_count <= VERSIONS_BEFORE && record->entry_count <= VERSIONS_KEPT &&
            record->event_count <= VERSIONS_EVENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    versions_record record;
    versions_fault fault = {.status = VERSIONS_OK};
    size_t actions = size > 0 ? data[size - 1] % 16 : 0;
    size_t text = size > actions + 1 ? size - 1 - actions : 0;
    versions_status status = versions_record_parse(&record, "p", (const char *)data, text, &fault);

    if (status != VERSIONS_OK) {
        require(status == VERSIONS_DAMAGED && fault.status == status && fault.text[0] != '\0');
        versions_record_init(&record, "p");
    } else {
        check_form(&record, (const char *)data, text);
    }
    for (size_t i = text; i + 1 < size && i < text + actions; i++)
        act(&record, data[i]);
    check_form(&record, NULL, 0);
    versions_record_release(&record);
    return 0;
}
