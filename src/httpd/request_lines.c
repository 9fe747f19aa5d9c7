/* SPDX-License-Identifier: Apache-2.0
 * request_lines.c — the lines of a request's header, before httpd joins those of one name.
 *
 * A file of its own, without anything of httpd's at run time, so that unit tests and the fuzzer can
 * link it: it reads what a client sent.
 *
 * Memory and threads: see the header.
 */
#include "request_lines.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Splits one line without its end; false if it is none. */
static bool line_split(const char *text, size_t length, struct request_line *line)
{
    const char *colon = memchr(text, ':', length);

    if (colon == NULL || colon == text || is_blank(text[0])) {
        return false;
    }
    line->name = text;
    line->name_length = (size_t)(colon - text);
    line->value = colon + 1;
    line->value_length = length - line->name_length - 1;
    while (line->value_length > 0 && is_blank(*line->value)) {
        line->value++;
        line->value_length--;
    }
    while (line->value_length > 0 && is_blank(line->value[line->value_length - 1])) {
        line->value_length--;
    }
    return true;
}

size_t request_lines_parse(const char *head, size_t length, struct request_line *lines, size_t max)
{
    size_t at = 0, count = 0;
    bool first = true, last_is_line = false;

    while (at < length && count < max) {
        const char *text = head + at, *end = memchr(text, '\n', length - at);
        size_t size = end != NULL ? (size_t)(end - text) : length - at;

        at += size + 1;
        if (size > 0 && text[size - 1] == '\r') {
            size--;
        }
        if (first) {
            /* httpd passes over empty lines before the request line. */
            first = size == 0;
            continue;
        }
        if (size == 0) {
            break;
        }
        if (is_blank(text[0])) {
            /* The line before goes on. */
            count -= last_is_line;
            last_is_line = false;
            continue;
        }
        last_is_line = line_split(text, size, &lines[count]);
        count += last_is_line;
    }
    return count;
}

size_t request_lines_split(const struct request_line *lines, size_t count, const char *name,
                           const char *value, struct request_line *parts, size_t max)
{
    size_t name_length = strlen(name), left = strlen(value), found = 0;

    for (size_t i = 0; i < count; i++) {
        const struct request_line *line = &lines[i];

        if (line->name_length != name_length || strncasecmp(line->name, name, name_length) != 0) {
            continue;
        }
        if (found > 0) {
            if (left < 2 || memcmp(value, ", ", 2) != 0) {
                return 0;
            }
            value += 2;
            left -= 2;
        }
        if (found == max || left < line->value_length ||
            memcmp(value, line->value, line->value_length) != 0) {
            return 0;
        }
        parts[found++] = *line;
        value += line->value_length;
        left -= line->value_length;
    }
    return left == 0 ? found : 0;
}

/* Fields of HTTP and of what clients send in one line: a reader of one value expects all of it. */
static bool is_defined(const char *name)
{
    static const char *const names[] = {"Accept",
                                        "Accept-Charset",
                                        "Accept-Encoding",
                                        "Accept-Language",
                                        "Authorization",
                                        "Cache-Control",
                                        "Connection",
                                        "Content-Encoding",
                                        "Cookie",
                                        "Date",
                                        "Expect",
                                        "Forwarded",
                                        "From",
                                        "If-Match",
                                        "If-Modified-Since",
                                        "If-None-Match",
                                        "If-Range",
                                        "If-Unmodified-Since",
                                        "Keep-Alive",
                                        "Max-Forwards",
                                        "Origin",
                                        "Pragma",
                                        "Priority",
                                        "Proxy-Authorization",
                                        "Range",
                                        "Referer",
                                        "TE",
                                        "Trailer",
                                        "Transfer-Encoding",
                                        "Upgrade",
                                        "User-Agent",
                                        "Via",
                                        "Warning",
                                        "X-Forwarded-For",
                                        "X-Forwarded-Host",
                                        "X-Forwarded-Proto"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i], name) == 0) {
            return true;
        }
    }
    return strncasecmp(name, "Sec-", 4) == 0 || strncasecmp(name, "Content-", 8) == 0 ||
           strncasecmp(name, "Access-Control-", 15) == 0;
}

size_t request_lines_guess(const char *name, const char *value, struct request_line *parts,
                           size_t max)
{
    size_t found = 0;

    if (strstr(value, ", ") == NULL || is_defined(name)) {
        return 0;
    }
    for (;;) {
        size_t length = strcspn(value, ", \t\";=");

        if (length == 0 || found == max) {
            return 0;
        }
        parts[found++] = (struct request_line){
            .name = name, .name_length = strlen(name), .value = value, .value_length = length};
        value += length;
        if (*value == '\0') {
            return found;
        }
        if (value[0] != ',' || value[1] != ' ') {
            return 0;
        }
        value += 2;
    }
}
