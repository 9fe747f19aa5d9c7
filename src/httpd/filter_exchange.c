/* SPDX-License-Identifier: Apache-2.0
 * filter_exchange.c — a request and its response over a request_rec, for a guest of http-wasm.
 *
 * How:     The guest reads from the request_rec and writes to the exchange; what it wrote is made
 *          true at once when its function has returned. So a guest that traps half way has changed
 *          nothing, except that a part of the body may have been read from the client, which is
 *          kept (filter_body.h).
 *
 *          Header fields that a guest sets before there is a response cannot be put into
 *          r->headers_out: mod_proxy replaces that table by its backend's, and an error page begins
 *          with an empty one. They are kept and put in when the response comes by: "seeded".
 *
 * Memory:  r->pool, which gives nothing back before the request is over. A guest calls as often as
 *          its time allows, so a callback takes from it only what is counted (fields, variables) or
 *          what it takes once.
 * Threads: the request's.
 */
#include "filter_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "apr_lib.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "util_filter.h"

#include "filter_fields.h"
#include "header_check.h"
#include "httpd_log.h"
#include "plugin_environment.h"

#define FIELDS_BYTES   65536 /* RATIONALE "Limits", for each phase */
#define VARIABLES_MAX  32    /* likewise */
#define VARIABLE_BYTES 1024  /* likewise, of a value; of a name 64 */
#define URI_BYTES      8190  /* LimitRequestLine's default */

static exchange_text text_of(const char *string)
{
    return string ? (exchange_text){.bytes = string, .length = strlen(string)}
                  : (exchange_text){.bytes = "", .length = 0};
}

static wasm_status nonsense(struct filter_exchange *x, const char *why)
{
    x->nonsense = why;
    return WASM_E_HOST_FAILURE;
}

/* ---- the message as a whole ------------------------------------------------------------------ */

static uint32_t enable(void *baton, uint32_t wanted)
{
    struct filter_exchange *x = baton;
    uint32_t offers = EXCHANGE_KEEPS_REQUEST;

    if (x->mode != FILTER_AUTHORIZES) {
        offers |= EXCHANGE_HOLDS_RESPONSE;
        if (filter_fields_has_trailers(x->r)) {
            offers |= EXCHANGE_HAS_TRAILERS;
        }
    }
    x->enabled = wanted & offers;
    return x->enabled;
}

static exchange_text get_method(void *baton)
{
    const struct filter_exchange *x = baton;

    return text_of(x->method ? x->method : x->r->method);
}

/* The target as the client sent it, without scheme and authority of the absolute form. */
static exchange_text get_uri(void *baton)
{
    struct filter_exchange *x = baton;
    const char *uri = x->uri ? x->uri : x->r->unparsed_uri;
    const char *authority;

    if (uri == NULL) {
        uri = x->r->uri;
    } else if (uri[0] != '/' && (authority = strstr(uri, "://")) != NULL) {
        uri = authority + 3 + strcspn(authority + 3, "/?#");
        if (uri[0] == '?') {
            if (x->sent_uri == NULL) {
                x->sent_uri = apr_pstrcat(x->r->pool, "/", uri, NULL);
            }
            return text_of(x->sent_uri);
        }
    }
    return text_of(uri);
}

static exchange_text get_protocol(void *baton)
{
    return text_of(((struct filter_exchange *)baton)->r->protocol);
}

static exchange_text get_source(void *baton)
{
    struct filter_exchange *x = baton;
    const request_rec *r = x->r;
    unsigned port = r->useragent_addr ? r->useragent_addr->port : 0;
    int length;

    length =
        apr_snprintf(x->source, sizeof(x->source),
                     strchr(r->useragent_ip, ':') ? "[%s]:%u" : "%s:%u", r->useragent_ip, port);
    return (exchange_text){.bytes = x->source, .length = (size_t)length};
}

static uint32_t get_status(void *baton)
{
    const struct filter_exchange *x = baton;

    if (x->status != 0) {
        return (uint32_t)x->status;
    }
    return x->mode == FILTER_ON_RESPONSE ? (uint32_t)x->r->status : HTTP_OK;
}

static wasm_status set_method(void *baton, exchange_text method)
{
    struct filter_exchange *x = baton;

    if (x->mode == FILTER_AUTHORIZES) {
        return nonsense(x, "another method, in an authorization");
    }
    if (method.length > FILTER_METHOD_BYTES || !header_is_token(method.bytes, method.length)) {
        return nonsense(x, "a method that is not a token of at most 32 characters");
    }
    memcpy(x->method_text, method.bytes, method.length);
    x->method_text[method.length] = '\0';
    x->method = x->method_text;
    if (strcmp(x->method, "CONNECT") == 0) {
        return nonsense(x, "the method CONNECT, for a request that names no host");
    }
    return WASM_OK;
}

bool filter_exchange_normalize(const request_rec *r, char *path)
{
    const core_server_config *core = ap_get_core_module_config(r->server->module_config);

    return ap_normalize_path(path, AP_NORMALIZE_NOT_ABOVE_ROOT | AP_NORMALIZE_DECODE_UNRESERVED |
                                       (core->merge_slashes ? AP_NORMALIZE_MERGE_SLASHES : 0)) != 0;
}

static wasm_status set_uri(void *baton, exchange_text uri)
{
    struct filter_exchange *x = baton;
    char *query;

    if (x->mode == FILTER_AUTHORIZES) {
        return nonsense(x, "another URI, in an authorization");
    }
    if (uri.length == 0 || uri.bytes[0] != '/' || uri.length > URI_BYTES) {
        return nonsense(x, "a URI that is not a path of at most 8190 bytes");
    }
    for (size_t i = 0; i < uri.length; i++) {
        unsigned char c = (unsigned char)uri.bytes[i];

        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return nonsense(x, "a URI that is not encoded");
        }
    }
    if (x->uri_text == NULL) {
        x->uri_text = apr_palloc(x->r->pool, URI_BYTES + 1);
        x->uri_path = apr_palloc(x->r->pool, URI_BYTES + 1);
    }
    memcpy(x->uri_text, uri.bytes, uri.length);
    x->uri_text[uri.length] = '\0';
    memcpy(x->uri_path, x->uri_text, uri.length + 1);
    query = strchr(x->uri_path, '?');
    if (query != NULL) {
        *query = '\0';
    }
    if (!filter_exchange_normalize(x->r, x->uri_path)) {
        return nonsense(x, "a URI whose path httpd refuses");
    }
    x->uri = x->uri_text;
    return WASM_OK;
}

static wasm_status set_status(void *baton, uint32_t status)
{
    struct filter_exchange *x = baton;

    /* A 1xx would make the client wait for another response. */
    if (status < 200 || status > 599) {
        return nonsense(x, "a status that is not from 200 to 599");
    }
    x->status = (int)status;
    return WASM_OK;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static wasm_status client_failed(struct filter_exchange *x, apr_status_t rv)
{
    if (rv == APR_ENOMEM) {
        return WASM_E_NO_MEMORY;
    }
    if (rv == APR_ENOSPC) {
        x->http_status = HTTP_REQUEST_ENTITY_TOO_LARGE;
        LOG_R(APLOG_INFO, 0, x->r,
              "plugin %s: the request body has more than the %" APR_UINT64_T_FMT
              " bytes of WasmServeBody, or LimitRequestBody",
              x->log.label, x->body_limit);
        return WASM_E_HOST_FAILURE;
    }
    if (x->r->connection->aborted || APR_STATUS_IS_ECONNABORTED(rv) ||
        APR_STATUS_IS_ECONNRESET(rv) || APR_STATUS_IS_EOF(rv)) {
        return WASM_E_CLIENT_GONE;
    }
    x->http_status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    LOG_R(APLOG_INFO, rv, x->r, "plugin %s: the request body cannot be read", x->log.label);
    return WASM_E_HOST_FAILURE;
}

static wasm_status read_request(struct filter_exchange *x, void *buffer, size_t size, size_t *got)
{
    size_t left;
    apr_status_t rv;

    if (x->mode == FILTER_ON_RESPONSE) {
        /* What was kept; the rest is in the hands of who has answered. */
        left = x->body->held.length - x->body_at;
        *got = left < size ? left : size;
        if (*got > 0) {
            memcpy(buffer, x->body->held.bytes + x->body_at, *got);
        }
        x->body_at += *got;
        return WASM_OK;
    }
    x->body_read = true;
    rv = filter_body_read(x->body, x->r, x->store, x->body_limit, &x->body_at, buffer, size, got);
    x->bytes_in += *got;
    return rv == APR_SUCCESS ? WASM_OK : client_failed(x, rv);
}

static wasm_status read_response(struct filter_exchange *x, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    while (x->held != NULL && x->held_at != APR_BRIGADE_SENTINEL(x->held)) {
        const char *bytes;
        apr_size_t length = 0;

        if (!APR_BUCKET_IS_METADATA(x->held_at) &&
            apr_bucket_read(x->held_at, &bytes, &length, APR_BLOCK_READ) != APR_SUCCESS) {
            return WASM_E_SYSTEM;
        }
        if (x->held_offset < length) {
            *got = length - x->held_offset < size ? length - x->held_offset : size;
            memcpy(buffer, bytes + x->held_offset, *got);
            x->held_offset += *got;
            x->bytes_in += *got;
            return WASM_OK;
        }
        x->held_at = APR_BUCKET_NEXT(x->held_at);
        x->held_offset = 0;
    }
    return WASM_OK;
}

static wasm_status read_body(void *baton, exchange_body body, void *buffer, size_t size,
                             size_t *got)
{
    *got = 0;
    return body == EXCHANGE_REQUEST_BODY ? read_request(baton, buffer, size, got)
                                         : read_response(baton, buffer, size, got);
}

static wasm_status write_body(void *baton, exchange_body body, const void *bytes, size_t length,
                              bool first)
{
    struct filter_exchange *x = baton;
    bool request = body == EXCHANGE_REQUEST_BODY;
    struct held_bytes *to = request ? &x->new_request : &x->new_response;

    if (request && x->mode == FILTER_AUTHORIZES) {
        return nonsense(x, "another request body, in an authorization");
    }
    *(request ? &x->request_written : &x->response_written) = true;
    if (first) {
        to->length = 0;
    }
    if (length > x->body_limit - to->length) {
        return nonsense(x, "a body of more bytes than WasmServeBody");
    }
    x->bytes_out += length;
    return held_bytes_add(to, bytes, length) ? WASM_OK : WASM_E_NO_MEMORY;
}

/* ---- the log and variables ------------------------------------------------------------------- */

static void log_line(void *baton, exchange_level level, const char *text, size_t length)
{
    guest_log_line(&((struct filter_exchange *)baton)->log, level, text, length);
}

static bool log_enabled(void *baton, exchange_level level)
{
    return guest_log_enabled(&((struct filter_exchange *)baton)->log, level);
}

/* What is granted, and of the rest what is about the request and not about the server. */
static const char *variable_of(struct filter_exchange *x, const char *name)
{
    static const char *const passed[] = {"HTTPS", "UNIQUE_ID"};
    const apr_array_header_t *granted = x->plugin->settings->grants.env;
    const request_rec *r = x->r;
    const char *value = apr_table_get(r->subprocess_env, name);

    if (strcmp(name, "REMOTE_USER") == 0) {
        x->asked_user = true;
        return r->user;
    }
    if (strcmp(name, "AUTH_TYPE") == 0) {
        x->asked_user = true;
        return r->ap_auth_type;
    }
    if (strcmp(name, "REQUEST_SCHEME") == 0) {
        return ap_http_scheme(r);
    }
    if (strcmp(name, "SERVER_NAME") == 0) {
        if (x->server_name == NULL) {
            x->server_name = ap_get_server_name(x->r);
        }
        return x->server_name;
    }
    if (strcmp(name, "SERVER_PORT") == 0) {
        if (x->server_port == NULL) {
            x->server_port = apr_psprintf(r->pool, "%u", ap_get_server_port(r));
        }
        return x->server_port;
    }
    if (strncmp(name, PLUGIN_VARIABLE_PREFIX, sizeof(PLUGIN_VARIABLE_PREFIX) - 1) == 0) {
        const char *own = x->variables ? apr_table_get(x->variables, name) : NULL;

        return own ? own : value;
    }
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        if (strcmp(name, passed[i]) == 0) {
            return value;
        }
    }
    if (strncmp(name, "SSL_", 4) == 0) {
        return value;
    }
    for (int i = 0; granted != NULL && i < granted->nelts; i++) {
        const struct setting_grant_env *grant =
            &APR_ARRAY_IDX(granted, i, struct setting_grant_env);

        if (strcmp(name, grant->name) == 0) {
            return grant->value ? grant->value : value ? value : grant->inherited;
        }
    }
    return NULL;
}

static bool get_variable(void *baton, exchange_text name, exchange_text *value)
{
    struct filter_exchange *x = baton;
    char copy[128];
    const char *found;

    if (name.length >= sizeof(copy) || memchr(name.bytes, '\0', name.length) != NULL) {
        return false;
    }
    memcpy(copy, name.bytes, name.length);
    copy[name.length] = '\0';
    found = variable_of(x, copy);
    *value = text_of(found);
    return found != NULL;
}

static wasm_status set_variable(void *baton, exchange_text name, exchange_text value)
{
    struct filter_exchange *x = baton;
    bool good = name.length >= 1 && name.length <= 64;

    for (size_t i = 0; good && i < name.length; i++) {
        good = apr_isupper(name.bytes[i]) || apr_isdigit(name.bytes[i]) || name.bytes[i] == '_';
    }
    if (!good) {
        return nonsense(x, "a variable whose name is not of 1 to 64 capitals, digits and _");
    }
    if (value.length > VARIABLE_BYTES ||
        header_value_complaint(value.bytes, value.length) != NULL) {
        return nonsense(x, "a variable with control characters or more than 1024 bytes");
    }
    if (x->variables_left == 0) {
        return nonsense(x, "more than 32 variables");
    }
    x->variables_left--;
    if (x->variables == NULL) {
        x->variables = apr_table_make(x->r->pool, 4);
    }
    apr_table_setn(x->variables,
                   apr_pstrcat(x->r->pool, PLUGIN_VARIABLE_PREFIX,
                               apr_pstrmemdup(x->r->pool, name.bytes, name.length), NULL),
                   apr_pstrmemdup(x->r->pool, value.bytes, value.length));
    return WASM_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct filter_exchange *filter_exchange_new(request_rec *r, const struct plugin *plugin,
                                            enum filter_mode mode, uint64_t body_limit,
                                            struct filter_body *body)
{
    struct filter_exchange *x = apr_pcalloc(r->pool, sizeof(*x));

    x->world =
        (exchange){.baton = x, .log = log_line, .clock = guest_clock, .random = guest_random};
    plugin_kv_give(plugin, &x->world);
    x->http = (exchange_http){.baton = x,
                              .enable = enable,
                              .method = get_method,
                              .uri = get_uri,
                              .protocol = get_protocol,
                              .source = get_source,
                              .status = get_status,
                              .set_method = set_method,
                              .set_uri = set_uri,
                              .set_status = set_status,
                              .field = filter_fields_line,
                              .change_field = filter_fields_change,
                              .read = read_body,
                              .write = write_body,
                              .log_enabled = log_enabled,
                              .variable = get_variable,
                              .set_variable = set_variable};
    x->r = r;
    x->plugin = plugin;
    x->mode = mode;
    x->log = guest_log_for(r, plugin_use(r, plugin)->voice);
    x->body_limit = body_limit;
    x->body = body;
    x->fields = apr_table_make(r->pool, 4);
    x->err_fields = apr_table_make(r->pool, 1);
    x->new_request.pool = x->new_response.pool = r->pool;
    x->fields_left = FIELDS_BYTES;
    x->variables_left = VARIABLES_MAX;
    x->lines_kind = -1;
    return x;
}

void filter_exchange_set_store(void *baton, wasm_store *store)
{
    ((struct filter_exchange *)baton)->store = store;
}

void filter_exchange_commit_variables(const struct filter_exchange *x, request_rec *r)
{
    const apr_array_header_t *entries = x->variables ? apr_table_elts(x->variables) : NULL;

    for (int i = 0; entries != NULL && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        apr_table_setn(r->subprocess_env, entry->key, entry->val);
        apr_table_setn(r->notes, entry->key, entry->val);
    }
}

int filter_exchange_commit_request(struct filter_exchange *x)
{
    request_rec *r = x->r;
    apr_status_t rv = APR_SUCCESS;

    if (x->request_fields != NULL) {
        r->headers_in = x->request_fields;
    }
    if (x->request_trailers != NULL) {
        r->trailers_in = x->request_trailers;
    }
    if (x->request_written) {
        rv = filter_body_replace(x->body, r, x->body_limit, &x->new_request);
    } else if (x->body_read && (x->enabled & EXCHANGE_KEEPS_REQUEST) == 0 &&
               x->mode == FILTER_ON_REQUEST && x->body->held.length > 0) {
        /* It is used up, as the interface has it. */
        rv = filter_body_replace(x->body, r, x->body_limit, NULL);
    }
    if (rv != APR_SUCCESS) {
        wasm_status status = client_failed(x, rv);

        return status == WASM_E_HOST_FAILURE ? x->http_status : HTTP_BAD_REQUEST;
    }
    if (x->uri != NULL) {
        r->unparsed_uri = (char *)x->uri; /* for the next guest; the rest is plugin_filter.c's */
    }
    if (x->method != NULL) {
        r->method = x->method;
        r->method_number = ap_method_number_of(x->method);
        r->header_only = strcmp(x->method, "HEAD") == 0;
    }
    filter_exchange_commit_variables(x, r);
    return OK;
}

void filter_exchange_response(struct filter_exchange *x, request_rec *r, apr_bucket_brigade *held)
{
    x->r = x->log.r = r;
    x->mode = FILTER_ON_RESPONSE;
    x->lines_kind = -1;
    x->status = 0;
    x->fields = r->headers_out;
    x->err_fields = r->err_headers_out;
    x->content_type = r->content_type;
    x->content_encoding = r->content_encoding;
    x->response_changed = x->has_etag = x->has_modified = false;
    x->response_trailers = NULL;
    x->body_at = 0;
    x->response_written = false;
    x->new_response = (struct held_bytes){.pool = r->pool};
    x->held = held;
    x->held_at = held ? APR_BRIGADE_FIRST(held) : NULL;
    x->held_offset = 0;
    x->fields_left = FIELDS_BYTES;
}

/* Fields of which a response may have several that do not contradict each other. */
static bool adds_up(const char *name)
{
    return strcasecmp(name, "Set-Cookie") == 0 || strcasecmp(name, "Vary") == 0 ||
           strcasecmp(name, "Link") == 0;
}

void filter_exchange_seed(const struct filter_exchange *x, request_rec *r)
{
    const apr_array_header_t *entries = apr_table_elts(x->fields);
    apr_table_t *before_out = r->headers_out, *before_err = r->err_headers_out;

    if (x->content_type != NULL && r->content_type == NULL &&
        apr_table_get(r->headers_out, "Content-Type") == NULL) {
        ap_set_content_type(r, x->content_type);
    }
    if (entries->nelts == 0) {
        return;
    }
    r->headers_out = apr_table_copy(r->pool, r->headers_out);
    for (int i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        bool said =
            apr_table_get(before_out, entry->key) != NULL ||
            apr_table_get(before_err, entry->key) != NULL ||
            (r->content_encoding != NULL && strcasecmp(entry->key, "Content-Encoding") == 0);

        if (!said || adds_up(entry->key)) {
            apr_table_addn(r->headers_out, entry->key, entry->val);
        }
    }
}

/* httpd would send 500 for a status that it has no words for. */
static void put_status(request_rec *r, int status)
{
    r->status = status;
    r->status_line = ap_get_status_line(status);
    if (strtol(r->status_line, NULL, 10) != status) {
        r->status_line = apr_psprintf(r->pool, "%d Status", status);
    }
}

apr_bucket_brigade *filter_exchange_answer(const struct filter_exchange *x, request_rec *r)
{
    const apr_array_header_t *entries = apr_table_elts(x->fields);
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);
    apr_bucket *body = held_bytes_bucket(&x->new_response, alloc);

    put_status(r, x->status != 0 ? x->status : HTTP_OK);
    for (int i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        apr_table_addn(r->headers_out, entry->key, entry->val);
    }
    /* What is known of the file that the URL leads to is not about this. */
    ap_set_content_type(r, x->content_type);
    r->content_encoding = NULL;
    r->content_languages = NULL;
    if (x->response_trailers != NULL) {
        r->trailers_out = x->response_trailers;
    }
    if (!AP_STATUS_IS_HEADER_ONLY(r->status)) {
        ap_set_content_length(r, (apr_off_t)x->new_response.length);
        if (body != NULL) {
            APR_BRIGADE_INSERT_TAIL(bb, body);
        }
    } else if (body != NULL) {
        apr_bucket_destroy(body);
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return bb;
}

static void forget(request_rec *r, bool keep_etag, bool keep_modified)
{
    static const char *const names[] = {"Content-Length", "Content-MD5", "Content-Range",
                                        "Accept-Ranges",  "Digest",      "Content-Digest",
                                        "Repr-Digest",    "ETag",        "Last-Modified"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((keep_etag && strcmp(names[i], "ETag") == 0) ||
            (keep_modified && strcmp(names[i], "Last-Modified") == 0)) {
            continue;
        }
        apr_table_unset(r->headers_out, names[i]);
        apr_table_unset(r->err_headers_out, names[i]);
    }
    r->clength = 0;
}

void filter_exchange_forget_body(request_rec *r)
{
    forget(r, false, false);
}

bool filter_exchange_commit_response(struct filter_exchange *x, apr_bucket_brigade **body)
{
    request_rec *r = x->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket *bytes;

    if (x->response_changed) {
        r->headers_out = x->fields;
        r->err_headers_out = x->err_fields;
        r->content_encoding = x->content_encoding;
        ap_set_content_type(r, x->content_type);
    }
    if (x->status != 0 && x->status != r->status) {
        put_status(r, x->status);
    }
    if (x->response_trailers != NULL) {
        r->trailers_out = x->response_trailers;
    }
    filter_exchange_commit_variables(x, r);
    if (!x->response_written) {
        return false;
    }
    forget(r, x->has_etag, x->has_modified);
    *body = apr_brigade_create(r->pool, alloc);
    if ((bytes = held_bytes_bucket(&x->new_response, alloc)) != NULL) {
        APR_BRIGADE_INSERT_TAIL(*body, bytes);
    }
    return true;
}
