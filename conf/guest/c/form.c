/* SPDX-License-Identifier: Apache-2.0
 * form.c — a form to write to somebody, and what becomes of it: a line of JSON in a file.
 *
 * A program that answers requests (WasmServeHandler), in CGI's way: no interface but the environment
 * and the standard streams. Needs WasmServeGrant dir:DIRECTORY:/messages:rw, and DIRECTORY must be
 * one in which httpd's user can write. GET shows the form; POST takes its fields "name" and
 * "message", adds a line to /messages/messages.jsonl, and says thank you.
 *
 * What it minds: everything that a visitor has typed is escaped where it is shown or kept, a line is
 * written by one call (so that those of two requests do not mix), and a body has a largest size.
 *
 * clang --target=wasm32-wasi -O2 -o form.wasm form.c
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LARGEST = 16384 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "";
}

static void head(int status, const char *more)
{
    printf("Status: %d\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n%s\r\n",
           status, more);
}

static void html(const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&': fputs("&amp;", stdout); break;
        case '<': fputs("&lt;", stdout); break;
        case '>': fputs("&gt;", stdout); break;
        case '"': fputs("&quot;", stdout); break;
        default: putchar(*text);
        }
}

static void page(int status, const char *more, const char *notice, const char *name,
                 const char *message)
{
    head(status, more);
    printf("<!DOCTYPE html><title>Write to us</title><p>%s</p><form method=\"post\"><input name=\"name\" value=\"",
           notice);
    html(name);
    fputs("\"><textarea name=\"message\">", stdout);
    html(message);
    puts("</textarea><button>Send</button></form>");
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* A field of an application/x-www-form-urlencoded body, decoded; "" if there is none. */
static char *field(const char *body, const char *name)
{
    size_t length = strlen(name);
    char *value, *to;

    while (body != NULL && (strncmp(body, name, length) != 0 || body[length] != '=')) {
        body = strchr(body, '&');
        body = body != NULL ? body + 1 : NULL;
    }
    body = body != NULL ? body + length + 1 : "";
    to = value = malloc(strlen(body) + 1);
    if (value == NULL)
        abort();
    for (; *body != '\0' && *body != '&'; body++) {
        if (*body == '%' && isxdigit((unsigned char)body[1]) && isxdigit((unsigned char)body[2])) {
            *to++ = (char)(digit(body[1]) * 16 + digit(body[2]));
            body += 2;
        } else {
            *to++ = *body == '+' ? ' ' : *body;
        }
    }
    *to = '\0';
    return value;
}

/* Adds a text as a JSON string (RFC 8259 §7); returns where it ends. */
static char *json(char *to, const char *text)
{
    *to++ = '"';
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            to += sprintf(to, "\\u%04x", (unsigned char)*text);
        else if (*text == '"' || *text == '\\')
            to += sprintf(to, "\\%c", *text);
        else
            *to++ = *text;
    }
    *to++ = '"';
    return to;
}

static int keep(const char *name, const char *message)
{
    /* A byte becomes six at most. */
    static char line[6 * LARGEST + 64];
    char *end = line;
    int file = open("/messages/messages.jsonl", O_WRONLY | O_CREAT | O_APPEND, 0600), done;

    end += sprintf(end, "{\"name\": ");
    end = json(end, name);
    end += sprintf(end, ", \"message\": ");
    end = json(end, message);
    end += sprintf(end, "}\n");
    done = file >= 0 && write(file, line, (size_t)(end - line)) == end - line;
    if (!done)
        perror("/messages/messages.jsonl");
    if (file >= 0)
        close(file);
    return done;
}

static void post(void)
{
    static const char type[] = "application/x-www-form-urlencoded";
    static char body[LARGEST + 2];
    size_t length;
    char *name, *message;

    if (strncasecmp(variable("CONTENT_TYPE"), type, sizeof type - 1) != 0) {
        page(415, "", "This is no form.", "", "");
        return;
    }
    length = fread(body, 1, LARGEST + 1, stdin);
    if (length > LARGEST) {
        page(413, "", "This is too long.", "", "");
        return;
    }
    name = field(body, "name");
    message = field(body, "message");
    if (name[0] == '\0' || message[0] == '\0') {
        page(422, "", "Please fill in both fields.", name, message);
    } else if (!keep(name, message)) {
        page(500, "", "This could not be kept; please try again later.", name, message);
    } else {
        head(200, "");
        fputs("<!DOCTYPE html><title>Thank you</title><p>Thank you, ", stdout);
        html(name);
        puts("!</p>");
    }
}

int main(void)
{
    const char *method = variable("REQUEST_METHOD");

    if (strcmp(method, "POST") == 0)
        post();
    else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        page(200, "", "Write to us:", "", "");
    else
        page(405, "Allow: GET, HEAD, POST\r\n", "This is no way to write to us.", "", "");
    return 0;
}
