/* SPDX-License-Identifier: Apache-2.0
 * native_attack_test.c — what a guest can try against compiled code, a table at a time; each ends
 * in its trap or a refusal, with guard pages and with explicit checks.
 * layers: facade
 *
 * Memory:  each fixture's.
 * Threads: one; children are forked for what ends a process, and have one that sends signals.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "compile.h"
#include "native_impl.h"
#include "runtime_fixture.h"
#include "unit.h"
#include "unit_fork.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

typedef struct mode {
    const char *name;
    bool explicit_checks;
} mode;
static const mode modes[] = {{"guard pages", false}, {"explicit checks", true}};
enum { MODES = sizeof modes / sizeof modes[0] };

/* False where there is no compiler, which the test then says. */
static bool is_possible(void)
{
    if (compile_available())
        return true;
    printf("# skipped: there is no compiler for this processor\n");
    return false;
}

/* An instance that runs compiled code, and is not interpreted. */
static bool open_linked(fixture *f, const char *text, const mode *how,
                        const wasm_host_function *rows, size_t count)
{
    const wasm_compile_options compile = {.explicit_checks = how->explicit_checks};
    wasm_limits limits = wasm_limits_default();
    wasm_module_info info;

    memset(f, 0, sizeof *f);
    if (!how->explicit_checks) {
        limits.guarded = 1;
        if (wasm_faults_handle(&f->report) != WASM_OK)
            return false;
    }
    f->module = fixture_load(text, &f->report);
    f->store = wasm_store_new(&limits, NULL);
    if (f->module == NULL || f->store == NULL ||
        wasm_module_compile(f->module, &compile, &f->report) != WASM_OK)
        return false;
    wasm_module_describe(f->module, &info);
    return info.tier == WASM_TIER_COMPILER && fixture_instantiate(f, rows, count) == WASM_OK &&
           f->instance->native != NULL && fixture_func(f, "f")->native != NULL;
}

static bool open_compiled(fixture *f, const char *text, const mode *how)
{
    return open_linked(f, text, how, NULL, 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const struct access {
    const char *name, *code; /* of the opcode */
    const char *value;       /* what is stored; NULL: a load */
    unsigned width;
} accesses[] = {
    {"i32.load", "28", NULL, 4},
    {"i64.load", "29", NULL, 8},
    {"f32.load", "2a", NULL, 4},
    {"f64.load", "2b", NULL, 8},
    {"i32.load8_s", "2c", NULL, 1},
    {"i32.load8_u", "2d", NULL, 1},
    {"i32.load16_s", "2e", NULL, 2},
    {"i32.load16_u", "2f", NULL, 2},
    {"i64.load8_s", "30", NULL, 1},
    {"i64.load8_u", "31", NULL, 1},
    {"i64.load16_s", "32", NULL, 2},
    {"i64.load16_u", "33", NULL, 2},
    {"i64.load32_s", "34", NULL, 4},
    {"i64.load32_u", "35", NULL, 4},
    {"v128.load", "fd 00", NULL, 16},
    {"i32.store", "36", "41 7f", 4},
    {"i64.store", "37", "42 7f", 8},
    {"f32.store", "38", "43 00 00 80 3f", 4},
    {"f64.store", "39", "44 00 00 00 00 00 00 f0 3f", 8},
    {"i32.store8", "3a", "41 7f", 1},
    {"i32.store16", "3b", "41 7f", 2},
    {"i64.store8", "3c", "42 7f", 1},
    {"i64.store16", "3d", "42 7f", 2},
    {"i64.store32", "3e", "42 7f", 4},
    {"v128.store", "fd 0b", "41 7f fd 0f", 16},
};
static const uint32_t offsets[] = {0,     1,          7,          0xFFF,      0xFFFF,
                                   65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};

enum { MEMORY = 65536 };

static void access_text(const struct access *a, uint32_t offset, char *text, size_t size)
{
    char leb[24] = "";
    size_t n = 0;

    for (uint32_t rest = offset, more = 1; more; rest >>= 7) {
        more = rest > 0x7F;
        n += (size_t)snprintf(leb + n, sizeof leb - n, "%02x ", (rest & 0x7F) | (more ? 0x80 : 0));
    }
    /* (memory 1) (func (export "f") (param i32)): the access, its result dropped */
    snprintf(text, size,
             "01(01 60 01 7f 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"
             "0a(01 (00 20 00 %s %s 00 %s %s 0b))",
             a->value ? a->value : "", a->code, leb, a->value ? "" : "1a");
}

TEST(no_access_by_any_width_and_offset_leaves_the_memory)
{
    if (!is_possible())
        return;
    for (size_t m = 0; m < MODES; m++) {
        for (size_t i = 0; i < sizeof accesses / sizeof accesses[0]; i++) {
            for (size_t o = 0; o < sizeof offsets / sizeof offsets[0]; o++) {
                const uint32_t edge = MEMORY - accesses[i].width - offsets[o];
                const uint32_t addresses[] = {0,           1,          edge - 1,   edge,
                                              edge + 1,    MEMORY - 1, MEMORY,     0x7FFFFFFF,
                                              0x80000000u, 0xFFFF0000, 0xFFFFFFF0, 0xFFFFFFFF};
                char text[400];
                fixture f;

                access_text(&accesses[i], offsets[o], text, sizeof text);
                CASE("%s offset=%u, %s", accesses[i].name, offsets[o], modes[m].name);
                REQUIRE(open_compiled(&f, text, &modes[m]));
                for (size_t a = 0; a < sizeof addresses / sizeof addresses[0]; a++) {
                    uint64_t end = (uint64_t)addresses[a] + offsets[o] + accesses[i].width;
                    wasm_status status = fixture_call(&f, "f", addresses[a], NULL);

                    CASE("%s offset=%u at %u, %s", accesses[i].name, offsets[o], addresses[a],
                         modes[m].name);
                    CHECK_EQ_INT(status, end <= MEMORY ? WASM_OK : WASM_E_OOB_MEMORY);
                }
                fixture_close(&f);
            }
        }
    }
}

/* ---- tables and types ------------------------------------------------------------------------ */

/* (type $a (func (param i32) (result i32))) (type $b (func)) (table 3 funcref)
 * (elem (i32.const 0) $one $two): $one of $a, $two of $b
 * (func (export "f") (param i32) (result i32) (call_indirect (type $a) 1 (local.get 0))) */
#define MODULE_INDIRECT                                                                            \
    "01(02 60 01 7f 01 7f 60 00 00) 03(03 00 00 01) 04(01 70 00 03) 07(01 ('f') 00 00)"            \
    "09(01 00 41 00 0b 02 01 02)"                                                                  \
    "0a(03 (00 41 01 20 00 11 00 00 0b) (00 20 00 41 2a 6a 0b) (00 0b))"

TEST(a_call_through_a_table_is_of_the_right_type_or_a_trap)
{
    static const struct {
        uint32_t index;
        wasm_status status;
    } rows[] = {{0, WASM_OK},
                {1, WASM_E_INDIRECT_TYPE},
                {2, WASM_E_UNINITIALIZED_ELEMENT},
                {3, WASM_E_UNDEFINED_ELEMENT},
                {0x7FFFFFFF, WASM_E_UNDEFINED_ELEMENT},
                {0x80000000, WASM_E_UNDEFINED_ELEMENT},
                {0xFFFFFFFF, WASM_E_UNDEFINED_ELEMENT}};

    if (!is_possible())
        return;
    for (size_t m = 0; m < MODES; m++) {
        fixture f;

        REQUIRE(open_compiled(&f, MODULE_INDIRECT, &modes[m]));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint32_t result = 0;

            CASE("element %u, %s", rows[i].index, modes[m].name);
            CHECK_EQ_INT(fixture_call(&f, "f", rows[i].index, &result), rows[i].status);
            if (rows[i].status == WASM_OK)
                CHECK_EQ_UINT(result, 43);
        }
        fixture_close(&f);
    }
}

/* ---- the stack ------------------------------------------------------------------------------- */

/* (memory 1) and (func (export "f") (call 0)): for ever */
#define MODULE_DEEP "01(01 60 00 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00) 0a(01 (00 10 00 0b))"

TEST(endless_recursion_is_a_trap_and_the_instance_goes_on)
{
    if (!is_possible())
        return;
    for (size_t m = 0; m < MODES; m++) {
        fixture f;
        uint32_t result = 0;

        CASE("%s", modes[m].name);
        REQUIRE(open_compiled(&f, MODULE_DEEP, &modes[m]));
        for (int i = 0; i < 3; i++)
            CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_STACK_EXHAUSTED);
        fixture_close(&f);
        REQUIRE(open_compiled(&f, MODULE_RECURSE, &modes[m]));
        CHECK_EQ_INT(fixture_call(&f, "f", 0x7FFFFFFF, NULL), WASM_E_STACK_EXHAUSTED);
        CHECK_EQ_INT(fixture_call(&f, "f", 100, &result), WASM_OK);
        fixture_close(&f);
    }
}

/* ---- signals --------------------------------------------------------------------------------- */

#define MODULE_LOAD                                                                                \
    "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"                              \
    "0a(01 (00 20 00 28 02 00 0b))"

/* Another module of the process, with pages of its own that it makes accessible when it faults. */
static uint8_t *others_page;
static volatile sig_atomic_t others_faults;
static struct sigaction others_before;

static void on_others_fault(int signal, siginfo_t *info, void *context)
{
    if (info->si_addr != others_page) { /* not mine: to who was there before */
        if (others_before.sa_flags & SA_SIGINFO)
            others_before.sa_sigaction(signal, info, context);
        else
            _exit(99);
        return;
    }
    others_faults++;
    mprotect(others_page, 4096, PROT_READ | PROT_WRITE);
}

static void others_install(void)
{
    struct sigaction action = {.sa_sigaction = on_others_fault, .sa_flags = SA_SIGINFO};

    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &others_before);
}

static bool others_fault_works(void)
{
    const int before = others_faults;

    mprotect(others_page, 4096, PROT_NONE);
    *(volatile uint8_t *)others_page = 1;
    return others_faults == before + 1;
}

/* In a child: 0 if all is right, else the line. */
static int share_signals(bool others_first)
{
    fixture f;
    uint32_t result = 1;

    others_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (others_page == MAP_FAILED)
        return __LINE__;
    wasm_faults_forget();
    if (others_first)
        others_install();
    if (!open_compiled(&f, MODULE_LOAD, &modes[0]))
        return __LINE__;
    if (!others_first)
        others_install();
    for (int i = 0; i < 3; i++) {
        if (!others_fault_works())
            return __LINE__;
        if (fixture_call(&f, "f", 0x7FFFFFFF, NULL) != WASM_E_OOB_MEMORY)
            return __LINE__;
        if (fixture_call(&f, "f", 16, &result) != WASM_OK || result != 0)
            return __LINE__;
    }
    fixture_close(&f);
    return 0;
}

TEST(another_modules_handler_works_before_and_behind_ours)
{
    if (!is_possible())
        return;
    for (int others_first = 0; others_first < 2; others_first++) {
        int status = 0;
        pid_t pid = unit_fork();

        if (pid == 0)
            _exit(share_signals(others_first != 0) & 0xFF);
        CASE("the other one is %s", others_first ? "first" : "second");
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ_INT(WEXITSTATUS(status), 0);
    }
}

/* A host function that is at fault: behind the end of the memory of the guest that called it, where
 * the guest's own access would be a trap. */
static wasm_status reach_too_far(wasm_caller *caller, uint64_t *slots)
{
    uint64_t length = 0;
    uint8_t *base = NULL;

    (void)slots;
    if (!wasm_memory_view(caller->instance, 0, &base, &length))
        return WASM_E_USAGE;
    ((volatile uint8_t *)base)[length] = 1;
    return WASM_OK;
}

#define MODULE_CALLS_HOST_WITH_MEMORY                                                              \
    "01(01 60 00 00) 02(01 ('h') ('f') 00 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 01)"           \
    "0a(01 (00 10 00 0b))"

TEST(a_fault_of_a_host_function_is_not_taken_for_the_guests)
{
    static const wasm_host_function row = {"h", "f", ":", 0, reach_too_far};
    int status = 0;
    pid_t pid;

    if (!is_possible())
        return;
    pid = unit_fork();
    if (pid == 0) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        fixture f;

        wasm_faults_forget();
        sigaction(SIGSEGV, &standard, NULL);
        if (!open_linked(&f, MODULE_CALLS_HOST_WITH_MEMORY, &modes[0], &row, 1))
            _exit(1);
        fixture_call(&f, "f", 0, NULL);
        _exit(2);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ_INT(WTERMSIG(status), SIGSEGV);
}

/* As the kernel does it that has found memory to be bad which nobody reads just now. */
static void send_word_of_bad_memory(void)
{
    siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_MCEERR_AO};

    syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info);
}

TEST(a_fault_of_nobodys_ends_the_process_as_it_always_did)
{
    static const char *const names[] = {"a fault", "raise", "kill", "bad memory"};

    if (!is_possible())
        return;
    for (int kind = 0; kind < 4; kind++) {
        int status = 0;
        pid_t pid = unit_fork();

        if (pid == 0) {
            struct sigaction standard = {.sa_handler = SIG_DFL};
            fixture f;

            wasm_faults_forget();
            sigaction(SIGSEGV, &standard, NULL);
            sigaction(SIGBUS, &standard, NULL);
            if (!open_compiled(&f, MODULE_LOAD, &modes[0]))
                _exit(1);
            if (kind == 0)
                *(volatile int *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) =
                    1;
            else if (kind == 1)
                raise(SIGSEGV);
            else if (kind == 2)
                kill(getpid(), SIGBUS);
            else
                send_word_of_bad_memory();
            _exit(2);
        }
        CASE("%s", names[kind]);
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ_INT(WTERMSIG(status), kind >= 2 ? SIGBUS : SIGSEGV);
    }
}

/* Signals that somebody sends while compiled code runs, which nothing repeats, to a process that
 * lives on. Each is awaited before the next, since two of a kind are one. */
enum { SENT = 20 };

static volatile sig_atomic_t sent_seen;
static sigset_t sent_mask; /* while the last was handled */

static void on_sent(int signal)
{
    (void)signal;
    pthread_sigmask(SIG_SETMASK, NULL, &sent_mask);
    sent_seen++;
}

static void on_sent_with_info(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_pid == getpid())
        on_sent(signal);
}

typedef struct sender {
    pthread_t to;
    wasm_store *store;
    bool ignored; /* nobody will say that it has come */
} sender;

static void *send_and_interrupt(void *baton)
{
    const struct timespec moment = {.tv_nsec = 200000};
    const sender *s = baton;

    for (int i = 0; i < SENT; i++) {
        pthread_kill(s->to, i % 2 ? SIGBUS : SIGSEGV);
        for (int tries = 0; s->ignored ? tries < 1 : sent_seen <= i; tries++) {
            if (tries > 100000)
                _exit(3);
            nanosleep(&moment, NULL);
        }
    }
    wasm_store_interrupt(s->store, WASM_E_DEADLINE);
    return NULL;
}

static const struct sent_row {
    const char *name;
    struct sigaction before;
} sent_rows[] = {
    {"a plain handler", {.sa_handler = on_sent}},
    {"one with its own idea of masks", {.sa_handler = on_sent, .sa_flags = (int)SA_NODEFER}},
    {"one that asks who", {.sa_sigaction = on_sent_with_info, .sa_flags = SA_SIGINFO}},
    {"nobody, they are ignored", {.sa_handler = SIG_IGN}},
};

/* In a child: 0 if all is right, else the line. */
static int run_while_signals_come(const struct sent_row *row)
{
    struct sigaction before = row->before;
    sender s = {.to = pthread_self(), .ignored = before.sa_handler == SIG_IGN};
    const bool defers = !(before.sa_flags & (int)SA_NODEFER);
    pthread_t thread;
    fixture f;

    wasm_faults_forget();
    sigemptyset(&before.sa_mask);
    sigaddset(&before.sa_mask, SIGUSR2);
    if (sigaction(SIGSEGV, &before, NULL) != 0 || sigaction(SIGBUS, &before, NULL) != 0)
        return __LINE__;
    if (!open_compiled(&f, MODULE_ENDLESS, &modes[0]))
        return __LINE__;
    s.store = f.store;
    if (pthread_create(&thread, NULL, send_and_interrupt, &s) != 0 ||
        fixture_call(&f, "f", 0, NULL) != WASM_E_DEADLINE || pthread_join(thread, NULL) != 0)
        return __LINE__;
    fixture_close(&f);
    if (!s.ignored && (sent_seen != SENT || sigismember(&sent_mask, SIGUSR2) != 1 ||
                       (sigismember(&sent_mask, SIGBUS) == 1) != defers))
        return __LINE__;
    /* And what is ours still is. */
    if (!open_compiled(&f, MODULE_LOAD, &modes[0]) ||
        fixture_call(&f, "f", 0x7FFFFFFF, NULL) != WASM_E_OOB_MEMORY)
        return __LINE__;
    fixture_close(&f);
    return 0;
}

TEST(signals_that_are_sent_go_to_who_was_there_before_and_the_guest_goes_on)
{
    if (!is_possible())
        return;
    for (size_t i = 0; i < sizeof sent_rows / sizeof sent_rows[0]; i++) {
        int status = 0;
        pid_t pid = unit_fork();

        if (pid == 0)
            _exit(run_while_signals_come(&sent_rows[i]) & 0xFF);
        CASE("%s", sent_rows[i].name);
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ_INT(WEXITSTATUS(status), 0);
    }
}

/* One after the other has the instance, each with a stack of its own below the gates. */
static void *call_from_a_thread(void *baton)
{
    fixture *f = baton;
    uint32_t result = 1;
    const bool good = fixture_call(f, "f", 16, &result) == WASM_OK && result == 0 &&
                      fixture_call(f, "f", 0x7FFFFFFF, NULL) == WASM_E_OOB_MEMORY;

    return good ? baton : NULL;
}

TEST(an_instance_goes_from_thread_to_thread)
{
    if (!is_possible())
        return;
    for (size_t m = 0; m < MODES; m++) {
        fixture f;

        CASE("%s", modes[m].name);
        REQUIRE(open_compiled(&f, MODULE_LOAD, &modes[m]));
        for (int i = 0; i < 4; i++) {
            pthread_t thread;
            void *answer = NULL;

            CHECK(call_from_a_thread(&f) == &f);
            REQUIRE(pthread_create(&thread, NULL, call_from_a_thread, &f) == 0);
            pthread_join(thread, &answer);
            CHECK(answer == &f);
        }
        fixture_close(&f);
    }
}

/* ---- executable memory ----------------------------------------------------------------------- */

/* In a child under MemoryDenyWriteExecute: 0, 77 (the kernel has no such thing), or the line. */
static int without_write_execute(void)
{
    const wasm_compile_options anonymous = {.without = 3};
    wasm_report report;
    fixture f;
    uint32_t result = 1;

    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
        return 77;
    for (size_t m = 0; m < MODES; m++) {
        if (!open_compiled(&f, MODULE_LOAD, &modes[m]) ||
            fixture_call(&f, "f", 16, &result) != WASM_OK || result != 0 ||
            fixture_call(&f, "f", MEMORY, NULL) != WASM_E_OOB_MEMORY)
            return __LINE__;
        fixture_close(&f);
    }
    /* What this system refuses is refused in the end, and the interpreter goes on. */
    if (wasm_compiler_available(&anonymous, NULL, 0))
        return __LINE__;
    if (!fixture_open(&f, MODULE_LOAD, NULL, NULL, 0, NULL) ||
        wasm_module_compile(f.module, &anonymous, &report) != WASM_E_NO_EXECUTABLE ||
        fixture_call(&f, "f", 16, &result) != WASM_OK)
        return __LINE__;
    fixture_close(&f);
    return 0;
}

TEST(compiled_code_runs_where_memory_never_becomes_executable)
{
    int status = 0;
    pid_t pid;

    if (!is_possible())
        return;
    pid = unit_fork();
    if (pid == 0)
        _exit(without_write_execute() & 0xFF);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        printf("# skipped: this kernel has no PR_SET_MDWE\n");
    else
        CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

TEST(where_nothing_is_executable_the_reason_is_said_and_the_interpreter_runs)
{
    static const struct {
        unsigned without;
        const char *directory;
        const char *words;
    } rows[] = {{7, NULL, "no way is left"}, {6, "/nonexistent/here", "a file: No such file"}};

    if (!is_possible())
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const wasm_compile_options options = {.without = rows[i].without,
                                              .directory = rows[i].directory};
        char how[400] = "";
        fixture f;

        CASE("without %u", rows[i].without);
        CHECK(!wasm_compiler_available(&options, how, sizeof how));
        CHECK(strstr(how, rows[i].words) != NULL);
        REQUIRE(fixture_open(&f, MODULE_LOAD, NULL, NULL, 0, NULL));
        CHECK_EQ_INT(wasm_module_compile(f.module, &options, &f.report), WASM_E_NO_EXECUTABLE);
        CHECK_EQ_INT(fixture_call(&f, "f", 16, NULL), WASM_OK);
        fixture_close(&f);
    }
}

TEST(what_was_refused_before_a_way_that_passes_is_said)
{
    const wasm_compile_options options = {.directory = "/nonexistent/here"};
    char how[400] = "";

    if (!is_possible())
        return;
    CHECK(wasm_compiler_available(&options, how, sizeof how));
    CHECK(strstr(how, "code in a memfd (refused: a file: No such file or directory), ") != NULL);
    CHECK(wasm_compiler_available(NULL, how, sizeof how));
    CHECK(strstr(how, "refused") == NULL);
}
