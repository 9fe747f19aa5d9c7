/* SPDX-License-Identifier: Apache-2.0
 * wasi_process.c — what a process has without files: arguments, environment, exit, randomness; and
 * the sockets that it has not.
 *
 * Memory:  strings are copied into the guest at addresses of its choice.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- arguments and environment ------------------------------------------------------------ */

/* (pointers, buffer): the strings, each terminated, one after the other, and where each begins. */
static wasi_errno put_strings(const wasi_call *call, const char *const *strings, size_t count)
{
    uint32_t pointers = (uint32_t)call->args[0];
    uint64_t buffer = (uint32_t)call->args[1];

    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(strings[i]) + 1;
        uint64_t entry = (uint64_t)pointers + 4 * (uint64_t)i;

        if (buffer > UINT32_MAX || entry > UINT32_MAX || size > UINT32_MAX ||
            !guestmem_store_u32(call->caller, (uint32_t)entry, (uint32_t)buffer) ||
            !guestmem_write(call->caller, (uint32_t)buffer, strings[i], (uint32_t)size))
            return WASI_FAULT;
        buffer += size;
    }
    return WASI_SUCCESS;
}

/* (count, size): both where the guest wants them. */
static wasi_errno put_sizes(const wasi_call *call, const char *const *strings, size_t count)
{
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += strlen(strings[i]) + 1;
    if (count > UINT32_MAX || size > UINT32_MAX)
        return WASI_2BIG;
    if (!guestmem_store_u32(call->caller, (uint32_t)call->args[0], (uint32_t)count) ||
        !guestmem_store_u32(call->caller, (uint32_t)call->args[1], (uint32_t)size))
        return WASI_FAULT;
    return WASI_SUCCESS;
}

wasi_errno wasi_args_get(wasi_call *call)
{
    return put_strings(call, call->state->argv, call->state->argc);
}

wasi_errno wasi_args_sizes_get(wasi_call *call)
{
    return put_sizes(call, call->state->argv, call->state->argc);
}

wasi_errno wasi_environ_get(wasi_call *call)
{
    return put_strings(call, call->state->env, call->state->env_count);
}

wasi_errno wasi_environ_sizes_get(wasi_call *call)
{
    return put_sizes(call, call->state->env, call->state->env_count);
}

/* ---- the end ------------------------------------------------------------------------------ */

wasi_errno wasi_proc_exit(wasi_call *call)
{
    call->state->exit_code = (uint32_t)call->args[0];
    call->status = WASM_E_EXIT;
    return WASI_SUCCESS;
}

/* There are no signals in a guest; one that raises a deadly one wants to die, and code behind it
 * may rely on not being reached. Signal 0 (none) is the one that does nothing. */
wasi_errno wasi_proc_raise(wasi_call *call)
{
    uint32_t number = (uint32_t)call->args[0] & 0xFF;
    char text[64];

    if (number == 0)
        return WASI_SUCCESS;
    snprintf(text, sizeof text, "the guest raised signal %u, which ends it", number);
    wasi_say(call->state, EXCHANGE_LOG_ERROR, text);
    call->status = WASM_E_HOST_FAILURE;
    return WASI_NOSYS;
}

/* A guest has one thread; there is nobody to yield to. */
wasi_errno wasi_sched_yield(wasi_call *call)
{
    (void)call;
    return WASI_SUCCESS;
}

/* ---- randomness --------------------------------------------------------------------------- */

/* Without the grant this is refused and not imitated: a program that takes predictable bytes for a
 * key or a session must not come into being by a forgotten word in the configuration. */
wasi_errno wasi_random_get(wasi_call *call)
{
    const exchange *x = call->state->exchange;
    uint32_t at = (uint32_t)call->args[0], left = (uint32_t)call->args[1];
    uint8_t *bytes;

    if (!wasi_granted(call->state, GRANT_RANDOM))
        return WASI_NOTCAPABLE;
    if (!guestmem_view(call->caller, at, left, &bytes))
        return WASI_FAULT;
    while (left > 0 && call->status == WASM_OK) {
        uint32_t part = left < WASI_TRANSFER ? left : WASI_TRANSFER;

        if (wasm_store_interrupted(call->caller->store))
            return WASI_INTR;
        call->status = x->random(x->baton, bytes, part);
        bytes += part;
        left -= part;
    }
    return WASI_SUCCESS;
}

/* ---- sockets ------------------------------------------------------------------------------ */

/* No descriptor of a guest is a socket, and preview 1 has no way to make one. Standard Go links
 * these functions into every program. */
static wasi_errno no_socket(const wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno found = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &fd);

    return found != WASI_SUCCESS ? found : WASI_NOTSOCK;
}

wasi_errno wasi_sock_accept(wasi_call *call)
{
    return no_socket(call);
}

wasi_errno wasi_sock_recv(wasi_call *call)
{
    return no_socket(call);
}

wasi_errno wasi_sock_send(wasi_call *call)
{
    return no_socket(call);
}

wasi_errno wasi_sock_shutdown(wasi_call *call)
{
    return no_socket(call);
}
