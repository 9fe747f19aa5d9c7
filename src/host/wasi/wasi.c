/* SPDX-License-Identifier: Apache-2.0
 * wasi.c — the life of a guest process, and the table through which the engine links its functions.
 *
 * How:     wasi_functions.def expands to one entry per row and module name (wasi_snapshot_preview1,
 *          wasi_unstable). An entry finds the state by the store's data, says in the log when a
 *          grant is missing that the function would need, runs the function and hands its errno
 *          over.
 * Memory:  wasi_new() makes one block of descriptors and one array of environment strings; both,
 *          and every host descriptor, are released by wasi_free().
 * Threads: as the store.
 */
#include "wasi_impl.h"
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool wasi_granted(const wasi *state, uint32_t bit)
{
    return (state->grants->bits & bit) != 0;
}

void wasi_say(const wasi *state, exchange_level level, const char *text)
{
    state->exchange->log(state->exchange->baton, level, text, strlen(text));
}

/* Names the grant that a function would have needed, once for each guest and at info: runtimes ask
 * for time and seeds at every start, and most of their programs are fine without. Who reports that
 * a guest failed asks wasi_missed_grants() for what may have been the reason. */
static void hint(wasi *state, const char *function, uint32_t grant)
{
    const char *word = grant == GRANT_CLOCK ? "clock" : "random";
    char text[160];

    if (wasi_granted(state, grant) || (state->hinted & grant) != 0)
        return;
    state->hinted |= grant;
    snprintf(text, sizeof text, "%s was called without the grant \"%s\": %s", function, word,
             grant == GRANT_CLOCK ? "it shows a pretended time" : "it was refused");
    wasi_say(state, EXCHANGE_LOG_INFO, text);
}

/* ---- the table ---------------------------------------------------------------------------- */

static wasm_status enter(wasm_caller *caller, uint64_t *slots, const char *name, uint32_t grant,
                         wasi_errno (*function)(wasi_call *call))
{
    const host_context *context = wasm_store_data(caller->store);
    wasi_call call = {.caller = caller, .args = slots, .status = WASM_OK};
    wasi_errno result;

    if (context == NULL || context->wasi == NULL)
        return WASM_E_DENIED;
    call.state = context->wasi;
    if (grant != 0)
        hint(call.state, name, grant);
    result = function(&call);
    if (call.status == WASM_OK)
        slots[0] = (uint64_t)result;
    return call.status;
}

#define W(name, signature, grant, unstable)                                                        \
    static wasm_status enter_##name(wasm_caller *caller, uint64_t *slots)                          \
    {                                                                                              \
        return enter(caller, slots, #name, grant, wasi_##name);                                    \
    }                                                                                              \
    static wasm_status enter_unstable_##name(wasm_caller *caller, uint64_t *slots)                 \
    {                                                                                              \
        return enter(caller, slots, #name, grant, wasi_##unstable);                                \
    }
#include "wasi_functions.def"
#undef W

static const wasm_host_function functions[] = {
#define W(name, signature, grant, unstable)                                                        \
    {"wasi_snapshot_preview1", #name, signature, grant, enter_##name},
#include "wasi_functions.def"
#undef W
#define W(name, signature, grant, unstable)                                                        \
    {"wasi_unstable", #name, signature, grant, enter_unstable_##name},
#include "wasi_functions.def"
#undef W
};

const wasm_host_function *wasi_functions(size_t *count)
{
    *count = sizeof functions / sizeof functions[0];
    return functions;
}

/* ---- life --------------------------------------------------------------------------------- */

static wasm_status fail(wasm_report *report, wasm_status status, const char *what, const char *name,
                        int error)
{
    if (report != NULL) {
        memset(report, 0, sizeof *report);
        report->status = status;
        report->offset = WASM_NO_OFFSET;
        report->func = WASM_NO_FUNC;
        snprintf(report->detail, sizeof report->detail, "%s %s: %s", what, name, strerror(error));
    }
    return status;
}

/* Whether a "NAME=VALUE" is the variable that a grant sets. */
static bool is_variable(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* Granted variables replace those of the request of the same name: what the administrator set is
 * not to be overruled by who sends the request. */
static bool fill_environment(wasi *state, const wasi_options *options)
{
    const grants *given = state->grants;

    state->env = calloc(options->env_count + given->env_count + 1, sizeof *state->env);
    if (state->env == NULL)
        return false;
    for (size_t i = 0; i < options->env_count; i++) {
        bool replaced = false;

        for (size_t k = 0; k < given->env_count && !replaced; k++)
            replaced = is_variable(options->env[i], given->env[k].name);
        if (!replaced)
            state->env[state->env_count++] = options->env[i];
    }
    state->owned_env = state->env_count;
    for (size_t i = 0; i < given->env_count; i++) {
        char *text = NULL;

        if (given->env[i].value == NULL) /* granted, but not set on this server */
            continue;
        if (asprintf(&text, "%s=%s", given->env[i].name, given->env[i].value) < 0)
            return false;
        state->env[state->env_count++] = text;
    }
    return true;
}

static void fill_stdio(wasi *state, uint32_t terminals)
{
    static const wasi_kind kinds[3] = {WASI_STDIN, WASI_STDOUT, WASI_STDERR};

    for (uint32_t i = 0; i < 3; i++) {
        wasi_fd *fd = &state->fds[i];

        fd->kind = kinds[i];
        fd->filetype =
            (terminals >> i & 1) != 0 ? WASI_FILETYPE_CHARACTER_DEVICE : WASI_FILETYPE_UNKNOWN;
        fd->flags = i == 0 ? 0 : WASI_FDFLAG_APPEND;
        fd->base = WASI_RIGHTS_STDIO | (i == 0 ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE);
    }
}

bool wasi_is_initial(const wasi *state)
{
    wasi_fd fds[3] = {{0}};
    wasi first = {.fds = fds};

    fill_stdio(&first, 0);
    for (uint32_t i = 0; i < state->fd_count; i++) {
        const wasi_fd *fd = &state->fds[i];
        size_t dir = i - 3;

        if (i < 3) {
            if (fd->kind != fds[i].kind || fd->flags != fds[i].flags || fd->base != fds[i].base)
                return false;
        } else if (dir >= state->grants->dir_count) {
            if (fd->kind != WASI_FREE)
                return false;
        } else if (fd->kind != WASI_DIR || fd->preopen != state->grants->dirs[dir].guest) {
            return false;
        }
    }
    return true;
}

uint64_t wasi_pretended_time(const wasi *state)
{
    return state->pretended;
}

void wasi_resume(wasi *state, uint64_t pretended_time)
{
    state->pretended = pretended_time;
}

static wasm_status open_grants(wasi *state, wasm_report *report)
{
    for (size_t i = 0; i < state->grants->dir_count; i++) {
        const grant_dir *dir = &state->grants->dirs[i];
        wasi_fd *fd = &state->fds[3 + i];
        int host = open(dir->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (host < 0)
            return fail(report, WASM_E_SYSTEM, "cannot open the granted directory", dir->host,
                        errno);
        fd->kind = WASI_DIR;
        fd->host = host;
        fd->filetype = WASI_FILETYPE_DIRECTORY;
        fd->writable = dir->writable;
        fd->preopen = dir->guest;
        fd->base = WASI_RIGHTS_DIRECTORY;
        fd->inheriting = WASI_RIGHTS_ALL;
        if (!dir->writable) {
            fd->base &= ~WASI_RIGHTS_MUTATING;
            fd->inheriting &= ~WASI_RIGHTS_MUTATING;
        }
        if (i == 0)
            state->has_openat2 = wasi_probe_openat2(host);
    }
    return WASM_OK;
}

wasm_status wasi_new(const wasi_options *options, wasi **out, wasm_report *report)
{
    static const grants nothing;
    wasi *state = calloc(1, sizeof *state);
    uint32_t max_open = options->max_open > 0 ? options->max_open : WASI_OPEN_DEFAULT;
    wasm_status status;

    if (state == NULL)
        return fail(report, WASM_E_NO_MEMORY, "no memory for", "a guest process", ENOMEM);
    state->exchange = options->exchange;
    state->grants = options->grants != NULL ? options->grants : &nothing;
    state->argv = options->argv;
    state->argc = options->argc;
    state->started_cpu = wasi_thread_time();
    state->fd_count = 3 + (uint32_t)state->grants->dir_count + max_open;
    state->fds = calloc(state->fd_count, sizeof *state->fds);
    if (state->fds == NULL || !fill_environment(state, options)) {
        wasi_free(state);
        return fail(report, WASM_E_NO_MEMORY, "no memory for", "a guest process", ENOMEM);
    }
    for (uint32_t i = 0; i < state->fd_count; i++)
        state->fds[i].host = -1;
    fill_stdio(state, options->terminals);
    status = open_grants(state, report);
    if (status != WASM_OK) {
        wasi_free(state);
        return status;
    }
    *out = state;
    return WASM_OK;
}

void wasi_free(wasi *state)
{
    if (state == NULL)
        return;
    wasi_error_flush(state);
    for (uint32_t i = 0; state->fds != NULL && i < state->fd_count; i++)
        wasi_fd_release(&state->fds[i]);
    for (size_t i = state->owned_env; i < state->env_count; i++)
        free((char *)state->env[i]);
    free(state->env);
    free(state->fds);
    free(state);
}

void wasi_flush(wasi *state)
{
    wasi_error_flush(state);
}

uint32_t wasi_exit_code(const wasi *state)
{
    return state->exit_code;
}

uint32_t wasi_missed_grants(const wasi *state)
{
    return state->hinted;
}
