/* SPDX-License-Identifier: Apache-2.0
 * header_check.h — what of a header field may come from a guest, and what is the server's alone.
 *
 * Why:     httpd's own writers of header fields trust the modules that set them. A guest is not
 *          trusted: a line break in a value would begin a field of its own choice, or a response.
 *          Every name and every value of a guest goes through here, whichever ABI it speaks.
 * Memory:  None; complaints are static texts.
 * Threads: any.
 */
#ifndef HEADER_CHECK_H
#define HEADER_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "httpd.h"

/* The longest line, name and value together: what httpd's own parser of script headers takes. */
#define HEADER_LINE_MAX (MAX_STRING_LEN - 2)

/* Whether this is a token (RFC 9110 §5.6.2), as names of fields and methods are. */
bool header_is_token(const char *text, size_t length);

/* What is wrong with a name or a value; NULL if nothing is. */
const char *header_name_complaint(const char *name, size_t length);
const char *header_value_complaint(const char *value, size_t length);

/* Whether the field is about the connection and not about the message (RFC 9110 §7.6.1), so that
 * only the server can know its value. */
bool header_is_hop_by_hop(const char *name, size_t length);

/* Whether the field says where a body ends. */
bool header_is_framing(const char *name, size_t length);

#endif
