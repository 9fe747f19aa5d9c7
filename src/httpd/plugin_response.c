/* SPDX-License-Identifier: Apache-2.0
 * plugin_response.c — the header block that a CGI guest wrote: found, checked, put into a request.
 *
 * How:     httpd's ap_scan_script_header_err_core gives the fields their meaning (Status, Location,
 *          Content-Type, Set-Cookie apart from fields that may be joined, preconditions), as for
 *          any CGI program. It was written for programs that are trusted not to attack the
 *          connection, so this file looks at each line first, and lets nothing through that httpd
 *          would have to guess about: control bytes (a CR in a value would end the field for some
 *          clients), names that are not tokens (RFC 9110 §5.1), statuses that are not final (a 1xx
 *          would make the client wait for another response), contradicting lengths. Fields about
 *          the connection are the server's business and dropped (RFC 9110 §7.6.1); what
 *          Transfer-Encoding a guest claims is never true. header_check.c has what applies to the
 *          guests of every ABI.
 *
 * Memory and threads: see the header.
 */
#include "plugin_response.h"

#include <string.h>

#include "apr_lib.h"
#include "apr_strings.h"
#include "http_protocol.h"
#include "util_script.h"

#include "header_check.h"

struct line {
    const char *name, *value;
    size_t name_length, value_length;
};

size_t plugin_response_end(const char *block, size_t length, size_t from)
{
    /* An empty line is LF LF or LF CR LF; it may have begun before `from`. A block that begins with
     * an empty line has no header. */
    if (from == 0 && length >= 1 && block[0] == '\n') {
        return 1;
    }
    if (from <= 1 && length >= 2 && block[0] == '\r' && block[1] == '\n') {
        return 2;
    }
    for (size_t i = from < 2 ? 0 : from - 2; i + 1 < length; i++) {
        if (block[i] == '\n') {
            if (block[i + 1] == '\n') {
                return i + 2;
            }
            if (i + 2 < length && block[i + 1] == '\r' && block[i + 2] == '\n') {
                return i + 3;
            }
        }
    }
    return 0;
}

static bool is_named(const struct line *line, const char *name)
{
    return line->name_length == strlen(name) &&
           strncasecmp(line->name, name, line->name_length) == 0;
}

/* Splits one line, without its line end. Returns a complaint or NULL. */
static const char *line_parse(const char *text, size_t length, struct line *line)
{
    const char *colon = memchr(text, ':', length), *complaint;

    /* The line as a whole: ap_scan_script_header_err_core takes no longer one. */
    if ((complaint = header_value_complaint(text, length)) != NULL) {
        return complaint;
    }
    if (colon == NULL) {
        return "a header line without a colon";
    }
    line->name = text;
    line->name_length = (size_t)(colon - text);
    if ((complaint = header_name_complaint(text, line->name_length)) != NULL) {
        return complaint;
    }
    line->value = colon + 1;
    line->value_length = length - line->name_length - 1;
    while (line->value_length > 0 && (*line->value == ' ' || *line->value == '\t')) {
        line->value++;
        line->value_length--;
    }
    while (line->value_length > 0 && strchr(" \t", line->value[line->value_length - 1]) != NULL) {
        line->value_length--;
    }
    return NULL;
}

/* Status: 3 digits from 200 to 599, then nothing or a blank and a phrase (RFC 3875 §6.3.3). */
static bool status_ok(const struct line *line)
{
    const char *v = line->value;

    return line->value_length >= 3 && v[0] >= '2' && v[0] <= '5' && apr_isdigit(v[1]) &&
           apr_isdigit(v[2]) && (line->value_length == 3 || v[3] == ' ');
}

static bool length_parse(const struct line *line, int64_t *length)
{
    int64_t value = 0;

    if (line->value_length == 0 || line->value_length > 18) {
        return false;
    }
    for (size_t i = 0; i < line->value_length; i++) {
        if (!apr_isdigit(line->value[i])) {
            return false;
        }
        value = value * 10 + (line->value[i] - '0');
    }
    *length = value;
    return true;
}

/* Checks all lines. Returns a complaint or NULL. */
static const char *block_check(const char *block, size_t length, struct plugin_response *response)
{
    bool has_status = false, has_required = false;
    size_t at = 0;

    while (at < length) {
        const char *text = block + at, *end = memchr(text, '\n', length - at);
        size_t size = (size_t)(end - text);
        const char *complaint;
        struct line line;
        int64_t declared;

        at += size + 1;
        size -= size > 0 && text[size - 1] == '\r';
        if (size == 0) {
            break;
        }
        if ((complaint = line_parse(text, size, &line)) != NULL) {
            return complaint;
        }
        if (is_named(&line, "Status")) {
            if (has_status || !status_ok(&line)) {
                return has_status ? "two Status lines" : "a Status that is not from 200 to 599";
            }
            has_status = has_required = true;
        } else if (is_named(&line, "Content-Length")) {
            if (!length_parse(&line, &declared) ||
                (response->length != PLUGIN_NO_LENGTH && response->length != declared)) {
                return "a Content-Length that is not one number";
            }
            response->length = declared;
        } else if (is_named(&line, "Location") || is_named(&line, "Content-Type")) {
            if (line.value_length == 0) {
                return "an empty Location or Content-Type";
            }
            has_required = true;
        }
    }
    /* RFC 3875 §6.2: at least one of these. Text that happens to have a colon is no header. */
    return has_required ? NULL : "a header without Content-Type, Location or Status";
}

struct reader {
    const char *next, *end;
};

/* The getsfunc of ap_scan_script_header_err_core: one line with its LF, terminated. */
static int next_line(char *buffer, int size, void *data)
{
    struct reader *reader = data;
    const char *lf = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
    size_t length = lf ? (size_t)(lf + 1 - reader->next) : (size_t)(reader->end - reader->next);

    if (length == 0 || length >= (size_t)size) {
        return 0;
    }
    memcpy(buffer, reader->next, length);
    buffer[length] = '\0';
    reader->next += length;
    return 1;
}

/* Fields about the connection are the server's business. */
static void drop_hop_by_hop(apr_table_t *table)
{
    const apr_array_header_t *list = apr_table_elts(table);

    for (int i = list->nelts - 1; i >= 0; i--) {
        const char *name = APR_ARRAY_IDX(list, i, apr_table_entry_t).key;

        if (header_is_hop_by_hop(name, strlen(name))) {
            apr_table_unset(table, name);
            i = i < list->nelts ? i : list->nelts;
        }
    }
}

const char *plugin_response_apply(request_rec *r, const char *block, size_t length,
                                  struct plugin_response *response)
{
    struct reader reader = {block, block + length};
    const char *complaint;
    char buffer[MAX_STRING_LEN];
    int status;

    *response = (struct plugin_response){
        .length = PLUGIN_NO_LENGTH,
        .condition = OK,
        .headers_out = apr_table_copy(r->pool, r->headers_out),
        .err_headers_out = apr_table_copy(r->pool, r->err_headers_out),
        .content_type = r->content_type,
    };
    complaint = block_check(block, length, response);
    if (complaint != NULL) {
        return complaint;
    }
    buffer[0] = '\0';
    status = ap_scan_script_header_err_core(r, buffer, next_line, &reader);
    drop_hop_by_hop(r->headers_out);
    drop_hop_by_hop(r->err_headers_out);
    if (status == HTTP_NOT_MODIFIED || status == HTTP_PRECONDITION_FAILED) {
        response->condition = status;
    } else if (status != OK) {
        plugin_response_undo(r, response);
        return "a header that httpd refuses";
    }
    if (r->status == HTTP_OK) {
        response->location = apr_table_get(r->headers_out, "Location");
    }
    /* httpd makes the length of what has no body and of what filters change; only one that was
     * declared and is right may stay, which whoever sends the body sees to. */
    if (response->length == PLUGIN_NO_LENGTH || AP_STATUS_IS_HEADER_ONLY(r->status)) {
        apr_table_unset(r->headers_out, "Content-Length");
        apr_table_unset(r->err_headers_out, "Content-Length");
    }
    return NULL;
}

void plugin_response_undo(request_rec *r, const struct plugin_response *response)
{
    r->headers_out = response->headers_out;
    r->err_headers_out = response->err_headers_out;
    r->status = HTTP_OK;
    r->status_line = NULL;
    r->mtime = 0;
    ap_set_content_type(r, response->content_type);
}
