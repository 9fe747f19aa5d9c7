/* SPDX-License-Identifier: Apache-2.0
 * json.h — a small strict reader for JSON (RFC 8259): text in, tree out.
 *
 * Memory: a document owns its tree and the strings in it, which are freed together by json_free().
 * Threads: no shared state; a tree is only read after it was made.
 */
#ifndef WASMSERVE_JSON_H
#define WASMSERVE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_kind;

typedef struct json_value {
    json_kind kind;
    double number;            /* NUMBER */
    const char *text;         /* STRING: UTF-8, terminated; may contain zero bytes */
    size_t length;            /* STRING: bytes; ARRAY, OBJECT: members */
    struct json_value *next;  /* the next member of the array or object that it is in */
    struct json_value *first; /* ARRAY, OBJECT */
    const char *name;         /* in an OBJECT: its name */
    size_t name_length;
} json_value;

typedef struct json_document json_document;

/* Reads a text. NULL if it is not JSON: then error (of `size` bytes) says what and at which line.
 */
json_document *json_read(const char *text, size_t length, char *error, size_t size);
void json_free(json_document *document); /* NULL is allowed */
const json_value *json_root(const json_document *document);

/* The member of an object by name; NULL if there is none or `object` is NULL or no object. */
const json_value *json_member(const json_value *object, const char *name);
/* That member's text if it is a string, else `fallback`. */
const char *json_text(const json_value *object, const char *name, const char *fallback);
/* That member's first element if it is an array, else NULL. */
const json_value *json_items(const json_value *object, const char *name);

#endif
