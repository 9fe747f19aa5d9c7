/* SPDX-License-Identifier: Apache-2.0
 * tool_run.c — `wasmserve run`: a module in the sandbox, as a program of the command line.
 *
 * How:     The guest is a WASI process whose exchange is this one's stdio: stdin and stdout are
 *          passed through as they come, stderr raw. It is the user's own command, so that log,
 *          clock, random and a store of its own (kv) are granted; directories and environment only
 *          as the command line says. A command module runs by its _start; --invoke calls any export
 *          instead, after _initialize where the module is a reactor, and prints its results. Exit:
 *          the guest's code; 1 and the reason with the guest's functions for a trap or a limit; 2
 *          for a module that was refused; 64 for a command line that makes no sense.
 * Memory:  everything lives in struct run and is released at its end; argv is borrowed.
 * Threads: the main thread, and the watchdog's where there is a timeout.
 */
#include "tool.h"
#include "run_options.h"
#include "run_value.h"
#include "tool_file.h"
#include "tool_kv.h"
#include "tool_world.h"
#include "engine.h"
#include "host.h"
#include "wasi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    run_options options;
    uint8_t *bytes;
    size_t length;
    wasm_module *module;
    wasm_extern *imports;
    wasm_watchdog *watchdog;
    wasm_store *store;
    wasi *wasi;
    kv_store *kv;
} run;

/* ---- the exchange over stdio -------------------------------------------------------------- */

/* Waiting for a terminal or a pipe is not the guest's doing. */
static wasm_status read_stdin(void *baton, void *buffer, size_t size, size_t *got)
{
    const run *r = baton;
    ssize_t result;

    wasm_deadline_pause(r->store);
    do {
        result = read(STDIN_FILENO, buffer, size);
    } while (result < 0 && errno == EINTR);
    wasm_deadline_resume(r->store);
    if (result < 0)
        return WASM_E_HOST_FAILURE;
    *got = (size_t)result;
    return WASM_OK;
}

static wasm_status write_all(const run *r, int fd, const uint8_t *bytes, size_t length)
{
    wasm_status status = WASM_OK;

    wasm_deadline_pause(r->store);
    while (length > 0 && status == WASM_OK) {
        ssize_t result = write(fd, bytes, length);

        if (result >= 0) {
            bytes += result;
            length -= (size_t)result;
        } else if (errno != EINTR) {
            status = errno == EPIPE ? WASM_E_CLIENT_GONE : WASM_E_HOST_FAILURE;
        }
    }
    wasm_deadline_resume(r->store);
    return status;
}

static wasm_status write_stdout(void *baton, const void *bytes, size_t length)
{
    return write_all(baton, STDOUT_FILENO, bytes, length);
}

static wasm_status write_stderr(void *baton, const void *bytes, size_t length)
{
    return write_all(baton, STDERR_FILENO, bytes, length);
}

static void write_log(void *baton, exchange_level level, const char *text, size_t length)
{
    (void)baton;
    if (level <= EXCHANGE_LOG_WARN)
        run_complain("%.*s", (int)length, text);
}

/* ---- running ------------------------------------------------------------------------------ */

static void trace_line(void *baton, unsigned trace_bit, const char *line)
{
    (void)baton;
    (void)trace_bit;
    fprintf(stderr, "%s\n", line);
}

static int refuse(const run *r, const wasm_report *report)
{
    char text[512];

    run_complain("%s: %s", r->options.file, wasm_report_format(report, text, sizeof text));
    return TOOL_REFUSED;
}

/* Loads and links. */
static int prepare(run *r)
{
    wasm_load_options options = {
        .compile = &r->options.engine.compile, .trace = r->options.trace, .log = trace_line};
    wasm_module_info info;
    wasm_extern_desc desc;
    wasm_report report;
    uint32_t missing;

    r->bytes = tool_file_read(r->options.file, &r->length);
    if (r->bytes == NULL) {
        run_complain("%s: %s", r->options.file, strerror(errno));
        return TOOL_REFUSED;
    }
    if (tool_engine_begin(&r->options.engine, &r->options.limits, 4, &report) != WASM_OK)
        return refuse(r, &report);
    options.tier = r->options.engine.tier; /* a cache may have made it the compiler */
    if (wasm_module_load(r->bytes, r->length, &options, &r->module, &report) != WASM_OK)
        return refuse(r, &report);
    wasm_module_describe(r->module, &info);
    r->imports = calloc((size_t)info.import_count + 1, sizeof *r->imports);
    if (r->imports == NULL) {
        run_complain("%s", strerror(ENOMEM));
        return TOOL_FAILED;
    }
    if (host_resolve(r->module, HOST_ABI_CGI, r->imports, &report) != WASM_OK)
        return refuse(r, &report);
    missing = wasm_missing_import(r->module, r->imports);
    if (missing != UINT32_MAX && wasm_module_import(r->module, missing, &desc)) {
        run_complain("%s: it imports \"%.*s\" from \"%.*s\", which nobody here offers",
                     r->options.file, (int)desc.name_length, desc.name, (int)desc.module_length,
                     desc.module);
        return TOOL_REFUSED;
    }
    return TOOL_OK;
}

static void print_frame(const wasm_frame *frame)
{
    size_t length = 0;
    const char *name = wasm_module_func_name(frame->module, frame->func, &length);

    if (name != NULL)
        fprintf(stderr, "    in %.*s (function %u", (int)length, name, frame->func);
    else
        fprintf(stderr, "    in function %u (without a name", frame->func);
    if (frame->offset != WASM_NO_OFFSET)
        fprintf(stderr, ", byte 0x%llx", (unsigned long long)frame->offset);
    fputs(")\n", stderr);
}

/* What a call that did not return means for the exit code; says why on stderr. */
static int explain(const run *r, wasm_status status)
{
    enum { SHOWN = 24 };
    wasm_frame frames[SHOWN + 1];
    const wasm_report *report = wasm_store_report(r->store);
    char text[512];
    size_t count;

    if (status == WASM_E_EXIT) {
        uint32_t code = wasi_exit_code(r->wasi);

        return code > 255 ? 255 : (int)code; /* 256 must not look like success */
    }
    if (report != NULL && report->status == status)
        run_complain("%s: %s", r->options.file, wasm_report_format(report, text, sizeof text));
    else
        run_complain("%s: %s", r->options.file, wasm_status_text(status));
    count = wasm_store_backtrace(r->store, frames, SHOWN + 1);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        print_frame(&frames[i]);
    if (count > SHOWN)
        fputs("    and more\n", stderr);
    return wasm_status_class(status) == WASM_CLASS_LINK ? TOOL_REFUSED : TOOL_FAILED;
}

static wasm_func *find_function(wasm_instance *instance, const char *name)
{
    wasm_extern found;

    if (!wasm_instance_export(instance, name, strlen(name), &found) ||
        found.kind != WASM_EXTERN_FUNC || found.is_host)
        return NULL;
    return found.of.func;
}

static bool is_plain(const wasm_func *func)
{
    wasm_functype type = wasm_func_type(func);

    return type.param_count == 0 && type.result_count == 0;
}

/* --invoke: args[0] is the file. */
static int invoke(run *r, wasm_instance *instance)
{
    wasm_func *function = find_function(instance, r->options.invoke);
    wasm_func *initialize = find_function(instance, "_initialize");
    wasm_value *values;
    wasm_functype type;
    wasm_status status;
    int result = TOOL_OK;

    if (function == NULL) {
        run_complain("%s: it exports no function %s", r->options.file, r->options.invoke);
        return TOOL_USAGE;
    }
    type = wasm_func_type(function);
    if ((uint32_t)(r->options.arg_count - 1) != type.param_count) {
        run_complain("%s takes %u arguments, not %d", r->options.invoke, type.param_count,
                     r->options.arg_count - 1);
        return TOOL_USAGE;
    }
    values = calloc((size_t)type.param_count + type.result_count + 1, sizeof *values);
    if (values == NULL) {
        run_complain("%s", strerror(ENOMEM));
        return TOOL_FAILED;
    }
    for (uint32_t i = 0; i < type.param_count && result == TOOL_OK; i++) {
        if (!run_value_parse(r->options.args[i + 1], type.params[i], &values[i])) {
            run_complain("argument %u of %s: %s is no %s", i + 1, r->options.invoke,
                         r->options.args[i + 1], wasm_valtype_name(type.params[i]));
            result = TOOL_USAGE;
        }
    }
    if (result == TOOL_OK) {
        wasm_value *results = values + type.param_count;

        status = WASM_OK;
        if (initialize != NULL && initialize != function && is_plain(initialize))
            status = wasm_call(r->store, initialize, NULL, NULL);
        if (status == WASM_OK)
            status = wasm_call(r->store, function, values, results);
        if (status != WASM_OK)
            result = explain(r, status);
        for (uint32_t i = 0; status == WASM_OK && i < type.result_count; i++)
            run_value_print(&results[i], type.results[i]);
    }
    free(values);
    return result;
}

/* A command: its _start. */
static int start(run *r, wasm_instance *instance)
{
    wasm_func *function = find_function(instance, "_start");
    wasm_status status;

    if (function == NULL || !is_plain(function)) {
        run_complain("%s: it is no WASI command (no _start); --invoke calls one of its exports",
                     r->options.file);
        return TOOL_REFUSED;
    }
    status = wasm_call(r->store, function, NULL, NULL);
    return status == WASM_OK ? TOOL_OK : explain(r, status);
}

static int execute(run *r)
{
    const exchange stdio = {.baton = r,
                            .read_body = read_stdin,
                            .write_output = write_stdout,
                            .write_error = write_stderr,
                            .log = write_log,
                            .clock = tool_read_clock,
                            .random = tool_fill_random,
                            .kv = &kv_store_exchange,
                            .kv_baton = r->kv};
    const grants given = {.bits = GRANT_LOG | GRANT_CLOCK | GRANT_RANDOM | GRANT_KV,
                          .dirs = r->options.dirs,
                          .dir_count = r->options.dir_count};
    wasi_options options = {.argv = (const char *const *)r->options.args,
                            .argc = r->options.invoke != NULL ? 1 : (size_t)r->options.arg_count,
                            .env = (const char *const *)r->options.env,
                            .env_count = r->options.env_count,
                            .grants = &given,
                            .exchange = &stdio,
                            .max_open = 1024};
    kv_guest kv = {.exchange = &stdio, .grants = given.bits};
    host_context context = {.kv = &kv};
    wasm_instance *instance;
    wasm_report report;
    wasm_status status;
    int result;

    for (uint32_t fd = 0; fd < 3; fd++)
        options.terminals |= (isatty((int)fd) ? UINT32_C(1) : 0) << fd;
    if (wasi_new(&options, &r->wasi, &report) != WASM_OK) {
        run_complain("%s", report.detail);
        return TOOL_USAGE;
    }
    context.wasi = r->wasi;
    r->store = wasm_store_new(&r->options.limits, &context);
    if (r->store == NULL ||
        (r->options.timeout_ms > 0 && wasm_watchdog_start(&r->watchdog, &report) != WASM_OK)) {
        run_complain("the sandbox cannot be set up: %s", strerror(errno));
        return TOOL_FAILED;
    }
    if (r->watchdog != NULL)
        wasm_deadline_arm(r->store, r->watchdog, r->options.timeout_ms * 1000000);
    status = wasm_instantiate(r->store, r->module, r->imports, &instance, &report);
    if (status != WASM_OK)
        result = explain(r, status);
    else
        result = r->options.invoke != NULL ? invoke(r, instance) : start(r, instance);
    if (r->watchdog != NULL)
        wasm_deadline_disarm(r->store);
    /* The state holds the exchange, which ends with this function. */
    wasi_free(r->wasi);
    r->wasi = NULL;
    return result;
}

static void release(run *r)
{
    wasi_free(r->wasi);
    wasm_store_free(r->store);
    tool_kv_close(r->kv);
    if (r->watchdog != NULL)
        wasm_watchdog_stop(r->watchdog);
    free(r->imports);
    wasm_module_free(r->module);
    free(r->bytes);
    run_options_release(&r->options);
}

int tool_run(int argc, char **argv)
{
    run r = {0};
    int result = TOOL_USAGE;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(run_options_usage, stdout);
        return TOOL_OK;
    }
    if (run_options_parse(&r.options, argc, argv)) {
        r.kv = tool_kv_open();
        if (r.kv == NULL)
            run_complain("%s", strerror(errno));
        result = r.kv != NULL ? prepare(&r) : TOOL_FAILED;
        if (result == TOOL_OK)
            result = execute(&r);
    }
    release(&r);
    if (fflush(stdout) != 0 && result == TOOL_OK)
        result = TOOL_FAILED;
    return result;
}
