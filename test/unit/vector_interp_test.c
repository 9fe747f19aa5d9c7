/* SPDX-License-Identifier: Apache-2.0
 * vector_interp_test.c — vectors and atomic accesses in the interpreter, where the suite does not
 * look: every access at the end of memory in every form of its address, what hosts and globals
 * exchange, the price and the place of such instructions, waiting.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"

#include "isa.h"

enum { PAGE = 65536 };

static void put_sleb(text_buffer *b, int64_t value)
{
    bool more = true;
    while (more) {
        uint8_t byte = value & 0x7F;
        value >>= 7;
        more = !((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40)));
        byte |= more ? 0x80 : 0;
        text_put(b, &byte, 1);
    }
}

static void put(text_buffer *b, const char *text)
{
    size_t length;
    uint8_t *bytes = text_bytes(text, &length);
    text_put(b, bytes, length);
    free(bytes);
}

static void put_vector(text_buffer *b, const text_buffer *inner)
{
    text_put_leb(b, inner->length);
    text_put(b, inner->bytes, inner->length);
}

static void put_section(text_buffer *b, uint8_t id, const text_buffer *inner)
{
    text_put(b, &id, 1);
    put_vector(b, inner);
}

/* ---- at the end of memory -------------------------------------------------------------------- */

/* How an address comes to be. */
typedef enum form { FORM_LOCAL, FORM_CONSTANT, FORM_SUM, FORM_PLUS, FORM_COMPUTED, FORMS } form;
/* Which memory it is in. */
typedef enum space { SPACE_FIRST, SPACE_64, SPACE_SECOND, SPACES } space;

/* (func (export "f") (param at 0)): the access at its argument plus `offset`, or at `constant`. */
static void put_body(text_buffer *out, const isa_row *row, form how, space where, uint64_t constant,
                     uint64_t offset)
{
    text_buffer body = {0};
    const char *get = "20 00";
    put(&body, "00");
    switch (how) {
    case FORM_LOCAL: put(&body, get); break;
    case FORM_CONSTANT:
        put(&body, where == SPACE_64 ? "42" : "41");
        put_sleb(&body, where == SPACE_64 ? (int64_t)constant : (int32_t)constant);
        break;
    case FORM_SUM: /* of the argument and a zero that the compiler of code cannot see */
        put(&body, get);
        put(&body, where == SPACE_64 ? "20 01 ad 7c" : "20 01 6a");
        break;
    case FORM_PLUS:
        put(&body, get);
        put(&body, where == SPACE_64 ? "42 00 7c" : "41 00 6a");
        break;
    default: /* in the accumulator */
        put(&body, get);
        put(&body, where == SPACE_64 ? "42 00 85" : "41 00 73");
        break;
    }
    for (const char *operand = row->sig + 1; *operand != ':'; operand++)
        put(&body, *operand == 'i'   ? "41 00"
                   : *operand == 'I' ? "42 00"
                                     : "fd 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    text_put(&body, &row->prefix, 1);
    text_put_leb(&body, row->code);
    uint32_t align = 0;
    while (1U << align < row->width)
        align++;
    text_put_leb(&body, align | (where == SPACE_SECOND ? 0x40 : 0));
    if (where == SPACE_SECOND)
        put(&body, "01");
    text_put_leb(&body, offset);
    if (row->imm == ISA_IMM_MEMARG_LANE)
        put(&body, "00");
    put(&body, strchr(row->sig, ':')[1] != '\0' ? "1a 0b" : "0b");
    put_vector(out, &body);
    free(body.bytes);
}

static wasm_module *access_module(const isa_row *row, form how, space where, uint64_t constant,
                                  uint64_t offset, wasm_report *report)
{
    text_buffer file = {0}, code = {0};
    wasm_module *module = NULL;
    text_put(&file, "\0asm\1\0\0\0", 8);
    put(&file, where == SPACE_64 ? "01(01 60 02 7e 7f 00)" : "01(01 60 02 7f 7f 00)");
    put(&file, "03(01 00)");
    put(&file, where == SPACE_64       ? "05(01 05 01 01)"
               : where == SPACE_SECOND ? "05(02 01 00 00 01 01 01)"
                                       : "05(01 01 01 01)");
    put(&file, "07(01 ('f') 00 00)");
    put(&code, "01");
    put_body(&code, row, how, where, constant, offset);
    put_section(&file, 0x0A, &code);
    (void)wasm_module_load(file.bytes, file.length, NULL, &module, report);
    free(file.bytes);
    free(code.bytes);
    return module;
}

/* The status of one access. */
static wasm_status access(const isa_row *row, form how, space where, uint64_t address,
                          uint64_t offset)
{
    wasm_report report = {0};
    wasm_value args[2] = {{.i64 = address}, {.i32 = 0}};
    wasm_status status;
    fixture f = {0};
    f.module = access_module(row, how, where, address, offset, &report);
    if (f.module == NULL)
        return report.status;
    f.store = wasm_store_new(NULL, NULL);
    status = fixture_instantiate(&f, NULL, 0);
    if (status == WASM_OK)
        status = wasm_call(f.store, fixture_func(&f, "f"), args, NULL);
    fixture_close(&f);
    return status;
}

TEST(accesses_at_the_end_of_memory)
{
    unsigned rows = 0;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        if ((row->flags & (ISA_LOAD | ISA_STORE)) == 0 || row->prefix == 0)
            continue;
        if (op == OP_MEMORY_ATOMIC_WAIT32 || op == OP_MEMORY_ATOMIC_WAIT64)
            continue; /* of a memory that is not shared: below */
        rows++;
        for (unsigned i = 0; i < FORMS * SPACES; i++) {
            form how = (form)(i % FORMS);
            space where = (space)(i / FORMS);
            uint64_t last = PAGE - row->width, wrap = where == SPACE_64 ? UINT64_MAX : UINT32_MAX;
            CASE("%s, address %d, memory %d", row->text, how, where);
            CHECK_EQ_INT(access(row, how, where, last, 0), WASM_OK);
            CHECK_EQ_INT(access(row, how, where, 0, last), WASM_OK);
            CHECK_EQ_INT(access(row, how, where, last - 16, 16), WASM_OK);
            CHECK_EQ_INT(access(row, how, where, last + row->width, 0), WASM_E_OOB_MEMORY);
            CHECK_EQ_INT(access(row, how, where, row->width, last), WASM_E_OOB_MEMORY);
            CHECK_EQ_INT(access(row, how, where, last + 1, 0), WASM_E_OOB_MEMORY);
            CHECK_EQ_INT(access(row, how, where, 0, last + 1), WASM_E_OOB_MEMORY);
            /* The sum of address and offset does not wrap. */
            CHECK_EQ_INT(access(row, how, where, wrap, 1), WASM_E_OOB_MEMORY);
            CHECK_EQ_INT(access(row, how, where, 16, UINT32_MAX - 15), WASM_E_OOB_MEMORY);
            if (where == SPACE_64)
                CHECK_EQ_INT(access(row, how, where, 16, UINT64_MAX - 15), WASM_E_OOB_MEMORY);
        }
    }
    CHECK_EQ_UINT(rows, 22 + 64); /* of vectors, and atomic ones without the two waits */
}

TEST(atomic_accesses_are_aligned)
{
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        if ((row->flags & ISA_ATOMIC) == 0)
            continue;
        CASE("%s", row->text);
        for (unsigned at = 1; at < row->width; at++) {
            CHECK_EQ_INT(access(row, FORM_LOCAL, SPACE_FIRST, at, 0), WASM_E_UNALIGNED_ATOMIC);
            CHECK_EQ_INT(access(row, FORM_LOCAL, SPACE_64, 0, at), WASM_E_UNALIGNED_ATOMIC);
            CHECK_EQ_INT(access(row, FORM_LOCAL, SPACE_SECOND, 1024 - at, 2 * at),
                         WASM_E_UNALIGNED_ATOMIC);
            CHECK_EQ_INT(access(row, FORM_LOCAL, SPACE_FIRST, row->width - at, at),
                         strstr(row->text, "wait") ? WASM_E_NOT_SHARED : WASM_OK);
        }
    }
}

/* (func (export "f") (param i32)): a vector of ones to its argument, 1 to the byte behind 16. */
TEST(a_store_that_does_not_fit_writes_nothing)
{
    for (uint32_t lane = 0; lane < 2; lane++) {
        uint8_t *base;
        uint64_t length;
        fixture f;
        bool open =
            fixture_open(&f,
                         lane ? "01(01 60 01 7f 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"
                                "0a(01 (00 20 00 41 7f fd 11 fd 5b 00 00 01 0b))"
                              : "01(01 60 01 7f 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"
                                "0a(01 (00 20 00 41 7f fd 11 fd 0b 00 00 0b))",
                         NULL, NULL, 0, NULL);
        if (!CHECK(open))
            continue;
        for (uint32_t at = PAGE - (lane ? 7 : 15); at < PAGE; at++)
            CHECK_EQ_INT(fixture_call(&f, "f", at, NULL), WASM_E_OOB_MEMORY);
        CHECK(wasm_memory_view(f.instance, 0, &base, &length));
        for (uint32_t at = PAGE - 64; at < PAGE; at++)
            CHECK_EQ_UINT(base[at], 0);
        CHECK_EQ_INT(fixture_call(&f, "f", PAGE - (lane ? 8 : 16), NULL), WASM_OK);
        CHECK(base[PAGE - 1] == 0xFF && base[PAGE - 17] == 0);
        fixture_close(&f);
    }
}

TEST(a_trap_in_a_vector_load_names_its_byte)
{
    wasm_frame frame;
    fixture f;
    REQUIRE(fixture_open(&f,
                         "01(01 60 01 7f 00) 03(01 00) 05(01 00 00) 07(01 ('f') 00 00)"
                         "0a(01 (00 01 01 20 00 fd 00 00 00 fd 53 1a 0b))",
                         NULL, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_OOB_MEMORY);
    REQUIRE(wasm_store_backtrace(f.store, &frame, 1) == 1);
    CHECK_EQ_UINT(frame.offset, 40);
    fixture_close(&f);
}

/* ---- across the borders ---------------------------------------------------------------------- */

static const uint8_t digits[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* (i32, v128, i64, v128) -> (v128, f64, v128): the vectors exchanged, the numbers' sum. */
static wasm_status exchange(wasm_caller *caller, uint64_t *slots)
{
    uint64_t first[2], second[2];
    double sum = (double)(uint32_t)slots[0] + (double)slots[3];
    (void)caller;
    memcpy(first, slots + 1, sizeof first);
    memcpy(second, slots + 4, sizeof second);
    memcpy(slots, second, sizeof second);
    memcpy(slots + 2, &sum, sizeof sum);
    memcpy(slots + 3, first, sizeof first);
    return WASM_OK;
}

/* The host function by itself, called by a guest that hands on its arguments and results. */
#define MODULE_EXCHANGES                                                                           \
    "01(01 60 04 7f 7b 7e 7b 03 7b 7c 7b) 02(01 ('h') ('x') 00 00) 03(01 00) 07(01 ('f') 00 01)"   \
    "0a(01 (00 20 00 20 01 20 02 20 03 10 00 0b))"

TEST(vectors_of_host_functions)
{
    static const wasm_host_function rows[] = {{"h", "x", "iVIV:VFV", 0, exchange}};
    wasm_value args[4] = {{.i32 = 40}, {.v128 = {0}}, {.i64 = 2}, {.v128 = {0}}}, results[3];
    fixture f;
    memcpy(args[1].v128, digits, 16);
    memset(args[3].v128, 0xAB, 16);
    REQUIRE(fixture_open(&f, MODULE_EXCHANGES, NULL, rows, 1, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), args, results), WASM_OK);
    CHECK_EQ_MEM(results[0].v128, 16, args[3].v128, 16);
    CHECK(results[1].f64 == 42);
    CHECK_EQ_MEM(results[2].v128, 16, digits, 16);
    fixture_close(&f);
}

TEST(a_host_function_with_other_vectors_is_refused)
{
    static const wasm_host_function rows[] = {{"h", "x", "iVIF:VFV", 0, exchange}};
    fixture f;
    CHECK(!fixture_open(&f, MODULE_EXCHANGES, NULL, rows, 1, NULL));
    CHECK_EQ_INT(f.status, WASM_E_IMPORT_TYPE);
    CHECK(strstr(f.report.detail, "[i32 v128 i64 v128] -> [v128 f64 v128]") != NULL);
    fixture_close(&f);
}

/* (import "h" "g" (global v128)), one of its own that begins as it, mutable and exported; f gives
 * what it holds and puts its argument there. */
TEST(vectors_in_globals)
{
    static const char text[] =
        "01(01 60 01 7b 01 7b) 02(01 ('h') ('g') 03 7b 00) 03(01 00)"
        "06(01 7b 01 23 00 0b) 07(02 ('f') 00 00 ('g') 03 01) 0a(01 (00 23 01 20 00 24 01 0b))";
    wasm_value given = {.v128 = {0}}, other = {.v128 = {0}}, got;
    wasm_extern import = {.kind = WASM_EXTERN_GLOBAL}, exported;
    fixture f = {0};
    memcpy(given.v128, digits, 16);
    memset(other.v128, 0xCD, 16);
    f.module = fixture_load(text, &f.report);
    f.store = wasm_store_new(NULL, NULL);
    REQUIRE(f.module != NULL && f.store != NULL);
    CHECK_EQ_INT(wasm_global_new(f.store, WASM_V128, false, given, &import.of.global), WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(f.store, f.module, &import, &f.instance, &f.report), WASM_OK);
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &other, &got), WASM_OK);
    CHECK_EQ_MEM(got.v128, 16, digits, 16);
    REQUIRE(wasm_instance_export(f.instance, "g", 1, &exported));
    got = wasm_global_get(exported.of.global);
    CHECK_EQ_MEM(got.v128, 16, other.v128, 16);
    CHECK_EQ_INT(wasm_global_type(exported.of.global), WASM_V128);
    fixture_close(&f);
}

/* A call into another instance moves the arguments in the frame: vectors of which there are many,
 * beside scalars, and three results. "g" of the second hands on to "f" of the first. */
TEST(vectors_between_instances)
{
    static const char types[] = "01(01 60 05 7b 7f 7b 7b 7c 03 7b 7c 7b)";
    char callee[300], caller[300];
    wasm_value args[5] = {{.v128 = {0}}, {.i32 = 3}, {.v128 = {0}}, {.v128 = {0}}, {.f64 = 1.5}};
    wasm_value results[3];
    wasm_extern import = {.kind = WASM_EXTERN_FUNC};
    wasm_instance *second;
    wasm_module *module;
    wasm_report report;
    fixture f;
    memcpy(args[0].v128, digits, 16);
    memset(args[2].v128, 2, 16);
    memset(args[3].v128, 0x50, 16);
    /* i8x16.add of 0 and 2, f64 local 4, i8x16.shl of 3 by local 1 */
    snprintf(callee, sizeof callee,
             "%s 03(01 00) 07(01 ('f') 00 00)"
             "0a(01 (00 20 00 20 02 fd 6e 20 04 20 03 20 01 fd 6b 0b))",
             types);
    snprintf(caller, sizeof caller,
             "%s 02(01 ('m') ('f') 00 00) 03(01 00) 07(01 ('g') 00 01)"
             "0a(01 (00 20 00 20 01 20 02 20 03 20 04 10 00 0b))",
             types);
    REQUIRE(fixture_open(&f, callee, NULL, NULL, 0, NULL));
    import.of.func = fixture_func(&f, "f");
    module = fixture_load(caller, &report);
    REQUIRE(module != NULL);
    CHECK_EQ_INT(wasm_instantiate(f.store, module, &import, &second, &report), WASM_OK);
    f.instance = second;
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "g"), args, results), WASM_OK);
    for (unsigned i = 0; i < 16; i++)
        CHECK(results[0].v128[i] == i + 2 && results[2].v128[i] == 0x80);
    CHECK(results[1].f64 == 1.5);
    fixture_close(&f);
    wasm_module_free(module);
}

/* ---- fuel, waiting --------------------------------------------------------------------------- */

TEST(a_vector_instruction_costs_a_unit_of_fuel)
{
    /* A loop of as many rounds as its argument, of ten instructions. */
    static const char text[] =
        "01(01 60 01 7f 00) 03(01 00) 07(01 ('f') 00 00) 0a(01 (01 01 7b"
        "03 40 20 01 20 00 fd 11 fd ae 01 21 01 20 00 41 01 6b 22 00 0d 00 0b 0b))";
    wasm_limits limits = wasm_limits_default();
    fixture f;
    limits.fuel = 10000;
    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 20, NULL), WASM_OK);
    CHECK_EQ_UINT(limits.fuel - wasm_store_fuel_left(f.store), 1 + 20 * 10);
    CHECK_EQ_INT(fixture_call(&f, "f", 1000000, NULL), WASM_E_FUEL);
    CHECK_EQ_UINT(wasm_store_fuel_left(f.store), 0);
    fixture_close(&f);
}

/* (func (export "f") (param i64) (result i32)): memory.atomic.wait32 on 0 for as many nanoseconds
 */
#define MODULE_WAITS(memory)                                                                       \
    "01(01 60 01 7e 01 7f) 03(01 00) 05(01 " memory ") 07(01 ('f') 00 00)"                         \
    "0a(01 (00 41 00 41 00 20 00 fe 01 02 00 0b))"

TEST(waiting_ends_with_its_timeout_or_the_deadline)
{
    wasm_value timeout = {.i64 = 20000000}, result;
    wasm_watchdog *watchdog;
    wasm_report report;
    fixture f;
    REQUIRE(fixture_open(&f, MODULE_WAITS("03 01 01"), NULL, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &timeout, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 2);
    timeout.i64 = 0;
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &timeout, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 2);
    timeout.i64 = UINT64_MAX;
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &timeout, &result), WASM_E_ENDLESS_WAIT);
    REQUIRE(wasm_watchdog_start(&watchdog, &report) == WASM_OK);
    wasm_deadline_arm(f.store, watchdog, 10000000);
    timeout.i64 = INT64_MAX;
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &timeout, &result), WASM_E_DEADLINE);
    wasm_deadline_disarm(f.store);
    wasm_watchdog_stop(watchdog);
    fixture_close(&f);
}

TEST(nobody_waits_where_nothing_is_shared)
{
    wasm_value timeout = {.i64 = 0}, result;
    fixture f;
    REQUIRE(fixture_open(&f, MODULE_WAITS("01 01 01"), NULL, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &timeout, &result), WASM_E_NOT_SHARED);
    fixture_close(&f);
}

TEST(shared_memories_meet_only_shared_ones)
{
    static const char *const wants[] = {"02(01 ('h') ('m') 02 01 01 01)",
                                        "02(01 ('h') ('m') 02 03 01 01)"};
    for (unsigned i = 0; i < 4; i++) {
        const wasm_bounds bounds = {.min = 1, .max = 1, .has_max = true, .shared = i / 2};
        wasm_extern import = {.kind = WASM_EXTERN_MEMORY};
        fixture f = {0};
        CASE("offered %u, wanted %u", i / 2, i % 2);
        f.module = fixture_load(wants[i % 2], &f.report);
        f.store = wasm_store_new(NULL, NULL);
        REQUIRE(f.module != NULL && f.store != NULL);
        CHECK_EQ_INT(wasm_memory_new(f.store, &bounds, &import.of.memory), WASM_OK);
        CHECK_EQ_INT(wasm_instantiate(f.store, f.module, &import, &f.instance, &f.report),
                     i / 2 == i % 2 ? WASM_OK : WASM_E_IMPORT_TYPE);
        fixture_close(&f);
    }
}
