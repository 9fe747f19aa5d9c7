/* SPDX-License-Identifier: Apache-2.0
 * request_lines_fuzz.c — the head of a request as a client sent it, taken apart into lines.
 * layers: httpd
 *
 * Input:   The head; after a NUL a name, after another one a value.
 * Oracle:  The sanitizers; all slices lie inside of what was passed; and the parts of a value,
 *          joined with ", ", are that value.
 * Memory:  one copy of the input.
 * Threads: one.
 */
#include "request_lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 64 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_joined(const struct request_line *parts, size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            require(strncmp(value, ", ", 2) == 0);
            value += 2;
        }
        require(strncmp(value, parts[i].value, parts[i].value_length) == 0);
        value += parts[i].value_length;
    }
    require(count == 0 || *value == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request_line lines[MOST], parts[MOST];
    char *copy = malloc(size + 3), *name, *value;
    size_t head, count;

    require(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    memset(copy + size, 0, 3);
    head = strlen(copy);
    name = copy + head + (head < size);
    value = name + strlen(name) + (name + strlen(name) < copy + size);
    count = request_lines_parse(copy, head, lines, MOST);
    require(count <= MOST);
    for (size_t i = 0; i < count; i++) {
        require(lines[i].name >= copy && lines[i].name + lines[i].name_length <= copy + head);
        require(lines[i].name_length > 0 && lines[i].value >= lines[i].name &&
                lines[i].value + lines[i].value_length <= copy + head);
    }
    check_joined(parts, request_lines_split(lines, count, name, value, parts, MOST), value);
    check_joined(parts, request_lines_guess(name, value, parts, MOST), value);
    free(copy);
    return 0;
}
