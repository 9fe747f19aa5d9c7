/* SPDX-License-Identifier: Apache-2.0
 * request_lines.h — the lines of a request's header, before httpd joins those of one name.
 *
 * Why:     httpd keeps "A: 1" and "A: 2" as "A: 1, 2". For a list that is the same; but a guest of
 *          http-wasm is promised one value for each line, and of "A: Hello, world" exactly one.
 * How:     The head is kept as it came (request_lines_filter.c). A value of the table is taken
 *          apart only where the lines of that name, joined as httpd joins them, are exactly this
 *          value: what another module has set meanwhile is left as it is.
 * Memory:  Slices point into what the caller passed.
 * Threads: any; no state.
 */
#ifndef REQUEST_LINES_H
#define REQUEST_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct request_line {
    const char *name, *value;
    size_t name_length, value_length;
};

/* Reads lines of the head, which begins with the request line, into lines[0..max-1]; returns how
 * many there are. Lines that httpd would refuse or that go on in a further line (obs-fold) are left
 * out: what they were is not for us to guess. */
size_t request_lines_parse(const char *head, size_t length, struct request_line *lines, size_t max);

/* Finds the lines of `name` whose values, joined with ", ", are `value`. Their values, at most
 * `max`, go to parts[].value; returns how many, 0 if there are none that fit. */
size_t request_lines_split(const struct request_line *lines, size_t count, const char *name,
                           const char *value, struct request_line *parts, size_t max);

/* The same where lines are not known (mod_http2 joins them, too): takes a value apart at ", " if it
 * is plainly a list, namely of parts without blanks, quotes and parameters, and if `name` is no
 * field that HTTP itself defines, whose values are lists by definition or never are. */
size_t request_lines_guess(const char *name, const char *value, struct request_line *parts,
                           size_t max);

#endif
