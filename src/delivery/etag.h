/* SPDX-License-Identifier: Apache-2.0
 * etag.h — entity tags: one for each variant, and the two ways to compare them.
 *
 * Why:     A strong validator must differ between content codings of one resource (RFC 9110
 *          §8.8.1, §8.8.3.3). httpd makes a tag from a file's time and size, and a variant is a
 *          file of its own; but two of them can have the same time and size. So the coding's
 *          token goes into the tag, before anything compares it: a tag that a filter changes
 *          later can never match.
 * Memory:  Strings are borrowed; results go into the caller's buffer.
 * Threads: Any.
 */
#ifndef ETAG_H
#define ETAG_H

#include <stdbool.h>
#include <stddef.h>

#include "coding.h"

/* Room that etag_for_coding and etag_for_compressed need beyond the length of the tag, terminator
 * included. */
#define ETAG_CODING_EXTRA 16

/* Writes tag with "-TOKEN" inside its closing quote to out; for identity the tag as it is. A tag
 * that does not end with a quote is copied unchanged. out must have strlen(tag) + ETAG_CODING_EXTRA
 * bytes. */
void etag_for_coding(char *out, const char *tag, enum coding coding);

/* The same for bytes that are compressed as they are sent: W/"…-TOKEN". Weak, since the next time
 * they may be others: another version of the library, a flush at another place. False if tag is no
 * entity tag; out has then no meaning, and needs the same room. */
bool etag_for_compressed(char *out, const char *tag, enum coding coding);

/* Writes tag with "-WORD" inside its closing quote to out, which must have strlen(tag) +
 * strlen(word) + 2 bytes. word is of characters that a tag can have; a tag that does not end with a
 * quote is copied unchanged. For a coding of which there are several variants: a delta for each
 * dictionary. */
void etag_with_word(char *out, const char *tag, const char *word);

bool etag_is_weak(const char *tag);

/* How two tags are to be compared, RFC 9110 §8.8.3.2. */
enum etag_compare { ETAG_STRONG, ETAG_WEAK };

/* Whether tag is a member of the list in a header: "*", or entity tags parted by commas. Members
 * that are no entity tags are passed over. With "*" the answer is true. tag is NULL where there is
 * no tag, and then only "*" matches. */
bool etag_in_list(const char *list, const char *tag, enum etag_compare how);

#endif
