/* SPDX-License-Identifier: Apache-2.0
 * request_lines_test.c — values that httpd has joined, taken apart by the lines they came from.
 * layers: httpd
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "header_check.h"
#include "request_lines.h"

enum { MOST = 16 };

/* The parts of a value as one text, "[a][b]"; "" if it is not taken apart. */
static const char *shown(const struct request_line *parts, size_t count)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "[%.*s]",
                                 (int)parts[i].value_length, parts[i].value);
    return text;
}

TEST(a_value_by_its_lines)
{
    static const struct {
        const char *head, *name, *value, *parts;
    } rows[] = {
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "A", "1, 2", "[1][2]"},
        {"GET / HTTP/1.1\r\na: 1\r\nB: x\r\nA: 2\r\n\r\n", "A", "1, 2", "[1][2]"},
        {"GET / HTTP/1.1\nA: 1\nA: 2\n\n", "a", "1, 2", "[1][2]"},
        {"\r\nGET / HTTP/1.1\r\nA: 1, 2\r\n\r\n", "A", "1, 2", "[1, 2]"},
        {"GET / HTTP/1.1\r\nA: 1, 2\r\nA:\t3 \r\n\r\n", "A", "1, 2, 3", "[1, 2][3]"},
        {"GET / HTTP/1.1\r\nA:\r\nA: 2\r\n\r\n", "A", ", 2", "[][2]"},
        /* what another module has set meanwhile is left alone */
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "A", "1, 3", ""},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "A", "1, 2, 3", ""},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "A", "1", ""},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "A", "1,2", ""},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n", "B", "1, 2", ""},
        {"GET / HTTP/1.1\r\nAB: 1\r\nA: 2\r\n\r\n", "A", "1, 2", ""},
        /* a line that goes on, what follows the end, and what is no line */
        {"GET / HTTP/1.1\r\nA: 1\r\n more\r\nA: 2\r\n\r\n", "A", "1 more, 2", ""},
        {"GET / HTTP/1.1\r\nA: 1\r\n\r\nA: 2\r\n\r\n", "A", "1, 2", ""},
        {"GET / HTTP/1.1\r\nno colon\r\n: x\r\n\tA: 0\r\nA: 1\r\nA: 2", "A", "1, 2", "[1][2]"},
        {"", "A", "1, 2", ""},
        {"A: 1\r\nA: 2\r\n", "A", "1, 2", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request_line lines[MOST], parts[MOST];
        size_t count = request_lines_parse(rows[i].head, strlen(rows[i].head), lines, MOST);

        count = request_lines_split(lines, count, rows[i].name, rows[i].value, parts, MOST);
        CASE("row %zu", i);
        CHECK_EQ_STR(shown(parts, count), rows[i].parts);
    }
}

TEST(no_more_than_there_is_room_for)
{
    static const char head[] = "GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\nA: 3\r\n\r\n";
    struct request_line lines[3], parts[2];

    CHECK_EQ_UINT(request_lines_parse(head, sizeof head - 1, lines, 2), 2);
    CHECK_EQ_UINT(request_lines_parse(head, sizeof head - 1, lines, 3), 3);
    CHECK_EQ_UINT(request_lines_split(lines, 3, "A", "1, 2, 3", parts, 2), 0);
}

TEST(a_value_without_lines)
{
    static const struct {
        const char *name, *value, *parts;
    } rows[] = {
        {"Multi-Header", "value1, value2", "[value1][value2]"},
        {"X-Ids", "1, 2, 3", "[1][2][3]"},
        {"X-One", "one", ""},
        {"X-Close", "a,b", ""},
        {"X-Text", "Hello, dear world", ""},
        {"X-Quoted", "\"a, b\", c", ""},
        {"X-Weighted", "a;q=1, b", ""},
        {"X-Pair", "a=1, b=2", ""},
        {"X-Open", "a, ", ""},
        {"X-Empty", ", b", ""},
        {"Accept", "a/b, c/d", ""},
        {"accept-encoding", "gzip, br", ""},
        {"Sec-CH-UA", "a, b", ""},
        {"Content-Language", "de, en", ""},
        {"X-Forwarded-For", "192.0.2.1, 192.0.2.2", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request_line parts[MOST];
        size_t count = request_lines_guess(rows[i].name, rows[i].value, parts, MOST);

        CASE("%s: %s", rows[i].name, rows[i].value);
        CHECK_EQ_STR(shown(parts, count), rows[i].parts);
    }
}

/* ---- what a guest may put into a header (header_check.h) ------------------------------------- */

TEST(names_and_values)
{
    CHECK(header_is_token("X-Name_1", 8) && header_is_token("!#$%&'*+-.^_`|~", 15));
    CHECK(!header_is_token("", 0) && !header_is_token("a b", 3) && !header_is_token("a:", 2) &&
          !header_is_token("a\0b", 3) && !header_is_token("\xc3\xa9", 2) &&
          !header_is_token("a\n", 2) && !header_is_token("(", 1));
    CHECK(header_value_complaint("a\tb \xc3\xa9", 6) == NULL &&
          header_value_complaint("", 0) == NULL);
    CHECK(header_value_complaint("a\r", 2) != NULL && header_value_complaint("a\nb", 3) != NULL &&
          header_value_complaint("\0", 1) != NULL && header_value_complaint("\x7f", 1) != NULL);
    CHECK(header_is_framing("content-LENGTH", 14) && !header_is_framing("content-type", 12));
    CHECK(header_is_hop_by_hop("upgrade", 7) && !header_is_hop_by_hop("upgrades", 8));
}
