/* SPDX-License-Identifier: Apache-2.0
 * delivery_variants.c — chooses what answers a request: the file itself, or a variant.
 *
 * How:     1. Ask each source in turn for the codings that the client accepts and no source before
 *             it has.
 *          2. Rank what was found, the raw file among it (negotiate.h), and the raw file in the
 *             codings that it can be compressed with as it is sent.
 *          3. Open the best. If that fails, rank again without it. So a request costs one open, and
 *             one question about access, however many variants there are.
 * Sources: What lies beside the file comes first: whoever put it there has decided. The store fills
 *          the gaps.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_variants.h"

#include "compression.h"
#include "delivery_sidecar.h"
#include "delivery_store.h"
#include "httpd_log.h"

static const struct delivery_source *const sources[] = {&delivery_sidecar, &delivery_store};

int delivery_variants_open_requested(request_rec *r, enum coding coding, struct delivery_file *file)
{
    apr_status_t status;

    *file = (struct delivery_file){.coding = coding};
    status = delivery_file_open(r, r->filename, &r->finfo, file);
    if (status != APR_SUCCESS) {
        LOG_R(APLOG_ERR, status, r, "%s cannot be opened", r->filename);
        return APR_STATUS_IS_ENOENT(status) ? HTTP_NOT_FOUND : HTTP_FORBIDDEN;
    }
    if (file->finfo.filetype != APR_REG) {
        delivery_file_close(file);
        return HTTP_FORBIDDEN;
    }
    return OK;
}

/* The codings that would be sent if there were a variant in them. */
static coding_set wanted_by(const struct delivery_ask *ask)
{
    coding_set wanted = 0;

    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        bool allowed = coding_needs_dictionary((enum coding)c)
                           ? ask->dictionary != NULL
                           : coding_in(ask->codings, (enum coding)c);
        if (allowed && ask->prefs->weight[c] > 0) {
            wanted |= (coding_set)(1u << c);
        }
    }
    return wanted;
}

/* What can be sent: the raw file, the variants that were found, and for the other codings on offer
 * the raw file again. Puts what the client accepts first, best first, and returns how many those
 * are. */
static size_t rank(const struct delivery_ask *ask, coding_set have,
                   const struct delivery_file found[CODING_COUNT],
                   struct negotiate_candidate candidates[CODING_COUNT])
{
    uint64_t raw_size = (uint64_t)ask->r->finfo.size;
    size_t n = 0;

    candidates[n++] = (struct negotiate_candidate){CODING_IDENTITY, raw_size};
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(have, (enum coding)c)) {
            candidates[n++] = (struct negotiate_candidate){(enum coding)c, (uint64_t)found[c].size};
        } else if (coding_in(ask->offers, (enum coding)c)) {
            candidates[n++] =
                (struct negotiate_candidate){(enum coding)c, compression_weighs(raw_size)};
        }
    }
    return negotiate_rank(ask->prefs, candidates, n);
}

static coding_set find(const struct delivery_ask *ask, struct delivery_file found[CODING_COUNT])
{
    coding_set wanted = wanted_by(ask), have = 0;

    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && have != wanted; i++) {
        have |= sources[i]->find(ask, wanted & (coding_set)~have, found);
    }
    return have;
}

int delivery_variants_choose(const struct delivery_ask *ask, struct delivery_file *out)
{
    struct delivery_file found[CODING_COUNT];
    struct negotiate_candidate candidates[CODING_COUNT];
    coding_set have = find(ask, found);

    /* Ends: each round returns, or takes one out of the set. */
    while (rank(ask, have, found, candidates) > 0) {
        enum coding best = candidates[0].coding;
        if (!coding_in(have, best)) {
            int result = delivery_variants_open_requested(ask->r, CODING_IDENTITY, out);
            out->as_sent = best;
            return result;
        }
        if (found[best].source->open(ask, &found[best])) {
            *out = found[best];
            return OK;
        }
        have &= (coding_set) ~(1u << best);
    }
    return HTTP_NOT_ACCEPTABLE;
}
