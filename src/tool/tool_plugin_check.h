/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin_check.h — whether a module can be a version of a plugin.
 *
 * Memory:  what a check makes is released by plugin_check_release().
 * Threads: the main thread, and a watchdog's while a guest is called.
 */
#ifndef WASMSERVE_TOOL_PLUGIN_CHECK_H
#define WASMSERVE_TOOL_PLUGIN_CHECK_H

#include "engine.h"
#include "host.h"
#include "versions.h"

/* What the guest of the trial call has. Clock, randomness, the log and a store of its own it has in
 * any case; whether a server grants them is the server's affair. */
typedef struct plugin_trial {
    bool call; /* false: it is not called at all */
    uint64_t memory_bytes;
    uint64_t timeout_ms;
    const grant_dir *dirs;
    size_t dir_count;
    const char *const *env; /* "NAME=VALUE" */
    size_t env_count;
    const void *config; /* what an http-wasm guest gets when it asks; NULL: nothing */
    size_t config_length;
} plugin_trial;

typedef struct plugin_candidate {
    wasm_module *module;
    wasm_extern *imports;
    host_abi abi;
    char label[VERSIONS_LABEL_SIZE];
    char note[200]; /* what is odd about it and yet no reason to refuse it; may be empty */
    char why[900];  /* why it is refused */
} plugin_candidate;

/* Decodes, validates, prepares and links a module, as a server would. False: c->why. */
bool plugin_check_load(plugin_candidate *c, const uint8_t *bytes, size_t length);

/* Asks it for its version, and calls it once in the sandbox:
 *   cgi         answers GET / with a header that a server can send (RFC 3875 §6.2), with any status
 *   http-wasm   handle_request and, if it lets GET / pass, handle_response return
 * False: c->why. */
bool plugin_check_call(plugin_candidate *c, const plugin_trial *trial);

void plugin_check_release(plugin_candidate *c);

#endif
