/* SPDX-License-Identifier: Apache-2.0
 * setting_merge.c — how the value of an inner scope meets that of an outer one; setting_types.h
 * has the rules.
 *
 * How:     A file of its own, without anything of httpd's at run time, so that a unit test can link
 *          it: a ceiling that .htaccess could lift would be the worst mistake of this module.
 * Memory:  Results go into the caller's storage.
 * Threads: Any.
 */
#include "setting_types.h"

#include <string.h>

void setting_merge_override(void *out, const void *base, const void *add, size_t size)
{
    /* Every stored kind begins with `bool set`. */
    memcpy(out, *(const bool *)add ? add : base, size);
}

void setting_merge_limit(void *out, const void *base, const void *add, size_t size)
{
    const struct setting_limit *outer = base, *inner = add;
    struct setting_limit merged;

    (void)size;
    merged.set = inner->set || outer->set;
    merged.scoped = inner->set ? inner->scoped : outer->scoped;
    merged.admin = inner->set ? inner->admin : outer->admin;
    merged.lowered = inner->lowered || outer->lowered;
    merged.user = inner->lowered ? inner->user : outer->user;
    *(struct setting_limit *)out = merged;
}

void setting_merge_filter(void *out, const void *base, const void *add, size_t size)
{
    const struct setting_filter *outer = base, *inner = add;
    struct setting_filter merged;

    (void)size;
    merged.set = inner->set || outer->set;
    merged.early = inner->early.set ? inner->early : outer->early;
    merged.late = inner->late.set ? inner->late : outer->late;
    *(struct setting_filter *)out = merged;
}

int64_t setting_limit_value(const struct setting_limit *limit, const struct setting_limit *fallback)
{
    int64_t ceiling = limit->set ? limit->admin : fallback->admin;
    return limit->lowered && limit->user < ceiling ? limit->user : ceiling;
}
