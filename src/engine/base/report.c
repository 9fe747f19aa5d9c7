/* SPDX-License-Identifier: Apache-2.0
 * report.c — filling and printing reports; the texts of statuses, classes, types and features.
 *
 * How: the texts are expansions of errors.def; feature and type names stand here once. A detail may
 * quote what a hostile module contains, so every byte that is not printable ASCII becomes '?'
 * before it can reach a log.
 *
 * Memory: reports belong to the caller; texts are constants. Threads: no shared state.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_clear(wasm_report *report)
{
    if (report == NULL)
        return;
    memset(report, 0, sizeof *report);
    report->offset = WASM_NO_OFFSET;
    report->func = WASM_NO_FUNC;
}

wasm_status report_fail(wasm_report *report, wasm_status status, uint64_t offset, uint32_t func,
                        const char *detail, ...)
{
    if (report == NULL || report->status != WASM_OK)
        return status;
    report->status = status;
    report->offset = offset;
    report->func = func;
    report->detail[0] = '\0';
    if (detail != NULL) {
        va_list arguments;
        va_start(arguments, detail);
        (void)vsnprintf(report->detail, sizeof report->detail, detail, arguments);
        va_end(arguments);
        for (char *c = report->detail; *c != '\0'; c++) {
            if (*c < ' ' || *c > '~')
                *c = '?';
        }
    }
    return status;
}

/* snprintf at the end of what buf holds already; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *format,
                                                         ...)
{
    size_t used = strlen(buf);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(buf + used, size - used, format, arguments);
    va_end(arguments);
}

char *wasm_report_format(const wasm_report *report, char *buf, size_t size)
{
    if (size == 0)
        return buf;
    buf[0] = '\0';
    append(buf, size, "%s", wasm_status_text(report->status));
    if (report->detail[0] != '\0')
        append(buf, size, ": %s", report->detail);
    bool at = report->offset != WASM_NO_OFFSET, in = report->func != WASM_NO_FUNC;
    if (at)
        append(buf, size, " (at byte %llu", (unsigned long long)report->offset);
    if (in)
        append(buf, size, "%sin function %u", at ? ", " : " (", (unsigned)report->func);
    if (at || in)
        append(buf, size, ")");
    return buf;
}

static const struct {
    wasm_class cls;
    const char *name, *text;
} statuses[WASM_STATUS_COUNT] = {
    [WASM_OK] = {WASM_CLASS_NONE, "OK", "ok"},
#define E(id, class, text) [WASM_E_##id] = {WASM_CLASS_##class, #id, text},
#include "errors.def"
#undef E
};

wasm_class wasm_status_class(wasm_status status)
{
    return (unsigned)status < WASM_STATUS_COUNT ? statuses[status].cls : WASM_CLASS_INTERNAL;
}

const char *wasm_status_text(wasm_status status)
{
    return (unsigned)status < WASM_STATUS_COUNT ? statuses[status].text : "unknown status";
}

const char *wasm_status_name(wasm_status status)
{
    return (unsigned)status < WASM_STATUS_COUNT ? statuses[status].name : "UNKNOWN";
}

const char *wasm_class_name(wasm_class cls)
{
    switch (cls) {
    case WASM_CLASS_NONE: return "none";
    case WASM_CLASS_MALFORMED: return "malformed";
    case WASM_CLASS_INVALID: return "invalid";
    case WASM_CLASS_LINK: return "link";
    case WASM_CLASS_TRAP: return "trap";
    case WASM_CLASS_EXHAUSTED: return "exhausted";
    case WASM_CLASS_HOST: return "host";
    case WASM_CLASS_INTERNAL: return "internal";
    }
    return "unknown";
}

const char *wasm_valtype_name(wasm_valtype type)
{
    switch (type) {
    case WASM_I32: return "i32";
    case WASM_I64: return "i64";
    case WASM_F32: return "f32";
    case WASM_F64: return "f64";
    case WASM_V128: return "v128";
    case WASM_FUNCREF: return "funcref";
    case WASM_EXTERNREF: return "externref";
    default: return WASM_IS_REF(type) ? "reference" : "unknown";
    }
}

const char *wasm_feature_name(unsigned bit)
{
    static const char *const names[WASM_FEATURE_COUNT] = {
        [WASM_FEATURE_MVP] = "mvp",
        [WASM_FEATURE_MUTABLE_GLOBALS] = "mutable-globals",
        [WASM_FEATURE_SIGN_EXTENSION] = "sign-ext",
        [WASM_FEATURE_SATURATING_CONVERSIONS] = "nontrapping-fptoint",
        [WASM_FEATURE_MULTI_VALUE] = "multivalue",
        [WASM_FEATURE_BULK_MEMORY] = "bulk-memory",
        [WASM_FEATURE_REFERENCE_TYPES] = "reference-types",
        [WASM_FEATURE_EXTENDED_CONST] = "extended-const",
        [WASM_FEATURE_SIMD] = "simd128",
        [WASM_FEATURE_RELAXED_SIMD] = "relaxed-simd",
        [WASM_FEATURE_TAIL_CALL] = "tail-call",
        [WASM_FEATURE_EXCEPTIONS] = "exception-handling",
        [WASM_FEATURE_MULTI_MEMORY] = "multimemory",
        [WASM_FEATURE_MEMORY64] = "memory64",
        [WASM_FEATURE_TYPED_REFERENCES] = "function-references",
        [WASM_FEATURE_GC] = "gc",
        [WASM_FEATURE_THREADS] = "atomics",
        [WASM_FEATURE_CUSTOM_PAGE_SIZES] = "custom-page-sizes",
        [WASM_FEATURE_WIDE_ARITHMETIC] = "wide-arithmetic",
    };
    return bit < WASM_FEATURE_COUNT ? names[bit] : NULL;
}
