/* SPDX-License-Identifier: Apache-2.0
 * report_test.c — errors, their texts and the names of things.
 * layers: base
 */
#include "unit.h"

#include "report.h"

TEST(the_first_failure_wins)
{
    wasm_report report;
    report_clear(&report);
    CHECK_EQ_INT(report.status, WASM_OK);
    CHECK(report.offset == WASM_NO_OFFSET && report.func == WASM_NO_FUNC);
    CHECK_EQ_INT(report_fail(&report, WASM_E_UTF8, 7, 3, "name %d", 5), WASM_E_UTF8);
    CHECK_EQ_INT(report_fail(&report, WASM_E_QUOTA, 8, 4, "later"), WASM_E_QUOTA);
    CHECK_EQ_INT(report.status, WASM_E_UTF8);
    CHECK_EQ_UINT(report.offset, 7);
    CHECK_EQ_UINT(report.func, 3);
    CHECK_EQ_STR(report.detail, "name 5");
    CHECK_EQ_INT(report_fail(NULL, WASM_E_UTF8, 0, 0, "nobody listens"), WASM_E_UTF8);
    report_clear(NULL);
}

TEST(details_are_printable_and_cut)
{
    wasm_report report;
    char text[400];
    report_clear(&report);
    report_fail(&report, WASM_E_UTF8, 0, 0, "a\nb\x1b[31m\xc3\xa9\x7f");
    CHECK_EQ_STR(report.detail, "a?b?[31m???");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    report_clear(&report);
    report_fail(&report, WASM_E_UTF8, 0, 0, "%s", text);
    CHECK_EQ_UINT(strlen(report.detail), sizeof report.detail - 1);
}

TEST(a_report_as_a_line)
{
    static const struct {
        uint64_t offset;
        uint32_t func;
        const char *detail, *line;
    } cases[] = {
        {WASM_NO_OFFSET, WASM_NO_FUNC, NULL, "unknown label"},
        {WASM_NO_OFFSET, WASM_NO_FUNC, "label 3", "unknown label: label 3"},
        {12, WASM_NO_FUNC, NULL, "unknown label (at byte 12)"},
        {WASM_NO_OFFSET, 4, NULL, "unknown label (in function 4)"},
        {12, 4, "label 3", "unknown label: label 3 (at byte 12, in function 4)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_report report;
        char line[200], tiny[10];
        report_clear(&report);
        report_fail(&report, WASM_E_UNKNOWN_LABEL, cases[i].offset, cases[i].func,
                    cases[i].detail == NULL ? NULL : "%s", cases[i].detail);
        CHECK_EQ_STR(wasm_report_format(&report, line, sizeof line), cases[i].line);
        CHECK_EQ_STR(wasm_report_format(&report, tiny, sizeof tiny), "unknown l");
        CHECK(wasm_report_format(&report, tiny, 0) == tiny);
    }
}

TEST(every_status_has_a_class_a_name_and_a_text)
{
    for (unsigned status = 0; status < WASM_STATUS_COUNT; status++) {
        CASE("status %u", status);
        CHECK((wasm_status_class((wasm_status)status) == WASM_CLASS_NONE) == (status == WASM_OK));
        CHECK(strlen(wasm_status_name((wasm_status)status)) > 1);
        CHECK(strlen(wasm_status_text((wasm_status)status)) > 1);
        for (unsigned other = 0; other < status; other++)
            CHECK(strcmp(wasm_status_name((wasm_status)status),
                         wasm_status_name((wasm_status)other)) != 0);
    }
    CHECK_EQ_STR(wasm_status_text(WASM_OK), "ok");
    CHECK_EQ_STR(wasm_status_name(WASM_E_OOB_MEMORY), "OOB_MEMORY");
    CHECK_EQ_INT(wasm_status_class(WASM_E_OOB_MEMORY), WASM_CLASS_TRAP);
    CHECK_EQ_INT(wasm_status_class(WASM_STATUS_COUNT), WASM_CLASS_INTERNAL);
    CHECK_EQ_STR(wasm_class_name(WASM_CLASS_EXHAUSTED), "exhausted");
}

TEST(names_of_types_and_features)
{
    CHECK_EQ_STR(wasm_valtype_name(WASM_I64), "i64");
    CHECK_EQ_STR(wasm_valtype_name(WASM_V128), "v128");
    CHECK_EQ_STR(wasm_valtype_name(WASM_EXTERNREF), "externref");
    CHECK_EQ_STR(wasm_valtype_name(0), "unknown");
    for (unsigned bit = 0; bit < WASM_FEATURE_COUNT; bit++) {
        CASE("feature %u", bit);
        REQUIRE(wasm_feature_name(bit) != NULL);
        for (unsigned other = 0; other < bit; other++)
            CHECK(strcmp(wasm_feature_name(bit), wasm_feature_name(other)) != 0);
    }
    CHECK_EQ_STR(wasm_feature_name(WASM_FEATURE_BULK_MEMORY), "bulk-memory");
    CHECK(wasm_feature_name(WASM_FEATURE_COUNT) == NULL);
}
