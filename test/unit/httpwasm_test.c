/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_test.c — the http-wasm ABI: the table, each function, the phases, the life of a guest.
 * layers: httpwasm wasi
 *
 * The test plays the guest and the server (fake_guest.h, fake_http.h); the life is tested with
 * modules of a few instructions.
 */
#include "unit.h"
#include "fake_http.h"
#include "module_text.h"

enum {
    BUF = 16384,
    KEEPS = EXCHANGE_KEEPS_REQUEST,
    HOLDS = EXCHANGE_HOLDS_RESPONSE,
    TRAILERS = EXCHANGE_HAS_TRAILERS,
    ALL = KEEPS | HOLDS | TRAILERS
};

static uint64_t pair(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

/* Puts a string at `at` and returns its length. */
static uint32_t put(const fake_http *h, uint32_t at, const char *text)
{
    guest_put(&h->guest, at, text, strlen(text));
    return (uint32_t)strlen(text);
}

/* The guest's bytes at BUF are the NUL-terminated strings, written with '|' for NUL. */
static bool holds(const fake_http *h, const char *expected)
{
    const char *bytes = (const char *)guest_bytes(&h->guest, BUF, (uint32_t)strlen(expected));

    for (size_t i = 0; expected[i] != '\0'; i++) {
        if (bytes[i] != (expected[i] == '|' ? '\0' : expected[i]))
            return false;
    }
    return true;
}

/* ---- the table ---------------------------------------------------------------------------- */

TEST(every_function_of_the_interface)
{
    size_t count, of_http = 0;
    const wasm_host_function *rows = httpwasm_functions(&count);

    for (size_t i = 0; i < count; i++) {
        CASE("%s %s", rows[i].module, rows[i].name);
        of_http += strcmp(rows[i].module, "http_handler") == 0;
        CHECK(rows[i].call != NULL);
        CHECK(strspn(rows[i].signature, "iI:") == strlen(rows[i].signature));
        if (i > 0 && strcmp(rows[i - 1].module, rows[i].module) == 0)
            CHECK(strcmp(rows[i - 1].name, rows[i].name) < 0);
    }
    CHECK_EQ_UINT(of_http, 19);
}

TEST(hostile_arguments)
{
    static const uint64_t words[] = {
        0, 1, 2, 3, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, BUF, GUEST_MEMORY - 1};
    enum { WORDS = sizeof words / sizeof words[0] };
    size_t count;
    const wasm_host_function *rows = httpwasm_functions(&count);
    fake_http h;

    REQUIRE(http_open(&h, ALL, ALL, "config"));
    h.guest.grants.bits = GRANT_LOG;
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "Name", "value");
    for (size_t i = 0; i < count; i++) {
        size_t parameters = strcspn(rows[i].signature, ":");

        for (uint32_t round = 0; round < 400; round++) {
            uint64_t arguments[8];

            for (size_t k = 0; k < parameters; k++)
                arguments[k] = words[(round * (k * 2 + 1) + round / WORDS + k) % WORDS];
            h.state->phase = round % 2 == 0 ? HTTPWASM_REQUEST : HTTPWASM_RESPONSE;
            http_call_row(&h, rows[i].name, parameters, arguments);
            CASE("%s round %u: %s", rows[i].name, round, wasm_status_name(h.guest.status));
            CHECK(h.guest.status == WASM_OK || h.guest.status == WASM_E_HOST_POINTER ||
                  h.guest.status == WASM_E_HOST_CALL || h.guest.status == WASM_E_HOST_FAILURE);
        }
    }
    http_close(&h);
}

/* Nothing but what an instance may do without a request works while there is none. */
TEST(outside_a_request)
{
    size_t count;
    const wasm_host_function *rows = httpwasm_functions(&count);
    static const char *const fine[] = {"enable_features", "get_config", "log", "log_enabled"};
    fake_http h;

    REQUIRE(http_open(&h, ALL, 0, "c"));
    h.state->phase = HTTPWASM_OUTSIDE;
    h.state->http = NULL;
    for (size_t i = 0; i < count; i++) {
        const uint64_t none[8] = {0};
        bool expected = false;

        for (size_t k = 0; k < sizeof fine / sizeof fine[0]; k++)
            expected = expected || strcmp(fine[k], rows[i].name) == 0;
        http_call_row(&h, rows[i].name, strcspn(rows[i].signature, ":"), none);
        CASE("%s", rows[i].name);
        CHECK_EQ_STR(wasm_status_name(h.guest.status),
                     wasm_status_name(expected ? WASM_OK : WASM_E_HOST_CALL));
    }
    http_close(&h);
}

/* ---- texts and the buf_limit rule --------------------------------------------------------- */

TEST(texts)
{
    static const struct {
        const char *function, *text;
    } rows[] = {{"get_config", "the configuration"},
                {"get_method", "GET"},
                {"get_uri", "/a%26b?c=d"},
                {"get_protocol_version", "HTTP/1.1"},
                {"get_source_addr", "192.0.2.1:49152"}};
    fake_http h;

    REQUIRE(http_open(&h, 0, 0, "the configuration"));
    fake_assign(&h.uri, text_of("/a%26b?c=d"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t length = (uint32_t)strlen(rows[i].text);

        CASE("%s", rows[i].function);
        memset(guest_bytes(&h.guest, BUF, 64), '#', 64);
        CHECK_EQ_UINT(http_call(&h, rows[i].function, BUF, length - 1), length);
        CHECK(holds(&h, "##")); /* too small: nothing is written */
        CHECK_EQ_UINT(http_call(&h, rows[i].function, UINT32_MAX, 0), length);
        CHECK_EQ_UINT(http_call(&h, rows[i].function, BUF, length), length);
        CHECK(holds(&h, rows[i].text) && *guest_bytes(&h.guest, BUF + length, 1) == '#');
        http_call(&h, rows[i].function, GUEST_MEMORY - 1, 100);
        CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
        http_call(&h, rows[i].function, GUEST_MEMORY - length, length);
        CHECK_EQ_INT(h.guest.status, WASM_OK);
    }
    http_close(&h);
}

TEST(an_empty_uri_is_a_slash)
{
    fake_http h;

    REQUIRE(http_open(&h, 0, 0, ""));
    h.uri.length = 0;
    CHECK_EQ_UINT(http_call(&h, "get_uri", BUF, 10), 1);
    CHECK(holds(&h, "/"));
    fake_assign(&h.uri, text_of("/x"));
    http_call(&h, "set_uri", BUF, 0);
    CHECK(h.uri.length == 1 && h.uri.bytes[0] == '/');
    CHECK_EQ_UINT(http_call(&h, "get_config", BUF, 10), 0);
    http_close(&h);
}

TEST(method_uri_and_status_change)
{
    fake_http h;

    REQUIRE(http_open(&h, ALL, 0, ""));
    http_call(&h, "set_method", BUF, put(&h, BUF, "POST"));
    CHECK(h.method.length == 4 && memcmp(h.method.bytes, "POST", 4) == 0);
    http_call(&h, "set_method", BUF, 0);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_call(&h, "set_uri", BUF, put(&h, BUF, "/new?q"));
    CHECK(h.uri.length == 6 && memcmp(h.uri.bytes, "/new?q", 6) == 0);
    CHECK_EQ_UINT(http_call_row(&h, "get_status_code", 0, NULL), 200);
    http_call(&h, "set_status_code", 404);
    CHECK_EQ_UINT(http_call_row(&h, "get_status_code", 0, NULL), 404);
    http_call(&h, "set_status_code", 99);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_FAILURE);
    http_close(&h);
}

/* ---- header fields ------------------------------------------------------------------------ */

TEST(names_are_lower_case_sorted_and_unique)
{
    static const char expected[] = "a|b-header|host|";
    fake_http h;

    REQUIRE(http_open(&h, 0, 0, ""));
    CHECK_EQ_UINT(http_call(&h, "get_header_names", 0, BUF, 100), 0);
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "Host", "x");
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "b-HEADER", "1");
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "A", "2");
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "B-Header", "3");
    memset(guest_bytes(&h.guest, BUF, 64), '#', 64);
    CHECK_EQ_UINT(http_call(&h, "get_header_names", 0, BUF, 15), pair(3, 16));
    CHECK(holds(&h, "#"));
    CHECK_EQ_UINT(http_call(&h, "get_header_names", 0, BUF, 16), pair(3, 16));
    CHECK(holds(&h, expected) && *guest_bytes(&h.guest, BUF + 16, 1) == '#');
    http_call(&h, "get_header_names", 0, GUEST_MEMORY - 15, 16);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    http_call(&h, "get_header_names", 4, BUF, 17);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_close(&h);
}

TEST(values)
{
    fake_http h;
    uint32_t length;

    REQUIRE(http_open(&h, 0, 0, ""));
    http_field(&h, EXCHANGE_RESPONSE_FIELDS, "Set-Cookie", "a=b");
    http_field(&h, EXCHANGE_RESPONSE_FIELDS, "Etag", "x");
    http_field(&h, EXCHANGE_RESPONSE_FIELDS, "set-cookie", "");
    http_field(&h, EXCHANGE_RESPONSE_FIELDS, "SET-COOKIE", "c=d");
    length = put(&h, 1024, "set-COOKIE");
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 1, 1024, length, BUF, 8), pair(3, 9));
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 1, 1024, length, BUF, 9), pair(3, 9));
    CHECK(holds(&h, "a=b||c=d|"));
    /* of another message; not there; a part of a name; the buffer over the name */
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 0, 1024, length, BUF, 9), 0);
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 1, 1024, length - 1, BUF, 9), 0);
    put(&h, BUF, "set-cookie");
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 1, BUF, 10, BUF, 9), pair(3, 9));
    CHECK(holds(&h, "a=b||c=d|"));
    http_call(&h, "get_header_values", 1, 1024, 0, BUF, 9);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 1, 1024, 60000, BUF, 9), 0);
    http_call(&h, "get_header_values", 1, 1024, length, GUEST_MEMORY - 8, 9);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    http_close(&h);
}

TEST(changes)
{
    fake_http h;
    uint32_t name, value;

    REQUIRE(http_open(&h, 0, 0, ""));
    http_field(&h, EXCHANGE_REQUEST_FIELDS, "X", "1");
    name = put(&h, 1024, "x");
    value = put(&h, 2048, "new");
    http_call(&h, "add_header_value", 0, 1024, name, 2048, value);
    CHECK_EQ_UINT(h.count[0], 2);
    http_call(&h, "set_header_value", 0, 1024, name, 2048, value);
    CHECK_EQ_UINT(h.count[0], 1);
    CHECK(memcmp(h.fields[0][0].value.bytes, "new", 3) == 0);
    http_call(&h, "remove_header", 0, 1024, name);
    CHECK_EQ_UINT(h.count[0], 0);
    http_call(&h, "add_header_value", 1, 1024, name, UINT32_MAX, 0);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    http_call(&h, "set_header_value", 1, 1024, name, GUEST_MEMORY, 0);
    CHECK(h.guest.status == WASM_OK && h.count[1] == 1); /* no bytes at the very end are fine */
    http_close(&h);
}

/* ---- phases ------------------------------------------------------------------------------- */

/* The table of the interface: what is refused in handle_response without a feature, and with it. */
TEST(what_may_be_changed_in_handle_response)
{
    static const struct {
        const char *function;
        uint64_t arguments[5];
        uint32_t needs; /* a feature; 0: never allowed */
    } rows[] = {
        {"set_method", {BUF, 4}, 0},
        {"set_uri", {BUF, 4}, 0},
        {"set_header_value", {0, BUF, 4, BUF, 4}, 0},
        {"add_header_value", {0, BUF, 4, BUF, 4}, 0},
        {"remove_header", {0, BUF, 4}, 0},
        {"set_header_value", {2, BUF, 4, BUF, 4}, 0},
        {"write_body", {0, BUF, 4}, 0},
        {"read_body", {0, BUF, 4}, KEEPS},
        {"set_header_value", {1, BUF, 4, BUF, 4}, HOLDS},
        {"add_header_value", {1, BUF, 4, BUF, 4}, HOLDS},
        {"remove_header", {1, BUF, 4}, HOLDS},
        {"set_status_code", {404}, HOLDS},
        {"read_body", {1, BUF, 4}, HOLDS},
        {"write_body", {1, BUF, 4}, HOLDS},
        {"set_header_value", {3, BUF, 4, BUF, 4}, HOLDS | TRAILERS},
        {"get_header_values", {1, BUF, 4, BUF, 4}, ALL + 1}, /* with or without */
        {"get_header_names", {0, BUF, 0}, ALL + 1},
    };
    fake_http h;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint32_t enabled = 0; enabled <= ALL; enabled++) {
            bool fine = rows[i].needs == ALL + 1 ||
                        (rows[i].needs != 0 && (enabled & rows[i].needs) == rows[i].needs);
            size_t count;
            const wasm_host_function *row = httpwasm_functions(&count);

            while (strcmp(row->name, rows[i].function) != 0)
                row++;
            REQUIRE(http_open(&h, ALL, enabled, ""));
            put(&h, BUF, "text");
            h.state->phase = HTTPWASM_RESPONSE;
            http_call_row(&h, rows[i].function, strcspn(row->signature, ":"), rows[i].arguments);
            CASE("%s(%u) with features %u", rows[i].function, (unsigned)rows[i].arguments[0],
                 (unsigned)enabled);
            CHECK_EQ_STR(wasm_status_name(h.guest.status),
                         wasm_status_name(fine ? WASM_OK : WASM_E_HOST_CALL));
            CHECK(fine || h.state->complaint != NULL);
            http_close(&h);
        }
    }
}

TEST(trailers_of_an_exchange_that_has_none)
{
    fake_http h;

    REQUIRE(http_open(&h, KEEPS | HOLDS, ALL, ""));
    http_field(&h, EXCHANGE_REQUEST_TRAILERS, "T", "1");
    put(&h, 1024, "t");
    CHECK_EQ_UINT(http_call(&h, "enable_features", ALL), KEEPS | HOLDS);
    CHECK_EQ_UINT(http_call(&h, "get_header_names", 2, BUF, 10), 0);
    CHECK_EQ_UINT(http_call(&h, "get_header_values", 2, 1024, 1, BUF, 10), 0);
    http_call(&h, "set_header_value", 3, 1024, 1, 1024, 1);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_call(&h, "add_header_value", 2, 1024, 1, 1024, 1);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_close(&h);
    REQUIRE(http_open(&h, ALL, TRAILERS, ""));
    http_field(&h, EXCHANGE_REQUEST_TRAILERS, "T", "1");
    CHECK_EQ_UINT(http_call(&h, "get_header_names", 2, BUF, 10), pair(1, 2));
    put(&h, 1024, "t");
    http_call(&h, "set_header_value", 3, 1024, 1, 1024, 1);
    CHECK_EQ_INT(h.guest.status, WASM_OK);
    http_close(&h);
}

TEST(features)
{
    fake_http h;

    REQUIRE(http_open(&h, KEEPS | HOLDS, 0, ""));
    h.state->phase = HTTPWASM_OUTSIDE;
    CHECK_EQ_UINT(http_call(&h, "enable_features", KEEPS | 0xFFFFFFF0), KEEPS);
    CHECK_EQ_UINT(h.state->features, KEEPS);
    h.state->phase = HTTPWASM_REQUEST;
    h.state->enabled = fake_enable(&h, h.state->features);
    CHECK_EQ_UINT(http_call(&h, "enable_features", HOLDS | TRAILERS), KEEPS | HOLDS);
    CHECK_EQ_UINT(http_call(&h, "enable_features", 0), KEEPS | HOLDS);
    CHECK_EQ_UINT(h.state->features, KEEPS); /* the instance's own are not touched */
    CHECK_EQ_UINT(h.on, KEEPS | HOLDS);
    h.state->phase = HTTPWASM_RESPONSE;
    h.state->enabled = KEEPS;
    CHECK_EQ_UINT(http_call(&h, "enable_features", HOLDS), KEEPS);
    http_close(&h);
}

/* ---- bodies ------------------------------------------------------------------------------- */

TEST(reading_fills_the_buffer_or_ends)
{
    fake_http h;

    REQUIRE(http_open(&h, 0, 0, ""));
    http_body(&h, EXCHANGE_REQUEST_BODY, "0123456789");
    h.body[0].piece = 3;
    CHECK_EQ_UINT(http_call(&h, "read_body", 0, BUF, 8), pair(0, 8));
    CHECK(holds(&h, "01234567"));
    CHECK_EQ_UINT(http_call(&h, "read_body", 0, BUF, 8), pair(1, 2));
    CHECK(holds(&h, "89"));
    CHECK_EQ_UINT(http_call(&h, "read_body", 0, BUF, 8), pair(1, 0));
    http_call(&h, "read_body", 0, BUF, 0);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_call(&h, "read_body", 2, BUF, 1);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_call(&h, "read_body", 0, GUEST_MEMORY - 7, 8);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    h.guest.fail = WASM_E_CLIENT_GONE;
    http_call(&h, "read_body", 0, BUF, 8);
    CHECK_EQ_INT(h.guest.status, WASM_E_CLIENT_GONE);
    http_close(&h);
}

TEST(an_interruption_ends_a_long_read)
{
    fake_http h;

    REQUIRE(http_open(&h, 0, 0, ""));
    http_body(&h, EXCHANGE_REQUEST_BODY, "0123456789");
    wasm_store_interrupt(h.guest.store, WASM_E_DEADLINE);
    CHECK_EQ_UINT(http_call(&h, "read_body", 0, BUF, 8), 0);
    http_close(&h);
}

TEST(the_first_write_replaces_and_the_next_appends)
{
    fake_http h;

    REQUIRE(http_open(&h, ALL, ALL, ""));
    http_body(&h, EXCHANGE_REQUEST_BODY, "old");
    put(&h, BUF, "abcdef");
    http_call(&h, "write_body", 0, BUF, 0); /* replaces it by nothing */
    CHECK(h.body[0].begun == 1 && h.body[0].length == 0);
    http_call(&h, "write_body", 0, BUF, 3);
    http_call(&h, "write_body", 0, BUF + 3, 3);
    http_call(&h, "write_body", 1, BUF, 6);
    CHECK(h.body[0].begun == 1 && h.body[0].length == 6 &&
          memcmp(h.body[0].bytes, "abcdef", 6) == 0);
    CHECK(h.body[1].begun == 1 && h.body[1].length == 6);
    http_call(&h, "write_body", 1, GUEST_MEMORY - 5, 6);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    CHECK_EQ_UINT(h.body[1].length, 6);
    http_call(&h, "write_body", 7, BUF, 6);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_CALL);
    http_close(&h);
}

/* ---- the log and variables ---------------------------------------------------------------- */

TEST(the_log_and_its_grant)
{
    fake_http h;
    uint32_t length;

    REQUIRE(http_open(&h, 0, 0, ""));
    length = put(&h, BUF, "hello");
    CHECK_EQ_UINT(http_call(&h, "log_enabled", 2), 0);
    http_call(&h, "log", 2, BUF, length);
    http_call(&h, "log", 2, UINT32_MAX, length); /* not looked at */
    CHECK_EQ_INT(h.guest.status, WASM_OK);
    CHECK(strstr(h.guest.log, "I:the guest wrote to the log without the grant") != NULL);
    CHECK(strstr(h.guest.log, "hello") == NULL);
    CHECK_EQ_UINT(httpwasm_missed_grants(h.state), GRANT_LOG);
    h.guest.grants.bits = GRANT_LOG;
    h.guest.log_length = 0;
    for (uint32_t level = 0; level < 5; level++)
        http_call(&h, "log", level - 1, BUF, length); /* debug, info, warn, error, none */
    http_call(&h, "log", 77, BUF, length);
    CHECK_EQ_STR(h.guest.log, "D:hello\nI:hello\nW:hello\nE:hello\n");
    CHECK_EQ_UINT(http_call(&h, "log_enabled", UINT32_MAX), 1);
    CHECK_EQ_UINT(http_call(&h, "log_enabled", 3), 0);
    h.quiet = true;
    CHECK_EQ_UINT(http_call(&h, "log_enabled", 0), 0);
    CHECK_EQ_UINT(http_call(&h, "log_enabled", 2), 1);
    http_call(&h, "log", 0, UINT32_MAX, length);
    CHECK_EQ_INT(h.guest.status, WASM_OK);
    http_call(&h, "log", 2, UINT32_MAX, length);
    CHECK_EQ_INT(h.guest.status, WASM_E_HOST_POINTER);
    http_close(&h);
}

TEST(variables)
{
    fake_http h;
    uint32_t name, value;

    REQUIRE(http_open(&h, 0, 0, ""));
    name = put(&h, 1024, "TENANT");
    value = put(&h, 2048, "acme");
    CHECK_EQ_UINT(http_call(&h, "get_variable", 1024, name, BUF, 10), 0);
    http_call(&h, "set_variable", 1024, name, 2048, value);
    CHECK_EQ_UINT(http_call(&h, "get_variable", 1024, name, BUF, 3), pair(1, 4));
    CHECK_EQ_UINT(http_call(&h, "get_variable", 1024, name, BUF, 4), pair(1, 4));
    CHECK(holds(&h, "acme"));
    http_call(&h, "set_variable", 1024, name, 2048, 0);
    CHECK_EQ_INT(h.guest.status, WASM_OK);
    http_close(&h);
}

/* ---- exports ------------------------------------------------------------------------------ */

/* Types 0: () -> (), 1: () -> i64, 2: (i32, i32) -> (), 3: (i32) -> (); functions of each type. */
#define TYPES   "01(04 60 00 00 60 00 01 7e 60 02 7f 7f 00 60 01 7f 00)"
#define BODIES  "03(04 00 01 02 03)"
#define MEMORY  "05(01 00 01)"
#define CODE    "0a(04 (00 0b) (00 42 00 0b) (00 0b) (00 0b))"
#define EXPORTS "('memory') 02 00 ('handle_request') 00 01 ('handle_response') 00 02"

TEST(what_a_guest_must_export)
{
    static const struct {
        const char *exports, *why;
    } rows[] = {
        {"07(03 " EXPORTS ")", NULL},
        {"07(04 " EXPORTS " ('_start') 00 00)", NULL},
        {"07(04 " EXPORTS " ('_start') 00 03)", "_start takes parameters"},
        {"07(04 " EXPORTS " ('_initialize') 00 01)", "_initialize takes parameters"},
        {"07(02 ('memory') 02 00 ('handle_request') 00 01)", "no function handle_response"},
        {"07(02 ('memory') 02 00 ('handle_response') 00 02)", "no function handle_request"},
        {"07(03 ('memory') 02 00 ('handle_request') 00 00 ('handle_response') 00 02)",
         "handle_request is not of type"},
        {"07(03 ('memory') 02 00 ('handle_request') 00 01 ('handle_response') 00 03)",
         "handle_response is not of type"},
        {"07(03 ('mem') 02 00 ('handle_request') 00 01 ('handle_response') 00 02)",
         "its memory under the name"},
        {"07(03 ('memory') 02 00 ('handle_request') 02 00 ('handle_response') 00 02)",
         "no function handle_request"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[600];
        size_t length;
        uint8_t *bytes;
        wasm_module *module = NULL;
        const char *why;

        snprintf(text, sizeof text, TYPES BODIES MEMORY "%s" CODE, rows[i].exports);
        bytes = module_text(text, &length);
        CASE("row %zu", i);
        REQUIRE(wasm_module_load(bytes, length, NULL, &module, NULL) == WASM_OK);
        free(bytes);
        why = httpwasm_check(module);
        if (rows[i].why == NULL)
            CHECK_EQ_STR(why, NULL);
        else
            CHECK(why != NULL && strstr(why, rows[i].why) != NULL);
        wasm_module_free(module);
    }
}

TEST(what_initializes_itself)
{
    static const struct {
        const char *exports;
        bool initializes;
    } rows[] = {
        {"07(03 " EXPORTS ")", false},
        {"07(04 " EXPORTS " ('_start') 00 00)", true},
        {"07(04 " EXPORTS " ('_initialize') 00 00)", true},
        {"07(04 " EXPORTS " ('_started') 00 00)", false},
        {"07(03 " EXPORTS ") 08(00)", true},
        {"07(04 " EXPORTS " ('_start') 02 00)", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_module *module = NULL;
        char text[600];
        size_t length;
        uint8_t *bytes;

        snprintf(text, sizeof text, TYPES BODIES MEMORY "%s" CODE, rows[i].exports);
        bytes = module_text(text, &length);
        CASE("row %zu", i);
        REQUIRE(wasm_module_load(bytes, length, NULL, &module, NULL) == WASM_OK);
        free(bytes);
        CHECK(httpwasm_initializes(module) == rows[i].initializes);
        wasm_module_free(module);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

/* A guest in a store of its own, with the exchange of a fake_http. */
typedef struct living {
    fake_http h;
    wasm_module *module;
    wasm_store *store;
    httpwasm *state;
    host_context context;
    wasm_status made; /* what the instance and its start ended with */
    wasm_report report;
} living;

static void live(living *l, const char *text)
{
    wasm_limits limits = wasm_limits_default();
    wasm_extern imports[16] = {0};
    wasm_instance *instance = NULL;
    size_t length, count;
    uint8_t *bytes = module_text(text, &length);
    const wasm_host_function *rows = httpwasm_functions(&count);

    memset(l, 0, sizeof *l);
    if (!http_open(&l->h, ALL, 0, ""))
        abort();
    if (wasm_module_load(bytes, length, NULL, &l->module, &l->report) != WASM_OK ||
        wasm_resolve(l->module, rows, count, imports, &l->report) != WASM_OK) {
        fprintf(stderr, "%s: %s\n", wasm_status_name(l->report.status), l->report.detail);
        abort();
    }
    free(bytes);
    l->state = httpwasm_new(&(httpwasm_options){.exchange = &l->h.guest.exchange});
    l->context.httpwasm = l->state;
    l->store = wasm_store_new(&limits, &l->context);
    l->made = wasm_instantiate(l->store, l->module, imports, &instance, &l->report);
    if (l->made == WASM_OK)
        l->made = httpwasm_start(l->state, l->store, instance, &l->report);
}

static void die(living *l)
{
    wasm_store_free(l->store);
    httpwasm_free(l->state);
    wasm_module_free(l->module);
    http_close(&l->h);
}

/* Imports enable_features and set_status_code; then type 4 is (i32) -> i32. */
#define LIFE_HEAD                                                                                  \
    "01(05 60 00 00 60 00 01 7e 60 02 7f 7f 00 60 01 7f 00 60 01 7f 01 7f)"                        \
    "02(02 ('http_handler') ('enable_features') 00 04"                                             \
    "      ('http_handler') ('set_status_code') 00 03)"

/* Each of the three places that initialize enables one feature; handle_request returns the context
 * 77 and next=1; handle_response sets the status 200 + (context + is_error). */
#define LIFE                                                                                       \
    LIFE_HEAD "03(05 00 00 00 01 02)" MEMORY                                                       \
              "07(05 ('memory') 02 00 ('_initialize') 00 03 ('_start') 00 04"                      \
              "      ('handle_request') 00 05 ('handle_response') 00 06)"                          \
              "08(02)"                                                                             \
              "0a(05 (00 41 01 10 00 1a 0b) (00 41 02 10 00 1a 0b) (00 41 04 10 00 1a 0b)"         \
              "      (00 42 81 80 80 80 d0 09 0b)"                                                 \
              "      (00 41 c8 01 20 00 6a 20 01 6a 10 01 0b))"

TEST(start_request_response)
{
    living l;
    bool next = false;

    live(&l, LIFE);
    CHECK_EQ_STR(wasm_status_name(l.made), "OK");
    CHECK_EQ_UINT(l.state->features, ALL);
    for (int request = 0; request < 2; request++) {
        next = false;
        CHECK_EQ_INT(httpwasm_request(l.state, &l.h.http, &next, &l.report), WASM_OK);
        CHECK(next);
        CHECK_EQ_UINT(httpwasm_features(l.state), ALL);
        CHECK_EQ_INT(httpwasm_response(l.state, request == 1, &l.report), WASM_OK);
        CHECK_EQ_UINT(l.h.status, 200 + 77 + (unsigned)request);
        httpwasm_end(l.state);
        CHECK_EQ_UINT(httpwasm_features(l.state), 0);
    }
    die(&l);
}

/* handle_request sets a status before there is a response: fine; a start function that does so: the
 * guest is stopped with the reason. */
TEST(a_call_against_the_rules_is_reported)
{
    living l;

    live(&l, LIFE_HEAD "03(03 00 01 02)" MEMORY
                       "07(04 ('memory') 02 00 ('_start') 00 02 ('handle_request') 00 03"
                       "      ('handle_response') 00 04)"
                       "0a(03 (00 41 c8 01 10 01 0b) (00 42 00 0b) (00 0b))");
    CHECK_EQ_STR(wasm_status_name(l.made), "HOST_CALL");
    CHECK_EQ_STR(l.report.detail, "in http_handler.set_status_code: there is no request");
    die(&l);
}

TEST(a_guest_that_answers_has_no_context)
{
    living l;
    bool next = true;

    live(&l, LIFE_HEAD "03(02 01 02)" MEMORY "07(03 ('memory') 02 00 ('handle_request') 00 02"
                       "      ('handle_response') 00 03)"
                       "0a(02 (00 42 80 80 80 80 20 0b) (00 0b))");
    CHECK_EQ_INT(l.made, WASM_OK);
    CHECK_EQ_INT(httpwasm_request(l.state, &l.h.http, &next, &l.report), WASM_OK);
    CHECK(!next);
    die(&l);
}

TEST(a_trap_is_reported)
{
    living l;
    bool next = true;

    live(&l, LIFE_HEAD "03(02 01 02)" MEMORY "07(03 ('memory') 02 00 ('handle_request') 00 02"
                       "      ('handle_response') 00 03)"
                       "0a(02 (00 00 0b) (00 0b))");
    CHECK_EQ_INT(l.made, WASM_OK);
    CHECK_EQ_INT(httpwasm_request(l.state, &l.h.http, &next, &l.report), WASM_E_UNREACHABLE);
    CHECK_EQ_INT(l.report.status, WASM_E_UNREACHABLE);
    die(&l);
}
