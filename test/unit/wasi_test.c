/* SPDX-License-Identifier: Apache-2.0
 * wasi_test.c — WASI preview 1 without files: the table, processes, stdio, clocks, waiting.
 * layers: wasi
 *
 * The test plays the guest (fake_guest.h). Files and paths are wasi_files_test.c's.
 */
#include "unit.h"
#include "fake_guest.h"
#include "wasi_types.h"

/* ---- the table ---------------------------------------------------------------------------- */

TEST(every_function_in_both_modules)
{
    size_t count;
    const wasm_host_function *rows = wasi_functions(&count);

    CHECK_EQ_UINT(count, 2 * 46);
    for (size_t i = 0; i + 1 < count; i++) {
        int order = strcmp(rows[i].module, rows[i + 1].module);

        CASE("%s %s", rows[i].module, rows[i].name);
        CHECK(order < 0 || (order == 0 && strcmp(rows[i].name, rows[i + 1].name) < 0));
        CHECK(rows[i].call != NULL);
        CHECK(strspn(rows[i].signature, "iI:") == strlen(rows[i].signature));
    }
    CHECK_EQ_STR(rows[0].module, "wasi_snapshot_preview1");
    CHECK_EQ_STR(rows[count - 1].module, "wasi_unstable");
}

/* Whatever a guest passes, nothing but its own memory and its errno may suffer. What this would do
 * to the host is for the sanitizers to see. */
TEST(hostile_arguments)
{
    static const uint64_t words[] = {
        0,          1,          3,          0x7FFFFFFF, 0x80000000,
        0xFFFFFFF0, 0xFFFFFFFF, UINT64_MAX, INT64_MAX,  GUEST_MEMORY - 1};
    enum { WORDS = sizeof words / sizeof words[0] };
    size_t count;
    const wasm_host_function *rows = wasi_functions(&count);
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    for (size_t i = 0; i < count; i++) {
        size_t parameters = strcspn(rows[i].signature, ":");

        for (uint32_t round = 0; round < 200; round++) {
            uint64_t arguments[16];
            uint32_t error;

            for (size_t k = 0; k < parameters; k++)
                arguments[k] = words[(round * (k * 2 + 1) + round / WORDS + k) % WORDS];
            if (strcmp(rows[i].name, "poll_oneoff") == 0)
                arguments[0] |= 0xFFFFFF00; /* nothing that would sleep */
            error = guest_call_in(&g, rows[i].module, rows[i].name, parameters, arguments);
            CASE("%s %s round %u", rows[i].module, rows[i].name, round);
            CHECK(error <= WASI_NOTCAPABLE || g.status == WASM_E_EXIT ||
                  g.status == WASM_E_HOST_FAILURE);
        }
    }
    guest_close(&g);
}

/* ---- arguments, environment, exit --------------------------------------------------------- */

static const char *const arguments[] = {"prog", "", "two words"};
static const char *const environment[] = {"A=1", "REGION=from the request", "EMPTY="};

TEST(arguments_and_environment)
{
    static const grant_env granted[] = {{"REGION", "eu"}, {"UNSET", NULL}, {"B", "b=c"}};
    const wasi_options options = {.argv = arguments, .argc = 3, .env = environment, .env_count = 3};
    static const char want_args[] = "prog\0\0two words";
    static const char want_env[] = "A=1\0EMPTY=\0REGION=eu\0B=b=c";
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.env = granted;
    g.grants.env_count = 3;
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_call(&g, "args_sizes_get", 0, 4), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 0), 3);
    CHECK_EQ_UINT(guest_u32(&g, 4), sizeof want_args);
    CHECK_EQ_UINT(guest_call(&g, "args_get", 16, 100), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 16), 100);
    CHECK_EQ_UINT(guest_u32(&g, 20), 105);
    CHECK_EQ_UINT(guest_u32(&g, 24), 106);
    CHECK_EQ_MEM(guest_bytes(&g, 100, sizeof want_args), sizeof want_args, want_args,
                 sizeof want_args);
    /* what the administrator granted wins over the request's variable of the same name */
    CHECK_EQ_UINT(guest_call(&g, "environ_sizes_get", 0, 4), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 0), 4);
    CHECK_EQ_UINT(guest_u32(&g, 4), sizeof want_env);
    CHECK_EQ_UINT(guest_call(&g, "environ_get", 16, 200), WASI_SUCCESS);
    CHECK_EQ_MEM(guest_bytes(&g, 200, sizeof want_env), sizeof want_env, want_env, sizeof want_env);
    /* the last byte, and one too few */
    CHECK_EQ_UINT(guest_call(&g, "args_get", 16, GUEST_MEMORY - sizeof want_args), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&g, "args_get", 16, GUEST_MEMORY - sizeof want_args + 1), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&g, "args_get", GUEST_MEMORY - 8, 0), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&g, "args_sizes_get", GUEST_MEMORY - 3, 0), WASI_FAULT);
    guest_close(&g);
}

TEST(exit_and_signals)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(wasi_exit_code(g.wasi), 0);
    guest_call(&g, "proc_exit", 300);
    CHECK_EQ_INT(g.status, WASM_E_EXIT);
    CHECK_EQ_UINT(wasi_exit_code(g.wasi), 300);
    CHECK_EQ_UINT(guest_call(&g, "proc_raise", 0), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call_in(&g, "wasi_snapshot_preview1", "sched_yield", 0, NULL),
                  WASI_SUCCESS); /* to nobody */
    guest_call(&g, "proc_raise", 6);
    CHECK_EQ_INT(g.status, WASM_E_HOST_FAILURE);
    CHECK(strstr(g.log, "raised signal 6") != NULL);
    guest_close(&g);
}

/* ---- randomness --------------------------------------------------------------------------- */

TEST(random_needs_its_grant)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_call(&g, "random_get", 64, 4), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(guest_call(&g, "random_get", 64, 4), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(guest_u32(&g, 64), 0);
    CHECK_EQ_STR(g.log, "I:random_get was called without the grant \"random\": it was refused\n");
    CHECK_EQ_UINT(wasi_missed_grants(g.wasi), GRANT_RANDOM);
    g.grants.bits = GRANT_RANDOM;
    CHECK_EQ_UINT(guest_call(&g, "random_get", 64, 4), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), 0x04030201);
    CHECK_EQ_UINT(guest_call(&g, "random_get", GUEST_MEMORY - 3, 4), WASI_FAULT);
    guest_close(&g);
}

/* ---- stdio -------------------------------------------------------------------------------- */

TEST(stdin_streams)
{
    const wasi_options options = {0};
    char buffer[64];
    uint32_t got;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    g.body = "0123456789";
    g.body_left = 10;
    g.body_piece = 4;
    CHECK_EQ_UINT(guest_read(&g, 0, buffer, 64, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(buffer, got, "0123", 4);
    CHECK_EQ_UINT(guest_read(&g, 0, buffer, 3, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(buffer, got, "456", 3);
    CHECK_EQ_UINT(guest_read(&g, 0, buffer, 64, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(buffer, got, "789", 3);
    CHECK_EQ_UINT(guest_read(&g, 0, buffer, 64, &got), WASI_SUCCESS);
    CHECK_EQ_UINT(got, 0);
    CHECK_EQ_UINT(guest_write(&g, 0, "x", 1, NULL), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(guest_call(&g, "fd_pread", 0, GUEST_VECTOR, 1, 0, GUEST_RESULT), WASI_SPIPE);
    CHECK_EQ_UINT(guest_call(&g, "fd_seek", 0, 0, 1, GUEST_RESULT), WASI_SPIPE);
    guest_close(&g);
}

TEST(stdout_gathers_vectors)
{
    const wasi_options options = {0};
    uint32_t got;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    guest_put(&g, 5000, "one two", 7);
    guest_put_u32(&g, 256, 5004);
    guest_put_u32(&g, 260, 3);
    guest_put_u32(&g, 264, 0xFFFFFFFF); /* an empty one beyond the memory is still a bad pointer */
    guest_put_u32(&g, 268, 0);
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 1, 256, 2, 512), WASI_FAULT);
    guest_put_u32(&g, 264, 5000);
    guest_put_u32(&g, 268, 4);
    g.output_length = 0;
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 1, 256, 2, 512), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 512), 7);
    CHECK_EQ_STR(g.output, "twoone ");
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 1, 256, 1025, 512), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 1, 256, 0, 512), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 512), 0);
    /* the result's place is checked before anything is written */
    g.output_length = 0;
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 1, 256, 2, GUEST_MEMORY - 3), WASI_FAULT);
    CHECK_EQ_UINT(g.output_length, 0);
    CHECK_EQ_UINT(guest_read(&g, 1, g.output, 4, &got), WASI_NOTCAPABLE);
    guest_close(&g);
}

TEST(a_client_that_is_gone_ends_the_call)
{
    const wasi_options options = {0};
    char buffer[4];
    uint32_t got;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    g.fail = WASM_E_CLIENT_GONE;
    guest_write(&g, 1, "x", 1, NULL);
    CHECK_EQ_INT(g.status, WASM_E_CLIENT_GONE);
    guest_read(&g, 0, buffer, 4, &got);
    CHECK_EQ_INT(g.status, WASM_E_CLIENT_GONE);
    guest_close(&g);
}

TEST(stderr_by_lines)
{
    static char line[20001];
    const wasi_options options = {0};
    char *piece;
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.bits = GRANT_LOG;
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_write(&g, 2, "one\ntwo", 7, NULL), WASI_SUCCESS);
    CHECK_EQ_STR(g.log, "E:one\n");
    guest_write(&g, 2, " and more\n\nlast", 15, NULL);
    CHECK_EQ_STR(g.log, "E:one\nE:two and more\nE:\n");
    g.log_length = 0;
    CHECK_EQ_UINT(guest_call(&g, "fd_close", 2), WASI_SUCCESS);
    CHECK_EQ_STR(g.log, "E:last\n");
    wasi_free(g.wasi);
    g.wasi = NULL;

    /* a long line comes in pieces of 8 KiB, the last one when the process ends */
    REQUIRE(guest_begin(&g, &options, NULL));
    memset(line, 'x', sizeof line - 1);
    g.log_length = 0;
    for (size_t at = 0; at < 20000; at += 7000)
        guest_write(&g, 2, line, at + 7000 < 20000 ? 7000 : 20000 - at, NULL);
    wasi_free(g.wasi);
    g.wasi = NULL;
    g.context.wasi = NULL;
    CHECK_EQ_UINT(g.log_length, 20000 + 3 * 3);
    piece = strchr(g.log, '\n');
    REQUIRE(piece != NULL);
    CHECK_EQ_UINT(piece - g.log, 2 + 8192);

    /* a line of exactly that length is one line */
    REQUIRE(guest_begin(&g, &options, NULL));
    g.log_length = 0;
    line[8192] = '\n';
    guest_write(&g, 2, line, 8193, NULL);
    CHECK_EQ_UINT(g.log_length, 8192 + 3);
    guest_close(&g);
}

/* Interrupts the store as soon as a line was logged. */
static void log_and_interrupt(void *baton, exchange_level level, const char *text, size_t length)
{
    fake_guest *g = baton;

    fake_log(baton, level, text, length);
    wasm_store_interrupt(g->store, WASM_E_DEADLINE);
}

/* Lines cost the server time: a guest cannot have gigabytes of them written beyond its own. */
TEST(stderr_ends_with_the_deadline)
{
    enum { VECTORS = 1000, LENGTH = 50000, VECTOR = 8192, TEXT = 65536 };
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.bits = GRANT_LOG;
    g.exchange.log = log_and_interrupt;
    REQUIRE(guest_begin(&g, &options, NULL));
    memset(guest_bytes(&g, TEXT, LENGTH), '\n', LENGTH);
    for (uint32_t i = 0; i < VECTORS; i++) {
        guest_put_u32(&g, VECTOR + 8 * i, TEXT);
        guest_put_u32(&g, VECTOR + 8 * i + 4, LENGTH);
    }
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 2, VECTOR, VECTORS, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), LENGTH);
    CHECK_EQ_UINT(guest_call(&g, "fd_write", 2, VECTOR, VECTORS, 64), WASI_INTR);
    guest_close(&g);
}

TEST(stderr_without_the_grant)
{
    const wasi_options options = {0};
    uint32_t written = 0;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_write(&g, 2, "secret\nsecret\n", 14, &written), WASI_SUCCESS);
    CHECK_EQ_UINT(written, 14);
    CHECK(strstr(g.log, "secret") == NULL);
    CHECK_EQ_STR(g.log,
                 "I:the guest wrote to stderr without the grant \"log\": it was discarded\n");
    guest_close(&g);
}

/* A guest whose answers go another way: its stdin is at its end, its stdout is as its stderr. */
TEST(a_process_without_a_message)
{
    const wasi_options options = {0};
    fake_guest g;
    uint32_t written, got = 1;
    char byte;

    REQUIRE(guest_open(&g));
    g.grants.bits = GRANT_LOG;
    g.exchange.read_body = NULL;
    g.exchange.write_output = NULL;
    g.body = "body";
    g.body_left = 4;
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_read(&g, 0, &byte, 1, &got), WASI_SUCCESS);
    CHECK_EQ_UINT(got, 0);
    CHECK_EQ_UINT(guest_write(&g, 1, "out\nhalf", 8, &written), WASI_SUCCESS);
    CHECK_EQ_UINT(written, 8);
    CHECK_EQ_STR(g.log, "E:out\n");
    wasi_flush(g.wasi);
    CHECK_EQ_STR(g.log, "E:out\nE:half\n");
    wasi_flush(g.wasi);
    CHECK_EQ_UINT(g.log_length, strlen("E:out\nE:half\n"));
    guest_close(&g);
}

TEST(terminals)
{
    const wasi_options options = {.terminals = 2};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_call(&g, "fd_fdstat_get", 0, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(*guest_bytes(&g, 64, 1), WASI_FILETYPE_UNKNOWN);
    CHECK_EQ_UINT(guest_call(&g, "fd_fdstat_get", 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(*guest_bytes(&g, 64, 1), WASI_FILETYPE_CHARACTER_DEVICE);
    /* isatty() of wasi-libc: a character device that can neither seek nor tell */
    CHECK_EQ_UINT(guest_u64(&g, 72) & (WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL), 0);
    CHECK_EQ_UINT(guest_call(&g, "fd_filestat_get", 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(*guest_bytes(&g, 64 + 16, 1), WASI_FILETYPE_CHARACTER_DEVICE);
    guest_close(&g);
}

TEST(sockets_there_are_none)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_call(&g, "sock_accept", 1, 0, 64), WASI_NOTSOCK);
    CHECK_EQ_UINT(guest_call(&g, "sock_shutdown", 1, 3), WASI_NOTSOCK);
    CHECK_EQ_UINT(guest_call(&g, "sock_recv", 0, 64, 1, 0, 80, 84), WASI_NOTSOCK);
    CHECK_EQ_UINT(guest_call(&g, "sock_send", 77, 64, 1, 0, 80), WASI_BADF);
    guest_close(&g);
}

/* ---- clocks ------------------------------------------------------------------------------- */

static uint64_t clock_now(fake_guest *g, uint32_t id)
{
    CHECK_EQ_UINT(guest_call(g, "clock_time_get", id, 1, 64), WASI_SUCCESS);
    return guest_u64(g, 64);
}

TEST(clocks_with_the_grant)
{
    const wasi_options options = {0};
    uint64_t cpu;
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.bits = GRANT_CLOCK;
    REQUIRE(guest_begin(&g, &options, NULL));
    g.now[0] = UINT64_C(1700000000123456789);
    g.now[1] = 42;
    CHECK_EQ_UINT(clock_now(&g, WASI_CLOCK_REALTIME), g.now[0]);
    CHECK_EQ_UINT(clock_now(&g, WASI_CLOCK_MONOTONIC), 42);
    cpu = clock_now(&g, WASI_CLOCK_PROCESS);
    CHECK(clock_now(&g, WASI_CLOCK_THREAD) >= cpu);
    CHECK_EQ_UINT(guest_call(&g, "clock_time_get", 4, 1, 64), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&g, "clock_res_get", 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&g, 64), 1);
    CHECK_EQ_UINT(guest_call(&g, "clock_res_get", 9, 64), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&g, "clock_time_get", 0, 1, GUEST_MEMORY - 7), WASI_FAULT);
    CHECK_EQ_STR(g.log, "");
    CHECK_EQ_UINT(wasi_missed_grants(g.wasi), 0);
    guest_close(&g);
}

TEST(clocks_without_the_grant_show_nothing)
{
    const wasi_options options = {0};
    uint64_t wall, before = 0;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    g.now[0] = UINT64_C(1700000000123456789);
    wall = clock_now(&g, WASI_CLOCK_REALTIME);
    CHECK_EQ_UINT(wall / 1000000000, 946684800); /* 2000-01-01 */
    for (int i = 0; i < 100; i++) {
        uint64_t now = clock_now(&g, WASI_CLOCK_MONOTONIC);

        CHECK_EQ_UINT(now, (uint64_t)(i + 2) * 1000); /* by the calls alone, not by real time */
        CHECK(now > before);
        before = now;
    }
    CHECK(clock_now(&g, WASI_CLOCK_PROCESS) > before);
    CHECK_EQ_STR(g.log, "I:clock_time_get was called without the grant \"clock\": "
                        "it shows a pretended time\n");
    guest_close(&g);
}

TEST(pretended_time_goes_on_from_another_guests)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(wasi_pretended_time(g.context.wasi), 0);
    wasi_resume(g.context.wasi, 5000000);
    CHECK_EQ_UINT(clock_now(&g, WASI_CLOCK_MONOTONIC), 5001000);
    CHECK_EQ_UINT(wasi_pretended_time(g.context.wasi), 5001000);
    guest_close(&g);
}

/* ---- waiting ------------------------------------------------------------------------------ */

static void put_clock(fake_guest *g, uint32_t at, uint64_t userdata, uint32_t id, uint64_t timeout,
                      uint32_t flags)
{
    memset(guest_bytes(g, at, 48), 0, 48);
    guest_put_u64(g, at, userdata);
    guest_put_u32(g, at + 16, id);
    guest_put_u64(g, at + 24, timeout);
    guest_put_u32(g, at + 40, flags);
}

static void put_fd(fake_guest *g, uint32_t at, uint64_t userdata, uint8_t type, uint32_t fd)
{
    memset(guest_bytes(g, at, 48), 0, 48);
    guest_put_u64(g, at, userdata);
    *guest_bytes(g, at + 8, 1) = type;
    guest_put_u32(g, at + 16, fd);
}

TEST(polling)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 0, 64), WASI_INVAL);
    /* the shorter of two times, in the order of the subscriptions */
    put_clock(&g, 4096, 7, WASI_CLOCK_MONOTONIC, UINT64_C(60000000000), 0);
    put_clock(&g, 4144, 8, WASI_CLOCK_MONOTONIC, 2000000, 0);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 2, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), 1);
    CHECK_EQ_UINT(guest_u64(&g, 8192), 8);
    CHECK_EQ_UINT(guest_u16(&g, 8192 + 8), WASI_SUCCESS);
    CHECK_EQ_UINT(*guest_bytes(&g, 8192 + 10, 1), WASI_EVENT_CLOCK);
    CHECK_EQ_UINT(g.flushes, 1);
    /* a descriptor that is ready, and one that is not open, end the wait at once */
    put_fd(&g, 4144, 9, WASI_EVENT_FD_READ, 0);
    put_fd(&g, 4192, 10, WASI_EVENT_FD_WRITE, 55);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 3, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), 2);
    CHECK_EQ_UINT(guest_u64(&g, 8192), 9);
    CHECK_EQ_UINT(guest_u16(&g, 8192 + 8), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&g, 8192 + 32), 10);
    CHECK_EQ_UINT(guest_u16(&g, 8192 + 32 + 8), WASI_BADF);
    CHECK_EQ_UINT(g.flushes, 1);
    /* an unknown clock is an event with an error, an unknown type is none */
    put_clock(&g, 4096, 11, 17, 5, 0);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u16(&g, 8192 + 8), WASI_INVAL);
    put_fd(&g, 4096, 12, 3, 0);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_INVAL);
    /* places for the events and their number are checked before the wait */
    put_clock(&g, 4096, 7, WASI_CLOCK_MONOTONIC, UINT64_C(60000000000), 0);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, GUEST_MEMORY - 31, 1, 64), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, GUEST_MEMORY), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", GUEST_MEMORY - 47, 8192, 1, 64), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, UINT32_MAX, 64), WASI_FAULT);
    guest_close(&g);
}

TEST(absolute_times)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.bits = GRANT_CLOCK;
    g.now[0] = 1000;
    REQUIRE(guest_begin(&g, &options, NULL));
    put_clock(&g, 4096, 7, WASI_CLOCK_REALTIME, 1000, WASI_SUBCLOCK_ABSTIME); /* it is now */
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), 1);
    g.grants.bits = 0; /* a pretended clock goes on by what was slept */
    put_clock(&g, 4096, 7, WASI_CLOCK_MONOTONIC, 5000000, WASI_SUBCLOCK_ABSTIME);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&g, 64), 1);
    CHECK(clock_now(&g, WASI_CLOCK_MONOTONIC) >= 5000000);
    guest_close(&g);
}

TEST(polling_in_the_older_form)
{
    const wasi_options options = {0};
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    /* identifier u64 at 16, so that id, timeout, precision and flags stand 8 bytes later */
    guest_put_u64(&g, 4096, 77);
    guest_put_u64(&g, 4096 + 16, UINT64_MAX);
    guest_put_u32(&g, 4096 + 24, WASI_CLOCK_MONOTONIC);
    guest_put_u64(&g, 4096 + 32, 1000);
    guest_put_u64(&g, 4096 + 56, 78);
    *guest_bytes(&g, 4096 + 56 + 8, 1) = WASI_EVENT_FD_WRITE;
    guest_put_u32(&g, 4096 + 56 + 16, 1);
    CHECK_EQ_UINT(guest_call_unstable(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&g, 8192), 77);
    CHECK_EQ_UINT(guest_u16(&g, 8192 + 8), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call_unstable(&g, "poll_oneoff", 4096, 8192, 2, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&g, 8192), 78);
    CHECK_EQ_UINT(*guest_bytes(&g, 8192 + 10, 1), WASI_EVENT_FD_WRITE);
    guest_close(&g);
}

/* A sleep of an hour ends with the deadline, and with an interruption by somebody else. */
TEST(sleep_ends_with_the_deadline)
{
    const wasi_options options = {0};
    wasm_watchdog *watchdog;
    wasm_report report;
    fake_guest g;

    REQUIRE(guest_open(&g));
    REQUIRE(guest_begin(&g, &options, NULL));
    REQUIRE(wasm_watchdog_start(&watchdog, &report) == WASM_OK);
    put_clock(&g, 4096, 7, WASI_CLOCK_MONOTONIC, UINT64_C(3600000000000), 0);
    wasm_deadline_arm(g.store, watchdog, 20000000);
    guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64);
    /* whoever notices first: this call by the time, or the engine by the watchdog's word */
    CHECK(g.status == WASM_E_DEADLINE || wasm_store_interrupted(g.store));
    wasm_deadline_disarm(g.store);
    wasm_store_clear_interrupt(g.store);
    wasm_store_interrupt(g.store, WASM_E_INTERRUPTED);
    CHECK_EQ_UINT(guest_call(&g, "poll_oneoff", 4096, 8192, 1, 64), WASI_INTR);
    guest_close(&g);
    wasm_watchdog_stop(watchdog);
}
