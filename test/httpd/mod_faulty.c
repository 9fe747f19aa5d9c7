/* SPDX-License-Identifier: Apache-2.0
 * mod_faulty.c — another module of the same server, which has SIGSEGV to itself or so it thinks;
 * test_faults_of_others.py builds and loads it.
 *
 * How:     With FaultyHandler it installs a handler when a child begins: `first`, so that
 *          mod_wasmserve's comes on top of it; `last`, on top of mod_wasmserve's; `alternate`, as
 *          last, on a stack of its own. The handler knows the faults that it provoked itself, and
 *          leaves them with siglongjmp(), never to return; all others it hands to whoever was
 *          before. Without the directive there is none, and a fault is the end of the process.
 *
 *              SetHandler faulty-recover   faults, comes back, says so and in which process
 *              SetHandler faulty-crash     faults, and nobody knows why
 *              SetHandler faulty-before    says who was there when it installed its own: httpd has a
 *                                          plain handler, mod_wasmserve one that asks for more
 * Threads: any; where to come back to is the thread's.
 */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"

enum { STACK_BYTES = 64 << 10 };

module AP_MODULE_DECLARE_DATA faulty_module;

static const char *place;
static struct sigaction before;
static char *forbidden; /* a page that nobody may touch */
static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t expected;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    if (expected && info->si_addr == (void *)forbidden) {
        expected = 0;
        siglongjmp(back, 1);
    }
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(signal);
    } else {
        sigaction(signal, &before, NULL); /* the instruction faults again */
    }
}

static void install(int flags)
{
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&ours.sa_mask);
    sigaction(SIGSEGV, &ours, &before);
}

static void child_first(apr_pool_t *pchild, server_rec *s)
{
    (void)pchild;
    (void)s;
    forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place != NULL && strcmp(place, "first") == 0) {
        install(0);
    }
}

static void child_last(apr_pool_t *pchild, server_rec *s)
{
    (void)pchild;
    (void)s;
    if (place != NULL && strcmp(place, "last") == 0) {
        install(0);
    } else if (place != NULL && strcmp(place, "alternate") == 0) {
        install(SA_ONSTACK);
    }
}

/* The thread's own alternate stack, as a module would set it that handles overflows. */
static void use_alternate_stack(void)
{
    static __thread char stack[STACK_BYTES];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

    if (strcmp(place, "alternate") == 0) {
        sigaltstack(&alternate, NULL);
    }
}

/* Of its own, for the compiler expects to come back twice from calls alone. */
__attribute__((noinline)) static void fault(void)
{
    *(volatile char *)forbidden = 1;
}

static int answer(request_rec *r)
{
    if (r->handler == NULL || strncmp(r->handler, "faulty-", 7) != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    if (strcmp(r->handler, "faulty-crash") == 0) {
        fault();
    } else if (place != NULL && strcmp(r->handler, "faulty-recover") == 0) {
        use_alternate_stack();
        if (sigsetjmp(back, 1) == 0) {
            expected = 1;
            fault();
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        ap_rprintf(r, "recovered in %ld\n", (long)getpid());
    } else if (strcmp(r->handler, "faulty-before") == 0) {
        ap_rprintf(r, "%s\n", (before.sa_flags & SA_SIGINFO) != 0 ? "mod_wasmserve" : "httpd");
    } else {
        ap_rprintf(r, "here in %ld\n", (long)getpid());
    }
    return OK;
}

static const char *set_place(cmd_parms *command, void *dummy, const char *word)
{
    (void)command;
    (void)dummy;
    place = word;
    return NULL;
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("FaultyHandler", set_place, NULL, RSRC_CONF, "first, last or alternate"), {NULL}};

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_child_init(child_first, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_child_init(child_last, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(answer, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(faulty) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands,
                             register_hooks,          0};
