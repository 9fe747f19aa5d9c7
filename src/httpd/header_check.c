/* SPDX-License-Identifier: Apache-2.0
 * header_check.c — what of a header field may come from a guest; see the header.
 *
 * Memory and threads: see the header.
 */
#include "header_check.h"

#include <string.h>

#include "apr_lib.h"

bool header_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!apr_isalnum(text[i]) &&
            (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

const char *header_name_complaint(const char *name, size_t length)
{
    if (length > HEADER_LINE_MAX) {
        return "a header line that is too long";
    }
    return header_is_token(name, length) ? NULL : "a header line whose name is not a token";
}

const char *header_value_complaint(const char *value, size_t length)
{
    if (length > HEADER_LINE_MAX) {
        return "a header line that is too long";
    }
    for (size_t i = 0; i < length; i++) {
        if (apr_iscntrl(value[i]) && value[i] != '\t') {
            return "a control character in the header";
        }
    }
    return NULL;
}

static bool is_one_of(const char *const *names, const char *name, size_t length)
{
    for (; *names != NULL; names++) {
        if (strlen(*names) == length && strncasecmp(*names, name, length) == 0) {
            return true;
        }
    }
    return false;
}

bool header_is_hop_by_hop(const char *name, size_t length)
{
    static const char *const names[] = {
        "Connection", "Keep-Alive",     "Proxy-Connection",  "TE", "Trailer",
        "Upgrade",    "HTTP2-Settings", "Transfer-Encoding", NULL};

    return is_one_of(names, name, length);
}

bool header_is_framing(const char *name, size_t length)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", NULL};

    return is_one_of(names, name, length);
}
