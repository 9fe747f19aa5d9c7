/* SPDX-License-Identifier: Apache-2.0
 * tck.c — the guest of the conformance run: one case for each test of the public http-wasm kit.
 *
 * Written against the text of the interface; the names of the tests, of the header that chooses one
 * and of those that tell the result are the kit's, so that its own runner could talk to this guest.
 * test_filter_tck.py is the client's side. What a test expects of the host is checked here where
 * the host is asked, and by the client where the host is told to do something.
 */
#include "http_wasm.h"

#include <stdio.h>

static void failed(const char *what, const char *wanted, const char *found)
{
    char text[512];

    snprintf(text, sizeof text, "%s: expected %s, found %s", what, wanted, found);
    http_set_status(500);
    http_set(HTTP_RESPONSE, "x-httpwasm-tck-failed", text);
}

static void expect(const char *what, const char *wanted, const char *found)
{
    if (strcmp(wanted, found) != 0)
        failed(what, wanted, found);
}

/* The rest of the test's name behind a prefix; NULL if it does not begin so. */
static const char *behind(const char *id, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(id, prefix, length) == 0 ? id + length : NULL;
}

static const char *uri_of(const char *test)
{
    static const char *const uris[][2] = {{"simple", "/simple"},
                                          {"simple/escaping", "/simple%26clean"},
                                          {"query", "/animal?name=panda"},
                                          {"query/escaping", "/disney?name=chip%26dale"}};

    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        if (strcmp(uris[i][0], test) == 0)
            return uris[i][1];
    }
    return "";
}

static void test_values(const char *test)
{
    const char *name = strcmp(test, "mixedcase-key") == 0     ? "Single-Header"
                       : strcmp(test, "lowercase-key") == 0   ? "single-header"
                       : strcmp(test, "multiple-values") == 0 ? "multi-header"
                                                              : "not-header";
    uint32_t wanted = strcmp(test, "not-exists") == 0 ? 0 : 1 + (name[0] == 'm');
    char number[16], found[16];
    uint32_t count;
    char *values = http_values(HTTP_REQUEST, name, &count);

    if (count != wanted) {
        snprintf(number, sizeof number, "%u values", wanted);
        snprintf(found, sizeof found, "%u", count);
        failed("get_header_values", number, found);
    } else if (wanted == 1) {
        expect("get_header_values", "value", values);
    } else if (wanted == 2) {
        expect("get_header_values", "value1", values);
        expect("get_header_values", "value2", values + strlen(values) + 1);
    }
}

static void test_names(void)
{
    uint64_t size = http_get_header_names(HTTP_REQUEST, NULL, 0);
    char *names = calloc(1, (uint32_t)size + 1);
    bool a = false, b = false;

    http_get_header_names(HTTP_REQUEST, names, (uint32_t)size);
    for (uint32_t i = 0; i < (uint32_t)(size >> 32); i++) {
        a = a || strcmp(names, "a-header") == 0;
        b = b || strcmp(names, "b-header") == 0;
        names += strlen(names) + 1;
    }
    expect("get_header_names", "a-header and b-header", a && b ? "a-header and b-header" : "not");
}

static void test_body(const char *test)
{
    static const struct {
        const char *test;
        size_t size;
    } sizes[] = {{"empty", 0}, {"small", 5}, {"medium", 2048}, {"large", 4096}, {"xlarge", 5000}};
    size_t length, wanted = SIZE_MAX;
    char *body = http_body(HTTP_REQUEST, &length);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (strcmp(sizes[i].test, test) == 0)
            wanted = sizes[i].size;
    }
    for (size_t i = 0; i < length && wanted == length; i++) {
        if (body[i] != 'a')
            wanted = SIZE_MAX;
    }
    expect("read_body", "the body", wanted == length ? "the body" : "another one");
}

static void test_source(void)
{
    const char *port = behind(http_text(http_get_source), "127.0.0.1:");
    size_t digits = port ? strspn(port, "0123456789") : 0;

    expect("get_source_addr", "address and port",
           digits >= 1 && digits <= 5 && port[digits] == '\0' ? "address and port" : "not");
}

/* Whether the request goes on: those tests do whose result the backend shows. */
static bool test(const char *id)
{
    const char *rest;

    if (strcmp(id, "get_protocol_version") == 0) {
        http_write(HTTP_RESPONSE, http_text(http_get_protocol));
    } else if ((rest = behind(id, "get_method/")) != NULL) {
        expect("get_method", rest, http_text(http_get_method));
    } else if (strcmp(id, "set_method") == 0) {
        http_set_method("POST");
        return true;
    } else if ((rest = behind(id, "get_uri/")) != NULL) {
        expect("get_uri", uri_of(rest), http_text(http_get_uri));
    } else if ((rest = behind(id, "set_uri/")) != NULL) {
        http_set_uri(uri_of(rest));
        return true;
    } else if ((rest = behind(id, "get_header_values/request/")) != NULL) {
        test_values(rest);
    } else if (strcmp(id, "get_header_names/request") == 0) {
        test_names();
    } else if ((rest = behind(id, "set_header_value/request/")) != NULL) {
        http_set(HTTP_REQUEST, rest[0] == 'n' ? "new-header" : "existing-header", "value");
        return true;
    } else if ((rest = behind(id, "add_header_value/request/")) != NULL) {
        http_add(HTTP_REQUEST, rest[0] == 'n' ? "new-header" : "existing-header", "value");
        return true;
    } else if ((rest = behind(id, "remove_header/request/")) != NULL) {
        http_remove(HTTP_REQUEST, rest[0] == 'n' ? "new-header" : "existing-header");
        return true;
    } else if ((rest = behind(id, "read_body/request/")) != NULL) {
        test_body(rest);
    } else if (strcmp(id, "get_source_addr") == 0) {
        test_source();
    } else {
        failed("x-httpwasm-tck-testid", "a test", id);
    }
    return false;
}

/* With "next" in the configuration every request goes on, as in earlier versions of the kit: what
 * the guest sets must then survive the answer of who is next. */
static bool always_next;

__attribute__((constructor)) static void start(void)
{
    http_enable_features(HTTP_BUFFER_REQUEST | HTTP_BUFFER_RESPONSE | HTTP_TRAILERS);
    always_next = strcmp(http_text(http_get_config), "next") == 0;
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    char *id = http_get(HTTP_REQUEST, "x-httpwasm-tck-testid");
    bool next = test(id ? id : "(none)");

    http_set(HTTP_RESPONSE, "x-httpwasm-tck-handled", "1");
    return next || always_next ? HTTP_NEXT : HTTP_ANSWERED;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
