/* SPDX-License-Identifier: Apache-2.0
 * pack_report.c — see pack_report.h.
 *
 * Memory:  whether to be quiet, and whether a line of progress stands on the terminal; they belong
 *          to the process, as its terminal does.
 * Threads: the main thread's.
 */
#include "pack_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool quiet, line_stands;

void pack_quiet(void)
{
    quiet = true;
}

static void take_line_away(void)
{
    if (line_stands)
        fputs("\r\033[K", stderr);
    line_stands = false;
}

void pack_complain(const char *format, ...)
{
    va_list args;

    take_line_away();
    fputs("wasmserve pack: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void pack_say(const char *format, ...)
{
    va_list args;

    if (quiet)
        return;
    take_line_away();
    va_start(args, format);
    vfprintf(stdout, format, args);
    va_end(args);
    fputc('\n', stdout);
}

void pack_tell(const char *format, ...)
{
    va_list args;

    if (quiet)
        return;
    take_line_away();
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool pack_progress_shown(void)
{
    return !quiet && isatty(STDERR_FILENO);
}

/* The bytes of text that fill at most `columns` columns, if each character takes one. */
static size_t fitting(const char *text, unsigned columns)
{
    size_t i = 0;

    while (text[i] != '\0') {
        if (((unsigned char)text[i] & 0xC0) != 0x80 && columns-- == 0)
            break;
        i++;
    }
    return i;
}

void pack_progress(const char *line)
{
    struct winsize size;
    unsigned columns = 80;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        columns = size.ws_col;
    fprintf(stderr, "\r\033[K%.*s", (int)fitting(line, columns - 1), line);
    line_stands = true;
}
