/* SPDX-License-Identifier: Apache-2.0
 * grants.h — the capabilities that an administrator can give a guest; nothing is given by default.
 *
 * The words are those of `WasmServeGrant`: log clock random env:NAME[=VALUE]
 * dir:HOST:GUEST[:ro|rw] kv[:SIZE]. A grants value is filled once while the configuration is read,
 * is immutable afterwards, shared by threads, and outlives every guest that uses it. All strings
 * are borrowed from whoever parsed it.
 */
#ifndef WASMSERVE_GRANTS_H
#define WASMSERVE_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grant_bit { GRANT_LOG = 1, GRANT_CLOCK = 2, GRANT_RANDOM = 4, GRANT_KV = 8 };

typedef struct grant_dir {
    const char *host;  /* absolute path on the server */
    const char *guest; /* the name under which the guest sees it, "/data" */
    bool writable;
} grant_dir;

typedef struct grant_env {
    const char *name;
    const char *value;
} grant_env;

typedef struct grants {
    uint32_t bits;
    const grant_env *env;
    size_t env_count;
    const grant_dir *dirs;
    size_t dir_count;
} grants;

#endif
