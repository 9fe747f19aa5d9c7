/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin_list.c — `wasmserve plugin list`: which versions there are, and which is active.
 *
 * How:     One form for people and one for programs, of the same facts. All words of a record are
 *          plain (letters, digits, "-_.+"), so that neither form has anything to escape.
 * Memory:  a record at a time, released before the next.
 * Threads: no shared state.
 */
#include "tool_plugin.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The place among those before: 1 is what a rollback goes to; 0: not among them. */
static size_t place_before(const versions_record *record, const char *hex)
{
    for (size_t i = 0; i < record->before_count; i++)
        if (strcmp(record->before[i], hex) == 0)
            return i + 1;
    return 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_entry(const versions_dir *dir, const versions_record *record,
                       const version_entry *e, bool whole)
{
    size_t before = place_before(record, e->hex);
    bool active = strcmp(record->active, e->hex) == 0;
    char when[24];

    versions_format_time(e->added, when, sizeof when);
    printf("  %c %-16s sha256:%.*s  %s  %" PRIu64 " bytes  added %s", active ? '*' : ' ', e->label,
           whole ? 64 : 12, e->hex, e->abi, e->bytes, when);
    if (!active && before == 1)
        printf("  before");
    if (!e->called)
        printf("  not called");
    if (!versions_has_module(dir, e->hex))
        printf("  its file is missing");
    putchar('\n');
}

static void text_record(const versions_dir *dir, const versions_record *record, bool whole)
{
    printf("%s\n", record->name);
    for (size_t i = 0; i < record->entry_count; i++)
        text_entry(dir, record, &record->entries[i], whole);
    if (!whole)
        return;
    printf("history\n");
    for (size_t i = 0; i < record->event_count; i++) {
        const version_event *event = &record->events[i];
        const version_entry *e = versions_record_entry(record, event->hex);
        char when[24];

        versions_format_time(event->when, when, sizeof when);
        printf("    %s  %-8s  %s sha256:%.12s  by %s\n", when, version_action_name(event->action),
               e != NULL ? e->label : "-", event->hex, event->who);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_record(const versions_dir *dir, const versions_record *record)
{
    const char *between = "";
    char when[24];

    printf("{\"name\": \"%s\", \"active\": ", record->name);
    if (record->active[0] != '\0')
        printf("\"%s\"", record->active);
    else
        printf("null");
    printf(", \"before\": [");
    for (size_t i = 0; i < record->before_count; i++)
        printf("%s\"%s\"", i > 0 ? ", " : "", record->before[i]);
    printf("],\n  \"versions\": [");
    for (size_t i = 0; i < record->entry_count; i++, between = ",") {
        const version_entry *e = &record->entries[i];

        versions_format_time(e->added, when, sizeof when);
        printf("%s\n    {\"sha256\": \"%s\", \"version\": ", between, e->hex);
        printf(strcmp(e->label, "-") == 0 ? "null" : "\"%s\"", e->label);
        printf(", \"abi\": \"%s\", \"bytes\": %" PRIu64 ", \"added\": \"%s\", \"called\": %s, "
               "\"stored\": %s}",
               e->abi, e->bytes, when, e->called ? "true" : "false",
               versions_has_module(dir, e->hex) ? "true" : "false");
    }
    printf("],\n  \"history\": [");
    between = "";
    for (size_t i = 0; i < record->event_count; i++, between = ",") {
        const version_event *event = &record->events[i];

        versions_format_time(event->when, when, sizeof when);
        printf("%s\n    {\"when\": \"%s\", \"action\": \"%s\", \"sha256\": \"%s\", \"who\": "
               "\"%s\"}",
               between, when, version_action_name(event->action), event->hex, event->who);
    }
    printf("]}");
}

/* ---- both ------------------------------------------------------------------------------------ */

typedef struct listing {
    const versions_dir *dir;
    bool json, whole;
    unsigned shown;
} listing;

static int show(listing *l, const char *name)
{
    versions_record record;
    versions_fault fault;

    if (versions_read(l->dir, name, &record, &fault) != VERSIONS_OK)
        return plugin_explain(&fault);
    if (l->json && l->shown > 0)
        printf(",\n");
    l->shown++;
    if (l->json)
        json_record(l->dir, &record);
    else
        text_record(l->dir, &record, l->whole);
    versions_record_release(&record);
    return TOOL_OK;
}

int plugin_list(const versions_dir *dir, const char *name, bool json)
{
    listing l = {.dir = dir, .json = json, .whole = name != NULL};
    char *one[] = {(char *)name}, **names = one;
    versions_fault fault;
    size_t count = 1;
    int result = TOOL_OK;

    if (name == NULL && versions_names(dir, &names, &count, &fault) != VERSIONS_OK)
        return plugin_explain(&fault);
    printf("%s", json ? "{\"plugins\": [" : "");
    for (size_t i = 0; i < count; i++)
        if (show(&l, names[i]) != TOOL_OK)
            result = TOOL_FAILED; /* the others are shown all the same */
    printf("%s", json ? "]}\n" : "");
    if (names != one)
        versions_names_free(names, count);
    return result;
}
