/* SPDX-License-Identifier: Apache-2.0
 * spec_script.c — executes the commands of one spec script against one store.
 *
 * How:     A script is a list of commands (spec-testsuite/FORMAT.md): some make modules, the others
 *          assert what they do. All instances of a script live in one store, so that they can
 *          import from each other. Only assertions are counted as passed or skipped; a failure is
 *          counted whatever command it comes from, since what follows builds on it.
 *          Skipping is for two reasons alone. A module in the text format is no business of an
 *          engine. And a module that the engine refuses because it uses a feature that is not
 *          supported, says so with a status of its own (FEATURE), naming the feature: then the
 *          assertions about it, and about what imports from it, are skipped under that name. What
 *          such a module would have imported is not as the script believes it to be, since it was
 *          not written to: from then on an assertion about that which does not hold counts as
 *          skipped as well. Every other deviation is a failure.
 *          A proposal's scripts are written upon the specification of their day: what came into it
 *          later is switched off for those that assert that it is refused (as_of()).
 * Memory:  The store is freed before the modules, both at the end of the script.
 * Threads: no shared state; the watchdog's thread interrupts what runs longer than a minute.
 */
#include "spec_script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "spec_value.h"
#include "spectest.h"
#include "tool_file.h"

#define COMMAND_NS    ((uint64_t)60 * 1000000000u)
#define FAILURES_MAX  10
#define TEXT_FORMAT   "text-format module"
#define REPORT_LENGTH 512

/* A module definition, an instance, or both; or what stands for one that was skipped. */
typedef struct item {
    const char *name; /* "$M", or NULL */
    wasm_module *module;
    wasm_instance *instance;
    bool borrowed;                  /* the module is another item's */
    char skipped[SPEC_REASON_SIZE]; /* why; empty: it was not */
    char missed[SPEC_REASON_SIZE];  /* why a module that imports from it was; empty: none was */
    struct item *next;
} item;

typedef struct registration {
    const char *as;
    item *what;
    struct registration *next;
} registration;

typedef struct script {
    const spec_options *options;
    spec_skips *skips;
    spec_counts counts;
    const char *source; /* "address.wast" */
    wasm_store *store;
    spectest host;
    wasm_features features; /* for its modules */
    item *items;            /* newest first */
    item *current;
    registration *registrations;
    /* the command that runs */
    const json_value *command;
    unsigned line;
    const char *type;
    const char *excuse; /* for failing; empty: none */
} script;

/* ---- verdicts -------------------------------------------------------------------------------- */

static bool is_assertion(const script *s)
{
    return strncmp(s->type, "assert_", 7) == 0;
}

static void pass(script *s)
{
    s->counts.passed += is_assertion(s);
}

static void skip(script *s, const char *reason)
{
    spec_skips *skips = s->skips;
    size_t i = 0;

    if (s->options->verbose)
        printf("  %s:%u: %s: skipped: %s\n", s->source, s->line, s->type, reason);
    if (!is_assertion(s))
        return;
    s->counts.skipped++;
    while (i < skips->used && strcmp(skips->rows[i].reason, reason) != 0)
        i++;
    if (i == skips->used) {
        if (i == SPEC_REASONS_MAX)
            return;
        snprintf(skips->rows[i].reason, SPEC_REASON_SIZE, "%s", reason);
        skips->used++;
    }
    skips->rows[i].count++;
}

__attribute__((format(printf, 2, 3))) static void fail(script *s, const char *format, ...)
{
    va_list args;

    if (s->excuse[0] != '\0') {
        skip(s, s->excuse);
        return;
    }
    if (s->counts.failed++ >= FAILURES_MAX && !s->options->verbose)
        return;
    printf("  %s:%u: %s: ", s->source, s->line, s->type);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

/* Whether one text begins with the other: the suite shortens some and lengthens others with
 * particulars ("uninitialized element 2"). */
static bool text_matches(const char *expected, wasm_status status)
{
    const char *text = wasm_status_text(status);
    size_t a = strlen(expected), b = strlen(text);

    return strncmp(expected, text, a < b ? a : b) == 0;
}

static const char *describe(const wasm_report *report, char *buf)
{
    return wasm_report_format(report, buf, REPORT_LENGTH);
}

/* ---- items ----------------------------------------------------------------------------------- */

static item *item_new(script *s, const char *name)
{
    item *fresh = calloc(1, sizeof *fresh);

    if (fresh == NULL) {
        perror("wasmserve spec");
        exit(1);
    }
    fresh->name = name;
    fresh->next = s->items;
    s->items = fresh;
    return fresh;
}

/* The item that a command names, or the current one. NULL if there is none. */
static item *item_named(script *s, const char *name)
{
    item *found = s->items;

    if (name == NULL)
        return s->current;
    while (found != NULL && (found->name == NULL || strcmp(found->name, name) != 0))
        found = found->next;
    return found;
}

/* The features of the specification that a script was written upon, by its folder. The threads
 * proposal's has one table and one memory, each with limits of 32 bits. */
static wasm_features as_of(const char *path)
{
    if (strstr(path, "/threads/") != NULL)
        return WASM_FEATURES_SUPPORTED &
               ~(WASM_FEATURE(WASM_FEATURE_REFERENCE_TYPES) | WASM_FEATURE(WASM_FEATURE_MEMORY64) |
                 WASM_FEATURE(WASM_FEATURE_MULTI_MEMORY));
    return WASM_FEATURES_SUPPORTED;
}

/* A FEATURE report's detail ends with "needs <feature>". False if it names none, or one that this
 * engine has: such a refusal is no reason to skip anything. */
static bool skip_by_feature(const wasm_report *report, char *reason)
{
    size_t length = strlen(report->detail);

    for (unsigned bit = 0; wasm_feature_name(bit) != NULL; bit++) {
        int needs = snprintf(reason, SPEC_REASON_SIZE, "needs %s", wasm_feature_name(bit));
        if (!(WASM_FEATURES_SUPPORTED & WASM_FEATURE(bit)) && (size_t)needs <= length &&
            strcmp(report->detail + length - (size_t)needs, reason) == 0)
            return true;
    }
    reason[0] = '\0';
    return false;
}

/* Loads the module of the command into *out. WASM_OK with an empty *out and a reason in `reason`
 * for one that is to be skipped. */
static wasm_status load(script *s, wasm_module **out, char *reason, wasm_report *report)
{
    const json_value *wasm = json_member(s->command, "wasm");
    wasm_load_options options = {.features = s->features,
                                 .tier = s->options->engine.tier,
                                 .compile = &s->options->engine.compile};
    wasm_status status = WASM_E_USAGE;
    size_t length = 0;

    *out = NULL;
    reason[0] = '\0';
    memset(report, 0, sizeof *report);
    if (wasm == NULL || wasm->kind != JSON_STRING) {
        snprintf(reason, SPEC_REASON_SIZE, TEXT_FORMAT);
        return WASM_OK;
    }
    uint8_t *bytes = malloc(wasm->length / 4 * 3 + 1);
    if (bytes != NULL && base64_decode(wasm->text, wasm->length, bytes, &length))
        status = wasm_module_load(bytes, length, &options, out, report);
    else
        snprintf(report->detail, sizeof report->detail, "its bytes are not base64");
    free(bytes);
    report->status = status;
    if (status == WASM_E_FEATURE && skip_by_feature(report, reason))
        return WASM_OK;
    if (status == WASM_E_MULTIPLE_MEMORIES && /* its text is the suite's, its meaning the same */
        !(WASM_FEATURES_SUPPORTED & WASM_FEATURE(WASM_FEATURE_MULTI_MEMORY))) {
        snprintf(reason, SPEC_REASON_SIZE, "needs %s",
                 wasm_feature_name(WASM_FEATURE_MULTI_MEMORY));
        return WASM_OK;
    }
    return status;
}

/* A module is skipped: whatever registered name stands in its bytes, as names do, behind its
 * length, is what it may import from. */
static void miss_imports(const script *s, const char *reason)
{
    const json_value *wasm = json_member(s->command, "wasm");
    uint8_t *bytes = NULL;
    size_t length;

    if (wasm != NULL && wasm->kind == JSON_STRING)
        bytes = malloc(wasm->length / 4 * 3 + 1);
    if (bytes == NULL || !base64_decode(wasm->text, wasm->length, bytes, &length)) {
        free(bytes);
        return;
    }
    for (const registration *r = s->registrations; r != NULL; r = r->next) {
        size_t name = strlen(r->as);
        for (size_t at = 0; name < 128 && at + 1 + name <= length; at++)
            if (bytes[at] == name && memcmp(bytes + at + 1, r->as, name) == 0)
                snprintf(r->what->missed, SPEC_REASON_SIZE, "%s", reason);
    }
    free(bytes);
}

/* Finds what one import asks for; false, with the reason, if it depends on what was skipped. */
static bool find_import(const script *s, const wasm_extern_desc *import, wasm_extern *out,
                        char *reason)
{
    if (import->module_length == 8 && memcmp(import->module, "spectest", 8) == 0) {
        spectest_export(&s->host, import->name, import->name_length, out);
        return true;
    }
    for (const registration *r = s->registrations; r != NULL; r = r->next) {
        if (strlen(r->as) != import->module_length ||
            memcmp(r->as, import->module, import->module_length) != 0)
            continue;
        if (r->what->instance == NULL && r->what->skipped[0] != '\0') {
            snprintf(reason, SPEC_REASON_SIZE, "%s", r->what->skipped);
            return false;
        }
        if (r->what->instance != NULL)
            wasm_instance_export(r->what->instance, import->name, import->name_length, out);
        return true;
    }
    return true;
}

/* Instantiates with the imports that the script offers. As load(), *reason is not empty if it is
 * to be skipped. */
static wasm_status instantiate(script *s, const wasm_module *module, wasm_instance **out,
                               char *reason, wasm_report *report)
{
    wasm_module_info info;
    wasm_extern_desc import;
    wasm_extern *imports;
    wasm_status status = WASM_OK;

    reason[0] = '\0';
    wasm_module_describe(module, &info);
    imports = calloc((size_t)info.import_count + 1, sizeof *imports);
    if (imports == NULL)
        return WASM_E_NO_MEMORY;
    for (uint32_t i = 0; reason[0] == '\0' && wasm_module_import(module, i, &import); i++)
        find_import(s, &import, &imports[i], reason);
    if (reason[0] == '\0') {
        wasm_deadline_arm(s->store, s->options->watchdog, COMMAND_NS);
        status = wasm_instantiate(s->store, module, imports, out, report);
        wasm_deadline_disarm(s->store);
        wasm_store_clear_interrupt(s->store);
    }
    free(imports);
    return status;
}

/* ---- modules --------------------------------------------------------------------------------- */

static void run_module(script *s, bool define_only)
{
    item *fresh = item_new(s, json_text(s->command, "name", NULL));
    char text[REPORT_LENGTH];
    wasm_report report;

    if (!define_only)
        s->current = fresh;
    if (load(s, &fresh->module, fresh->skipped, &report) != WASM_OK) {
        fail(s, "refused: %s", describe(&report, text));
    } else if (fresh->module != NULL && !define_only &&
               instantiate(s, fresh->module, &fresh->instance, fresh->skipped, &report) !=
                   WASM_OK) {
        fail(s, "not instantiated: %s", describe(&report, text));
    }
    if (fresh->skipped[0] != '\0') {
        skip(s, fresh->skipped);
        miss_imports(s, fresh->skipped);
    }
}

static void run_module_instance(script *s)
{
    const item *definition = item_named(s, json_text(s->command, "module", NULL));
    item *fresh;
    char text[REPORT_LENGTH];
    wasm_report report;

    if (definition == NULL) {
        fail(s, "there is no such definition");
        return;
    }
    fresh = item_new(s, json_text(s->command, "instance", NULL));
    s->current = fresh;
    fresh->module = definition->module;
    fresh->borrowed = true;
    snprintf(fresh->skipped, sizeof fresh->skipped, "%s", definition->skipped);
    if (fresh->module != NULL &&
        instantiate(s, fresh->module, &fresh->instance, fresh->skipped, &report) != WASM_OK)
        fail(s, "not instantiated: %s", describe(&report, text));
    if (fresh->skipped[0] != '\0')
        skip(s, fresh->skipped);
}

static void run_register(script *s)
{
    item *what = item_named(s, json_text(s->command, "name", NULL));
    registration *r = calloc(1, sizeof *r);

    if (what == NULL || r == NULL) {
        fail(s, "there is no such module");
        free(r);
        return;
    }
    r->as = json_text(s->command, "as", "");
    r->what = what;
    r->next = s->registrations;
    s->registrations = r;
}

/* assert_malformed, assert_invalid: the module must be refused, for a reason of that class. */
static void run_assert_refused(script *s, wasm_class expected)
{
    const char *expected_text = json_text(s->command, "text", "");
    char reason[SPEC_REASON_SIZE], text[REPORT_LENGTH];
    wasm_module *module;
    wasm_report report;
    wasm_status status = load(s, &module, reason, &report);

    if (reason[0] != '\0') {
        skip(s, reason);
    } else if (status == WASM_OK) {
        wasm_module_free(module);
        fail(s, "accepted; expected %s (%s)", wasm_class_name(expected), expected_text);
    } else if (wasm_status_class(status) != expected) {
        fail(s, "expected %s (%s), came %s: %s", wasm_class_name(expected), expected_text,
             wasm_class_name(wasm_status_class(status)), describe(&report, text));
    } else {
        if (s->options->verbose && !text_matches(expected_text, status))
            printf("  %s:%u: %s: expected \"%s\", said: %s\n", s->source, s->line, s->type,
                   expected_text, describe(&report, text));
        pass(s);
    }
}

/* assert_unlinkable, assert_uninstantiable: a good module that cannot become an instance. */
static void run_assert_uninstantiable(script *s, wasm_class expected)
{
    const char *expected_text = json_text(s->command, "text", "");
    item *fresh = item_new(s, NULL); /* stays: tables may point into it even so */
    char text[REPORT_LENGTH];
    wasm_report report;
    wasm_status status = load(s, &fresh->module, fresh->skipped, &report);

    if (status == WASM_OK && fresh->module != NULL)
        status = instantiate(s, fresh->module, &fresh->instance, fresh->skipped, &report);
    if (fresh->skipped[0] != '\0') {
        skip(s, fresh->skipped);
        miss_imports(s, fresh->skipped);
    } else if (status == WASM_OK) {
        fail(s, "instantiated; expected \"%s\"", expected_text);
    } else if ((wasm_status_class(status) != expected &&
                wasm_status_class(status) != WASM_CLASS_EXHAUSTED) ||
               !text_matches(expected_text, status)) {
        fail(s, "expected \"%s\", came %s: %s", expected_text,
             wasm_class_name(wasm_status_class(status)), describe(&report, text));
    } else {
        pass(s);
    }
}

/* ---- actions --------------------------------------------------------------------------------- */

typedef struct outcome {
    wasm_status status;
    spec_value *results; /* count of them; freed by outcome_free() */
    size_t count;
} outcome;

static void outcome_free(outcome *o)
{
    free(o->results);
}

static bool get_global(const wasm_extern *found, outcome *o)
{
    o->results = calloc(1, sizeof *o->results);
    if (o->results == NULL)
        return false;
    o->count = 1;
    o->results[0].type = wasm_global_type(found->of.global);
    o->results[0].value = wasm_global_get(found->of.global);
    return true;
}

/* Reads the arguments that the script gives; false if they do not fit the function. */
static bool read_args(script *s, const json_value *action, const wasm_functype *type,
                      wasm_value *args)
{
    uint32_t given = 0;

    for (const json_value *arg = json_items(action, "args"); arg != NULL; arg = arg->next) {
        spec_value value;
        if (given == type->param_count || !spec_value_read(arg, &value)) {
            fail(s, "argument %u is not one that the function takes", given);
            return false;
        }
        args[given++] = value.value;
    }
    if (given != type->param_count)
        fail(s, "%u arguments are given, %u taken", given, type->param_count);
    return given == type->param_count;
}

static bool invoke(script *s, const json_value *action, wasm_func *func, outcome *o)
{
    wasm_functype type = wasm_func_type(func);
    wasm_value *args = calloc((size_t)type.param_count + 1, sizeof *args);
    wasm_value *results = calloc((size_t)type.result_count + 1, sizeof *results);
    bool done = false;

    o->results = calloc((size_t)type.result_count + 1, sizeof *o->results);
    if (args == NULL || results == NULL || o->results == NULL) {
        fail(s, "out of memory");
    } else if (read_args(s, action, &type, args)) {
        wasm_deadline_arm(s->store, s->options->watchdog, COMMAND_NS);
        o->status = wasm_call(s->store, func, args, results);
        wasm_deadline_disarm(s->store);
        wasm_store_clear_interrupt(s->store);
        o->count = type.result_count;
        for (size_t i = 0; i < o->count; i++)
            o->results[i] = (spec_value){.type = type.results[i], .value = results[i]};
        done = true;
    }
    free(args);
    free(results);
    return done;
}

/* Performs the command's action. False if it did not take place: then the command is judged. */
static bool act(script *s, outcome *o)
{
    const json_value *action = json_member(s->command, "action");
    const json_value *field = json_member(action, "field");
    const item *on = item_named(s, json_text(action, "module", NULL));
    const char *kind = json_text(action, "type", "");
    wasm_extern found;

    memset(o, 0, sizeof *o);
    if (on != NULL && on->skipped[0] != '\0') {
        skip(s, on->skipped);
        return false;
    }
    if (on != NULL)
        s->excuse = on->missed;
    if (on == NULL || on->instance == NULL || field == NULL || field->kind != JSON_STRING) {
        fail(s, "there is no instance to act on");
        return false;
    }
    if (!wasm_instance_export(on->instance, field->text, field->length, &found)) {
        fail(s, "nothing is exported as \"%s\"", field->text);
        return false;
    }
    if (strcmp(kind, "get") == 0 && found.kind == WASM_EXTERN_GLOBAL)
        return get_global(&found, o);
    if (strcmp(kind, "invoke") == 0 && found.kind == WASM_EXTERN_FUNC && !found.is_host)
        return invoke(s, action, found.of.func, o);
    fail(s, "\"%s\" is not what the action \"%s\" is for", field->text, kind);
    return false;
}

static void run_action(script *s)
{
    char text[REPORT_LENGTH];
    outcome o;

    if (act(s, &o) && o.status != WASM_OK)
        fail(s, "%s", describe(wasm_store_report(s->store), text));
    outcome_free(&o);
}

/* Compares the results one by one; false after saying which differs. */
static bool compare_results(script *s, const outcome *o)
{
    const json_value *expected = json_items(s->command, "expected");
    char want[200], came[200];

    for (size_t i = 0; i < o->count; i++, expected = expected->next) {
        if (expected == NULL) {
            fail(s, "result %zu came and is not expected: %s", i,
                 spec_value_format(&o->results[i], came, sizeof came));
            return false;
        }
        if (!spec_value_matches(expected, &o->results[i])) {
            fail(s, "expected %s, came %s", spec_expected_format(expected, want, sizeof want),
                 spec_value_format(&o->results[i], came, sizeof came));
            return false;
        }
    }
    if (expected != NULL)
        fail(s, "only %zu results came", o->count);
    return expected == NULL;
}

static void run_assert_return(script *s)
{
    char text[REPORT_LENGTH];
    outcome o;

    if (act(s, &o)) {
        if (o.status != WASM_OK)
            fail(s, "expected to return, came %s", describe(wasm_store_report(s->store), text));
        else if (compare_results(s, &o))
            pass(s);
    }
    outcome_free(&o);
}

/* assert_trap, assert_exhaustion, assert_exception: the action must end badly, in one way. */
static void run_assert_stops(script *s, wasm_class expected)
{
    const char *expected_text = json_text(s->command, "text", "");
    char text[REPORT_LENGTH];
    outcome o;

    if (act(s, &o)) {
        if (o.status == WASM_OK)
            fail(s, "returned; expected \"%s\"", expected_text);
        else if (wasm_status_class(o.status) != expected || !text_matches(expected_text, o.status))
            fail(s, "expected \"%s\", came %s", expected_text,
                 describe(wasm_store_report(s->store), text));
        else
            pass(s);
    }
    outcome_free(&o);
}

/* ---- the script ------------------------------------------------------------------------------ */

static void run_command(script *s)
{
    const char *type = s->type;

    if (strcmp(type, "module") == 0)
        run_module(s, false);
    else if (strcmp(type, "module_definition") == 0)
        run_module(s, true);
    else if (strcmp(type, "module_instance") == 0)
        run_module_instance(s);
    else if (strcmp(type, "register") == 0)
        run_register(s);
    else if (strcmp(type, "action") == 0)
        run_action(s);
    else if (strcmp(type, "assert_return") == 0)
        run_assert_return(s);
    else if (strcmp(type, "assert_trap") == 0)
        run_assert_stops(s, WASM_CLASS_TRAP);
    else if (strcmp(type, "assert_exhaustion") == 0)
        run_assert_stops(s, WASM_CLASS_EXHAUSTED);
    else if (strcmp(type, "assert_exception") == 0)
        run_assert_stops(s, WASM_CLASS_TRAP);
    else if (strcmp(type, "assert_malformed") == 0)
        run_assert_refused(s, WASM_CLASS_MALFORMED);
    else if (strcmp(type, "assert_invalid") == 0)
        run_assert_refused(s, WASM_CLASS_INVALID);
    else if (strcmp(type, "assert_unlinkable") == 0)
        run_assert_uninstantiable(s, WASM_CLASS_LINK);
    else if (strcmp(type, "assert_uninstantiable") == 0)
        run_assert_uninstantiable(s, WASM_CLASS_TRAP);
    else
        fail(s, "a command that this runner does not know");
}

static void run_commands(script *s, const json_value *root)
{
    const json_value *commands = json_items(root, "commands");

    s->type = "script";
    s->source = json_text(root, "source_filename", s->source);
    s->host.print = s->options->verbose;
    s->store = wasm_store_new(&s->options->limits, &s->host);
    if (s->store == NULL || spectest_new(s->store, &s->host) != WASM_OK) {
        fail(s, "no store could be made");
        commands = NULL;
    } else if (commands == NULL) {
        fail(s, "there are no commands");
    }
    for (; commands != NULL; commands = commands->next) {
        const json_value *line = json_member(commands, "line");
        s->command = commands;
        s->line = line != NULL && line->kind == JSON_NUMBER ? (unsigned)line->number : 0;
        s->type = json_text(commands, "type", "?");
        s->excuse = "";
        run_command(s);
    }
}

static void script_free(script *s)
{
    wasm_store_free(s->store);
    while (s->items != NULL) {
        item *next = s->items->next;
        if (!s->items->borrowed)
            wasm_module_free(s->items->module);
        free(s->items);
        s->items = next;
    }
    while (s->registrations != NULL) {
        registration *next = s->registrations->next;
        free(s->registrations);
        s->registrations = next;
    }
}

void spec_script_run(const char *path, const spec_options *options, spec_counts *counts,
                     spec_skips *skips)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    script s = {.options = options,
                .skips = skips,
                .source = name,
                .features = as_of(path),
                .type = "script",
                .excuse = ""};
    json_document *document = NULL;
    char error[160];
    size_t length;
    uint8_t *text = tool_file_read(path, &length);

    if (text == NULL)
        fail(&s, "%s", strerror(errno));
    else if ((document = json_read((const char *)text, length, error, sizeof error)) == NULL)
        fail(&s, "%s", error);
    else
        run_commands(&s, json_root(document));
    printf("%s: %llu passed, %llu failed, %llu skipped\n", name,
           (unsigned long long)s.counts.passed, (unsigned long long)s.counts.failed,
           (unsigned long long)s.counts.skipped);
    script_free(&s);
    json_free(document);
    free(text);
    counts->passed += s.counts.passed;
    counts->failed += s.counts.failed;
    counts->skipped += s.counts.skipped;
}
