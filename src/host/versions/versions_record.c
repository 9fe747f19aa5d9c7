/* SPDX-License-Identifier: Apache-2.0
 * versions_record.c — the record of a plugin: its text, and what activating and going back mean.
 *
 * Format:  Lines of words, each ended by one newline; the order of the lines is as shown.
 *
 *              wasmserve-versions 1
 *              plugin hello
 *              active 9f2c…             the digest (64 hex digits) that is in use; "-" for none
 *              before 81d0…             what was active before; the latest first; up to 100
 *              version 9f2c… 1.2.0 cgi 20480 2026-11-24T10:11:12Z called
 *                                       every version that was added: digest, version ("-" if the
 *                                       module names none), ABI, bytes, when, and whether it
 *                                       answered a call ("called" or "unchecked")
 *              history 2026-11-24T10:12:00Z activate 9f2c… root
 *                                       who did what when, the latest last; the 500 latest
 *              end
 *
 *          A text without its last line is not believed: it may be the half of one. Nothing is read
 *          generously. Whoever edits a record by hand gets told the line that is wrong.
 * Rules:   Activating puts what was active on the list of those before; going back takes the first
 *          of that list, so that going back twice goes two steps back. Only versions that are
 *          listed can be active or before. Where a list is full, the oldest entry goes; a version
 *          that is active or before stays.
 * Memory:  Arrays of the record, released by versions_record_release().
 * Threads: none of its own.
 */
#include "versions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "wasmserve-versions 1"
#define TIME_SIZE  21

versions_status versions_fail(versions_fault *fault, versions_status status, int error,
                              const char *format, ...)
{
    va_list args;
    size_t length;

    if (fault == NULL)
        return status;
    fault->status = status;
    fault->error = error;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    length = strlen(fault->text);
    if (error != 0)
        snprintf(fault->text + length, sizeof fault->text - length, ": %s", strerror(error));
    return status;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool versions_is_name(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++)
        if (!is_alnum(name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    return length >= 1 && length < VERSIONS_NAME_SIZE && name[0] != '.';
}

void versions_make_label(const char *text, char label[VERSIONS_LABEL_SIZE])
{
    size_t length = 0;
    bool says = false;

    for (; length < VERSIONS_LABEL_SIZE - 1 && text[length] != '\0'; length++) {
        bool plain = is_alnum(text[length]) || strchr("._+-", text[length]) != NULL;

        label[length] = plain ? text[length] : '_';
        says |= is_alnum(text[length]);
    }
    label[length] = '\0';
    if (!says)
        memcpy(label, "-", sizeof "-");
}

static bool is_label(const char *word)
{
    char label[VERSIONS_LABEL_SIZE];

    if (strlen(word) >= VERSIONS_LABEL_SIZE)
        return false;
    versions_make_label(word, label);
    return strcmp(word, label) == 0;
}

bool versions_module_section(const wasm_module *module, char *text, size_t size)
{
    const uint8_t *bytes;
    const char *name;
    size_t name_length, length;

    for (uint32_t i = 0; wasm_module_custom(module, i, &name, &name_length, &bytes, &length); i++) {
        if (name_length != 7 || memcmp(name, "version", 7) != 0)
            continue;
        if (length > size - 1)
            length = size - 1;
        for (size_t k = 0; k < length; k++)
            text[k] = bytes[k] >= ' ' && bytes[k] <= '~' ? (char)bytes[k] : '?';
        text[length] = '\0';
        return true;
    }
    return false;
}

static bool is_hex(const char *word)
{
    return strspn(word, "0123456789abcdef") == strlen(word);
}

static bool is_digest(const char *word)
{
    return strlen(word) == VERSIONS_HEX_SIZE - 1 && is_hex(word);
}

/* A word of plain characters that fits: an ABI, a user. */
static bool is_plain(const char *word, size_t size)
{
    size_t length = strlen(word);

    for (size_t i = 0; i < length; i++)
        if (!is_alnum(word[i]) && strchr("-_.", word[i]) == NULL)
            return false;
    return length >= 1 && length < size;
}

const char *version_action_name(version_action action)
{
    static const char *const names[] = {"add", "activate", "rollback"};

    return names[action];
}

void versions_format_time(int64_t when, char *buf, size_t size)
{
    time_t seconds = (time_t)when;
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(buf, size, "?");
}

static bool parse_time(const char *word, int64_t *when)
{
    struct tm parts = {0};
    const char *end = strptime(word, "%Y-%m-%dT%H:%M:%SZ", &parts);
    char again[TIME_SIZE];

    if (end == NULL || *end != '\0')
        return false;
    *when = timegm(&parts);
    /* Only what is written the way it is written here: strptime takes blanks and the 31st of June.
     */
    versions_format_time(*when, again, sizeof again);
    return strcmp(word, again) == 0;
}

static bool parse_count(const char *word, uint64_t *count)
{
    size_t length = strlen(word);

    if (length == 0 || length > 18 || strspn(word, "0123456789") != length)
        return false;
    *count = strtoull(word, NULL, 10);
    return length == 1 || word[0] != '0';
}

/* ---- the struct ------------------------------------------------------------------------------ */

void versions_record_init(versions_record *record, const char *name)
{
    memset(record, 0, sizeof *record);
    snprintf(record->name, sizeof record->name, "%s", name);
}

void versions_record_release(versions_record *record)
{
    free(record->before);
    free(record->entries);
    free(record->events);
    memset(record, 0, sizeof *record);
}

const version_entry *versions_record_entry(const versions_record *record, const char *hex)
{
    for (size_t i = 0; i < record->entry_count; i++)
        if (strcmp(record->entries[i].hex, hex) == 0)
            return &record->entries[i];
    return NULL;
}

/* The array with room for one element more behind `count`; NULL without memory, and then it is as
 * it was. Room comes in powers of two: count is one of them when it is used up. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    return realloc(array, (count == 0 ? 1 : 2 * count) * size);
}

static bool room_before(versions_record *record)
{
    void *array = grown(record->before, record->before_count, sizeof *record->before);

    if (array != NULL)
        record->before = array;
    return array != NULL;
}

static bool room_entry(versions_record *record)
{
    void *array = grown(record->entries, record->entry_count, sizeof *record->entries);

    if (array != NULL)
        record->entries = array;
    return array != NULL;
}

static bool room_event(versions_record *record)
{
    void *array = grown(record->events, record->event_count, sizeof *record->events);

    if (array != NULL)
        record->events = array;
    return array != NULL;
}

static versions_status no_memory(versions_fault *fault)
{
    return versions_fail(fault, VERSIONS_SYSTEM, ENOMEM, "the record of a plugin");
}

static versions_status push_event(versions_record *record, const version_event *event,
                                  versions_fault *fault)
{
    if (record->event_count == VERSIONS_EVENTS) {
        memmove(record->events, record->events + 1, (VERSIONS_EVENTS - 1) * sizeof *record->events);
        record->event_count--;
    } else if (!room_event(record)) {
        return no_memory(fault);
    }
    record->events[record->event_count++] = *event;
    return VERSIONS_OK;
}

static versions_status note(versions_record *record, version_action action, const char *hex,
                            int64_t when, const char *who, versions_fault *fault)
{
    version_event event = {.when = when, .action = action};

    snprintf(event.hex, sizeof event.hex, "%s", hex);
    snprintf(event.who, sizeof event.who, "%s", is_plain(who, sizeof event.who) ? who : "?");
    return push_event(record, &event, fault);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum { WORDS = 8 };

typedef struct line {
    char *words[WORDS];
    size_t count;
    unsigned number;
} line;

static versions_status damaged(const versions_record *record, const line *l, const char *what,
                               versions_fault *fault)
{
    return versions_fail(fault, VERSIONS_DAMAGED, 0,
                         "the record of the plugin %s, line %u: %s; restore it from a backup, or "
                         "remove it and add the plugin's versions again",
                         record->name, l->number, what);
}

/* Cuts a line (a string of its own) at single blanks. */
static bool split(char *text, line *l)
{
    l->count = 0;
    for (char *word = text; word != NULL;) {
        char *blank = strchr(word, ' ');

        if (blank != NULL)
            *blank++ = '\0';
        if (*word == '\0' || l->count == WORDS)
            return false;
        l->words[l->count++] = word;
        word = blank;
    }
    return true;
}

static versions_status read_active(versions_record *record, const line *l, versions_fault *fault)
{
    if (l->count != 2 || (strcmp(l->words[1], "-") != 0 && !is_digest(l->words[1])))
        return damaged(record, l, "no digest of 64 hex digits behind \"active\"", fault);
    if (l->words[1][0] != '-')
        snprintf(record->active, sizeof record->active, "%s", l->words[1]);
    return VERSIONS_OK;
}

static versions_status read_before(versions_record *record, const line *l, versions_fault *fault)
{
    if (l->count != 2 || !is_digest(l->words[1]))
        return damaged(record, l, "no digest of 64 hex digits behind \"before\"", fault);
    if (record->before_count == VERSIONS_BEFORE)
        return damaged(record, l, "more lines \"before\" than can be", fault);
    if (!room_before(record))
        return no_memory(fault);
    snprintf(record->before[record->before_count++], VERSIONS_HEX_SIZE, "%s", l->words[1]);
    return VERSIONS_OK;
}

static versions_status read_version(versions_record *record, const line *l, versions_fault *fault)
{
    version_entry entry = {0};

    if (l->count != 7 || !is_digest(l->words[1]) || !is_label(l->words[2]) ||
        !is_plain(l->words[3], sizeof entry.abi) || !parse_count(l->words[4], &entry.bytes) ||
        !parse_time(l->words[5], &entry.added) ||
        (strcmp(l->words[6], "called") != 0 && strcmp(l->words[6], "unchecked") != 0))
        return damaged(record, l, "not a version", fault);
    snprintf(entry.hex, sizeof entry.hex, "%s", l->words[1]);
    snprintf(entry.label, sizeof entry.label, "%s", l->words[2]);
    snprintf(entry.abi, sizeof entry.abi, "%s", l->words[3]);
    entry.called = l->words[6][0] == 'c';
    if (versions_record_entry(record, entry.hex) != NULL)
        return damaged(record, l, "the same digest twice", fault);
    if (record->entry_count == VERSIONS_KEPT)
        return damaged(record, l, "more versions than can be", fault);
    if (!room_entry(record))
        return no_memory(fault);
    record->entries[record->entry_count++] = entry;
    return VERSIONS_OK;
}

static versions_status read_event(versions_record *record, const line *l, versions_fault *fault)
{
    version_event event = {0};
    bool known = false;

    for (int action = VERSION_ADD; l->count == 5 && action <= VERSION_ROLLBACK; action++) {
        if (strcmp(l->words[2], version_action_name((version_action)action)) == 0) {
            event.action = (version_action)action;
            known = true;
        }
    }
    if (!known || !parse_time(l->words[1], &event.when) || !is_digest(l->words[3]) ||
        (!is_plain(l->words[4], sizeof event.who) && strcmp(l->words[4], "?") != 0))
        return damaged(record, l, "not a line of history", fault);
    if (record->event_count == VERSIONS_EVENTS)
        return damaged(record, l, "more history than can be", fault);
    snprintf(event.hex, sizeof event.hex, "%s", l->words[3]);
    snprintf(event.who, sizeof event.who, "%s", l->words[4]);
    return push_event(record, &event, fault);
}

static versions_status read_head(versions_record *record, const line *l, versions_fault *fault)
{
    if (l->count != 2 || strcmp(l->words[1], "1") != 0)
        return damaged(record, l, "it does not begin with \"" FIRST_LINE "\"", fault);
    return VERSIONS_OK;
}

static versions_status read_name(versions_record *record, const line *l, versions_fault *fault)
{
    if (l->count != 2 || strcmp(l->words[1], record->name) != 0)
        return damaged(record, l, "it is about another plugin than its file's name says", fault);
    return VERSIONS_OK;
}

/* In the order in which lines may stand; `many` may be missing or repeated. */
static const struct keyword {
    const char *word;
    bool many;
    versions_status (*read)(versions_record *record, const line *l, versions_fault *fault);
} keywords[] = {
    {"wasmserve-versions", false, read_head},
    {"plugin", false, read_name},
    {"active", false, read_active},
    {"before", true, read_before},
    {"version", true, read_version},
    {"history", true, read_event},
    {"end", false, NULL},
};
enum { KEYWORDS = sizeof keywords / sizeof keywords[0] };

/* Which keyword begins the line, at or after `from` in the order; KEYWORDS if none may. */
static size_t which(const line *l, size_t from)
{
    for (size_t k = from; k < KEYWORDS; k++) {
        if (strcmp(l->words[0], keywords[k].word) == 0)
            return k;
        if (!keywords[k].many)
            break; /* it must stand, and something else does */
    }
    return KEYWORDS;
}

/* What each line by itself could not show. */
static versions_status check_whole(const versions_record *record, versions_fault *fault)
{
    bool known = record->active[0] == '\0' || versions_record_entry(record, record->active) != NULL;

    for (size_t i = 0; i < record->before_count; i++)
        known = known && versions_record_entry(record, record->before[i]) != NULL;
    if (!known || (record->active[0] == '\0' && record->before_count > 0))
        return versions_fail(fault, VERSIONS_DAMAGED, 0,
                             "the record of the plugin %s: what is active, or was before, is not "
                             "among its versions; restore it from a backup, or remove it and add "
                             "the plugin's versions again",
                             record->name);
    return VERSIONS_OK;
}

static versions_status parse_lines(versions_record *record, char *text, size_t length,
                                   versions_fault *fault)
{
    size_t keyword = 0;
    line l = {.number = 0};

    while (length > 0) {
        char *end = memchr(text, '\n', length);
        versions_status status;
        size_t at;

        l.number++;
        if (end == NULL)
            return damaged(record, &l, "it breaks off", fault);
        *end = '\0';
        if (strlen(text) != (size_t)(end - text) || !split(text, &l) ||
            (at = which(&l, keyword)) == KEYWORDS)
            return damaged(record, &l, "not what stands in such a place", fault);
        length -= (size_t)(end + 1 - text);
        text = end + 1;
        if (keywords[at].read == NULL) {
            if (l.count != 1 || length != 0)
                return damaged(record, &l, "something behind the end", fault);
            return check_whole(record, fault);
        }
        status = keywords[at].read(record, &l, fault);
        if (status != VERSIONS_OK)
            return status;
        keyword = keywords[at].many ? at : at + 1;
    }
    l.number++;
    return damaged(record, &l, "it has no end", fault);
}

versions_status versions_record_parse(versions_record *record, const char *name, const char *text,
                                      size_t length, versions_fault *fault)
{
    versions_status status;
    char *copy = malloc(length + 1);

    versions_record_init(record, name);
    if (copy == NULL)
        return no_memory(fault);
    if (length > 0)
        memcpy(copy, text, length);
    status = parse_lines(record, copy, length, fault);
    free(copy);
    if (status != VERSIONS_OK)
        versions_record_release(record);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

char *versions_record_format(const versions_record *record, size_t *length)
{
    char when[TIME_SIZE], *text = NULL;
    FILE *out = open_memstream(&text, length);

    if (out == NULL)
        return NULL;
    fprintf(out, "%s\nplugin %s\nactive %s\n", FIRST_LINE, record->name,
            record->active[0] != '\0' ? record->active : "-");
    for (size_t i = 0; i < record->before_count; i++)
        fprintf(out, "before %s\n", record->before[i]);
    for (size_t i = 0; i < record->entry_count; i++) {
        const version_entry *e = &record->entries[i];

        versions_format_time(e->added, when, sizeof when);
        fprintf(out, "version %s %s %s %" PRIu64 " %s %s\n", e->hex, e->label, e->abi, e->bytes,
                when, e->called ? "called" : "unchecked");
    }
    for (size_t i = 0; i < record->event_count; i++) {
        const version_event *e = &record->events[i];

        versions_format_time(e->when, when, sizeof when);
        fprintf(out, "history %s %s %s %s\n", when, version_action_name(e->action), e->hex, e->who);
    }
    fprintf(out, "end\n");
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- what can be done ------------------------------------------------------------------------ */

static bool in_use(const versions_record *record, const char *hex)
{
    bool used = strcmp(record->active, hex) == 0;

    for (size_t i = 0; i < record->before_count; i++)
        used = used || strcmp(record->before[i], hex) == 0;
    return used;
}

/* Makes room among the versions: the oldest goes that is neither active nor before, of which there
 * are far fewer than there is room for. */
static void drop_oldest(versions_record *record)
{
    size_t i = 0;

    while (in_use(record, record->entries[i].hex))
        i++;
    record->entry_count--;
    memmove(&record->entries[i], &record->entries[i + 1],
            (record->entry_count - i) * sizeof *record->entries);
}

versions_status versions_record_add(versions_record *record, const version_entry *entry,
                                    const char *who, versions_fault *fault)
{
    versions_status status;

    if (record->entry_count < VERSIONS_KEPT && !room_entry(record))
        return no_memory(fault);
    status = note(record, VERSION_ADD, entry->hex, entry->added, who, fault);
    if (status != VERSIONS_OK)
        return status;
    if (record->entry_count == VERSIONS_KEPT)
        drop_oldest(record);
    record->entries[record->entry_count++] = *entry;
    return VERSIONS_OK;
}

versions_status versions_record_activate(versions_record *record, const char *hex, int64_t when,
                                         const char *who, versions_fault *fault)
{
    versions_status status;

    if (versions_record_entry(record, hex) == NULL)
        return versions_fail(fault, VERSIONS_NONE, 0, "the plugin %s has no version sha256:%s",
                             record->name, hex);
    if (strcmp(record->active, hex) == 0)
        return VERSIONS_OK;
    if (record->before_count < VERSIONS_BEFORE && !room_before(record))
        return no_memory(fault);
    status = note(record, VERSION_ACTIVATE, hex, when, who, fault);
    if (status != VERSIONS_OK)
        return status;
    if (record->active[0] != '\0') {
        if (record->before_count < VERSIONS_BEFORE)
            record->before_count++;
        memmove(record->before + 1, record->before,
                (record->before_count - 1) * sizeof *record->before);
        memcpy(record->before[0], record->active, sizeof record->active);
    }
    snprintf(record->active, sizeof record->active, "%s", hex);
    return VERSIONS_OK;
}

versions_status versions_record_rollback(versions_record *record, int64_t when, const char *who,
                                         versions_fault *fault)
{
    versions_status status;

    if (record->before_count == 0)
        return versions_fail(fault, VERSIONS_NONE, 0,
                             "the plugin %s has had no other version active before this one",
                             record->name);
    status = note(record, VERSION_ROLLBACK, record->before[0], when, who, fault);
    if (status != VERSIONS_OK)
        return status;
    memcpy(record->active, record->before[0], sizeof record->active);
    record->before_count--;
    memmove(record->before, record->before + 1, record->before_count * sizeof *record->before);
    return VERSIONS_OK;
}

versions_status versions_record_find(const versions_record *record, const char *word,
                                     const version_entry **out, versions_fault *fault)
{
    const char *digits = strncmp(word, "sha256:", 7) == 0 ? word + 7 : word;
    const version_entry *found = NULL;
    size_t matches = 0;

    if (digits == word && strcmp(word, "-") != 0) {
        for (size_t i = 0; i < record->entry_count; i++) {
            if (strcmp(record->entries[i].label, word) == 0) {
                found = &record->entries[i];
                matches++;
            }
        }
    }
    if (matches == 0 && strlen(digits) >= 4 && is_hex(digits)) {
        for (size_t i = 0; i < record->entry_count; i++) {
            if (strncmp(record->entries[i].hex, digits, strlen(digits)) == 0) {
                found = &record->entries[i];
                matches++;
            }
        }
    }
    if (matches > 1)
        return versions_fail(fault, VERSIONS_REFUSED, 0,
                             "\"%.100s\" means %zu versions of the plugin %s; name one by its "
                             "digest",
                             word, matches, record->name);
    if (matches == 0)
        return versions_fail(fault, VERSIONS_NONE, 0,
                             "the plugin %s has no version \"%.100s\"; name one by its version, or "
                             "by 4 or more digits of its digest, as `list` shows them",
                             record->name, word);
    *out = found;
    return VERSIONS_OK;
}
