/* SPDX-License-Identifier: Apache-2.0
 * delivery_sidecar.c — variants beside the raw file: found, authorised, opened, judged.
 *
 * How:     Finding is a stat of each name, and a verdict on what stat says. A delta's name has the
 *          digest of its dictionary in it, so of all the deltas that may lie there one is looked
 *          at. Opening asks httpd whether it would give that very name to this client
 *          (delivery_access.h), for a delta the name of the old version as well; then the
 *          descriptor and the first bytes are judged. What is sent is what was opened, and it must
 *          be the file (device and inode) that httpd looked at.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_sidecar.h"

#include "apr_strings.h"

#include "delivery_access.h"
#include "delivery_dictionary.h"
#include "delivery_variants.h"
#include "httpd_log.h"
#include "kept_body.h"
#include "passed_over.h"
#include "variant.h"

/* Reasons beside those of variant.h, for passed_over_first. */
enum { REASON_REFUSED = VARIANT_VERDICTS, REASON_UNREADABLE };

static void say_once(request_rec *r, const char *path, const apr_finfo_t *finfo, unsigned reason,
                     int level, apr_status_t status, const char *text)
{
    if (passed_over_first(path, finfo->mtime, reason)) {
        LOG_R(level, status, r, "%s %s: passed over", path, text);
    }
}

/* What stat says of a variant, and of the raw file if there is one (else NULL). */
static void fill_facts(struct variant_facts *facts, const struct delivery_file *file,
                       const apr_finfo_t *raw, const struct delivery_dictionary *dictionary)
{
    *facts = (struct variant_facts){.coding = file->coding,
                                    .regular = file->finfo.filetype == APR_REG,
                                    .size = (uint64_t)file->finfo.size,
                                    .mtime = apr_time_sec(file->finfo.mtime)};
    if (raw != NULL) {
        facts->has_raw = true;
        facts->raw_size = (uint64_t)raw->size;
        facts->raw_mtime = apr_time_sec(raw->mtime);
    }
    if (dictionary != NULL) {
        facts->dictionary = dictionary->digest;
        facts->dictionary_size = dictionary->size;
    }
}

/* Whether the variant may be sent by these facts; says so if not. */
static bool judge(request_rec *r, const char *path, const apr_finfo_t *finfo,
                  const struct variant_facts *facts)
{
    enum variant_verdict verdict = variant_judge(facts);

    if (verdict != VARIANT_USABLE) {
        say_once(r, path, finfo, verdict, APLOG_WARNING, 0, variant_reason(verdict));
    }
    return verdict == VARIANT_USABLE;
}

/* Judges the open file by its descriptor and first bytes. The read moves the descriptor's offset,
 * which nobody uses: file buckets have their own. */
static bool judge_open(request_rec *r, const struct delivery_file *file,
                       struct variant_facts *facts)
{
    uint8_t head[VARIANT_HEAD_MAX];
    apr_size_t len = sizeof(head);
    bool usable;

    if (file->body != NULL) {
        size_t size = kept_body_size(file->body);
        facts->head = kept_body_bytes(file->body);
        facts->head_len = size < len ? size : len;
        return judge(r, file->path, &file->finfo, facts);
    }
    if (apr_file_read_full(file->fd, head, sizeof(head), &len) != APR_SUCCESS &&
        len != (apr_size_t)file->finfo.size) {
        len = 0; /* judged as a file that does not begin as it should */
    }
    facts->head = head;
    facts->head_len = len;
    usable = judge(r, file->path, &file->finfo, facts);
    facts->head = NULL; /* it ends with this function */
    return usable;
}

/* The name of the variant, and the word that tells its tag from those of other variants in the same
 * coding. */
static void name_sibling(const struct delivery_ask *ask, struct delivery_file *file)
{
    const char *suffix = coding_info(file->coding)->suffix;

    if (coding_needs_dictionary(file->coding)) {
        char *own = apr_palloc(ask->r->pool, DICTIONARY_SUFFIX_SIZE);
        dictionary_write_suffix(own, file->coding, ask->dictionary->digest);
        file->tag_word = own + 1;
        suffix = own;
    }
    file->path = apr_pstrcat(ask->r->pool, ask->r->filename, suffix, NULL);
}

/* The sibling for one coding, if it is there and not ruled out by what stat says. */
static bool find_sibling(const struct delivery_ask *ask, struct delivery_file *file)
{
    struct variant_facts facts;
    apr_status_t status;

    name_sibling(ask, file);
    status = apr_stat(&file->finfo, file->path, APR_FINFO_MIN | APR_FINFO_IDENT, ask->r->pool);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
        return false;
    }
    file->size = file->finfo.size;
    fill_facts(&facts, file, &ask->r->finfo, NULL);
    return judge(ask->r, file->path, &file->finfo, &facts);
}

static coding_set find(const struct delivery_ask *ask, coding_set wanted,
                       struct delivery_file found[CODING_COUNT])
{
    coding_set have = 0;

    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(wanted, (enum coding)c)) {
            found[c] =
                (struct delivery_file){.coding = (enum coding)c, .source = &delivery_sidecar};
            have |= (coding_set)(find_sibling(ask, &found[c]) << c);
        }
    }
    return have;
}

static bool open_sibling(const struct delivery_ask *ask, struct delivery_file *file)
{
    struct delivery_dictionary *dictionary =
        coding_needs_dictionary(file->coding) ? ask->dictionary : NULL;
    request_rec *r = ask->r;
    struct variant_facts facts;
    apr_finfo_t seen;
    apr_status_t status;
    apr_finfo_t found = file->finfo;

    if (!delivery_access_file(r, file->path, &found, &seen)) {
        say_once(r, file->path, &file->finfo, REASON_REFUSED, APLOG_INFO, 0,
                 "is not for this client");
        return false;
    }
    if (dictionary != NULL && !delivery_dictionary_check_file(r, dictionary)) {
        return false;
    }
    status = delivery_file_open(r, file->path, &found, file);
    if (status != APR_SUCCESS) {
        say_once(r, file->path, &file->finfo, REASON_UNREADABLE, APLOG_WARNING, status,
                 "cannot be opened");
        return false;
    }
    fill_facts(&facts, file, &r->finfo, dictionary);
    /* Another inode: the name was given to another file since the lookup. The next request will
     * find that one. */
    if (seen.inode != file->finfo.inode || seen.device != file->finfo.device ||
        !judge_open(r, file, &facts)) {
        delivery_file_close(file);
        return false;
    }
    return true;
}

const struct delivery_source delivery_sidecar = {.find = find, .open = open_sibling};

int delivery_sidecar_open_named(request_rec *r, enum coding coding, struct delivery_file *out)
{
    struct variant_facts facts;
    int result = delivery_variants_open_requested(r, coding, out);

    if (result != OK) {
        return result;
    }
    fill_facts(&facts, out, NULL, NULL);
    if (!judge_open(r, out, &facts)) {
        delivery_file_close(out);
        return DECLINED;
    }
    return OK;
}
