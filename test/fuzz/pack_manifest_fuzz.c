/* SPDX-License-Identifier: Apache-2.0
 * pack_manifest_fuzz.c — any bytes as manifest.json.
 * layers: tool
 *
 * How:     What is read must be safe to act on: every name that follows from it stays in the
 *          folder, no two of them are the same, and every unit has a current version among its own.
 *          Written and read again it must be the same text. The tool has no library, so its files
 *          are included.
 * Memory:  The pool and the texts are freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.c"
#include "json.c"
#include "pack_manifest.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says where it fails by crashing there: a fuzzer reports the stack. */
static void require(bool holds)
{
    if (!holds)
        abort();
}

static void exhausted(void)
{
    exit(0);
}

enum { NAMES_MAX = 200 };

struct seen {
    const char *names[NAMES_MAX];
    size_t count;
};

static void check_name(void *context, const char *name, uint64_t bytes, const char *digest)
{
    struct seen *seen = context;

    (void)bytes;
    require(name[0] != '/' && name[0] != '\0' && strlen(digest) == SHA256_HEX_SIZE - 1);
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        require(strncmp(at, "../", 3) != 0 && strcmp(at, "..") != 0 && *at != '/' && *at != '\0');
    }
    require(strncmp(name, ".wasmserve-pack/", 16) != 0);
    for (size_t i = 0; i < seen->count; i++)
        require(strcmp(seen->names[i], name) != 0);
    if (seen->count < NAMES_MAX)
        seen->names[seen->count++] = name;
}

static void check_state(struct pack_pool *pool, const struct pack_state *state)
{
    struct seen seen = {.count = 0};

    for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next) {
        require(unit->current != NULL);
        require(pack_state_version(unit, unit->current->hash) == unit->current);
        for (const struct pack_version *v = unit->versions; v != NULL; v = v->next) {
            require(v->files != NULL);
            pack_state_visit(pool, v, check_name, &seen);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_state state, again;
    const char *why = NULL;
    size_t length, length_again;

    if (pack_manifest_read(&pool, (const char *)data, size, &state, &why)) {
        check_state(&pool, &state);
        char *text = pack_manifest_write(&pool, &state, &length);
        require(text != NULL && pack_manifest_read(&pool, text, length, &again, &why));
        char *text_again = pack_manifest_write(&pool, &again, &length_again);
        require(text_again != NULL && length == length_again &&
                memcmp(text, text_again, length) == 0);
        free(text);
        free(text_again);
    } else {
        require(why != NULL);
    }
    pack_pool_free(&pool);
    return 0;
}
