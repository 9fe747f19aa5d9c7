/* SPDX-License-Identifier: Apache-2.0
 * setting_types.h — the kinds of values that a directive can have.
 *
 * Why:     A setting is one row of settings.def. What the row does not say because it is the
 *          same for all settings of a kind is said here once per kind: how the words are parsed,
 *          what is stored, how an inner value meets an outer.
 * How:     Every stored kind is a struct that begins with `bool set`, the explicit sentinel:
 *          false is "nobody said anything here", and all zero bytes are a valid unset value. The
 *          default merge is "the inner one if set, else the outer". A limit has a merge of its
 *          own, see below.
 * Limits:  "The value in force from the server configuration is a ceiling: .htaccess can only
 *          lower it." A limit therefore holds two values, the administrator's and the one from
 *          .htaccess files, each merged by itself (inner over outer); the value in force is the
 *          smaller. Keeping both makes merging associative, which it must be: httpd merges
 *          sections of the server and of .htaccess among each other before it merges them over
 *          the rest.
 * Memory:  Parsers allocate from input.pool, which lives as long as the configuration (for
 *          .htaccess: the request).
 * Threads: Parsers run where the configuration is read: in the parent, or for .htaccess in any
 *          worker thread.
 * Editing: A new kind: a struct, a `SETTING_TYPE` row in SETTING_TYPES, a parser in
 *          setting_types.c.
 */
#ifndef SETTING_TYPES_H
#define SETTING_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "apr_pools.h"
#include "httpd.h"
#include "http_config.h"

#include "coding.h"
#include "plugin_settings.h"

/* On or Off. */
struct setting_flag {
    bool set;
    bool on;
};

/* File name endings, each with its dot. */
struct setting_suffixes {
    bool set;
    int count;
    const char *const *items;
};

/* Content codings that may be used; never holds identity, nor one that needs a dictionary. */
struct setting_codings {
    bool set;
    coding_set codings;
};

/* DIR [SIZE] */
struct setting_store {
    bool set;
    const char *path; /* absolute */
    int64_t size;     /* bytes */
    const char *line; /* "file:line" of the directive, for complaints that come later */
};

/* A regular expression, `Off`, or `Auto` (the default): a rule that is built in.
 * An expression from the server configuration is compiled when that is read. One from .htaccess is
 * read for every request below it, most of which never ask for the expression; it is compiled at
 * first use by setting_pattern_match. */
struct setting_pattern {
    bool set;
    bool off;
    const char *text;        /* NULL for Off and Auto */
    const ap_regex_t *regex; /* NULL also where it is not compiled yet */
};

/* A number with a ceiling. Unit: bytes, milliseconds or a count, by the row's type. */
struct setting_limit {
    bool set;     /* admin is valid */
    bool scoped;  /* admin is from a section inside the server, which counts above a plugin's own */
    bool lowered; /* user is valid */
    int64_t admin; /* from the server configuration */
    int64_t user;  /* from .htaccess */
};

/* `Off` where a limit may be off: larger than any number that can be written. */
#define SETTING_UNLIMITED INT64_MAX

/*              name in rows   stored as */
#define SETTING_TYPES(TYPE)                                                                        \
    TYPE(flag, struct setting_flag)                                                                \
    TYPE(suffixes, struct setting_suffixes)                                                        \
    TYPE(codings, struct setting_codings)                                                          \
    TYPE(pattern, struct setting_pattern)                                                          \
    TYPE(store, struct setting_store)                                                              \
    TYPE(size_limit, struct setting_limit)                                                         \
    TYPE(time_limit, struct setting_limit)                                                         \
    TYPE(count_limit, struct setting_limit)                                                        \
    TYPE(count_limit_or_off, struct setting_limit)                                                 \
    PLUGIN_SETTING_TYPES(TYPE)

/* What a parser gets: the words after the directive, and where they stand. */
struct setting_input {
    apr_pool_t *pool;     /* lives as long as the value */
    apr_pool_t *temp;     /* for scratch and for complaints */
    const cmd_parms *cmd; /* where the words stand; NULL for the default of a row */
    bool htaccess;        /* the words are from .htaccess, not from the administrator */
    int argc;             /* at least 1 */
    char *const *argv;
    int64_t min; /* of the row; both 0 where the type has no range */
    int64_t max;
};

/* Parses into slot, which is of the type's struct. Returns NULL, or a complaint that names the word
 * and what is allowed (without the directive, which the caller puts in front). */
typedef const char *(*setting_parse_fn)(void *slot, const struct setting_input *in);

/* out = add over base. out may be neither. */
typedef void (*setting_merge_fn)(void *out, const void *base, const void *add, size_t size);

struct setting_type {
    const char *syntax; /* what the reference and complaints show: "On|Off" */
    size_t size;
    setting_parse_fn parse;
    setting_merge_fn merge;
};

#define SETTING_TYPE_EXTERN(name, stored)                                                          \
    typedef stored setting_##name##_t;                                                             \
    extern const struct setting_type setting_type_##name;
SETTING_TYPES(SETTING_TYPE_EXTERN)
#undef SETTING_TYPE_EXTERN

/* The inner value if it is set, else the outer one. */
void setting_merge_override(void *out, const void *base, const void *add, size_t size);

/* Administrator's and user's part each by themselves, inner over outer. */
void setting_merge_limit(void *out, const void *base, const void *add, size_t size);

/* The early and the late list each by themselves, inner over outer. */
void setting_merge_filter(void *out, const void *base, const void *add, size_t size);

/* The limit in force: what the administrator set (or fallback's, where he did not), lowered by
 * .htaccess. */
int64_t setting_limit_value(const struct setting_limit *limit,
                            const struct setting_limit *fallback);

/* Whether the pattern, which must have a text, is found in name; compiles it into pool if that is
 * still to be done. Returns 1, 0, or -1 where the expression is not one (possible only for one from
 * .htaccess). */
int setting_pattern_match(const struct setting_pattern *pattern, apr_pool_t *pool,
                          const char *name);

/* Defines the row of a type that is declared above or in plugin_settings.h: it parses with
 * NAME_parse() and merges with setting_merge_RULE(). */
#define SETTING_TYPE(name, syntax_text, merge_rule)                                                \
    const struct setting_type setting_type_##name = {                                              \
        .syntax = syntax_text,                                                                     \
        .size = sizeof(setting_##name##_t),                                                        \
        .parse = name##_parse,                                                                     \
        .merge = setting_merge_##merge_rule,                                                       \
    }

#endif
