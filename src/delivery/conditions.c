/* SPDX-License-Identifier: Apache-2.0
 * conditions.c — evaluates the conditions of a request in the order of RFC 9110 §13.2.2;
 * conditions.h has the order.
 *
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "conditions.h"

#include <stddef.h>
#include <string.h>

#include "etag.h"
#include "httpdate.h"

/* Steps 1 and 2: false means 412. */
static bool holds(const struct conditions_request *q, const struct conditions_validators *v)
{
    int64_t date;

    if (q->if_match != NULL) {
        return etag_in_list(q->if_match, v->etag, ETAG_STRONG);
    }
    if (q->if_unmodified_since != NULL && httpdate_parse(q->if_unmodified_since, v->date, &date)) {
        return v->last_modified <= date;
    }
    return true;
}

/* Steps 3 and 4: whether the client has it already. */
static bool has_it(const struct conditions_request *q, const struct conditions_validators *v)
{
    int64_t date;

    if (q->if_none_match != NULL) {
        return etag_in_list(q->if_none_match, v->etag, ETAG_WEAK);
    }
    return (q->is_get || q->is_head) && q->if_modified_since != NULL &&
           httpdate_parse(q->if_modified_since, v->date, &date) && v->last_modified <= date;
}

/* Step 5. */
static bool range_applies(const struct conditions_request *q, const struct conditions_validators *v)
{
    int64_t date;

    if (!q->is_get || q->range == NULL) {
        return false; /* §14.2: Range is defined for GET alone */
    }
    if (q->if_range == NULL) {
        return true;
    }
    if (q->if_range[0] == '"' || etag_is_weak(q->if_range)) {
        /* One tag, not a list: anything behind its closing quote makes it another text than ours.
         */
        return v->etag != NULL && !etag_is_weak(v->etag) && strcmp(q->if_range, v->etag) == 0;
    }
    return httpdate_parse(q->if_range, v->date, &date) && date == v->last_modified &&
           v->last_modified < v->date;
}

struct conditions_result conditions_evaluate(const struct conditions_request *request,
                                             const struct conditions_validators *validators)
{
    struct conditions_result result = {CONDITIONS_PROCEED, false};

    if (!holds(request, validators)) {
        result.verdict = CONDITIONS_FAILED;
    } else if (has_it(request, validators)) {
        result.verdict =
            request->is_get || request->is_head ? CONDITIONS_NOT_MODIFIED : CONDITIONS_FAILED;
    } else {
        result.use_range = range_applies(request, validators);
    }
    return result;
}
