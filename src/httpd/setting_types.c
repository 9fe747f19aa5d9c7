/* SPDX-License-Identifier: Apache-2.0
 * setting_types.c — parsers of the kinds of values; setting_types.h says what each kind is, and
 * setting_merge.c how two of a kind meet.
 *
 * How:     A parser writes a whole new value into its slot, so that a directive given twice in
 *          one section means its last line; only limits keep what the other side (administrator
 *          or .htaccess) has said. Complaints follow one form: the word in quotes, then what
 *          would have been right. httpd puts file and line in front of them, settings.c the
 *          directive.
 * Memory:  From input.pool; complaints from input.temp.
 * Threads: See the header.
 */
#include "setting_types.h"

#include <string.h>

#include "apr_strings.h"
#include "http_core.h"

#include "setting_number.h"

static const char *flag_parse(void *slot, const struct setting_input *in)
{
    struct setting_flag value = {.set = true};

    if (in->argc != 1) {
        return "takes one word, On or Off";
    }
    if (strcasecmp(in->argv[0], "on") == 0) {
        value.on = true;
    } else if (strcasecmp(in->argv[0], "off") != 0) {
        return apr_psprintf(in->temp, "\"%s\" is neither On nor Off", in->argv[0]);
    }
    *(struct setting_flag *)slot = value;
    return NULL;
}

static const char *suffixes_parse(void *slot, const struct setting_input *in)
{
    const char **items = apr_palloc(in->pool, (size_t)in->argc * sizeof(*items));

    for (int i = 0; i < in->argc; i++) {
        const char *word = in->argv[i];
        if (strchr(word, '/') != NULL || word[strspn(word, ".")] == '\0') {
            return apr_psprintf(in->temp, "\"%s\" is not a file name ending such as .wasm", word);
        }
        if (coding_by_suffix(apr_pstrcat(in->temp, "x", word[0] == '.' ? "" : ".", word, NULL)) !=
            CODING_COUNT) {
            return apr_psprintf(in->temp,
                                "\"%s\" is the ending of a variant; name the ending of the raw "
                                "file, as in .wasm",
                                word);
        }
        items[i] =
            word[0] == '.' ? apr_pstrdup(in->pool, word) : apr_pstrcat(in->pool, ".", word, NULL);
    }
    *(struct setting_suffixes *)slot = (struct setting_suffixes){true, in->argc, items};
    return NULL;
}

static const char *codings_parse(void *slot, const struct setting_input *in)
{
    struct setting_codings value = {.set = true};

    if (in->argc == 1 && strcasecmp(in->argv[0], "none") == 0) {
        *(struct setting_codings *)slot = value;
        return NULL;
    }
    for (int i = 0; i < in->argc; i++) {
        enum coding c = coding_by_token(in->argv[i], strlen(in->argv[i]));
        if (c != CODING_COUNT && coding_needs_dictionary(c)) {
            return apr_psprintf(in->temp, "\"%s\" is switched by WasmServeDictionary", in->argv[i]);
        }
        if (c == CODING_COUNT || c == CODING_IDENTITY) {
            const char *known = "";
            for (int k = CODING_IDENTITY + 1; k < CODING_COUNT; k++) {
                if (!coding_needs_dictionary((enum coding)k)) {
                    known =
                        apr_pstrcat(in->temp, known, " ", coding_info((enum coding)k)->token, NULL);
                }
            }
            return apr_psprintf(in->temp, "\"%s\" is not one of%s, nor is it none alone",
                                in->argv[i], known);
        }
        value.codings |= (coding_set)(1u << c);
    }
    *(struct setting_codings *)slot = value;
    return NULL;
}

static const char *pattern_parse(void *slot, const struct setting_input *in)
{
    struct setting_pattern value = {.set = true};

    if (in->argc != 1) {
        return "takes one regular expression (in quotes if it has blanks), Auto or Off";
    }
    if (strcasecmp(in->argv[0], "off") == 0) {
        value.off = true;
    } else if (strcasecmp(in->argv[0], "auto") != 0) {
        value.text = apr_pstrdup(in->pool, in->argv[0]);
        if (!in->htaccess) {
            value.regex = ap_pregcomp(in->pool, value.text, AP_REG_EXTENDED | AP_REG_NOSUB);
            if (value.regex == NULL) {
                return apr_psprintf(in->temp, "\"%s\" is not a regular expression, nor is it Off",
                                    value.text);
            }
        }
    }
    *(struct setting_pattern *)slot = value;
    return NULL;
}

int setting_pattern_match(const struct setting_pattern *pattern, apr_pool_t *pool, const char *name)
{
    const ap_regex_t *regex = pattern->regex;

    if (regex == NULL) {
        regex = ap_pregcomp(pool, pattern->text, AP_REG_EXTENDED | AP_REG_NOSUB);
        if (regex == NULL) {
            return -1;
        }
    }
    return ap_regexec(regex, name, 0, NULL, 0) == 0;
}

#define STORE_SIZE_DEFAULT (INT64_C(1) << 30)

static const char *store_parse(void *slot, const struct setting_input *in)
{
    struct setting_store value = {.set = true, .size = STORE_SIZE_DEFAULT};
    char low[24], high[24];

    if (in->cmd->server->is_virtual) {
        return "there is one store for the whole server; it belongs outside of <VirtualHost>";
    }
    if (in->argc > 2) {
        return "takes a directory and, optionally, a size";
    }
    value.path = ap_server_root_relative(in->pool, in->argv[0]);
    if (value.path == NULL || value.path[0] != '/') {
        return apr_psprintf(in->temp, "\"%s\" is not the path of a directory", in->argv[0]);
    }
    if (in->argc == 2 && !setting_number_size(in->argv[1], &value.size)) {
        return apr_psprintf(in->temp, "\"%s\" is not a size such as 512M or 4G", in->argv[1]);
    }
    if (value.size < in->min || value.size > in->max) {
        setting_number_format_size(low, sizeof(low), in->min);
        setting_number_format_size(high, sizeof(high), in->max);
        return apr_psprintf(in->temp, "\"%s\" is out of range; allowed is %s to %s", in->argv[1],
                            low, high);
    }
    value.line =
        apr_psprintf(in->pool, "%s:%d", in->cmd->directive->filename, in->cmd->directive->line_num);
    *(struct setting_store *)slot = value;
    return NULL;
}

typedef bool (*number_fn)(const char *text, int64_t *out);
typedef void (*format_fn)(char *buf, size_t len, int64_t value);

static const char *limit_parse(void *slot, const struct setting_input *in, number_fn number,
                               format_fn format, const char *form, bool may_be_off)
{
    struct setting_limit *limit = slot;
    char low[24], high[24];
    int64_t value;

    if (in->argc != 1) {
        return apr_psprintf(in->temp, "takes one word: %s", form);
    }
    if (may_be_off && strcasecmp(in->argv[0], "off") == 0) {
        value = SETTING_UNLIMITED;
    } else if (!number(in->argv[0], &value)) {
        return apr_psprintf(in->temp, "\"%s\" is not %s", in->argv[0], form);
    } else if (value < in->min || value > in->max) {
        format(low, sizeof(low), in->min);
        format(high, sizeof(high), in->max);
        return apr_psprintf(in->temp, "\"%s\" is out of range; allowed is %s to %s", in->argv[0],
                            low, high);
    }
    if (in->htaccess) {
        limit->lowered = true;
        limit->user = value;
    } else {
        limit->set = true;
        limit->scoped = in->cmd != NULL && in->cmd->path != NULL;
        limit->admin = value;
    }
    return NULL;
}

static const char *size_limit_parse(void *slot, const struct setting_input *in)
{
    return limit_parse(slot, in, setting_number_size, setting_number_format_size,
                       "a size such as 65536, 64K, 16M or 1G", false);
}

static const char *time_limit_parse(void *slot, const struct setting_input *in)
{
    return limit_parse(slot, in, setting_number_time, setting_number_format_time,
                       "a duration such as 50, 50ms or 2s", false);
}

static const char *count_limit_parse(void *slot, const struct setting_input *in)
{
    return limit_parse(slot, in, setting_number_count, setting_number_format_count, "a number",
                       false);
}

static const char *count_limit_or_off_parse(void *slot, const struct setting_input *in)
{
    return limit_parse(slot, in, setting_number_count, setting_number_format_count,
                       "a number or Off", true);
}

/* The rows that the header declares. */
SETTING_TYPE(flag, "On|Off", override);
SETTING_TYPE(suffixes, ".SUFFIX ...", override);
SETTING_TYPE(codings, "CODING ...|none", override);
SETTING_TYPE(pattern, "REGEX|Auto|Off", override);
SETTING_TYPE(store, "DIR [SIZE]", override);
SETTING_TYPE(size_limit, "SIZE", limit);
SETTING_TYPE(time_limit, "MS", limit);
SETTING_TYPE(count_limit, "N", limit);
SETTING_TYPE(count_limit_or_off, "N|Off", limit);
