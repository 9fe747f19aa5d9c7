/* SPDX-License-Identifier: Apache-2.0
 * httpdate.c — HTTP-date to seconds since the epoch; httpdate.h says why it is strict.
 *
 * How:     Each form is a template, matched byte by byte: a letter of the template stands for a
 *          field, everything else for itself.
 *
 *              w  name of the day, short     W  the same, long
 *              d  day, two digits            e  day, padded with a blank
 *              Y  year, four digits          y  year, two digits
 *              b  month, three letters       H M S  time
 *              \1 "GMT", which has letters of its own
 *
 * Memory:  None.
 * Threads: Any.
 */
#include "httpdate.h"

#include <stddef.h>
#include <string.h>

struct fields {
    int year, month, day, hour, minute, second; /* month from 0 */
    bool short_year;
};

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const long_days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

/* The name in the list that p begins with; moves p behind it. -1 if none. */
static int name_at(const char **p, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(*p, names[i], len) == 0) {
            *p += len;
            return i;
        }
    }
    return -1;
}

/* Exactly n digits; -1 if they are not there. */
static int digits_at(const char **p, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9') {
            return -1;
        }
        value = value * 10 + (**p - '0');
    }
    return value;
}

/* Reads what one letter of a template stands for; false if it is not there. */
static bool field(char letter, const char **p, struct fields *f)
{
    switch (letter) {
    case 'w': return name_at(p, days, 7) >= 0;
    case 'W': return name_at(p, long_days, 7) >= 0;
    case 'b': return (f->month = name_at(p, months, 12)) >= 0;
    case 'd': return (f->day = digits_at(p, 2)) >= 0;
    case 'e':
        if (**p == ' ') {
            (*p)++;
            return (f->day = digits_at(p, 1)) >= 0;
        }
        return (f->day = digits_at(p, 2)) >= 0;
    case 'Y': return (f->year = digits_at(p, 4)) >= 0;
    case 'y': f->short_year = true; return (f->year = digits_at(p, 2)) >= 0;
    case 'H': return (f->hour = digits_at(p, 2)) >= 0;
    case 'M': return (f->minute = digits_at(p, 2)) >= 0;
    case 'S': return (f->second = digits_at(p, 2)) >= 0;
    default: return *(*p)++ == letter;
    }
}

/* Whether the whole text has the form of the template; fills in the fields that it has. */
static bool matches(const char *template, const char *text, struct fields *f)
{
    for (; *template != '\0'; template ++) {
        if (*template == '\1') {
            if (strncmp(text, "GMT", 3) != 0) {
                return false;
            }
            text += 3;
        } else if (!field(*template, &text, f)) {
            return false;
        }
    }
    return *text == '\0';
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of the year, in the proleptic Gregorian calendar. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;
    return 365 * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
           (y / 400 - 1969 / 400);
}

static int64_t year_of(int64_t seconds)
{
    int64_t year = 1970 + seconds / (366 * 86400);
    while (days_before_year(year + 1) * 86400 <= seconds) {
        year++;
    }
    return year;
}

static bool to_seconds(const struct fields *f, int64_t *out)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = days_before_year(f->year);
    int length = lengths[f->month] + (f->month == 1 && is_leap(f->year));

    /* 60 is a leap second (§5.6.7 takes it from RFC 5322); it is the second after. */
    if (f->year < 1 || f->day < 1 || f->day > length || f->hour > 23 || f->minute > 59 ||
        f->second > 60) {
        return false;
    }
    for (int m = 0; m < f->month; m++) {
        day += lengths[m] + (m == 1 && is_leap(f->year));
    }
    day += f->day - 1;
    *out = ((day * 24 + f->hour) * 60 + f->minute) * 60 + f->second;
    return true;
}

bool httpdate_parse(const char *text, int64_t now, int64_t *out)
{
    static const char *const forms[] = {
        "w, d b Y H:M:S \1", /* IMF-fixdate */
        "W, d-b-y H:M:S \1", /* RFC 850 */
        "w b e H:M:S Y",     /* asctime */
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct fields f = {0};
        if (!matches(forms[i], text, &f)) {
            continue;
        }
        if (f.short_year) {
            int64_t this_year = year_of(now > 0 ? now : 0);
            f.year += (int)(this_year / 100 * 100);
            f.year -= f.year > this_year + 50 ? 100 : 0;
        }
        return to_seconds(&f, out);
    }
    return false;
}
