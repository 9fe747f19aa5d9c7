/* SPDX-License-Identifier: Apache-2.0
 * delivery_dictionary.c — reads what the client announces and checks it against what is here.
 *
 * Who:     Only the page that asked may learn the size of what is sent, or it learns of content
 *          that it may not read. Where that depends on Access-Control-Allow-Origin, it has to be
 *          known already: what mod_headers will set is not, and then nothing is coded with a
 *          dictionary.
 * Old:     The dictionary must be a version that this client could fetch from here. A delta shows
 *          what the old version does not have in common with the new one; so httpd is asked for the
 *          old one by a sub-request as it is for any variant, and its digest has to be the
 *          announced one, so that no other name can be given for it.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_dictionary.h"

#include "apr_strings.h"
#include "apr_uri.h"
#include "http_request.h"

#include "cachepolicy.h"
#include "delivery_access.h"
#include "delivery_file.h"
#include "digest_memo.h"
#include "httpd_log.h"
#include "settings.h"

/* A window of RFC 9842 does not reach further. */
#define DICTIONARY_SIZE_MAX ((apr_off_t)128 << 20)

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool delivery_dictionary_applies(const request_rec *r, bool immutable)
{
    return immutable && SETTING_OF(dir, settings_of(r), dictionary)->on &&
           cachepolicy_name_is_hashed(base_name(r->filename));
}

/* Whether the one who asked may read the answer, as far as it is known by now. */
static bool is_readable(const request_rec *r)
{
    static const char allow[] = "Access-Control-Allow-Origin";
    const char *sent = apr_table_get(r->headers_out, allow);
    struct dictionary_reader reader = {
        .fetch_site = apr_table_get(r->headers_in, "Sec-Fetch-Site"),
        .fetch_mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode"),
        .origin = apr_table_get(r->headers_in, "Origin"),
        .allow_origin = sent ? sent : apr_table_get(r->err_headers_out, allow),
    };

    return dictionary_may_serve(&reader);
}

bool delivery_dictionary_read(request_rec *r, const struct negotiate_prefs *prefs,
                              struct delivery_dictionary *out)
{
    const char *available = apr_table_get(r->headers_in, "Available-Dictionary");
    char id[DICTIONARY_ID_SIZE], name[DICTIONARY_ID_SIZE];
    const char *own = base_name(r->filename);

    if (available == NULL || (prefs->weight[CODING_DCB] == 0 && prefs->weight[CODING_DCZ] == 0)) {
        return false;
    }
    if (!dictionary_read_available(available, out->digest)) {
        LOG_R(APLOG_DEBUG, 0, r, "Available-Dictionary: \"%s\" is not the digest of anything",
              available);
        return false;
    }
    if (!dictionary_read_id(apr_table_get(r->headers_in, "Dictionary-ID"), id) ||
        !dictionary_name_of_id(id, name) || !dictionary_same_family(name, own) || !is_readable(r)) {
        return false;
    }
    out->name = apr_pstrdup(r->pool, name);
    out->path = apr_pstrcat(
        r->pool, apr_pstrmemdup(r->pool, r->filename, (size_t)(own - r->filename)), name, NULL);
    out->file = DICTIONARY_UNCHECKED;
    out->size = 0;
    return true;
}

static bool check_file(request_rec *r, struct delivery_dictionary *dictionary)
{
    uint8_t digest[SHA256_SIZE];
    apr_finfo_t seen;
    struct fileid id;

    if (!delivery_access_file(r, dictionary->path, NULL, &seen) ||
        seen.size > DICTIONARY_SIZE_MAX) {
        return false;
    }
    id = delivery_file_id(&seen);
    if (!digest_memo_of_file(dictionary->path, &id, apr_time_now(), digest) ||
        memcmp(digest, dictionary->digest, sizeof(digest)) != 0) {
        LOG_R(APLOG_DEBUG, 0, r, "%s is not the dictionary that the client has", dictionary->path);
        return false;
    }
    dictionary->size = (uint64_t)seen.size;
    return true;
}

bool delivery_dictionary_check_file(request_rec *r, struct delivery_dictionary *dictionary)
{
    if (dictionary->file == DICTIONARY_UNCHECKED) {
        dictionary->file = check_file(r, dictionary) ? DICTIONARY_GOOD : DICTIONARY_BAD;
    }
    return dictionary->file == DICTIONARY_GOOD;
}

/* The path as the client wrote it: what r->uri was before it was decoded, and before an internal
 * redirection. */
static const char *requested_path(const request_rec *r)
{
    const request_rec *first = r;
    const char *uri;
    apr_uri_t parsed;

    while (first->prev != NULL) {
        first = first->prev;
    }
    uri = first->unparsed_uri;
    if (uri == NULL || apr_uri_parse(r->pool, uri, &parsed) != APR_SUCCESS) {
        return NULL;
    }
    return parsed.path;
}

const char *delivery_dictionary_offer(request_rec *r)
{
    const char *path;
    apr_size_t size;
    char *value;

    if (!is_readable(r)) {
        return NULL;
    }
    path = requested_path(r);
    if (path == NULL) {
        return NULL;
    }
    /* Every character of the path may have two more before it; the id is its last part again. */
    size = 4 * strlen(path) + 64;
    value = apr_palloc(r->pool, size);
    return dictionary_write_use_as(value, size, path, base_name(r->filename)) ? value : NULL;
}
