/* SPDX-License-Identifier: Apache-2.0
 * setting_number_test.c — sizes, durations and counts as administrators write them.
 * layers: httpd
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "setting_number.h"

struct row {
    const char *text;
    int64_t value; /* -1: refused */
};

static void check_rows(const struct row *rows, size_t n,
                       bool (*number)(const char *text, int64_t *out))
{
    for (size_t i = 0; i < n; i++) {
        int64_t value = -1;
        CASE("\"%s\"", rows[i].text);
        CHECK_EQ_INT(number(rows[i].text, &value), rows[i].value >= 0);
        CHECK_EQ_INT(value, rows[i].value);
    }
}

TEST(sizes)
{
    static const struct row rows[] = {
        {"0", 0},
        {"65536", 65536},
        {"64K", 65536},
        {"64k", 65536},
        {"64KB", 65536},
        {"64kb", 65536},
        {"12B", 12},
        {"16M", 16 << 20},
        {"1G", 1 << 30},
        {"4GB", (int64_t)4 << 30},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", -1},
        {"8589934591G", (int64_t)8589934591 << 30},
        {"8589934592G", -1},
        {"99999999999999999999999G", -1},
        {"", -1},
        {"M", -1},
        {"-1", -1},
        {"+1", -1},
        {" 1", -1},
        {"1 M", -1},
        {"1.5M", -1},
        {"1T", -1},
        {"1MM", -1},
        {"0x10", -1},
        {"1ms", -1},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), setting_number_size);
}

TEST(durations)
{
    static const struct row rows[] = {
        {"0", 0},     {"50", 50},   {"50ms", 50},   {"50MS", 50},
        {"2s", 2000}, {"2S", 2000}, {"3m", 180000}, {"3min", 180000},
        {"1h", -1},   {"1.5s", -1}, {"s", -1},      {"", -1},
        {"-5ms", -1}, {"5 ms", -1}, {"5us", -1},    {"9223372036854775807s", -1},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), setting_number_time);
}

TEST(counts)
{
    static const struct row rows[] = {{"0", 0},   {"7", 7},    {"007", 7},
                                      {"7K", -1}, {"", -1},    {"-7", -1},
                                      {"7.", -1}, {"Off", -1}, {"9223372036854775807", INT64_MAX}};
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), setting_number_count);
}

typedef void (*format_fn)(char *buf, size_t len, int64_t value);

static void check_format(format_fn format, int64_t value, const char *text)
{
    char buf[24];
    format(buf, sizeof(buf), value);
    CHECK_EQ_STR(buf, text);
}

TEST(formats)
{
    check_format(setting_number_format_size, 0, "0");
    check_format(setting_number_format_size, 1, "1B");
    check_format(setting_number_format_size, 65536, "64K");
    check_format(setting_number_format_size, 64 << 20, "64M");
    check_format(setting_number_format_size, (int64_t)4 << 30, "4G");
    check_format(setting_number_format_size, 1025, "1025B");
    check_format(setting_number_format_time, 50, "50ms");
    check_format(setting_number_format_time, 1500, "1500ms");
    check_format(setting_number_format_time, 2000, "2s");
    check_format(setting_number_format_count, 12, "12");
    check_format(setting_number_format_count, INT64_MAX, "9223372036854775807");
}
