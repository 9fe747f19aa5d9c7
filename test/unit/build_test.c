/* SPDX-License-Identifier: Apache-2.0
 * build_test.c — modules through builder and passes: what comes out keeps the rules of ir.h.
 * layers: compile validate
 *
 * How:     bodies of one function of type [i32 i32] -> [i32] beside a memory, a table and globals
 *          are built, improved and verified; where it matters the printed text is searched.
 */
#include "unit.h"

#include "build.h"
#include "decode.h"
#include "module_text.h"

#define BODY(body)                                                                                 \
    "01(02 60 02 7f 7f 01 7f 60 00 00) 03(01 00) 04(01 70 00 04) 05(01 00 01)"                     \
    "06(02 7f 01 41 05 0b 7f 00 41 07 0b) 0a(01 (00 " body "0b))"

static bool has_all(unsigned op)
{
    (void)op;
    return true;
}
/* There is always room enough. */
static uint32_t no_room(const wasm_functype *caller, const wasm_functype *callee)
{
    (void)caller, (void)callee;
    return 0;
}
static const target everything = {.name = "test", .has = has_all, .tail_room = no_room};

typedef struct printed {
    char text[20000];
} printed;

static void add_line(void *baton, const char *line)
{
    printed *p = baton;
    size_t length = strlen(p->text);

    snprintf(p->text + length, sizeof p->text - length, "%s\n", line);
}

/* How many functions were built; -1 after a failure, whose reason was printed. */
static int build_all(const uint8_t *bytes, size_t length, bool guarded, printed *out)
{
    wasm_report report = {0};
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    build_options how = {.guarded = guarded, .target = &everything};
    wasm_module *m = NULL;
    builder *b = NULL;
    char why[200] = "";
    int built = 0;

    if (decode_module(bytes, length, &options, &m, &report) != WASM_OK ||
        validate_module(m, &report) != WASM_OK || builder_new(m, &how, &b) != WASM_OK)
        return -1;
    for (uint32_t i = m->func_import_count; i < m->func_count && built >= 0; i++) {
        ir_func f;
        arena a;
        bool declined = false;

        arena_init(&a, &m->quota);
        ir_reset(&f, &a);
        if (build_function(b, i, &f, &declined, &report) != WASM_OK) {
            printf("function %u: %s\n", i, report.detail);
            built = -1;
        } else if (!declined) {
            if (improve(&f, &how) != WASM_OK || !ir_verify(&f, why, sizeof why)) {
                printf("function %u: %s\n", i, why);
                built = -1;
            } else {
                built++;
            }
            if (out)
                ir_print(&f, add_line, out);
        }
        arena_release(&a);
    }
    builder_free(b);
    module_destroy(m);
    return built;
}

/* The text of a body; empty after a failure. */
static const char *text_of(const char *module, bool guarded)
{
    static printed out;
    size_t length;
    uint8_t *bytes = module_text(module, &length);
    int built;

    out.text[0] = '\0';
    built = build_all(bytes, length, guarded, &out);
    free(bytes);
    if (built < 0)
        out.text[0] = '\0';
    return out.text;
}
static bool shows(const char *module, bool guarded, const char *what)
{
    const char *text = text_of(module, guarded);
    bool found = strstr(text, what) != NULL;

    if (!found)
        printf("no \"%s\" in\n%s", what, text);
    return found;
}

TEST(arithmetic)
{
    CHECK(shows(BODY("20 00 20 01 6a"), true, "i32.add v1 v2"));
    CHECK(shows(BODY("41 02 41 03 6a"), true, "i32.const 5"));
    CHECK(shows(BODY("20 00 41 08 6c"), true, "i32.shl v1"));
    CHECK(shows(BODY("20 00 20 01 48 45"), true, "i32.ge_s v1 v2"));
}

TEST(values_meet)
{
    /* if (result i32) … else …; a loop that counts down */
    CHECK(shows(BODY("20 00 04 7f 20 01 05 41 07 0b"), true, "phi"));
    CHECK(shows(BODY("03 40 20 00 41 01 6b 22 00 0d 00 0b 20 00"), true, "loop"));
    /* a loop that changes nothing has no phis */
    CHECK(strstr(text_of(BODY("03 40 20 01 0d 00 0b 20 00"), true), "phi") == NULL);
    /* br_table to a block from two labels: edges are split */
    CHECK(shows(BODY("02 40 02 40 20 00 0e 02 00 01 01 0b 20 01 0f 0b 41 01"), true, "br_table"));
}

TEST(memory)
{
    CHECK(shows(BODY("20 00 28 02 04"), true, "guarded"));
    CHECK(shows(BODY("20 00 28 02 04"), false, "bounds"));
    CHECK(strstr(text_of(BODY("20 00 28 02 04"), true), "bounds") == NULL);
}

TEST(calls)
{
    CHECK(shows(BODY("20 00 20 01 10 00"), true, "call v1 v2 0"));
    CHECK(shows(BODY("20 00 20 01 20 00 11 00 00"), true, "call_code"));
    CHECK(shows(BODY("20 00 20 01 12 00"), true, "tail_call v1 v2 0"));
    CHECK(shows(BODY("20 00 20 01 20 00 13 00 00"), true, "tail_call_code"));
    CHECK(shows(BODY("23 01 24 00 23 00"), true, "poke"));
    CHECK(shows(BODY("00"), true, "trap "));
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

TEST(known_places)
{
    /* the same address twice: one check, by the farther end if that comes first */
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 28 02 08 20 00 28 02 04 6a"), false), "bounds"), 1);
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 28 02 04 20 00 28 02 08 6a"), false), "bounds"), 2);
    /* a global that was set is known, until something is called */
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 24 00 23 00"), true), ":i32 = peek"), 0);
    CHECK_EQ_UINT(
        count_of(text_of(BODY("20 00 24 00 20 00 20 01 10 00 1a 23 00"), true), ":i32 = peek"), 1);
}

TEST(algebra)
{
    /* (x + 2) + 3; 3 + x; a mask that takes nothing away; one half of 64 bits */
    CHECK(shows(BODY("20 00 41 02 6a 41 03 6a"), true, "i32.const 5"));
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 41 02 6a 41 03 6a"), true), "i32.add"), 1);
    CHECK(shows(BODY("41 03 20 00 6a"), true, "i32.add v1 "));
    CHECK(shows(BODY("41 03 20 00 48"), true, "i32.gt_s v1 "));
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 2d 00 00 41 ff 01 71"), true), "i32.and"), 0);
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 2d 00 00 41 ff 00 71"), true), "i32.and"), 1);
    CHECK_EQ_UINT(
        count_of(text_of(BODY("20 00 ac 42 ff ff ff ff 0f 83 42 01 7c a7"), true), "i64.and"), 0);
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 ac a7"), true), "wrap"), 0);
    /* a condition that is "not equal to 0" is the value itself */
    CHECK_EQ_UINT(count_of(text_of(BODY("20 00 20 01 20 00 41 00 47 1b"), true), "i32.ne"), 0);
    CHECK(shows(BODY("20 00 20 01 20 00 45 1b"), true, "select v2 v1 v1"));
}

TEST(checked_before)
{
    static const char both[] = "20 00 28 02 08 1a 20 01 04 40 20 00 28 02 04 1a 0b 41 00";
    static const char one[] = "20 01 04 40 20 00 28 02 08 1a 0b 20 00 28 02 04";
    char module[600];

    /* what dominates counts, in whatever block, with a call in between; what may not have run does
     * not */
    snprintf(module, sizeof module, BODY("%s"), both);
    CHECK_EQ_UINT(count_of(text_of(module, false), "bounds"), 1);
    snprintf(module, sizeof module, BODY("%s"), one);
    CHECK_EQ_UINT(count_of(text_of(module, false), "bounds"), 2);
    CHECK_EQ_UINT(
        count_of(text_of(BODY("20 00 28 02 08 20 01 10 00 20 00 28 02 04 6a"), false), "bounds"),
        1);
}

/* How often `what` is in the text behind the header of the first loop. */
static unsigned in_loop(const char *text, const char *what)
{
    const char *loop = strstr(text, " loop");

    return loop ? count_of(loop, what) : 1000;
}

TEST(invariants)
{
    /* loop: x = load(x) + global 0; again if x */
    static const char reads[] = "03 40 20 00 28 02 00 23 00 6a 22 00 0d 00 0b 20 00";
    static const char writes[] = "03 40 20 00 28 02 00 23 00 6a 22 00 24 00 20 00 0d 00 0b 20 00";
    static const char calls[] = "03 40 20 00 20 01 10 00 23 00 6a 22 00 0d 00 0b 20 00";
    static const char product[] = "03 40 20 00 20 01 20 01 6c 6a 22 00 0d 00 0b 20 00";
    char module[600];

    snprintf(module, sizeof module, BODY("%s"), reads);
    CHECK_EQ_UINT(in_loop(text_of(module, true), "= peek"), 0);
    CHECK_EQ_UINT(in_loop(text_of(module, false), "= peek"), 0); /* base and length as well */
    CHECK_EQ_UINT(in_loop(text_of(module, false), "bounds"), 1); /* it may trap: it stays */
    snprintf(module, sizeof module, BODY("%s"), writes);
    CHECK_EQ_UINT(in_loop(text_of(module, true), ":i32 = peek"), 1);
    snprintf(module, sizeof module, BODY("%s"), calls);
    CHECK(in_loop(text_of(module, true), "= peek") >= 1);
    snprintf(module, sizeof module, BODY("%s"), product);
    CHECK_EQ_UINT(in_loop(text_of(module, true), "i32.mul"), 0);
    /* out of two loops; a division stays, for it may trap */
    CHECK_EQ_UINT(
        in_loop(text_of(BODY("03 40 03 40 20 01 20 01 6c 0d 00 0b 20 00 0d 00 0b 20 00"), true),
                "i32.mul"),
        0);
    CHECK_EQ_UINT(in_loop(text_of(BODY("03 40 20 00 20 01 6d 0d 00 0b 20 00"), true), "i32.div_s"),
                  1);
}

/* Many definitions in a short body: the table grows, and the next body finds it in order. */
TEST(many_variables)
{
    enum { ROUNDS = 3000 };
    char *module = malloc(ROUNDS * 20 + 400), *end;
    size_t length;
    uint8_t *bytes;

    CHECK(module != NULL);
    end = module + sprintf(module, "01(01 60 02 7f 7f 01 7f) 03(02 00 00) 0a(02 (00 ");
    for (unsigned i = 0; i < ROUNDS; i++)
        end += sprintf(end, "20 00 04 40 0b ");
    sprintf(end, "20 00 0b) (00 20 01 04 40 41 07 21 00 0b 20 00 0b))");
    bytes = module_text(module, &length);
    CHECK_EQ_INT(build_all(bytes, length, true, NULL), 2);
    free(bytes);
    free(module);
}

/* ---- bodies in place of calls ---------------------------------------------------------------- */

/* Functions of type [i32] -> [i32], the last of them "f"; type 1 has two results, 2 has two
 * parameters; a memory and a table. */
#define FUNCS(count, types, bodies)                                                                \
    "01(03 60 01 7f 01 7f 60 01 7f 02 7f 7f 60 02 7f 7f 01 7f) 03(" count types ") "               \
    "04(01 70 00 04) 05(01 00 01) 0a(" count bodies ")"

static unsigned calls_in(const char *module)
{
    return count_of(text_of(module, true), " call ");
}

TEST(tiny_bodies_stand_in_place_of_their_calls)
{
    static const struct {
        const char *name, *module;
        unsigned calls; /* that are left, of all functions */
    } rows[] = {
        {"a load", FUNCS("02", "00 00", "(00 20 00 28 02 04 0b) (00 20 00 10 00 10 00 0b)"), 0},
        {"two results", FUNCS("02", "01 00", "(00 20 00 41 02 0b) (00 20 00 10 00 6a 0b)"), 0},
        {"a branch to its end",
         FUNCS("02", "00 00", "(00 20 00 20 00 0d 00 41 05 6a 0b) (00 20 00 10 00 0b)"), 0},
        {"a call of such a one",
         FUNCS("03", "00 00 00",
               "(00 20 00 41 05 6a 0b) (00 20 00 10 00 0b) (00 20 00 10 01 10 00 0b)"),
         0},
        {"a call of one that calls one: it is called",
         FUNCS("04", "00 00 00 00",
               "(00 20 00 41 05 6a 0b) (00 20 00 10 00 0b) (00 20 00 10 01 0b)"
               "(00 20 00 10 02 0b)"),
         1},
        {"itself", FUNCS("01", "00", "(00 20 00 10 00 0b)"), 1},
        {"one another", FUNCS("02", "00 00", "(00 20 00 10 01 0b) (00 20 00 10 00 0b)"), 2},
        {"a loop", FUNCS("02", "00 00", "(00 03 40 20 00 0d 00 0b 20 00 0b) (00 20 00 10 00 0b)"),
         1},
        {"a br_table",
         FUNCS("02", "00 00", "(00 02 40 20 00 0e 00 00 0b 20 00 0b) (00 20 00 10 00 0b)"), 1},
        {"a table", FUNCS("02", "00 00", "(00 20 00 25 00 d1 0b) (00 20 00 10 00 0b)"), 1},
        {"an indirect call: of its own it has one, and no other",
         FUNCS("02", "00 00", "(00 20 00 20 00 11 00 00 0b) (00 20 00 10 00 0b)"), 1},
        {"32 bytes",
         FUNCS("02", "00 00",
               "(00 20 00 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a"
               "01 01 01 01 0b) (00 20 00 10 00 0b)"),
         0},
        {"33 bytes",
         FUNCS("02", "00 00",
               "(00 20 00 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a 20 00 6a"
               "01 01 01 01 01 0b) (00 20 00 10 00 0b)"),
         1},
        {"four locals", FUNCS("02", "00 00", "(01 04 7f 20 04 0b) (00 20 00 10 00 0b)"), 0},
        {"five locals", FUNCS("02", "00 00", "(01 05 7f 20 04 0b) (00 20 00 10 00 0b)"), 1},
        {"a vector as a local", FUNCS("02", "00 00", "(01 01 7b 20 00 0b) (00 20 00 10 00 0b)"), 1},
        {"an import",
         "01(01 60 01 7f 01 7f) 02(01 ('m') ('f') 00 00) 03(01 00) 0a(01 (00 20 00 10 00 0b))", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("%s", rows[i].name);
        CHECK(text_of(rows[i].module, true)[0] != '\0');
        CHECK_EQ_UINT(calls_in(rows[i].module), rows[i].calls);
    }
    /* What meets at the end of a body is a phi of the caller's; a local begins as 0; what the two
     * compute is one thing. */
    CHECK(shows(FUNCS("02", "00 00", "(00 20 00 20 00 0d 00 41 05 6a 0b) (00 20 00 10 00 0b)"),
                true, "phi"));
    CHECK(shows(FUNCS("02", "00 00", "(01 01 7f 20 01 0b) (00 20 00 10 00 41 09 6a 0b)"), true,
                "i32.const 9"));
    CHECK_EQ_UINT(count_of(text_of(FUNCS("02", "00 00",
                                         "(00 20 00 41 07 6c 0b) (00 20 00 10 00 20 00 10 00 6a "
                                         "20 00 41 07 6c 6a 0b)"),
                                   true),
                           "i32.mul"),
                  2);
    /* its poll stands where the one at its entry would */
    CHECK_EQ_UINT(
        count_of(text_of(FUNCS("02", "00 00", "(00 20 00 0b) (00 20 00 10 00 0b)"), true), "poll"),
        3);
}

/* A function takes in 256 bytes of others, and a quarter of its own length. */
TEST(what_is_taken_in_is_bounded)
{
    enum { CALLS = 200, BODY_BYTES = 8, OWN_BYTES = 1 + 2 + 2 * CALLS + 1 };
    char module[CALLS * 8 + 400], *end = module;

    end += sprintf(end,
                   "01(01 60 01 7f 01 7f) 03(02 00 00) 0a(02 (00 20 00 41 07 6c 01 0b) (00 20 00");
    for (unsigned i = 0; i < CALLS; i++)
        end += sprintf(end, " 10 00");
    sprintf(end, " 0b))");
    CHECK_EQ_UINT(count_of(text_of(module, true), " call "),
                  CALLS - (256 + OWN_BYTES / 4) / BODY_BYTES);
}

/* What is in an invalid body is nobody else's business. */
TEST(an_invalid_body_is_called)
{
    static const char text[] = FUNCS("02", "00 00", "(00 20 00 10 01 0b) (00 20 00 92 0b)");
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    build_options how = {.target = &everything};
    wasm_report report = {0}, expected = {0};
    validate_scratch *scratch = NULL;
    printed form = {""};
    wasm_module *m = NULL;
    builder *b = NULL;
    bool declined = false;
    size_t length;
    uint8_t *bytes = module_text(text, &length);
    char why[200];
    ir_func f;
    arena a;

    REQUIRE(decode_module(bytes, length, &options, &m, &report) == WASM_OK);
    REQUIRE(validate_module(m, &report) == WASM_OK);
    REQUIRE(validate_scratch_new(m, &scratch) == WASM_OK);
    REQUIRE(builder_new(m, &how, &b) == WASM_OK);
    arena_init(&a, &m->quota);
    ir_reset(&f, &a);
    CHECK_EQ_INT(build_function(b, 0, &f, &declined, &report), WASM_OK);
    CHECK(!declined && !f.has_inlined);
    CHECK(improve(&f, &how) == WASM_OK && ir_verify(&f, why, sizeof why));
    ir_print(&f, add_line, &form);
    CHECK_EQ_UINT(count_of(form.text, " call "), 1);
    CHECK_EQ_INT(report.status, WASM_OK);
    ir_reset(&f, &a);
    validate_body(m, 1, scratch, NULL, &expected);
    CHECK_EQ_INT(build_function(b, 1, &f, &declined, &report), expected.status);
    CHECK_EQ_INT(report.status, WASM_E_TYPE_MISMATCH);
    CHECK_EQ_UINT(report.func, 1);
    CHECK_EQ_UINT(report.offset, expected.offset);
    CHECK_EQ_STR(report.detail, expected.detail);
    builder_free(b);
    validate_scratch_free(scratch);
    arena_release(&a);
    module_destroy(m);
    free(bytes);
}

/* A thunk of each kind for a type with every kind of parameter and two results. */
TEST(thunks)
{
    static const char text[] = "01(01 60 05 7f 7e 7d 7c 7b 02 7d 7b) 02(01 ('m') ('f') 00 00)"
                               "03(01 00) 0a(01 (00 00 0b))";
    build_options how = {.target = &everything};
    wasm_report report = {0};
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    wasm_module *m = NULL;
    builder *b = NULL;
    char why[200] = "";
    size_t length;
    uint8_t *bytes = module_text(text, &length);

    REQUIRE(decode_module(bytes, length, &options, &m, &report) == WASM_OK);
    REQUIRE(validate_module(m, &report) == WASM_OK);
    REQUIRE(builder_new(m, &how, &b) == WASM_OK);
    for (unsigned kind = 0; kind < 3; kind++) {
        ir_func f;
        arena a;
        wasm_status status;

        arena_init(&a, &m->quota);
        ir_reset(&f, &a);
        status = kind == 0   ? build_outside_thunk(b, 0, &f)
                 : kind == 1 ? build_function_thunk(b, 0, &f)
                             : build_entry_thunk(b, 0, &f);
        CHECK_EQ_INT(status, WASM_OK);
        CHECK_EQ_INT(improve(&f, &how), WASM_OK);
        CHECK(ir_verify(&f, why, sizeof why));
        CHECK_EQ_STR(why, "");
        arena_release(&a);
    }
    builder_free(b);
    module_destroy(m);
    free(bytes);
}
