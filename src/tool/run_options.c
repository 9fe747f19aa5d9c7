/* SPDX-License-Identifier: Apache-2.0
 * run_options.c — options, defaults and complaints of `wasmserve run`.
 *
 * How:     Options come first, as "--name value" or "--name=value"; the first word that is none is
 *          the file, and all that follows is the guest's own. What a value may be is checked here.
 * Memory, threads: run_options.h.
 */
#include "run_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool_number.h"

const char run_options_usage[] =
    "usage: wasmserve run [OPTION…] FILE.wasm [ARG…]\n"
    "  --invoke F            call the export F with the ARGs and print its results, a line each\n"
    "  --engine TIER         interpreter, compiler or auto (default); compiler,explicit: without\n"
    "                        guard pages; compiler,unwatched: without looking for deadlines,\n"
    "                        to measure what that costs\n"
    "  --cache DIR           keep compiled code in this directory, and use what is there; "
    "compiles\n"
    "                        also without --engine, where that is possible\n"
    "  --dir HOST::GUEST[:ro|:rw]   show the directory HOST as GUEST (default: rw)\n"
    "  --env NAME=VALUE      set a variable of the guest's environment; NAME alone: as it is here\n"
    "  --memory SIZE         bytes of linear memory, with K, M or G (default 1G)\n"
    "  --stack SIZE          bytes of guest stack (default 8M)\n"
    "  --timeout MS          stop the guest after so many milliseconds, or 2s, 1m (default: "
    "never)\n"
    "  --fuel N              stop the guest after so many units of work (default: never)\n"
    "Variables: WASMSERVE_TRACE  what to tell on stderr, of decode validate prepare calls memory\n"
    "                            host instructions, separated by commas; all: all but the last\n"
    "           WASMSERVE_PERF_MAP  name compiled functions in /tmp/perf-PID.map, for perf\n";

void run_complain(const char *format, ...)
{
    va_list args;

    fputs("wasmserve run: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* As WasmServeTimeout takes it: milliseconds, or a number with ms, s or m behind it. */
static bool parse_milliseconds(const char *text, uint64_t *value)
{
    static const struct {
        const char *unit;
        uint64_t milliseconds;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}};
    size_t digits = strspn(text, "0123456789");
    char *number = strndup(text, digits);
    bool fine = false;

    for (size_t i = 0; number != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(text + digits, units[i].unit) == 0 &&
            tool_number_parse(number, false, UINT64_MAX / 1000000 / units[i].milliseconds, value)) {
            *value *= units[i].milliseconds;
            fine = true;
        }
    }
    free(number);
    return fine;
}

static bool add_dir(run_options *options, const char *text)
{
    const char *separator = strstr(text, "::");
    size_t length = strlen(text);
    bool writable = true;
    grant_dir *dir = &options->dirs[options->dir_count];

    if (separator == NULL || separator == text)
        return false;
    if (length >= 3 &&
        (strcmp(text + length - 3, ":ro") == 0 || strcmp(text + length - 3, ":rw") == 0)) {
        writable = text[length - 1] == 'w';
        length -= 3;
    }
    if (text + length <= separator + 2)
        return false;
    dir->host = strndup(text, (size_t)(separator - text));
    dir->guest = strndup(separator + 2, (size_t)(text + length - separator) - 2);
    dir->writable = writable;
    options->dir_count++;
    return dir->host != NULL && dir->guest != NULL;
}

static bool add_env(run_options *options, const char *text)
{
    const char *equals = strchr(text, '='), *value;
    char *entry = NULL;

    if (equals == text || text[0] == '\0')
        return false;
    if (equals != NULL) {
        entry = strdup(text);
    } else {
        value = getenv(text);
        if (value == NULL) /* not set here, so not set there */
            return true;
        if (asprintf(&entry, "%s=%s", text, value) < 0)
            entry = NULL;
    }
    if (entry == NULL)
        return false;
    options->env[options->env_count++] = entry;
    return true;
}

/* One option with its value. False: it is not understood, and why was said. */
static bool take_option(run_options *options, const char *name, const char *value)
{
    uint64_t number = 0;
    bool fine;

    if (strcmp(name, "--invoke") == 0) {
        options->invoke = value;
        return true;
    }
    if (strcmp(name, "--engine") == 0) {
        fine = tool_engine_parse(value, &options->engine);
    } else if (strcmp(name, "--cache") == 0) {
        options->engine.compile.cache = value;
        fine = *value != '\0';
    } else if (strcmp(name, "--dir") == 0) {
        fine = add_dir(options, value);
    } else if (strcmp(name, "--env") == 0) {
        fine = add_env(options, value);
    } else if (strcmp(name, "--memory") == 0) {
        fine = tool_number_parse(value, true, UINT64_C(1) << 40, &options->limits.memory_bytes);
    } else if (strcmp(name, "--stack") == 0) {
        fine = tool_number_parse(value, true, UINT64_C(1) << 32, &number) && number >= 16384;
        options->limits.stack_bytes = (size_t)number;
    } else if (strcmp(name, "--timeout") == 0) {
        fine = parse_milliseconds(value, &options->timeout_ms) && options->timeout_ms > 0;
    } else if (strcmp(name, "--fuel") == 0) {
        fine = tool_number_parse(value, false, UINT64_MAX - 1, &options->limits.fuel);
    } else {
        run_complain("unknown option %s", name);
        return false;
    }
    if (!fine)
        run_complain("%s %s: no such value is possible", name, value);
    return fine;
}

static bool parse_trace(run_options *options)
{
    static const struct {
        const char *word;
        unsigned bits;
    } words[] = {{"decode", WASM_TRACE_DECODE},
                 {"validate", WASM_TRACE_VALIDATE},
                 {"prepare", WASM_TRACE_PREPARE},
                 {"calls", WASM_TRACE_CALLS},
                 {"memory", WASM_TRACE_MEMORY},
                 {"host", WASM_TRACE_HOST},
                 {"instructions", WASM_TRACE_INSTRUCTIONS},
                 {"all", ~(unsigned)WASM_TRACE_INSTRUCTIONS}};
    const char *text = getenv("WASMSERVE_TRACE");

    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ","), i = 0, count = sizeof words / sizeof words[0];

        while (i < count &&
               (strlen(words[i].word) != length || memcmp(words[i].word, text, length) != 0))
            i++;
        if (i == count) {
            run_complain("WASMSERVE_TRACE: %.*s is nothing that can be traced", (int)length, text);
            return false;
        }
        options->trace |= words[i].bits;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool parse_words(run_options *options, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        char *equals = strchr(argv[i], '=');
        bool fine;

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (equals != NULL) {
            char *name = strndup(argv[i], (size_t)(equals - argv[i]));

            fine = name != NULL && take_option(options, name, equals + 1);
            free(name);
        } else if (i + 1 < argc) {
            fine = take_option(options, argv[i], argv[i + 1]);
            i++;
        } else {
            run_complain("%s needs a value", argv[i]);
            fine = false;
        }
        if (!fine)
            return false;
    }
    if (i >= argc) {
        run_complain("which module?");
        return false;
    }
    if (options->engine.compile.unwatched &&
        (options->timeout_ms > 0 || options->limits.fuel != WASM_FUEL_OFF)) {
        run_complain("code that is unwatched looks for neither --timeout nor --fuel");
        return false;
    }
    options->file = argv[i];
    options->args = argv + i;
    options->arg_count = argc - i;
    return parse_trace(options);
}

bool run_options_parse(run_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    options->limits = wasm_limits_default();
    options->limits.memory_bytes = UINT64_C(1) << 30;
    options->limits.stack_bytes = (size_t)8 << 20;
    options->limits.quota = (size_t)1 << 30;
    /* Every word may be a directory or a variable; more there cannot be. */
    options->dirs = calloc((size_t)argc + 1, sizeof *options->dirs);
    options->env = calloc((size_t)argc + 1, sizeof *options->env);
    if (options->dirs == NULL || options->env == NULL) {
        run_complain("%s", strerror(ENOMEM));
        return false;
    }
    if (parse_words(options, argc, argv))
        return true;
    fputs(run_options_usage, stderr);
    return false;
}

void run_options_release(run_options *options)
{
    for (size_t i = 0; i < options->dir_count; i++) {
        free((char *)options->dirs[i].host);
        free((char *)options->dirs[i].guest);
    }
    for (size_t i = 0; i < options->env_count; i++)
        free(options->env[i]);
    free(options->dirs);
    free(options->env);
}
