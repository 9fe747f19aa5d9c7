/* SPDX-License-Identifier: Apache-2.0
 * link_test.c — what may stand for which import, and that instances share what they import.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

static wasm_status nothing(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_OK;
}

/* ---- host functions by name ------------------------------------------------------------------ */

/* (import "b" "y" (func)) (import "a" "x" (func (param i32) (result i64)))
 * (import "b" "x" (func)) (import "a" "m" (memory 1)) */
#define FOUR_IMPORTS                                                                               \
    "01(02 60 00 00 60 01 7f 01 7e)"                                                               \
    "02(04 ('b') ('y') 00 00 ('a') ('x') 00 01 ('b') ('x') 00 00 ('a') ('m') 02 00 01)"

TEST(rows_are_found_by_both_names_in_any_order)
{
    static const wasm_host_function rows[] = {
        {"b", "z", ":", 0, nothing},  {"b", "y", ":", 0, nothing}, {"a", "x", "i:I", 0, nothing},
        {"aa", "x", ":", 0, nothing}, {"", "x", ":", 0, nothing},  {"b", "", ":", 0, nothing},
    };
    wasm_extern imports[4] = {{0}};
    wasm_report report;
    wasm_module *module = fixture_load(FOUR_IMPORTS, &report);

    REQUIRE(module != NULL);
    CHECK_EQ_UINT(wasm_missing_import(module, imports), 0);
    CHECK_EQ_INT(wasm_resolve(module, rows, 6, imports, &report), WASM_OK);
    CHECK(imports[0].is_host && imports[0].of.host == &rows[1]);
    CHECK(imports[1].is_host && imports[1].of.host == &rows[2]);
    CHECK(!imports[2].is_host && imports[2].of.host == NULL);
    CHECK_EQ_UINT(wasm_missing_import(module, imports), 2);
    /* A second table of rows fills what the first left open. */
    static const wasm_host_function more = {"b", "x", ":", 0, nothing};
    CHECK_EQ_INT(wasm_resolve(module, &more, 1, imports, &report), WASM_OK);
    CHECK(imports[0].of.host == &rows[1]);
    CHECK(imports[2].of.host == &more);
    CHECK_EQ_UINT(wasm_missing_import(module, imports), 3);
    CHECK_EQ_INT(wasm_resolve(module, NULL, 0, imports, &report), WASM_OK);
    wasm_module_free(module);
}

TEST(signatures_are_compared)
{
    static const struct {
        const char *signature;
        bool fits;
    } rows[] = {
        {"i:I", true},   {"i:i", false},  {"I:I", false}, {":I", false},   {"i:", false},
        {"ii:I", false}, {"i:II", false}, {"i", false},   {"", false},     {"i:I:", false},
        {"f:I", false},  {"i:F", false},  {"r:I", false}, {"i:Ix", false},
    };
    wasm_report report;
    wasm_module *module = fixture_load("01(01 60 01 7f 01 7e) 02(01 ('a') ('x') 00 00)", &report);

    REQUIRE(module != NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_host_function row = {"a", "x", rows[i].signature, 0, nothing};
        wasm_extern import = {0};
        CASE("signature \"%s\"", rows[i].signature);
        CHECK_EQ_INT(wasm_resolve(module, &row, 1, &import, &report),
                     rows[i].fits ? WASM_OK : WASM_E_IMPORT_TYPE);
        CHECK_EQ_INT(import.is_host, rows[i].fits);
        if (!rows[i].fits)
            CHECK(strstr(report.detail, "[i32] -> [i64]") != NULL);
    }
    wasm_module_free(module);
}

TEST(a_function_cannot_stand_for_a_memory)
{
    static const wasm_host_function row = {"a", "m", ":", 0, nothing};
    wasm_extern import[4] = {{0}};
    wasm_report report;
    wasm_module *module = fixture_load(FOUR_IMPORTS, &report);

    REQUIRE(module != NULL);
    CHECK_EQ_INT(wasm_resolve(module, &row, 1, import, &report), WASM_E_IMPORT_TYPE);
    wasm_module_free(module);
}

/* ---- types of two modules ---------------------------------------------------------------------
 */

TEST(function_types_of_two_modules_are_equal_if_they_say_the_same)
{
    /* Each module exports "f" and a global "g" of type (ref null $f), where $f is the type of f. */
    static const struct {
        const char *what, *exporting, *importing;
        bool fits;
    } rows[] = {
        {"the same number", "01(01 60 01 7f 00)", "01(01 60 01 7f 00)", true},
        {"another number", "01(03 60 00 00 60 02 7f 7f 00 60 01 7f 00)", "01(01 60 01 7f 00)",
         true},
        {"another result", "01(01 60 01 7f 01 7f)", "01(01 60 01 7f 00)", false},
        {"through another type", "01(02 60 01 7e 00 60 01 63 00 00)",
         "01(03 60 00 00 60 01 7e 00 60 01 63 01 00)", true},
        {"through another type that differs", "01(02 60 01 7e 00 60 01 63 00 00)",
         "01(03 60 00 00 60 01 7d 00 60 01 63 01 00)", false},
        {"and whether it may be null", "01(02 60 01 7e 00 60 01 63 00 00)",
         "01(02 60 01 7e 00 60 01 64 00 00)", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[400];
        wasm_report report;
        wasm_store *store = wasm_store_new(NULL, NULL);
        wasm_instance *one = NULL, *two = NULL;
        wasm_extern with[2];
        /* The last type of each is the one in question. */
        unsigned last = (unsigned)(rows[i].exporting[4] - '1');
        CASE("%s", rows[i].what);
        snprintf(text, sizeof text,
                 "%s 03(01 %02x) 06(01 63 %02x 00 d0 %02x 0b) 07(02 ('f') 00 00 ('g') 03 00)"
                 "0a(01 (00 00 0b))",
                 rows[i].exporting, last, last, last);
        wasm_module *first = fixture_load(text, &report);
        last = (unsigned)(rows[i].importing[4] - '1');
        snprintf(text, sizeof text, "%s 02(02 ('m') ('f') 00 %02x ('m') ('g') 03 63 %02x 00)",
                 rows[i].importing, last, last);
        wasm_module *second = fixture_load(text, &report);
        REQUIRE(store != NULL && first != NULL && second != NULL);
        REQUIRE(wasm_instantiate(store, first, NULL, &one, &report) == WASM_OK);
        REQUIRE(wasm_instance_export(one, "f", 1, &with[0]) &&
                wasm_instance_export(one, "g", 1, &with[1]));
        CHECK_EQ_INT(wasm_instantiate(store, second, with, &two, &report),
                     rows[i].fits ? WASM_OK : WASM_E_IMPORT_TYPE);
        wasm_store_free(store);
        wasm_module_free(first);
        wasm_module_free(second);
    }
}

TEST(a_constant_may_be_more_special_than_what_is_imported_and_a_variable_may_not)
{
    static const struct {
        const char *global, *import;
        bool fits;
    } rows[] = {
        {"64 00 00 d2 00 0b", "63 00 00", true},  {"64 00 00 d2 00 0b", "70 00", true},
        {"64 00 00 d2 00 0b", "64 70 00", true},  {"63 00 00 d2 00 0b", "64 00 00", false},
        {"70 00 d2 00 0b", "63 00 00", false},    {"64 00 01 d2 00 0b", "64 00 01", true},
        {"64 00 01 d2 00 0b", "63 00 01", false}, {"64 00 01 d2 00 0b", "64 00 00", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        wasm_report report;
        wasm_store *store = wasm_store_new(NULL, NULL);
        wasm_instance *one = NULL, *two = NULL;
        wasm_extern with;
        CASE("%s as %s", rows[i].global, rows[i].import);
        snprintf(text, sizeof text,
                 "01(01 60 00 00) 03(01 00) 06(01 %s) 07(01 ('g') 03 00) 0a(01 (00 0b))",
                 rows[i].global);
        wasm_module *first = fixture_load(text, &report);
        snprintf(text, sizeof text, "01(01 60 00 00) 02(01 ('m') ('g') 03 %s)", rows[i].import);
        wasm_module *second = fixture_load(text, &report);
        REQUIRE(store != NULL && first != NULL && second != NULL);
        REQUIRE(wasm_instantiate(store, first, NULL, &one, &report) == WASM_OK);
        REQUIRE(wasm_instance_export(one, "g", 1, &with));
        CHECK_EQ_INT(wasm_instantiate(store, second, &with, &two, &report),
                     rows[i].fits ? WASM_OK : WASM_E_IMPORT_TYPE);
        wasm_store_free(store);
        wasm_module_free(first);
        wasm_module_free(second);
    }
}

TEST(a_host_function_has_the_type_of_its_signature_in_every_module)
{
    static const wasm_host_function row = {"h", "f", "iI:F", 0, nothing};
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_extern with = {.kind = WASM_EXTERN_FUNC};
    wasm_report report;
    wasm_instance *instance;
    wasm_module *same =
        fixture_load("01(02 60 00 00 60 02 7f 7e 01 7c) 02(01 ('h') ('f') 00 01)", &report);
    wasm_module *other = fixture_load("01(01 60 02 7f 7f 01 7c) 02(01 ('h') ('f') 00 00)", &report);

    REQUIRE(store != NULL && same != NULL && other != NULL);
    REQUIRE(wasm_host_func_new(store, &row, &with.of.func) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, same, &with, &instance, &report), WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, other, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK(strstr(report.detail, "[i32 i64] -> [f64]") != NULL);
    wasm_store_free(store);
    wasm_module_free(same);
    wasm_module_free(other);
}

/* ---- objects by type ------------------------------------------------------------------------- */

/* Instantiates a module of one import with `with`. */
static wasm_status link_one(wasm_store *store, const char *text, wasm_extern with,
                            wasm_report *report)
{
    wasm_module *module = fixture_load(text, report);
    wasm_instance *instance;

    if (module == NULL)
        return WASM_E_USAGE;
    wasm_status status = wasm_instantiate(store, module, &with, &instance, report);
    wasm_store_free(store);
    wasm_module_free(module);
    return status;
}

TEST(limits_of_memories_and_tables)
{
    static const struct {
        const char *import; /* a memory of these limits; a table likewise */
        wasm_bounds offered;
        bool fits;
    } rows[] = {
        {"00 01", {.min = 1}, true},
        {"00 01", {.min = 2}, true},
        {"00 02", {.min = 1}, false},
        {"00 01", {.min = 1, .max = 5, .has_max = true}, true},
        {"01 01 05", {.min = 1}, false},
        {"01 01 05", {.min = 1, .max = 5, .has_max = true}, true},
        {"01 01 05", {.min = 1, .max = 4, .has_max = true}, true},
        {"01 01 05", {.min = 1, .max = 6, .has_max = true}, false},
        {"00 00", {.min = 0}, true},
        {"01 00 00", {.min = 0, .max = 0, .has_max = true}, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_status expected = rows[i].fits ? WASM_OK : WASM_E_IMPORT_TYPE;
        wasm_extern memory = {.kind = WASM_EXTERN_MEMORY}, table = {.kind = WASM_EXTERN_TABLE};
        wasm_store *one = wasm_store_new(NULL, NULL), *two = wasm_store_new(NULL, NULL);
        char text[80];
        wasm_report report;
        CASE("limits %s, row %zu", rows[i].import, i);
        REQUIRE(one != NULL && two != NULL);
        REQUIRE(wasm_memory_new(one, &rows[i].offered, &memory.of.memory) == WASM_OK);
        REQUIRE(wasm_table_new(two, WASM_FUNCREF, &rows[i].offered, &table.of.table) == WASM_OK);
        snprintf(text, sizeof text, "02(01 ('a') ('m') 02 %s)", rows[i].import);
        CHECK_EQ_INT(link_one(one, text, memory, &report), expected);
        snprintf(text, sizeof text, "02(01 ('a') ('t') 01 70 %s)", rows[i].import);
        CHECK_EQ_INT(link_one(two, text, table, &report), expected);
    }
}

TEST(a_memory_without_maximum_is_not_one_with_the_largest)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_extern memory = {.kind = WASM_EXTERN_MEMORY};
    wasm_bounds bounds = {.min = 1};
    wasm_report report;

    REQUIRE(store != NULL);
    REQUIRE(wasm_memory_new(store, &bounds, &memory.of.memory) == WASM_OK);
    CHECK_EQ_INT(link_one(store, "02(01 ('a') ('m') 02 01 01 80 80 04)", memory, &report),
                 WASM_E_IMPORT_TYPE);
}

TEST(globals_fit_by_type_and_mutability)
{
    static const struct {
        const char *import;
        wasm_valtype type;
        bool mutable_, fits;
    } rows[] = {
        {"7f 00", WASM_I32, false, true},      {"7f 01", WASM_I32, true, true},
        {"7f 00", WASM_I32, true, false},      {"7f 01", WASM_I32, false, false},
        {"7e 00", WASM_I32, false, false},     {"70 00", WASM_FUNCREF, false, true},
        {"6f 00", WASM_FUNCREF, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_store *store = wasm_store_new(NULL, NULL);
        wasm_extern global = {.kind = WASM_EXTERN_GLOBAL};
        wasm_value value = {.i64 = 0};
        wasm_report report;
        char text[80];
        CASE("row %zu", i);
        REQUIRE(store != NULL);
        REQUIRE(wasm_global_new(store, rows[i].type, rows[i].mutable_, value, &global.of.global) ==
                WASM_OK);
        snprintf(text, sizeof text, "02(01 ('a') ('g') 03 %s)", rows[i].import);
        CHECK_EQ_INT(link_one(store, text, global, &report),
                     rows[i].fits ? WASM_OK : WASM_E_IMPORT_TYPE);
    }
}

TEST(what_is_missing_or_of_another_kind_is_named)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_extern none = {.kind = WASM_EXTERN_FUNC};
    wasm_report report;

    REQUIRE(store != NULL);
    CHECK_EQ_INT(link_one(store, "02(01 ('wat') ('mem') 02 00 01)", none, &report),
                 WASM_E_UNKNOWN_IMPORT);
    CHECK(strstr(report.detail, "\"wat\" \"mem\"") != NULL);
    CHECK_EQ_INT(wasm_status_class(report.status), WASM_CLASS_LINK);

    wasm_extern global = {.kind = WASM_EXTERN_GLOBAL};
    wasm_value value = {.i64 = 0};
    store = wasm_store_new(NULL, NULL);
    REQUIRE(store != NULL);
    REQUIRE(wasm_global_new(store, WASM_I32, false, value, &global.of.global) == WASM_OK);
    CHECK_EQ_INT(link_one(store, "02(01 ('wat') ('mem') 02 00 01)", global, &report),
                 WASM_E_IMPORT_TYPE);
    CHECK(strstr(report.detail, "a global") != NULL);
}

TEST(objects_of_another_store_are_refused)
{
    wasm_store *store = wasm_store_new(NULL, NULL), *other = wasm_store_new(NULL, NULL);
    wasm_extern memory = {.kind = WASM_EXTERN_MEMORY};
    wasm_bounds bounds = {.min = 1};
    wasm_report report;

    REQUIRE(store != NULL && other != NULL);
    REQUIRE(wasm_memory_new(other, &bounds, &memory.of.memory) == WASM_OK);
    CHECK_EQ_INT(link_one(store, "02(01 ('a') ('m') 02 00 01)", memory, &report), WASM_E_USAGE);
    wasm_store_free(other);
}

/* ---- between modules ------------------------------------------------------------------------- */

/* A second instance in the store of `f`, importing the exports of f's instance in order. */
static wasm_status instantiate_on(fixture *f, wasm_module *module, const char *const *names,
                                  wasm_instance **out, wasm_report *report)
{
    wasm_extern imports[4] = {{0}};

    for (size_t i = 0; names[i] != NULL; i++)
        if (!wasm_instance_export(f->instance, names[i], strlen(names[i]), &imports[i]))
            return WASM_E_USAGE;
    return wasm_instantiate(f->store, module, imports, out, report);
}

TEST(function_types_are_compared_by_structure_across_modules)
{
    /* Two types before it shift the numbering of the exporter. */
    static const char exporter[] = "01(03 60 00 00 60 01 7e 00 60 01 7f 01 7f) 03(01 02)"
                                   "07(01 ('f') 00 00) 0a(01 (00 20 00 41 01 6a 0b))";
    static const char fits[] = "01(01 60 01 7f 01 7f) 02(01 ('a') ('f') 00 00) 03(01 00)"
                               "07(01 ('g') 00 01) 0a(01 (00 20 00 10 00 0b))";
    static const char differs[] = "01(01 60 01 7f 00) 02(01 ('a') ('f') 00 00)";
    static const char *const names[] = {"f", NULL};
    wasm_instance *instance;
    wasm_report report;
    wasm_extern g;
    fixture f;

    REQUIRE(fixture_open(&f, exporter, NULL, NULL, 0, NULL));
    wasm_module *good = fixture_load(fits, &report), *bad = fixture_load(differs, &report);
    REQUIRE(good != NULL && bad != NULL);
    CHECK_EQ_INT(instantiate_on(&f, bad, names, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK(strstr(report.detail, "[i32] -> [i32]") != NULL);
    REQUIRE(instantiate_on(&f, good, names, &instance, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(instance, "g", 1, &g));
    wasm_value arg = {.i32 = 41}, result;
    CHECK_EQ_INT(wasm_call(f.store, g.of.func, &arg, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 42);
    fixture_close(&f);
    wasm_module_free(good);
    wasm_module_free(bad);
}

TEST(function_types_are_compared_within_a_module_too)
{
    /* (import "a" "f" (func (param i32) (result i32))) (func (export "wrong"))
     * (func (export "right") (param i32) (result i32) (i32.const 9)) */
    static const char text[] = "01(02 60 00 00 60 01 7f 01 7f) 02(01 ('a') ('f') 00 01)"
                               "03(02 00 01) 07(02 ('wrong') 00 01 ('right') 00 02)"
                               "0a(02 (00 0b) (00 41 09 0b))";
    static const wasm_host_function row = {"a", "f", "i:i", 0, nothing};
    static const char *const wrong[] = {"wrong", NULL}, *const right[] = {"right", NULL};
    wasm_instance *instance;
    wasm_report report;
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, &row, 1, NULL));
    CHECK_EQ_INT(instantiate_on(&f, f.module, wrong, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK_EQ_INT(instantiate_on(&f, f.module, right, &instance, &report), WASM_OK);
    fixture_close(&f);
}

TEST(a_shared_table_checks_types_across_modules)
{
    /* Exports a table whose element 0 is a function [i32] -> [i32], element 1 a [] -> []. */
    static const char exporter[] = "01(02 60 00 00 60 01 7f 01 7f) 03(02 01 00) 04(01 70 00 04)"
                                   "07(01 ('t') 01 00) 09(01 00 41 00 0b 02 00 01)"
                                   "0a(02 (00 20 00 41 02 6c 0b) (00 0b))";
    /* (func (export "g") (param i32) (result i32)
     *     (call_indirect (type [i32] -> [i32]) (i32.const 21) (local.get 0))) */
    static const char caller[] = "01(01 60 01 7f 01 7f) 02(01 ('a') ('t') 01 70 00 01) 03(01 00)"
                                 "07(01 ('g') 00 00) 0a(01 (00 41 15 20 00 11 00 00 0b))";
    static const char *const names[] = {"t", NULL};
    static const wasm_status expected[] = {WASM_OK, WASM_E_INDIRECT_TYPE,
                                           WASM_E_UNINITIALIZED_ELEMENT,
                                           WASM_E_UNINITIALIZED_ELEMENT, WASM_E_UNDEFINED_ELEMENT};
    wasm_instance *instance;
    wasm_report report;
    wasm_extern g;
    fixture f;

    REQUIRE(fixture_open(&f, exporter, NULL, NULL, 0, NULL));
    wasm_module *module = fixture_load(caller, &report);
    REQUIRE(module != NULL);
    REQUIRE(instantiate_on(&f, module, names, &instance, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(instance, "g", 1, &g));
    for (uint32_t i = 0; i < 5; i++) {
        wasm_value arg = {.i32 = i}, result = {.i32 = 0};
        CASE("element %u", i);
        CHECK_EQ_INT(wasm_call(f.store, g.of.func, &arg, &result), expected[i]);
        if (i == 0)
            CHECK_EQ_UINT(result.i32, 42);
    }
    fixture_close(&f);
    wasm_module_free(module);
}

TEST(a_failed_instance_stays_reachable_through_a_table)
{
    static const char exporter[] = "04(01 70 00 01) 07(01 ('t') 01 00)";
    /* Puts a function into the table, then traps at a data segment. */
    static const char failing[] =
        "01(01 60 00 01 7f) 02(01 ('a') ('t') 01 70 00 01) 03(01 00) 05(01 00 01)"
        "09(01 00 41 00 0b 01 00) 0a(01 (00 41 2a 0b)) 0b(01 00 41 ff ff 07 0b ('xx'))";
    static const char *const names[] = {"t", NULL};
    wasm_instance *instance;
    wasm_report report;
    wasm_extern table;
    fixture f;

    REQUIRE(fixture_open(&f, exporter, NULL, NULL, 0, NULL));
    wasm_module *module = fixture_load(failing, &report);
    REQUIRE(module != NULL);
    CHECK_EQ_INT(instantiate_on(&f, module, names, &instance, &report), WASM_E_OOB_MEMORY);
    CHECK(report.offset != WASM_NO_OFFSET);
    REQUIRE(wasm_instance_export(f.instance, "t", 1, &table));
    wasm_func *func = (wasm_func *)(uintptr_t)table.of.table->elems[0];
    wasm_value result = {.i32 = 0};
    REQUIRE(func != NULL);
    CHECK_EQ_INT(wasm_call(f.store, func, NULL, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 42);
    fixture_close(&f);
    wasm_module_free(module);
}

TEST(an_imported_mutable_global_is_the_exporters_own)
{
    static const char exporter[] = "06(01 7f 01 41 05 0b) 07(01 ('g') 03 00)";
    /* (func (export "f") (global.set 0 (i32.add (global.get 0) (i32.const 1)))) */
    static const char user[] = "01(01 60 00 00) 02(01 ('a') ('g') 03 7f 01) 03(01 00)"
                               "07(01 ('f') 00 00) 0a(01 (00 23 00 41 01 6a 24 00 0b))";
    static const char *const names[] = {"g", NULL};
    wasm_instance *instance;
    wasm_report report;
    wasm_extern func, global;
    fixture f;

    REQUIRE(fixture_open(&f, exporter, NULL, NULL, 0, NULL));
    wasm_module *module = fixture_load(user, &report);
    REQUIRE(module != NULL);
    REQUIRE(instantiate_on(&f, module, names, &instance, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(instance, "f", 1, &func));
    REQUIRE(wasm_instance_export(f.instance, "g", 1, &global));
    CHECK_EQ_INT(wasm_call(f.store, func.of.func, NULL, NULL), WASM_OK);
    CHECK_EQ_UINT(wasm_global_get(global.of.global).i32, 6);
    CHECK_EQ_UINT(wasm_global_type(global.of.global), WASM_I32);
    fixture_close(&f);
    wasm_module_free(module);
}

/* ---- constant expressions -------------------------------------------------------------------- */

TEST(constants_are_evaluated)
{
    /* Globals: imported i32 7; then from it: 7 * 6; i64 -1 - 1; a ref.func; and 20 nested sums. */
    char text[600] = "01(01 60 00 00) 02(01 ('a') ('g') 03 7f 00) 03(01 00)"
                     "06(04 7f 00 23 00 41 06 6c 0b 7e 00 42 7f 42 01 7d 0b 70 00 d2 00 0b 7f 00";
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_extern seven = {.kind = WASM_EXTERN_GLOBAL}, found;
    wasm_value value = {.i32 = 7};
    wasm_instance *instance;
    wasm_report report;

    for (int i = 0; i < 40; i++)
        strcat(text, " 41 01");
    for (int i = 0; i < 39; i++)
        strcat(text, " 6a");
    strcat(text, " 0b) 07(04 ('a') 03 01 ('b') 03 02 ('c') 03 03 ('d') 03 04) 0a(01 (00 0b))");
    wasm_module *module = fixture_load(text, &report);
    REQUIRE(module != NULL && store != NULL);
    REQUIRE(wasm_global_new(store, WASM_I32, false, value, &seven.of.global) == WASM_OK);
    REQUIRE(wasm_instantiate(store, module, &seven, &instance, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(instance, "a", 1, &found));
    CHECK_EQ_UINT(wasm_global_get(found.of.global).i32, 42);
    REQUIRE(wasm_instance_export(instance, "b", 1, &found));
    CHECK_EQ_UINT(wasm_global_get(found.of.global).i64, UINT64_MAX - 1);
    REQUIRE(wasm_instance_export(instance, "c", 1, &found));
    CHECK(wasm_global_get(found.of.global).ref == (wasm_ref)(uintptr_t)instance->funcs[0]);
    REQUIRE(wasm_instance_export(instance, "d", 1, &found));
    CHECK_EQ_UINT(wasm_global_get(found.of.global).i32, 40);
    wasm_store_free(store);
    wasm_module_free(module);
}
