/* SPDX-License-Identifier: Apache-2.0
 * report.c — filling and printing reports; the texts of statuses, classes, types and features.
 *
 * How:     the texts are expansions of errors.def; feature and type names stand here once. A detail
 *          may quote what a hostile module contains, so every byte that is not printable ASCII
 *          becomes '?' before it can reach a log.
 *
 * Memory:  reports belong to the caller; texts are constants.
 * Threads: no shared state.
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
    bool nullable = (type & WASM_NULLABLE) != 0;

    switch (WASM_KIND(type)) {
    case WASM_I32: return "i32";
    case WASM_I64: return "i64";
    case WASM_F32: return "f32";
    case WASM_F64: return "f64";
    case WASM_V128: return "v128";
    case WASM_KIND_NOEXN: return nullable ? "nullexnref" : "(ref noexn)";
    case WASM_KIND_NOFUNC: return nullable ? "nullfuncref" : "(ref nofunc)";
    case WASM_KIND_NOEXTERN: return nullable ? "nullexternref" : "(ref noextern)";
    case WASM_KIND_NONE: return nullable ? "nullref" : "(ref none)";
    case WASM_KIND_FUNC: return nullable ? "funcref" : "(ref func)";
    case WASM_KIND_EXTERN: return nullable ? "externref" : "(ref extern)";
    case WASM_KIND_ANY: return nullable ? "anyref" : "(ref any)";
    case WASM_KIND_EQ: return nullable ? "eqref" : "(ref eq)";
    case WASM_KIND_I31: return nullable ? "i31ref" : "(ref i31)";
    case WASM_KIND_STRUCT: return nullable ? "structref" : "(ref struct)";
    case WASM_KIND_ARRAY: return nullable ? "arrayref" : "(ref array)";
    case WASM_KIND_EXN: return nullable ? "exnref" : "(ref exn)";
    case WASM_KIND_CODE:
    case WASM_KIND_DATA: return nullable ? "(ref null type)" : "(ref type)";
    default: return WASM_IS_REF(type) ? "reference" : "unknown";
    }
}

wasm_type_text wasm_valtype_text(wasm_valtype type)
{
    wasm_type_text out;
    bool indexed = WASM_KIND(type) == WASM_KIND_CODE || WASM_KIND(type) == WASM_KIND_DATA;

    if (indexed)
        (void)snprintf(out.text, sizeof out.text, "(ref %s%u)",
                       (type & WASM_NULLABLE) != 0 ? "null " : "", (unsigned)WASM_TYPE_INDEX(type));
    else
        (void)snprintf(out.text, sizeof out.text, "%s", wasm_valtype_name(type));
    return out;
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
