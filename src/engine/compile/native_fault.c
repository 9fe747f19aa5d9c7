/* SPDX-License-Identifier: Apache-2.0
 * native_fault.c — faults in guarded memories become traps; all other faults are somebody else's.
 *
 * How:     Code that checks no bounds faults when it reaches behind a memory, into pages without
 *          access that are reserved for that. The handler claims a fault if the instruction is a
 *          site of our code, and the address in the part of a guarded memory of the store that the
 *          code runs for which is not accessible. Then it changes the context as if the instruction
 *          had called the gate of traps, and returns: no jump out of a handler, and the signal
 *          mask is restored by the system.
 *          What is not claimed goes to whoever had the signal before, as the system would have
 *          called him: with his mask and flags; the default action is taken by going back to it.
 *
 *          From an address to its code: a list of ranges that only grows; a place is reused when
 *          its module is gone. Each has a sequence number, odd while it is changed, so that the
 *          handler reads without a lock. The range that it looks for does not change meanwhile,
 *          since its code runs.
 * Memory:  Ranges are never freed.
 * Threads: any; the handler is async-signal-safe.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "native_impl.h"
#include "report.h"

/* ---- the registry ---------------------------------------------------------------------------- */

struct native_range {
    _Atomic uint32_t sequence;
    _Atomic uintptr_t begin, end; /* both 0: free */
    const native_module *_Atomic native;
    native_range *next;
};

static native_range *_Atomic ranges;
static pthread_mutex_t ranges_lock = PTHREAD_MUTEX_INITIALIZER; /* of those who write */

static void set(native_range *range, uintptr_t begin, uintptr_t end, const native_module *native)
{
    atomic_fetch_add(&range->sequence, 1);
    atomic_store(&range->begin, begin);
    atomic_store(&range->end, end);
    atomic_store(&range->native, native);
    atomic_fetch_add(&range->sequence, 1);
}

native_range *native_register(const native_module *native)
{
    native_range *range;
    bool fresh = false;

    pthread_mutex_lock(&ranges_lock);
    for (range = atomic_load(&ranges); range && atomic_load(&range->end); range = range->next) {
    }
    if (!range) {
        range = calloc(1, sizeof *range);
        fresh = true;
    }
    if (range) {
        set(range, (uintptr_t)native->code.base, (uintptr_t)native->code.base + native->code.length,
            native);
        if (fresh) {
            range->next = atomic_load(&ranges);
            atomic_store(&ranges, range);
        }
    }
    pthread_mutex_unlock(&ranges_lock);
    return range;
}

void native_unregister(native_range *range)
{
    if (!range)
        return;
    pthread_mutex_lock(&ranges_lock);
    set(range, 0, 0, NULL);
    pthread_mutex_unlock(&ranges_lock);
}

static const native_module *find(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (native_range *r = atomic_load(&ranges); r; r = r->next) {
        uint32_t sequence = atomic_load(&r->sequence);
        uintptr_t begin = atomic_load(&r->begin), end = atomic_load(&r->end);
        const native_module *native = atomic_load(&r->native);

        if (at >= begin && at < end && !(sequence & 1) && atomic_load(&r->sequence) == sequence)
            return native;
    }
    return NULL;
}

/* ---- the handler ----------------------------------------------------------------------------- */

static const int signals[] = {SIGSEGV, SIGBUS};
enum { SIGNALS = sizeof signals / sizeof signals[0] };
static struct sigaction before[SIGNALS]; /* set before the handler can be called */
static bool placed[SIGNALS];             /* ours is there, perhaps behind later ones */
static _Atomic bool installed;

/* Whether the address is one that only an access out of bounds reaches. */
static bool is_out_of_bounds(const wasm_store *store, uintptr_t address)
{
    for (const wasm_memory *m = store->memories; m; m = m->next) {
        uintptr_t distance = address - (uintptr_t)m->base;

        if (m->guarded && distance < m->reserved)
            return distance >= m->length;
    }
    return false;
}

static bool claim(const siginfo_t *info, void *context)
{
    const target *here = target_here();
    const void *at = here->fault_at(context);
    const native_module *native = find(at);
    uint32_t func;
    uint64_t offset;

    if (!native || !native_find(native, (const char *)at + NATIVE_ACCESS_SITE, 0, &func, &offset) ||
        offset == WASM_NO_OFFSET ||
        !is_out_of_bounds(here->fault_instance(context)->store, (uintptr_t)info->si_addr))
        return false;
    here->fault_redirect(context, native->code.base + native->stubs[STUB_TRAP], WASM_E_OOB_MEMORY);
    return true;
}

/* As if ours were not there. */
static void hand_on(const struct sigaction *old, int signal, siginfo_t *info, void *context)
{
    /* A fault, and neither somebody's kill() nor word of memory that failed somewhere else: by going
     * back to the instruction nothing of these would come again. */
    const bool by_system =
        info->si_code > 0 && !(signal == SIGBUS && info->si_code == BUS_MCEERR_AO);
    const bool has_info = (old->sa_flags & SA_SIGINFO) != 0;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t mask, kept;

    if (!has_info && old->sa_handler == SIG_IGN && !by_system)
        return;
    /* A fault cannot be ignored: the system would take the default action. */
    if (!has_info && (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN)) {
        sigaction(signal, &standard, NULL);
        if (!by_system)
            raise(signal); /* pending until this handler returns */
        return;            /* to the instruction, which faults again */
    }
    if (old->sa_flags & (int)SA_RESETHAND)
        sigaction(signal, &standard, NULL);
    mask = old->sa_mask;
    if (!(old->sa_flags & SA_NODEFER))
        sigaddset(&mask, signal);
    pthread_sigmask(SIG_SETMASK, NULL, &kept);
    for (int s = 1; s < NSIG; s++)
        if (s != signal && sigismember(&kept, s) == 1)
            sigaddset(&mask, s);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (has_info)
        old->sa_sigaction(signal, info, context);
    else
        old->sa_handler(signal);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    /* A signal that was sent has no address; whoever sends it may say what he likes. */
    if (info->si_code > 0 && claim(info, context))
        return;
    for (unsigned i = 0; i < SIGNALS; i++)
        if (signals[i] == signal)
            hand_on(&before[i], signal, info, context);
}

/* ---- installing it --------------------------------------------------------------------------- */

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

bool wasm_faults_handled(void)
{
    return atomic_load_explicit(&installed, memory_order_relaxed);
}

wasm_status wasm_faults_handle(wasm_report *report)
{
    struct sigaction ours = {.sa_sigaction = on_fault,
                             .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESTART)};
    wasm_status status = WASM_OK;

    report_clear(report);
    if (!target_here() || !target_here()->fault_at)
        return report_fail(report, WASM_E_NO_COMPILER, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    pthread_mutex_lock(&install_lock);
    sigemptyset(&ours.sa_mask);
    for (unsigned i = 0; i < SIGNALS && status == WASM_OK; i++) {
        /* Not twice: a handler that came later hands on to ours, which must not hand on to it. */
        if (placed[i])
            continue;
        if (sigaction(signals[i], NULL, &before[i]) != 0 || sigaction(signals[i], &ours, NULL) != 0)
            status = WASM_E_SYSTEM;
        else
            placed[i] = true;
    }
    if (status == WASM_OK)
        atomic_store_explicit(&installed, true, memory_order_relaxed);
    else
        report_fail(report, status, WASM_NO_OFFSET, WASM_NO_FUNC, "sigaction");
    pthread_mutex_unlock(&install_lock);
    return status;
}

void wasm_faults_forget(void)
{
    pthread_mutex_lock(&install_lock);
    if (atomic_load_explicit(&installed, memory_order_relaxed)) {
        atomic_store_explicit(&installed, false, memory_order_relaxed);
        for (unsigned i = 0; i < SIGNALS; i++) {
            struct sigaction now;

            /* Who came later and hands on to us has to keep somebody to hand on to. */
            if (sigaction(signals[i], NULL, &now) == 0 && is_ours(&now) &&
                sigaction(signals[i], &before[i], NULL) == 0)
                placed[i] = false;
        }
    }
    pthread_mutex_unlock(&install_lock);
}
