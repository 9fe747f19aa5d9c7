/* SPDX-License-Identifier: Apache-2.0
 * reactor.c — a filter that initializes itself, says so, and counts what it sees of its own past.
 *
 * model: reactor
 *
 * x-tables is a sum over what initializing has computed, x-stale how much of an earlier request is
 * left: in memory, on the heap, in a function pointer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_wasm.h"

enum { WORDS = 100000 };

static unsigned *table;
static unsigned requests;

static void first(void)
{
}

static void later(void)
{
    requests++;
}

static void (*next)(void) = first;

__attribute__((constructor)) static void initialize(void)
{
    table = malloc(WORDS * sizeof *table);
    for (unsigned i = 0; table != NULL && i < WORDS; i++)
        table[i] = i;
    http_enable_features(HTTP_BUFFER_REQUEST);
    http_log(HTTP_LOG_WARN, "initialized");
}

static void show(const char *name, unsigned value)
{
    char text[16];

    snprintf(text, sizeof text, "%u", value);
    http_set(HTTP_RESPONSE, name, text);
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; table != NULL && i < WORDS; i++)
        sum += table[i];
    next();
    show("x-tables", sum);
    show("x-stale", requests);
    show("x-features", http_enable_features(0));
    memset(table, 0xA5, WORDS * sizeof *table);
    next = later;
    requests++;
    return HTTP_NEXT;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
