/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin.c — `wasmserve plugin`: adds, activates, rolls back and lists versions of plugins.
 *
 * How:     The directory is the one that WasmServePluginDir names; versions.h says how it is kept
 *          and why a reader never sees half of a change. A candidate is tried out
 *          (tool_plugin_check.c) before it is stored, and loaded and linked once more before it
 *          becomes active, because the engine may be another one by then. Running servers notice a
 *          new active version by themselves.
 * Exit:    0; 1 where the directory, the version or the system says no; 2 for a module that is
 *          refused; 64 for a command line that makes no sense.
 * Memory:  the options live in struct wish and are released at its end; argv is borrowed.
 * Threads: the main thread, and a watchdog's during the trial call.
 */
#include "tool_plugin.h"
#include "sha256.h"
#include "tool.h"
#include "tool_file.h"
#include "tool_plugin_check.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: wasmserve plugin [-d DIR] add [OPTION…] NAME FILE.wasm\n"
    "       wasmserve plugin [-d DIR] activate NAME VERSION|DIGEST\n"
    "       wasmserve plugin [-d DIR] rollback NAME\n"
    "       wasmserve plugin [-d DIR] list [--json] [NAME]\n"
    "Keeps the versions of a server's plugins in DIR, the directory of WasmServePluginDir (or of "
    "the\n"
    "variable WASMSERVE_PLUGIN_DIR). `add` checks a module, calls it once and stores it; "
    "`activate`\n"
    "makes it the one that the server uses, within a second and without a restart; `rollback` "
    "goes\n"
    "back to what was active before.\n"
    "Options of `add`, for the trial call (GET /):\n"
    "  --dir HOST::GUEST[:ro|:rw]   show the directory HOST as GUEST (default: ro)\n"
    "  --env NAME=VALUE      set a variable of the guest's environment\n"
    "  --config STRING|@FILE what an http-wasm guest gets as its configuration\n"
    "  --memory SIZE         linear memory, with K, M or G (default 64M)\n"
    "  --timeout MS          give up after so many milliseconds (default 5000)\n"
    "  --no-call             store it without calling it\n";

typedef struct wish {
    const char *path; /* of DIR */
    plugin_trial trial;
    grant_dir *dirs; /* owned, with their strings; trial.dirs */
    const char **env;
    uint8_t *config; /* owned: of a file */
    bool json;
    char **words; /* behind the options */
    int count;
} wish;

void plugin_complain(const char *format, ...)
{
    va_list args;

    fputs("wasmserve plugin: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int plugin_explain(const versions_fault *fault)
{
    plugin_complain("%s", fault->text);
    return TOOL_FAILED;
}

/* Who does it, for the history: the user behind sudo, else this one. */
static const char *who(void)
{
    const char *name = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *user = name == NULL ? getpwuid(geteuid()) : NULL;

    return name != NULL ? name : user != NULL ? user->pw_name : "?";
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Loads and links a stored version as a server would. */
static int check_stored(const versions_dir *dir, const char *name, const version_entry *entry,
                        const version_entry *now)
{
    plugin_candidate candidate;
    versions_fault fault;
    uint8_t *bytes;
    size_t length;
    bool good;

    if (now != NULL && strcmp(now->abi, entry->abi) != 0) {
        plugin_complain("%s %s is a guest for %s, and the active version for %s: where the plugin "
                        "is used, the server speaks %s to it; define another plugin for it",
                        name, entry->label, entry->abi, now->abi, now->abi);
        return TOOL_REFUSED;
    }
    if (versions_read_module(dir, entry->hex, &bytes, &length, &fault) != VERSIONS_OK)
        return plugin_explain(&fault);
    good = plugin_check_load(&candidate, bytes, length);
    free(bytes);
    if (!good)
        plugin_complain("%s sha256:%s cannot be used by this version of the server: %s", name,
                        entry->hex, candidate.why);
    plugin_check_release(&candidate);
    return good ? TOOL_OK : TOOL_REFUSED;
}

static void report_active(const versions_record *record)
{
    const version_entry *entry = versions_record_entry(record, record->active);

    printf("%s %s sha256:%s is active\n", record->name, entry->label, entry->hex);
}

/* Opens DIR for a change and reads the record of a plugin that must be there. */
static int begin(const wish *w, versions_dir *dir, versions_record *record)
{
    versions_fault fault;
    versions_status status;

    /* Only `add` makes a directory: a mistyped one would stay. */
    if (access(w->path, F_OK) != 0) {
        plugin_complain("%s: %s", w->path, strerror(errno));
        return TOOL_FAILED;
    }
    if (versions_begin(w->path, sha256_hex, dir, &fault) != VERSIONS_OK)
        return plugin_explain(&fault);
    status = versions_read(dir, w->words[0], record, &fault);
    if (status != VERSIONS_OK) {
        versions_close(dir);
        return plugin_explain(&fault);
    }
    return TOOL_OK;
}

/* Stores the record with what has been made active, and says so. */
static int finish(versions_dir *dir, versions_record *record, int result, bool changed)
{
    versions_fault fault;

    if (result == TOOL_OK && changed && versions_store(dir, record, &fault) != VERSIONS_OK)
        result = plugin_explain(&fault);
    if (result == TOOL_OK)
        report_active(record);
    versions_record_release(record);
    versions_close(dir);
    return result;
}

/* ---- the four commands ----------------------------------------------------------------------- */

static int store(const wish *w, const plugin_candidate *candidate, const uint8_t *bytes,
                 size_t length)
{
    const char *name = w->words[0];
    version_entry entry = {.called = w->trial.call, .bytes = length, .added = time(NULL)};
    versions_record record;
    versions_fault fault;
    versions_dir dir;
    versions_status status = versions_begin(w->path, sha256_hex, &dir, &fault);

    if (status != VERSIONS_OK)
        return plugin_explain(&fault);
    memcpy(entry.label, candidate->label, sizeof entry.label);
    snprintf(entry.abi, sizeof entry.abi, "%s", host_abi_name(candidate->abi));
    status = versions_read(&dir, name, &record, &fault);
    if (status == VERSIONS_NONE)
        status = VERSIONS_OK;
    if (status == VERSIONS_OK)
        status = versions_store_module(&dir, bytes, length, entry.hex, &fault);
    if (status == VERSIONS_OK) {
        const version_entry *known = versions_record_entry(&record, entry.hex);

        if (known != NULL) {
            plugin_complain("%s already has this version", name);
        } else {
            status = versions_record_add(&record, &entry, who(), &fault);
            if (status == VERSIONS_OK)
                status = versions_store(&dir, &record, &fault);
        }
    }
    versions_record_release(&record);
    versions_close(&dir);
    if (status != VERSIONS_OK)
        return plugin_explain(&fault);
    printf("%s %s sha256:%s\n", name, entry.label, entry.hex);
    return TOOL_OK;
}

static int add(const wish *w)
{
    const char *name = w->words[0], *path = w->words[1];
    plugin_candidate candidate;
    int result = TOOL_REFUSED;
    size_t length;
    uint8_t *bytes;

    if (!versions_is_name(name)) {
        plugin_complain("\"%s\" is not the name of a plugin that can have versions: 1 to 64 "
                        "letters, digits, '-', '_' and '.', not beginning with '.'",
                        name);
        return TOOL_USAGE;
    }
    bytes = tool_file_read(path, &length);
    if (bytes == NULL) {
        plugin_complain("%s: %s", path, strerror(errno));
        return TOOL_REFUSED;
    }
    if (plugin_check_load(&candidate, bytes, length) && plugin_check_call(&candidate, &w->trial)) {
        if (candidate.note[0] != '\0')
            plugin_complain("%s: %s", path, candidate.note);
        result = store(w, &candidate, bytes, length);
    } else {
        plugin_complain("%s is refused: %s", path, candidate.why);
    }
    plugin_check_release(&candidate);
    free(bytes);
    return result;
}

static int activate(const wish *w)
{
    const version_entry *entry;
    versions_record record;
    versions_fault fault;
    versions_dir dir;
    char before[VERSIONS_HEX_SIZE];
    int result = begin(w, &dir, &record);

    if (result != TOOL_OK)
        return result;
    memcpy(before, record.active, sizeof before);
    if (versions_record_find(&record, w->words[1], &entry, &fault) != VERSIONS_OK)
        result = plugin_explain(&fault);
    else
        result =
            check_stored(&dir, record.name, entry, versions_record_entry(&record, record.active));
    if (result == TOOL_OK &&
        versions_record_activate(&record, entry->hex, time(NULL), who(), &fault) != VERSIONS_OK)
        result = plugin_explain(&fault);
    return finish(&dir, &record, result, strcmp(before, record.active) != 0);
}

static int rollback(const wish *w)
{
    versions_record record;
    versions_fault fault;
    versions_dir dir;
    int result = begin(w, &dir, &record);

    if (result != TOOL_OK)
        return result;
    if (versions_record_rollback(&record, time(NULL), who(), &fault) != VERSIONS_OK)
        result = plugin_explain(&fault);
    else
        result =
            check_stored(&dir, record.name, versions_record_entry(&record, record.active), NULL);
    return finish(&dir, &record, result, true);
}

static int list(const wish *w)
{
    versions_fault fault;
    versions_dir dir;
    int result;

    if (versions_open(w->path, sha256_hex, &dir, &fault) != VERSIONS_OK)
        return plugin_explain(&fault);
    result = plugin_list(&dir, w->count > 0 ? w->words[0] : NULL, w->json);
    versions_close(&dir);
    return result;
}

/* ---- the command line ------------------------------------------------------------------------ */

/* HOST::GUEST[:ro|:rw] */
static bool take_dir(wish *w, const char *text)
{
    const char *separator = strstr(text, "::");
    size_t length = strlen(text);
    grant_dir *dir = &w->dirs[w->trial.dir_count];

    if (separator == NULL || separator == text)
        return false;
    if (length >= 3 &&
        (strcmp(text + length - 3, ":ro") == 0 || strcmp(text + length - 3, ":rw") == 0)) {
        dir->writable = text[length - 1] == 'w';
        length -= 3;
    }
    if (text + length <= separator + 2)
        return false;
    dir->host = strndup(text, (size_t)(separator - text));
    dir->guest = strndup(separator + 2, (size_t)(text + length - separator) - 2);
    w->trial.dir_count++;
    return dir->host != NULL && dir->guest != NULL;
}

/* Digits, with K, M or G behind them where `scaled`. */
static bool take_number(const char *text, bool scaled, uint64_t most, uint64_t *value)
{
    static const char units[] = "KMG";
    const char *unit = NULL;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (scaled && *end != '\0' && (unit = strchr(units, *end)) != NULL)
        end++;
    if (errno != 0 || *end != '\0')
        return false;
    for (const char *u = units; unit != NULL && u <= unit; u++) {
        if (*value > most >> 10)
            return false;
        *value <<= 10;
    }
    return *value > 0 && *value <= most;
}

/* STRING, or @FILE */
static bool take_config(wish *w, const char *value)
{
    if (value[0] != '@') {
        w->trial.config = value;
        w->trial.config_length = strlen(value);
        return true;
    }
    free(w->config);
    w->trial.config = w->config = tool_file_read(value + 1, &w->trial.config_length);
    return w->config != NULL;
}

enum {
    OPTION_DIR = 1,
    OPTION_ENV,
    OPTION_CONFIG,
    OPTION_MEMORY,
    OPTION_TIMEOUT,
    OPTION_NO_CALL,
    OPTION_JSON
};

/* An option that belongs to `add` or `list`. */
static bool take_option(wish *w, int option, const char *value)
{
    switch (option) {
    case OPTION_DIR: return take_dir(w, value);
    case OPTION_ENV:
        w->env[w->trial.env_count++] = value;
        return strchr(value, '=') != NULL && value[0] != '=';
    case OPTION_CONFIG: return take_config(w, value);
    case OPTION_MEMORY: return take_number(value, true, UINT64_C(1) << 32, &w->trial.memory_bytes);
    case OPTION_TIMEOUT: return take_number(value, false, 3600000, &w->trial.timeout_ms);
    case OPTION_NO_CALL: w->trial.call = false; return true;
    case OPTION_JSON: w->json = true; return true;
    default: return false;
    }
}

static bool add_takes(int option)
{
    return option != OPTION_JSON;
}

static bool list_takes(int option)
{
    return option == OPTION_JSON;
}

static bool takes_none(int option)
{
    (void)option;
    return false;
}

static const struct command {
    const char *name;
    int least, most; /* words behind it */
    int (*function)(const wish *w);
    bool (*takes)(int option);
} commands[] = {
    {"add", 2, 2, add, add_takes},
    {"activate", 2, 2, activate, takes_none},
    {"rollback", 1, 1, rollback, takes_none},
    {"list", 0, 1, list, list_takes},
};

static int misused(const char *format, const char *word)
{
    plugin_complain(format, word);
    fputs(usage, stderr);
    return TOOL_USAGE;
}

/* Options may stand anywhere among the words. */
static int understand(wish *w, int argc, char **argv, const struct command **command)
{
    static const struct option known[] = {{"dir", required_argument, NULL, OPTION_DIR},
                                          {"env", required_argument, NULL, OPTION_ENV},
                                          {"config", required_argument, NULL, OPTION_CONFIG},
                                          {"memory", required_argument, NULL, OPTION_MEMORY},
                                          {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                          {"no-call", no_argument, NULL, OPTION_NO_CALL},
                                          {"json", no_argument, NULL, OPTION_JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    unsigned seen = 0;
    int option;

    while ((option = getopt_long(argc, argv, "d:h", known, NULL)) != -1) {
        if (option == 'h')
            return TOOL_OK;
        if (option == 'd')
            w->path = optarg;
        else if (option == '?' || !take_option(w, option, optarg))
            return misused("%s: no such option or value is possible", argv[optind - 1]);
        else
            seen |= 1u << option;
    }
    if (optind == argc)
        return misused("%s", "add, activate, rollback or list?");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[optind], commands[i].name) == 0)
            *command = &commands[i];
    if (*command == NULL)
        return misused("there is no command \"%s\"", argv[optind]);
    w->words = argv + optind + 1;
    w->count = argc - optind - 1;
    if (w->count < (*command)->least || w->count > (*command)->most)
        return misused("%s takes other words", (*command)->name);
    for (option = OPTION_DIR; option <= OPTION_JSON; option++)
        if ((seen >> option & 1) != 0 && !(*command)->takes(option))
            return misused("--%s belongs to another command", known[option - 1].name);
    if (w->path == NULL || w->path[0] == '\0')
        return misused("%s", "which directory? -d DIR, or the variable WASMSERVE_PLUGIN_DIR");
    return TOOL_OK;
}

int tool_plugin(int argc, char **argv)
{
    wish w = {.path = getenv("WASMSERVE_PLUGIN_DIR"),
              .trial = {.call = true,
                        .memory_bytes = wasm_limits_default().memory_bytes,
                        .timeout_ms = 5000}};
    const struct command *command = NULL;
    int result = TOOL_FAILED;

    w.dirs = calloc((size_t)argc + 1, sizeof *w.dirs);
    w.env = calloc((size_t)argc + 1, sizeof *w.env);
    w.trial.dirs = w.dirs;
    w.trial.env = w.env;
    if (w.dirs == NULL || w.env == NULL) {
        plugin_complain("%s", strerror(ENOMEM));
    } else {
        result = understand(&w, argc, argv, &command);
        if (command != NULL && result == TOOL_OK)
            result = command->function(&w);
        else if (result == TOOL_OK)
            fputs(usage, stdout);
    }
    for (size_t i = 0; i < w.trial.dir_count; i++) {
        free((char *)w.dirs[i].host);
        free((char *)w.dirs[i].guest);
    }
    free(w.dirs);
    free(w.env);
    free(w.config);
    if (fflush(stdout) != 0 && result == TOOL_OK)
        result = TOOL_FAILED;
    return result;
}
