/* SPDX-License-Identifier: Apache-2.0
 * decode_test.c — sections into modules: what is refused and where, what is kept, which limits and
 * budgets hold.
 * layers: decode
 *
 * How:     modules are written as in module_text.h. Tables give the status and the byte that must
 *          be named. Large modules are made by repetition.
 */
#include "unit.h"

#include "decode.h"
#include "instr.h"
#include "limits.h"
#include "module_text.h"

static wasm_module *load(const char *text, const wasm_load_options *options, wasm_report *report)
{
    size_t length;
    uint8_t *bytes = module_text(text, &length);
    wasm_module *m = NULL;
    (void)decode_module(bytes, length, options, &m, report);
    free(bytes); /* the module has its own copy */
    return m;
}

static const struct {
    const char *text;
    wasm_status status;
    uint64_t offset;
} refused[] = {
    /* sections */
    {"0e()", WASM_E_SECTION_ID, 8},
    {"80 01 00", WASM_E_SECTION_ID, 8},
    {"01", WASM_E_UNEXPECTED_END, 9},
    {"01 05 00", WASM_E_LENGTH_OUT_OF_BOUNDS, 8},
    {"01 80 80 80 80 10", WASM_E_LEB_TOO_LARGE, 9},
    {"01(00) 01(00)", WASM_E_SECTION_ORDER, 11},
    {"03(00) 01(00)", WASM_E_SECTION_ORDER, 11},
    {"0b(00) 0c(00)", WASM_E_SECTION_ORDER, 11}, /* data count stands before code */
    {"01(00 00)", WASM_E_SECTION_SIZE, 11},
    {"01()", WASM_E_UNEXPECTED_END, 10},
    {"00()", WASM_E_UNEXPECTED_END, 10}, /* a custom section has a name */
    {"00((ff))", WASM_E_UTF8, 10},
    {"00(05 'abc')", WASM_E_LENGTH_OUT_OF_BOUNDS, 10},
    /* types */
    {"01(01 7f)", WASM_E_TYPE_FORM, 11},
    {"01(01 60 01 6f)", WASM_E_UNEXPECTED_END, 14},
    {"01(01 60 01 7a 00)", WASM_E_VALUE_TYPE, 13},
    {"01(01 60 01 64 7f 00)", WASM_E_REF_TYPE, 14}, /* no heap type */
    {"01(01 60 01 63 ff 7f 00)", WASM_E_REF_TYPE, 14},
    {"01(01 60 01 64 01 00)", WASM_E_UNKNOWN_TYPE, 14}, /* behind its own group */
    {"06(01 64 00 00 d2 00 0b)", WASM_E_UNKNOWN_TYPE, 12},
    {"01(01 5d 00)", WASM_E_TYPE_FORM, 11},
    {"01(01 5f 01 78 02)", WASM_E_MUTABILITY, 14},
    {"01(01 5f 01 79 00)", WASM_E_VALUE_TYPE, 13},
    {"01(01 50 01 00 5f 00)", WASM_E_UNKNOWN_TYPE, 12}, /* its own supertype */
    {"01(01 50 02 00 00 5f 00)", WASM_E_SUBTYPE, 12},
    {"01(01 4e 02 5f 01 64 01 00 5f 01 64 02 00)", WASM_E_UNKNOWN_TYPE, 21}, /* behind the group */
    {"01(02 5f 01 64 01 00 5f 00)", WASM_E_UNKNOWN_TYPE, 14},
    {"01(01 4e ff ff ff 7f)", WASM_E_UNEXPECTED_END, 12},
    {"01(ff ff ff ff 0f 60 00 00)", WASM_E_UNEXPECTED_END, 10},
    /* imports */
    {"02(01 ('m') ('n') 05 00)", WASM_E_IMPORT_KIND, 15},
    {"02(01 ('m') ('n') 04 01 00)", WASM_E_ZERO_BYTE, 16},
    {"02(01 ('m') ('n') 05 00 00)", WASM_E_IMPORT_KIND, 15},
    {"02(01 ('m') (c0) 00 00)", WASM_E_UTF8, 13},
    {"02(01 ('m') ('n') 03 7f 02)", WASM_E_MUTABILITY, 17},
    {"02(01 ('m') ('n') 02 10 00)", WASM_E_LIMITS_FLAGS, 16},
    /* tables, memories, globals */
    {"04(01 7f 00 00)", WASM_E_REF_TYPE, 11},
    {"04(01 40 01 70 00 00 d0 70 0b)", WASM_E_ZERO_BYTE, 12},
    {"04(01 40 00 70 00 00 d0 70)", WASM_E_UNEXPECTED_END, 18},
    {"05(01 10 00)", WASM_E_LIMITS_FLAGS, 11},
    {"05(01 08 00)", WASM_E_UNEXPECTED_END, 13}, /* a page size */
    {"05(01 08 00 01)", WASM_E_PAGE_SIZE, 13},
    {"05(01 08 00 40)", WASM_E_PAGE_SIZE, 13},
    {"05(01 08 00 41)", WASM_E_PAGE_SIZE_BITS, 13},
    {"04(01 70 02 00)", WASM_E_LIMITS_FLAGS, 12},
    {"04(01 70 08 00 00)", WASM_E_LIMITS_FLAGS, 12},
    {"05(01 01 00)", WASM_E_UNEXPECTED_END, 13},
    {"06(01 7f 00 41 00)", WASM_E_UNEXPECTED_END, 15}, /* no end */
    {"06(01 7f 00 27 0b)", WASM_E_ILLEGAL_OPCODE, 13},
    {"0d(01 01 00)", WASM_E_ZERO_BYTE, 11},               /* a tag's attribute */
    {"06(01 7b 00 fd 0c 0b)", WASM_E_UNEXPECTED_END, 15}, /* not sixteen bytes */
    {"06(01 7f 00 fe 03 01 0b)", WASM_E_ZERO_BYTE, 15},
    /* exports, segments, code */
    {"07(01 ('e') 05 00)", WASM_E_EXPORT_KIND, 13},
    {"09(01 08 00)", WASM_E_SEGMENT_FLAGS, 11},
    {"09(01 01 01 00)", WASM_E_REF_TYPE, 12}, /* element kind */
    {"09(01 05 7f 00)", WASM_E_REF_TYPE, 12},
    {"0b(01 03 00)", WASM_E_SEGMENT_FLAGS, 11},
    {"0b(01 01 05 'abcd')", WASM_E_UNEXPECTED_END, 12},
    {"03(01 00)", WASM_E_FUNC_CODE_MISMATCH, 10},
    {"0a(01 (00 0b))", WASM_E_FUNC_CODE_MISMATCH, 10},
    {"01(01 60 00 00) 03(02 00 00) 0a(01 (00 0b))", WASM_E_FUNC_CODE_MISMATCH, 21},
    {"01(01 60 00 00) 03(01 00) 0a(01 05 00 0b)", WASM_E_UNEXPECTED_END, 21},
    {"0c(01)", WASM_E_DATA_COUNT_MISMATCH, 10},
    {"0c(02) 0b(01 01 ('a'))", WASM_E_DATA_COUNT_MISMATCH, 13},
};

TEST(what_is_not_a_module_is_refused_with_its_byte)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        wasm_report report;
        CASE("%s", refused[i].text);
        wasm_module *m = load(refused[i].text, NULL, &report);
        CHECK(m == NULL);
        CHECK_EQ_STR(wasm_status_name(report.status), wasm_status_name(refused[i].status));
        CHECK_EQ_UINT(report.offset, refused[i].offset);
        module_destroy(m);
    }
}

TEST(headers)
{
    static const struct {
        const char *text;
        wasm_status status;
    } cases[] = {
        {"", WASM_E_UNEXPECTED_END},
        {"00 'as'", WASM_E_UNEXPECTED_END},
        {"00 'asm' 01 00 00", WASM_E_UNEXPECTED_END},
        {"'hello, world'", WASM_E_MAGIC},
        {"00 'asm' 02 00 00 00", WASM_E_VERSION},
        {"00 'asm' 01 00 00 01", WASM_E_VERSION},
        {"00 'asm' 0d 00 01 00", WASM_E_COMPONENT},
        {"00 'asm' 01 00 00 00", WASM_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        uint8_t *bytes = text_bytes(cases[i].text, &length);
        wasm_module *m = NULL;
        wasm_report report;
        CASE("%s", cases[i].text);
        wasm_status status = decode_module(bytes, length, NULL, &m, &report);
        CHECK_EQ_STR(wasm_status_name(status), wasm_status_name(cases[i].status));
        CHECK_EQ_INT(report.status, status);
        CHECK((m != NULL) == (status == WASM_OK));
        module_destroy(m);
        m = NULL;
        CHECK_EQ_INT(decode_module(bytes, length, NULL, &m, NULL), status); /* without a report */
        module_destroy(m);
        free(bytes);
    }
}

TEST(a_module_is_what_its_sections_say)
{
    wasm_report report;
    wasm_module *m =
        load("00(('first') 'abc')"
             "01(03 60 02 7f 7e 01 7d 60 00 00 60 02 7f 7e 01 7d)"
             "02(03 ('env') ('f') 00 02  ('env') ('g') 03 7f 01  ('env') ('h') 00 01)"
             "03(02 01 00) 04(01 70 01 02 05) 05(01 00 03) 06(01 7e 00 42 2a 0b)"
             "07(02 ('run') 00 02 ('memory') 02 00) 08(03)"
             "09(03 00 41 01 0b 02 00 03  05 70 02 d0 70 0b d2 01 0b  03 00 00)"
             "0c(02) 0a(02 (00 0b) (01 02 7f 41 00 0b)) 0b(02 00 41 05 0b ('data') 01 ('rest'))"
             "00(('name') 01(02 00('eff') 03('start')))",
             NULL, &report);
    REQUIRE(m != NULL);
    CHECK_EQ_UINT(m->type_count, 3);
    CHECK_EQ_UINT(m->types[0].canonical, 0);
    CHECK_EQ_UINT(m->types[1].canonical, 1);
    CHECK_EQ_UINT(m->types[2].canonical, 0);
    CHECK_EQ_UINT(m->types[0].param_slots, 2);
    CHECK_EQ_UINT(m->types[0].func.params[1], WASM_I64);
    CHECK_EQ_UINT(m->types[0].func.results[0], WASM_F32);
    CHECK_EQ_UINT(m->func_count, 4);
    CHECK_EQ_UINT(m->func_import_count, 2);
    CHECK(m->funcs[1].imported && !m->funcs[2].imported);
    CHECK_EQ_UINT(m->funcs[1].type, 1);
    CHECK_EQ_UINT(m->funcs[3].type, 0);
    CHECK_EQ_UINT(m->funcs[3].code.length, 6);
    CHECK_EQ_INT(m->bytes[m->funcs[3].code.offset], 1);
    CHECK_EQ_UINT(m->imports[2].index, 1);
    CHECK_EQ_UINT(m->imports[1].index, 0);
    CHECK_EQ_INT(m->imports[1].kind, WASM_EXTERN_GLOBAL);
    CHECK_EQ_MEM(m->imports[1].name.bytes, m->imports[1].name.length, "g", 1);
    CHECK_EQ_UINT(m->table_count, 1);
    CHECK(m->tables[0].bounds.min == 2 && m->tables[0].bounds.has_max &&
          m->tables[0].bounds.max == 5);
    CHECK(m->memories[0].bounds.min == 3 && !m->memories[0].bounds.has_max);
    CHECK_EQ_UINT(m->memories[0].page_shift, 16);
    CHECK_EQ_UINT(m->global_count, 2);
    CHECK(m->globals[0].mutable_ && !m->globals[1].mutable_);
    CHECK_EQ_UINT(m->globals[1].init.length, 3); /* its end included */
    CHECK_EQ_UINT(m->export_count, 2);
    CHECK_EQ_UINT(m->exports[0].index, 2);
    CHECK_EQ_UINT(m->start, 3);
    CHECK_EQ_UINT(m->elem_count, 3);
    CHECK(m->elems[0].mode == MODULE_SEGMENT_ACTIVE && m->elems[0].funcs[1] == 3);
    CHECK(m->elems[1].mode == MODULE_SEGMENT_PASSIVE && m->elems[1].funcs == NULL);
    CHECK_EQ_UINT(m->elems[1].exprs[1].length, 3);
    CHECK(m->elems[2].mode == MODULE_SEGMENT_DECLARATIVE && m->elems[2].count == 0);
    CHECK(m->data_count == 2 && m->has_data_count);
    CHECK_EQ_MEM(m->bytes + m->datas[0].init.offset, m->datas[0].init.length, "data", 4);
    CHECK(m->datas[1].mode == MODULE_SEGMENT_PASSIVE);
    CHECK_EQ_UINT(m->custom_count, 2);
    CHECK_EQ_MEM(m->bytes + m->customs[0].bytes.offset, m->customs[0].bytes.length, "abc", 3);
    REQUIRE(m->func_names != NULL);
    CHECK_EQ_MEM(m->func_names[3].bytes, m->func_names[3].length, "start", 5);
    CHECK_EQ_UINT(m->func_names[2].length, 0);
    CHECK_EQ_UINT(m->used, WASM_FEATURE(WASM_FEATURE_MVP) |
                               WASM_FEATURE(WASM_FEATURE_MUTABLE_GLOBALS) |
                               WASM_FEATURE(WASM_FEATURE_BULK_MEMORY) |
                               WASM_FEATURE(WASM_FEATURE_REFERENCE_TYPES));
    module_destroy(m);
}

TEST(a_bad_name_section_is_no_error)
{
    static const struct {
        const char *section;
        const char *name; /* of function 0; NULL: no names at all */
    } cases[] = {
        {"00(('name') 01(01 00('good')))", "good"},
        {"00(('name') 00('module') 01(01 00('good')) 02(00))", "good"},
        {"00(('name') 01(02 00('good') 09('beyond')))", "good"}, /* an index that does not exist */
        {"00(('name') 01(02 00('good') 00 ff))", NULL},          /* cut off */
        {"00(('name') 01(01 00(ff fe)))", ""},                   /* not UTF-8 */
        {"00(('name') 01 7f 00)", NULL},
        {"00(('name') 01(ff ff ff ff ff))", NULL},
        {"00(('nam') 01(01 00('good')))", NULL},
        {"00(('name') 01(01 00('one'))) 00(('name') 01(01 00('two')))", "one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        wasm_report report;
        snprintf(text, sizeof text, "01(01 60 00 00) 03(01 00) 0a(01 (00 0b)) %s",
                 cases[i].section);
        CASE("%s", cases[i].section);
        wasm_module *m = load(text, NULL, &report);
        REQUIRE(m != NULL);
        CHECK((m->func_names != NULL) == (cases[i].name != NULL));
        if (m->func_names != NULL && cases[i].name != NULL)
            CHECK_EQ_MEM(m->func_names[0].bytes, m->func_names[0].length, cases[i].name,
                         strlen(cases[i].name));
        module_destroy(m);
    }
}

TEST(a_feature_that_is_off_refuses_what_needs_it)
{
    static const struct {
        unsigned feature;
        const char *text;
    } cases[] = {
        {WASM_FEATURE_MUTABLE_GLOBALS, "02(01 ('m') ('g') 03 7f 01)"},
        {WASM_FEATURE_MUTABLE_GLOBALS, "06(01 7f 01 41 00 0b) 07(01 ('g') 03 00)"},
        {WASM_FEATURE_MULTI_VALUE, "01(01 60 00 02 7f 7f)"},
        {WASM_FEATURE_BULK_MEMORY, "0c(00)"},
        {WASM_FEATURE_BULK_MEMORY, "0b(01 01 00)"},
        {WASM_FEATURE_BULK_MEMORY, "09(01 01 00 00)"},
        {WASM_FEATURE_REFERENCE_TYPES, "01(01 60 01 6f 00)"},
        {WASM_FEATURE_REFERENCE_TYPES, "04(01 6f 00 00)"},
        {WASM_FEATURE_REFERENCE_TYPES, "09(01 02 01 41 00 0b 00 00)"},
        {WASM_FEATURE_REFERENCE_TYPES, "09(01 03 00 00)"},
        {WASM_FEATURE_SIGN_EXTENSION, "06(01 7f 00 41 00 c0 0b)"},
        {WASM_FEATURE_TYPED_REFERENCES, "01(01 60 01 64 70 00)"},
        {WASM_FEATURE_TYPED_REFERENCES, "04(01 40 00 70 00 00 d0 70 0b)"},
        {WASM_FEATURE_TYPED_REFERENCES, "01(01 60 00 00) 06(01 70 00 d0 00 0b)"},
        {WASM_FEATURE_GC, "01(01 5f 00)"},
        {WASM_FEATURE_GC, "01(01 5e 7f 00)"},
        {WASM_FEATURE_GC, "01(01 4e 01 60 00 00)"},
        {WASM_FEATURE_GC, "01(01 50 00 60 00 00)"},
        {WASM_FEATURE_GC, "04(01 6e 00 00)"},
        {WASM_FEATURE_GC, "06(01 6e 00 41 00 fb 1c 0b)"},
        {WASM_FEATURE_EXCEPTIONS, "0d(00)"},
        {WASM_FEATURE_EXCEPTIONS, "01(01 60 00 00) 02(01 ('m') ('n') 04 00 00)"},
        {WASM_FEATURE_EXCEPTIONS, "04(01 69 00 00)"},
        {WASM_FEATURE_MEMORY64, "05(01 04 00)"},
        {WASM_FEATURE_MEMORY64, "02(01 ('m') ('t') 01 70 04 00)"},
        {WASM_FEATURE_CUSTOM_PAGE_SIZES, "05(01 08 00 10)"},
        {WASM_FEATURE_SIMD, "01(01 60 01 7b 00)"},
        {WASM_FEATURE_SIMD, "06(01 7f 00 fd 11 0b)"},
        {WASM_FEATURE_RELAXED_SIMD, "06(01 7f 00 fd 80 02 0b)"},
        {WASM_FEATURE_THREADS, "05(01 03 00 00)"},
        {WASM_FEATURE_THREADS, "06(01 7f 00 fe 03 00 0b)"},
        {WASM_FEATURE_WIDE_ARITHMETIC, "06(01 7f 00 fc 13 0b)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_report report;
        wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
        CASE("%s", cases[i].text);
        wasm_module *m = load(cases[i].text, &options, &report);
        CHECK(m != NULL && (m->used & WASM_FEATURE(cases[i].feature)) != 0);
        module_destroy(m);
        options.features &= ~WASM_FEATURE(cases[i].feature);
        m = load(cases[i].text, &options, &report);
        CHECK_EQ_STR(wasm_status_name(report.status), "FEATURE");
        CHECK(strstr(report.detail, wasm_feature_name(cases[i].feature)) != NULL);
        module_destroy(m);
    }
}

TEST(a_feature_without_support_cannot_be_switched_on)
{
    wasm_load_options options = {.features = UINT64_MAX};
    wasm_report report;
    wasm_module *m = load("", &options, &report);
    REQUIRE(m != NULL);
    CHECK_EQ_UINT(m->enabled, WASM_FEATURES_SUPPORTED);
    module_destroy(m);
    options.features = WASM_FEATURE(WASM_FEATURE_MULTI_VALUE);
    m = load("", &options, &report);
    REQUIRE(m != NULL);
    CHECK_EQ_UINT(m->enabled,
                  WASM_FEATURE(WASM_FEATURE_MULTI_VALUE) | WASM_FEATURE(WASM_FEATURE_MVP));
    module_destroy(m);
}

/* One section of `count` times the item, after the sections of `before`. */
static wasm_status load_many(const char *before, uint8_t id, uint32_t count, const char *item,
                             wasm_report *report, wasm_module **out)
{
    size_t length, item_length;
    uint8_t *head = module_text(before, &length), *one = text_bytes(item, &item_length);
    text_buffer file = {0}, body = {0};
    text_put_leb(&body, count);
    for (uint32_t i = 0; i < count; i++)
        text_put(&body, one, item_length);
    text_put(&file, head, length);
    text_put(&file, &id, 1);
    text_put_leb(&file, body.length);
    text_put(&file, body.bytes, body.length);
    *out = NULL;
    wasm_status status = decode_module(file.bytes, file.length, NULL, out, report);
    free(head);
    free(one);
    free(file.bytes);
    free(body.bytes);
    return status;
}

TEST(limits_are_met_exactly)
{
    static const struct {
        const char *before;
        uint8_t id;
        uint32_t limit;
        const char *item;
    } cases[] = {
        {"", 1, LIMIT_TYPES, "60 00 00"},
        {"", 2, LIMIT_IMPORTS, "00 00 00 00"},
        {"", 2, LIMIT_MEMORIES, "00 00 02 00 00"},
        {"", 4, LIMIT_TABLES, "70 00 00"},
        {"", 5, LIMIT_MEMORIES, "00 00"},
        {"02(01 00 00 02 00 00)", 5, LIMIT_MEMORIES - 1, "00 00"}, /* imported ones count */
        {"", 6, LIMIT_GLOBALS, "7f 00 41 00 0b"},
        {"", 7, LIMIT_EXPORTS, "00 00 00"},
        {"", 11, LIMIT_DATAS, "01 00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_report report;
        wasm_module *m;
        CASE("section %u: %u times %s", cases[i].id, (unsigned)cases[i].limit, cases[i].item);
        wasm_status status =
            load_many(cases[i].before, cases[i].id, cases[i].limit, cases[i].item, &report, &m);
        CHECK_EQ_STR(wasm_status_name(status), "OK");
        module_destroy(m);
        status =
            load_many(cases[i].before, cases[i].id, cases[i].limit + 1, cases[i].item, &report, &m);
        CHECK_EQ_STR(wasm_status_name(status), "IMPL_LIMIT");
        module_destroy(m);
    }
}

TEST(parameters_and_results_have_limits)
{
    static const struct {
        unsigned params, results;
        wasm_status status;
    } cases[] = {
        {LIMIT_PARAMS, LIMIT_RESULTS, WASM_OK},
        {LIMIT_PARAMS + 1, 0, WASM_E_IMPL_LIMIT},
        {0, LIMIT_RESULTS + 1, WASM_E_IMPL_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_buffer type = {0}, file = {0};
        const uint8_t i32 = WASM_I32, id = 1;
        text_put(&type, "\x01\x60", 2);
        text_put_leb(&type, cases[i].params);
        for (unsigned k = 0; k < cases[i].params; k++)
            text_put(&type, &i32, 1);
        text_put_leb(&type, cases[i].results);
        for (unsigned k = 0; k < cases[i].results; k++)
            text_put(&type, &i32, 1);
        text_put(&file, "\0asm\1\0\0\0", 8);
        text_put(&file, &id, 1);
        text_put_leb(&file, type.length);
        text_put(&file, type.bytes, type.length);
        wasm_module *m = NULL;
        CASE("%u parameters, %u results", cases[i].params, cases[i].results);
        CHECK_EQ_INT(decode_module(file.bytes, file.length, NULL, &m, NULL), cases[i].status);
        module_destroy(m);
        free(type.bytes);
        free(file.bytes);
    }
}

/* Every section that is a vector claims 2^32-1 items in a few bytes: that must be found out before
 * anything is allocated for them. */
TEST(a_short_file_cannot_make_a_large_allocation)
{
    for (unsigned id = 1; id <= 11; id++) {
        wasm_load_options options = {.quota = 16384};
        wasm_report report;
        char text[64];
        if (id == 8)
            continue; /* start is a number, not a vector */
        snprintf(text, sizeof text, "%02x(ff ff ff ff 0f 00 00 00 00 00 00)", id);
        CASE("%s", text);
        wasm_module *m = load(text, &options, &report);
        CHECK_EQ_STR(wasm_class_name(wasm_status_class(report.status)), "malformed");
        module_destroy(m);
    }
}

TEST(the_quota_holds_at_every_size)
{
    const char *text = "01(02 60 01 7f 00 60 00 01 7e) 02(01 ('a') ('b') 00 00) 03(02 00 01)"
                       "04(01 70 00 01) 05(01 00 01) 06(01 7f 00 41 00 0b) 07(01 ('x') 00 01)"
                       "09(01 00 41 00 0b 01 00) 0a(02 (00 0b) (00 42 00 0b)) 00(('c') 'xyz')"
                       "0b(01 00 41 00 0b ('d')) 00(('name') 01(01 00('n')))";
    unsigned refused_count = 0, accepted = 0;
    for (size_t limit = 1; limit < 20000; limit += 61) {
        wasm_load_options options = {.quota = limit};
        wasm_report report;
        wasm_module *m = load(text, &options, &report);
        CASE("%zu bytes", limit);
        if (m == NULL) {
            CHECK_EQ_STR(wasm_status_name(report.status), "QUOTA");
            CHECK_EQ_UINT(accepted, 0); /* more is never worse */
            refused_count++;
        } else {
            CHECK(m->quota.used <= limit && m->quota.peak <= limit);
            accepted++;
        }
        module_destroy(m);
    }
    CHECK(refused_count > 10 && accepted > 10);
}

static void count_lines(void *baton, unsigned bit, const char *line)
{
    unsigned *lines = baton;
    *lines += bit == WASM_TRACE_DECODE && strlen(line) > 5;
}

TEST(decoding_is_traced_on_request)
{
    unsigned lines = 0;
    wasm_load_options options = {.log = count_lines, .log_baton = &lines};
    wasm_report report;
    module_destroy(load("01(00) 03(00)", &options, &report));
    CHECK_EQ_UINT(lines, 0);
    options.trace = WASM_TRACE_DECODE;
    module_destroy(load("01(00) 03(00)", &options, &report));
    CHECK_EQ_UINT(lines, 3); /* two sections and the sum */
    options.log = NULL;
    module_destroy(load("01(00)", &options, &report));
}

static const struct {
    const char *text, *printed;
} instructions[] = {
    {"01", "nop"},
    {"02 40", "block"},
    {"03 7f", "loop (result i32)"},
    {"04 05", "if (type 5)"},
    {"0c 03", "br 3"},
    {"0e 02 00 01 02", "br_table (2 of them)"},
    {"11 02 00", "call_indirect 2 0"},
    {"1c 01 7e", "select (1 of them)"},
    {"20 81 01", "local.get 129"},
    {"28 02 08", "i32.load offset=8 align=4"},
    {"41 7f", "i32.const 0xffffffff"},
    {"42 7f", "i64.const 0xffffffffffffffff"},
    {"43 00 00 c0 3f", "f32.const 0x1.8p+0"},
    {"44 00 00 00 00 00 00 00 c0", "f64.const -0x1p+1"},
    {"d0 6f", "ref.null extern"},
    {"d2 07", "ref.func 7"},
    {"fc 08 01 00", "memory.init 1 0"},
    {"fc 8e 80 00 01 02", "table.copy 1 2"},
};

TEST(instructions_are_decoded_and_printed)
{
    for (size_t i = 0; i < sizeof instructions / sizeof instructions[0]; i++) {
        size_t length;
        uint8_t *bytes = text_bytes(instructions[i].text, &length);
        cursor c = {.r = {bytes, bytes, bytes + length},
                    .enabled = WASM_FEATURES_SUPPORTED,
                    .func = WASM_NO_FUNC};
        instr in;
        char line[64];
        CASE("%s", instructions[i].text);
        REQUIRE(instr_next(&c, &in) == WASM_OK);
        CHECK_EQ_UINT(reader_left(&c.r), 0);
        CHECK_EQ_STR(instr_print(&in, line, sizeof line), instructions[i].printed);
        for (size_t cut = 0; cut < length; cut++) { /* every prefix of it is too short */
            cursor shorter = {.r = {bytes, bytes, bytes + cut}, .enabled = c.enabled};
            CHECK_EQ_INT(instr_next(&shorter, &in), WASM_E_UNEXPECTED_END);
        }
        free(bytes);
    }
}
