/* SPDX-License-Identifier: Apache-2.0
 * script.c — a filter that does what its configuration says, line by line: for tests that need a
 * guest of a certain behaviour and not a program of its own for each.
 *
 * A line begins with the place where it is done: '!' when the instance is made, '>' in
 * handle_request, '<' in handle_response. Then a command and its words; the last word takes the
 * rest of the line, in which "\n" is a line break. K is a kind: 0 request, 1 response, 2 and 3
 * their trailers.
 *
 *   features N | method M | uri U | status N | write K TEXT | log LEVEL TEXT
 *   set K NAME VALUE | add K NAME VALUE | del K NAME
 *   answer                 handle_request returns 0
 *   context N              … and otherwise this context
 *   show NAME WHAT…        sets the response header NAME to what is asked for:
 *                          method, uri, protocol, source, status, context, error, features, count
 *                          (requests of this instance), env NAME, var NAME, values K NAME (joined
 *                          by '|'), names K, body K; control characters as '~'
 *   upper K                reads a body and writes it in capitals
 *   discard K              reads a body
 *   fill K N               writes N bytes in pieces of 4096
 *   var NAME VALUE         sets a variable
 *   if NAME VALUE          goes on only if this request header has this value; unless: if not
 *   ifvar NAME VALUE       goes on only if this variable has this value; unlessvar: if not
 *   peek K N               reads N bytes of a body
 *   stdout TEXT            writes a line to standard output
 *   burn MS                is busy for so long (needs WasmServeGrant clock)
 *   trap | loop | recurse | exit N | memory N (takes so many pages, or aborts)
 */
#include "http_wasm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static char *script;
static uint32_t requests, given_context, is_error_now, context_now;
static bool answers;

/* The next word, ended; *rest is behind it. */
static char *word(char **rest)
{
    char *begin = *rest, *end = begin + strcspn(begin, " ");

    *rest = *end ? end + 1 : end;
    *end = '\0';
    return begin;
}

/* The rest with "\n" turned into line breaks. */
static char *text(char *rest)
{
    char *to = rest;

    for (char *from = rest; *from != '\0'; from++) {
        if (from[0] == '\\' && from[1] == 'n') {
            *to++ = '\n';
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return rest;
}

static char *number(uint32_t n)
{
    char *out = malloc(16);

    snprintf(out, 16, "%u", n);
    return out;
}

/* Several terminated texts as one, parted by '|'. */
static char *join(char *texts, uint32_t count)
{
    char *at = texts;

    for (uint32_t i = 0; i < count; i++) {
        at += strlen(at);
        if (i + 1 < count)
            *at++ = '|';
    }
    return texts;
}

static char *names(uint32_t kind)
{
    uint64_t size = http_get_header_names(kind, NULL, 0);
    char *all = calloc(1, (uint32_t)size + 1);

    http_get_header_names(kind, all, (uint32_t)size);
    return join(all, (uint32_t)(size >> 32));
}

static char *asked(char *what)
{
    char *kind = word(&what);
    uint32_t count;
    size_t length;

    if (strcmp(kind, "method") == 0)
        return http_text(http_get_method);
    if (strcmp(kind, "uri") == 0)
        return http_text(http_get_uri);
    if (strcmp(kind, "protocol") == 0)
        return http_text(http_get_protocol);
    if (strcmp(kind, "source") == 0)
        return http_text(http_get_source);
    if (strcmp(kind, "status") == 0)
        return number(http_get_status());
    if (strcmp(kind, "context") == 0)
        return number(context_now);
    if (strcmp(kind, "error") == 0)
        return number(is_error_now);
    if (strcmp(kind, "features") == 0)
        return number(http_enable_features(0));
    if (strcmp(kind, "count") == 0)
        return number(requests);
    if (strcmp(kind, "env") == 0)
        return getenv(what) ? getenv(what) : "(none)";
    if (strcmp(kind, "var") == 0) {
        char *value = http_variable(what);

        return value ? value : "(none)";
    }
    if (strcmp(kind, "names") == 0)
        return names((uint32_t)atoi(what));
    if (strcmp(kind, "body") == 0)
        return http_body((uint32_t)atoi(what), &length);
    if (strcmp(kind, "values") == 0) {
        uint32_t of = (uint32_t)atoi(word(&what));
        char *values = http_values(of, what, &count);

        return count ? join(values, count) : "(none)";
    }
    return "?";
}

static void upper(uint32_t kind)
{
    size_t length;
    char *body = http_body(kind, &length);

    for (size_t i = 0; i < length; i++) {
        if (body[i] >= 'a' && body[i] <= 'z')
            body[i] -= 'a' - 'A';
    }
    http_write_body(kind, body, (uint32_t)length);
}

static void fill(uint32_t kind, size_t size)
{
    static char piece[4096];

    memset(piece, 'x', sizeof piece);
    while (size > 0) {
        size_t part = size < sizeof piece ? size : sizeof piece;

        http_write_body(kind, piece, (uint32_t)part);
        size -= part;
    }
}

static long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void burn(long long time)
{
    long long begun = milliseconds();

    while (milliseconds() - begun < time) {
    }
}

static volatile uint32_t deepest = UINT32_MAX;

static uint32_t recurse(uint32_t depth)
{
    return depth == deepest ? 0 : recurse(depth + 1) + depth;
}

static void header(const char *command, uint32_t kind, const char *name, const char *value)
{
    if (command[0] == 's')
        http_set(kind, name, value);
    else if (command[0] == 'a')
        http_add(kind, name, value);
    else
        http_remove(kind, name);
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* One line; false to stop. */
static bool act(char *rest)
{
    char *command = word(&rest), *name;
    size_t length;

    if (is(command, "set") || is(command, "add") || is(command, "del")) {
        uint32_t kind = (uint32_t)atoi(word(&rest));

        name = word(&rest);
        header(command, kind, name, text(rest));
    } else if (is(command, "features")) {
        http_enable_features((uint32_t)atoi(rest));
    } else if (is(command, "method")) {
        http_set_method(rest);
    } else if (is(command, "uri")) {
        http_set_uri(text(rest));
    } else if (is(command, "status")) {
        http_set_status((uint32_t)atoi(rest));
    } else if (is(command, "write")) {
        uint32_t kind = (uint32_t)atoi(word(&rest));

        http_write(kind, text(rest));
    } else if (is(command, "log")) {
        int level = atoi(word(&rest));

        http_log(level, text(rest));
    } else if (is(command, "answer")) {
        answers = true;
    } else if (is(command, "context")) {
        given_context = (uint32_t)atoi(rest);
    } else if (is(command, "show")) {
        char *value;

        name = word(&rest);
        value = strdup(asked(rest));
        for (char *c = value; *c != '\0'; c++)
            *c = *c < ' ' ? '~' : *c; /* a header has no line breaks */
        http_set(HTTP_RESPONSE, name, value);
    } else if (is(command, "upper")) {
        upper((uint32_t)atoi(rest));
    } else if (is(command, "discard")) {
        http_body((uint32_t)atoi(rest), &length);
    } else if (is(command, "fill")) {
        uint32_t kind = (uint32_t)atoi(word(&rest));

        fill(kind, (size_t)atol(rest));
    } else if (is(command, "var")) {
        name = word(&rest);
        text(rest);
        http_set_variable(name, (uint32_t)strlen(name), rest, (uint32_t)strlen(rest));
    } else if (is(command, "if")) {
        char *value = http_get(HTTP_REQUEST, word(&rest));

        return value != NULL && is(value, rest);
    } else if (is(command, "unless")) {
        char *value = http_get(HTTP_REQUEST, word(&rest));

        return value == NULL || !is(value, rest);
    } else if (is(command, "ifvar") || is(command, "unlessvar")) {
        char *value = http_variable(word(&rest));

        return (value != NULL && is(value, rest)) == (command[0] == 'i');
    } else if (is(command, "peek")) {
        uint32_t kind = (uint32_t)atoi(word(&rest));

        http_read_body(kind, calloc(1, (size_t)atoi(rest)), (uint32_t)atoi(rest));
    } else if (is(command, "stdout")) {
        puts(rest);
        fflush(stdout);
    } else if (is(command, "loop")) {
        for (volatile int forever = 1; forever;) {
        }
    } else if (is(command, "burn")) {
        burn(atoi(rest));
    } else if (is(command, "recurse")) {
        recurse(0);
    } else if (is(command, "exit")) {
        exit(atoi(rest));
    } else if (is(command, "memory")) {
        if (__builtin_wasm_memory_grow(0, (size_t)atol(rest)) == SIZE_MAX)
            abort();
    } else {
        __builtin_trap();
    }
    return true;
}

/* Does all lines of a place. */
static void run(char place)
{
    char *copy = strdup(script), *next;

    for (char *line = copy; line != NULL && *line != '\0'; line = next) {
        char *end = strchr(line, '\n');

        next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        if (line[0] == place && !act(line + 1 + strspn(line + 1, " ")))
            break;
    }
    free(copy);
}

__attribute__((constructor)) static void start(void)
{
    script = http_text(http_get_config);
    run('!');
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    requests++;
    answers = false;
    given_context = 0;
    run('>');
    return answers ? HTTP_ANSWERED : HTTP_NEXT_WITH(given_context);
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    context_now = context;
    is_error_now = is_error;
    run('<');
}
