/* SPDX-License-Identifier: Apache-2.0
 * watchdog_test.c — every shape of a guest that does not end is ended, and nothing else is.
 */
/* layers: facade */
#include "unit.h"
#include "unit_fork.h"
#include "runtime_fixture.h"
#include "runtime.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS  UINT64_C(1000000)
#define FAR (3600 * 1000 * MS)

static wasm_watchdog *start(void)
{
    wasm_watchdog *watchdog = NULL;
    wasm_report report;

    CHECK_EQ_INT(wasm_watchdog_start(&watchdog, &report), WASM_OK);
    return watchdog;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

    nanosleep(&t, NULL);
}

/* ---- guests that do not end ------------------------------------------------------------------ */

/* Sleeps as long as it likes, but never longer than the deadline allows. */
static wasm_status sleep_long(wasm_caller *caller, uint64_t *slots)
{
    uint64_t left = wasm_deadline_left(caller->store);

    (void)slots;
    sleep_ns(left < FAR ? left : FAR);
    return WASM_OK;
}

TEST_OF_TIERS(2, every_endless_guest_is_ended) /* 2: with try_table */
{
    static const wasm_host_function sleeper = {"h", "f", ":", 0, sleep_long};
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"a loop", MODULE_ENDLESS},
        {"a tree of calls without a loop, deeper than time is long",
         /* (func (export "f") (param i32) (if (local.get 0) (then (call 0 (i32.sub …)) twice))) */
         "01(01 60 01 7f 00) 03(01 00) 07(01 ('f') 00 00)"
         "0a(01 (00 20 00 04 40 20 00 41 01 6b 10 00 20 00 41 01 6b 10 00 0b 0b))"},
        {"a chain of calls in place of returns",
         "01(01 60 01 7f 00) 03(01 00) 07(01 ('f') 00 00) 0a(01 (00 20 00 12 00 0b))"},
        {"the same through a table",
         "01(01 60 01 7f 00) 03(01 00) 04(01 70 00 01) 07(01 ('f') 00 00)"
         "09(01 00 41 00 0b 01 00) 0a(01 (00 20 00 41 00 13 00 00 0b))"},
        {"an exception that is thrown and caught again and again",
         "01(01 60 01 7f 00) 03(01 00) 0d(01 00 00) 07(01 ('f') 00 00)"
         "0a(01 (00 03 40 02 7f 1f 40 01 00 00 00 41 01 08 00 0b 00 0b 1a 0c 00 0b 0b))"},
        {"one that is caught by nobody but the loop that begins anew",
         "01(02 60 00 00 60 01 7f 00) 03(01 01) 0d(01 00 00) 07(01 ('f') 00 00)"
         "0a(01 (00 03 40 1f 40 01 02 00 08 00 0b 0b 0b))"},
        {"filling a mebibyte again and again",
         "01(01 60 00 00) 03(01 00) 05(01 00 10) 07(01 ('f') 00 00)"
         "0a(01 (00 03 40 41 00 41 01 41 80 80 c0 00 fc 0b 00 0c 00 0b 0b))"},
        {"copying a table again and again",
         "01(01 60 00 00) 03(01 00) 04(01 70 00 80 80 04) 07(01 ('f') 00 00)"
         "0a(01 (00 03 40 41 00 41 01 41 ff ff 03 fc 0e 00 00 0c 00 0b 0b))"},
        {"a host function that sleeps",
         "01(01 60 00 00) 02(01 ('h') ('f') 00 00) 03(01 00) 07(01 ('f') 00 01)"
         "0a(01 (00 03 40 10 00 0c 00 0b 0b))"},
    };
    wasm_watchdog *watchdog = start();

    REQUIRE(watchdog != NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        CASE("%s", rows[i].name);
        REQUIRE(fixture_open(&f, rows[i].text, NULL, &sleeper, 1, NULL));
        wasm_deadline_arm(f.store, watchdog, 30 * MS);
        CHECK_EQ_INT(fixture_call(&f, "f", 10000, NULL), WASM_E_DEADLINE);
        CHECK_EQ_INT(wasm_store_report(f.store)->status, WASM_E_DEADLINE);
        CHECK_EQ_UINT(wasm_deadline_left(f.store), 0);
        CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_DEADLINE); /* and stays ended */
        fixture_close(&f);
    }
    wasm_watchdog_stop(watchdog);
}

/* (tag $never) (tag $thrown)
 * (func $f (export "f") (param i32)
 *   (try_table (catch $never 0) … as many of them around each other …
 *     (if (i32.eqz (local.get 0)) (then (throw $thrown)))
 *     (call $f (i32.sub (local.get 0) (i32.const 1))) …)) */
TEST(an_exception_that_passes_many_clauses_is_ended_on_its_way)
{
    enum { TRIES = 20000, FRAMES = 10000 };
    static const uint8_t code[] = {0x20, 0, 0x45, 0x04, 0x40, 0x08, 1, 0x0B,
                                   0x20, 0, 0x41, 1,    0x6B, 0x10, 0, 0x0B};
    static const uint8_t try_table[] = {0x1F, 0x40, 1, 0, 0, 0};
    text_buffer body = {0}, section = {0}, file = {0};
    wasm_watchdog *watchdog = start();
    size_t length;
    uint8_t *head = module_text("01(02 60 00 00 60 01 7f 00) 03(01 01) 0d(02 00 00 00 00)"
                                "07(01 ('f') 00 00)",
                                &length);
    fixture f = {0};

    text_put(&body, "", 1); /* no locals */
    for (int i = 0; i < TRIES; i++)
        text_put(&body, try_table, sizeof try_table);
    text_put(&body, code, sizeof code);
    for (int i = 0; i < TRIES; i++)
        text_put(&body, "\x0B", 1);
    text_put_leb(&section, 1);
    text_put_leb(&section, body.length);
    text_put(&section, body.bytes, body.length);
    text_put(&file, head, length);
    text_put(&file, "\x0A", 1);
    text_put_leb(&file, section.length);
    text_put(&file, section.bytes, section.length);
    f.status = wasm_module_load(file.bytes, file.length, NULL, &f.module, &f.report);
    f.store = wasm_store_new(NULL, NULL);
    REQUIRE(watchdog != NULL && f.module != NULL && f.store != NULL);
    REQUIRE(fixture_instantiate(&f, NULL, 0) == WASM_OK);
    wasm_deadline_arm(f.store, watchdog, 30 * MS);
    CHECK_EQ_INT(fixture_call(&f, "f", FRAMES, NULL), WASM_E_DEADLINE);
    fixture_close(&f);
    wasm_watchdog_stop(watchdog);
    free(head);
    free(body.bytes);
    free(section.bytes);
    free(file.bytes);
}

TEST(a_start_function_is_ended)
{
    wasm_watchdog *watchdog = start();
    fixture f;

    REQUIRE(watchdog != NULL);
    memset(&f, 0, sizeof f);
    /* (func (loop (br 0))) (start 0) */
    f.module =
        fixture_load("01(01 60 00 00) 03(01 00) 08(00) 0a(01 (00 03 40 0c 00 0b 0b))", &f.report);
    f.store = wasm_store_new(NULL, NULL);
    REQUIRE(f.module != NULL && f.store != NULL);
    wasm_deadline_arm(f.store, watchdog, 30 * MS);
    CHECK_EQ_INT(fixture_instantiate(&f, NULL, 0), WASM_E_DEADLINE);
    CHECK_EQ_INT(f.report.status, WASM_E_DEADLINE);
    fixture_close(&f);
    wasm_watchdog_stop(watchdog);
}

TEST(no_time_at_all_is_over_at_once)
{
    wasm_watchdog *watchdog = start();
    fixture f;

    REQUIRE(watchdog != NULL);
    REQUIRE(fixture_open(&f, MODULE_ROUNDS, NULL, NULL, 0, NULL));
    wasm_deadline_arm(f.store, watchdog, 0);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_DEADLINE);
    fixture_close(&f);
    wasm_watchdog_stop(watchdog);
}

/* ---- what must not be ended ------------------------------------------------------------------ */

TEST(a_disarmed_store_is_left_alone)
{
    wasm_watchdog *watchdog = start();
    fixture f;

    REQUIRE(watchdog != NULL);
    REQUIRE(fixture_open(&f, MODULE_ROUNDS, NULL, NULL, 0, NULL));
    CHECK(wasm_deadline_left(f.store) == UINT64_MAX);
    wasm_deadline_arm(f.store, watchdog, 20 * MS);
    CHECK(wasm_deadline_left(f.store) <= 20 * MS);
    wasm_deadline_disarm(f.store);
    wasm_deadline_disarm(f.store);
    CHECK(wasm_deadline_left(f.store) == UINT64_MAX);
    sleep_ns(60 * MS);
    CHECK(!wasm_store_interrupted(f.store));
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_OK);
    /* A longer deadline replaces a shorter one. */
    wasm_deadline_arm(f.store, watchdog, 20 * MS);
    wasm_deadline_arm(f.store, watchdog, FAR);
    sleep_ns(60 * MS);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_OK);
    fixture_close(&f); /* armed: freeing disarms */
    wasm_watchdog_stop(watchdog);
}

static wasm_status wait_for_the_client(wasm_caller *caller, uint64_t *slots)
{
    wasm_store *store = caller->store;
    uint64_t before;

    (void)slots;
    wasm_deadline_pause(store);
    wasm_deadline_pause(store);
    before = wasm_deadline_left(store);
    sleep_ns(1300 * MS);
    wasm_deadline_resume(store);
    CHECK_EQ_UINT(wasm_deadline_left(store), before); /* still paused */
    wasm_deadline_resume(store);
    CHECK(wasm_deadline_left(store) <= before);
    wasm_deadline_resume(store); /* one too many changes nothing */
    return WASM_OK;
}

TEST(time_that_is_paused_does_not_count)
{
    static const wasm_host_function row = {"h", "f", ":", 0, wait_for_the_client};
    wasm_watchdog *watchdog = start();
    fixture f;

    REQUIRE(watchdog != NULL);
    REQUIRE(fixture_open(&f, MODULE_CALLS_HOST, NULL, &row, 1, NULL));
    wasm_deadline_arm(f.store, watchdog, 1000 * MS);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_OK);
    CHECK(wasm_deadline_left(f.store) > 0);
    wasm_deadline_disarm(f.store);
    fixture_close(&f);
    wasm_watchdog_stop(watchdog);
}

TEST(after_a_pause_the_clock_goes_on)
{
    wasm_watchdog *watchdog = start();
    fixture f;

    REQUIRE(watchdog != NULL);
    REQUIRE(fixture_open(&f, MODULE_ENDLESS, NULL, NULL, 0, NULL));
    wasm_deadline_arm(f.store, watchdog, 50 * MS);
    wasm_deadline_pause(f.store);
    wasm_deadline_resume(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_DEADLINE);
    fixture_close(&f);
    wasm_watchdog_stop(watchdog);
}

TEST(a_process_that_stops_waits_for_nobody)
{
    wasm_watchdog *watchdog = start();
    fixture running, waiting, later;

    REQUIRE(watchdog != NULL);
    REQUIRE(fixture_open(&running, MODULE_ENDLESS, NULL, NULL, 0, NULL));
    REQUIRE(fixture_open(&waiting, MODULE_ENDLESS, NULL, NULL, 0, NULL));
    REQUIRE(fixture_open(&later, MODULE_ENDLESS, NULL, NULL, 0, NULL));
    wasm_deadline_arm(running.store, watchdog, FAR);
    wasm_deadline_arm(waiting.store, watchdog, FAR);
    wasm_deadline_pause(waiting.store);
    wasm_watchdog_interrupt_all(watchdog, WASM_E_INTERRUPTED);
    CHECK_EQ_INT(fixture_call(&running, "f", 0, NULL), WASM_E_INTERRUPTED);
    CHECK(!wasm_store_interrupted(waiting.store));
    wasm_deadline_resume(waiting.store);
    CHECK_EQ_INT(fixture_call(&waiting, "f", 0, NULL), WASM_E_INTERRUPTED);
    wasm_deadline_arm(later.store, watchdog, FAR);
    CHECK_EQ_INT(fixture_call(&later, "f", 0, NULL), WASM_E_INTERRUPTED);
    fixture_close(&running);
    fixture_close(&waiting);
    fixture_close(&later);
    wasm_watchdog_stop(watchdog);
}

/* ---- many ------------------------------------------------------------------------------------ */

TEST(deadlines_end_in_order_whatever_the_order_of_arming)
{
    static const uint64_t ms[] = {400, 20, 3600000, 40, 30, 3600001, 10, 20};
    enum { COUNT = sizeof ms / sizeof ms[0] };
    wasm_watchdog *watchdog = start();
    wasm_store *stores[COUNT];

    REQUIRE(watchdog != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        stores[i] = wasm_store_new(NULL, NULL);
        REQUIRE(stores[i] != NULL);
        wasm_deadline_arm(stores[i], watchdog, ms[i] * MS);
    }
    while (!wasm_store_interrupted(stores[0]))
        sleep_ns(5 * MS);
    for (size_t i = 0; i < COUNT; i++) {
        CASE("%u ms", (unsigned)ms[i]);
        CHECK_EQ_INT(wasm_store_interrupted(stores[i]), ms[i] <= 400);
        wasm_store_free(stores[i]);
    }
    wasm_watchdog_stop(watchdog);
}

static void *arm_and_disarm(void *watchdog)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    uintptr_t interrupted = 0;

    for (int i = 0; store != NULL && i < 5000; i++) {
        wasm_deadline_arm(store, watchdog, FAR + (uint64_t)(i % 7) * MS);
        wasm_deadline_pause(store);
        wasm_deadline_resume(store);
        wasm_deadline_disarm(store);
        interrupted += wasm_store_interrupted(store);
    }
    wasm_store_free(store);
    return (void *)(interrupted + (store == NULL));
}

TEST(threads_arm_and_disarm_at_once)
{
    wasm_watchdog *watchdog = start();
    pthread_t threads[8];

    REQUIRE(watchdog != NULL);
    for (int i = 0; i < 8; i++)
        REQUIRE(pthread_create(&threads[i], NULL, arm_and_disarm, watchdog) == 0);
    for (int i = 0; i < 8; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK(wrong == NULL);
    }
    wasm_watchdog_stop(watchdog);
}

static volatile sig_atomic_t taken;

static void take(int signal_number)
{
    (void)signal_number;
    taken = 1;
}

TEST(the_watchdog_takes_no_signals)
{
    struct sigaction handler = {.sa_handler = take}, old;
    struct timespec none = {0, 0};
    sigset_t usr1, before;
    wasm_watchdog *watchdog = start();

    REQUIRE(watchdog != NULL);
    sigaction(SIGUSR1, &handler, &old);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    /* This thread does not take it now; the only other one must not either. */
    kill(getpid(), SIGUSR1);
    sleep_ns(50 * MS);
    CHECK_EQ_INT(taken, 0);
    CHECK_EQ_INT(sigtimedwait(&usr1, NULL, &none), SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGUSR1, &old, NULL);
    wasm_watchdog_stop(watchdog);
}

/* ---- the end of a process, in a signal handler ----------------------------------------------- */

static wasm_store *held;

static void end_with_store(int signal_number)
{
    (void)signal_number;
    alarm(20); /* should it wait for a lock that its own thread has */
    wasm_store_free(held);
    _exit(0);
}

/* Arms ever earlier deadlines, so that the watchdog is woken each time, with the lock held. */
static void arm_until_ended(void)
{
    struct sigaction handler = {.sa_handler = end_with_store};
    wasm_watchdog *watchdog = start();
    wasm_store *other = wasm_store_new(NULL, NULL);

    held = wasm_store_new(NULL, NULL);
    sigaction(SIGUSR1, &handler, NULL);
    for (uint64_t i = 0;; i++) {
        wasm_deadline_arm(i & 1 ? held : other, watchdog, FAR - i * MS % FAR);
        wasm_deadline_pause(held);
        wasm_deadline_resume(held);
    }
}

/* ThreadSanitizer reports any free() in a signal handler, which is what prefork does. */
#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 0 };
#else
enum { ROUNDS = 60 };
#endif

TEST(a_store_can_be_freed_in_a_signal_handler_above_its_deadline)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = unit_fork();
        int status = -1;

        if (pid == 0)
            arm_until_ended();
        sleep_ns(5 * MS + (uint64_t)i * 7919);
        kill(pid, SIGUSR1);
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1)
            continue; /* it had not begun */
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (!WIFEXITED(status))
            break;
    }
}
