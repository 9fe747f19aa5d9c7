/* SPDX-License-Identifier: Apache-2.0
 * x64_fault.c — what a signal handler sees of x86-64 code that faulted, and how it sends it on.
 *
 * Async-signal-safe, all of it.
 */
#include "x64_impl.h"

#if defined(__x86_64__)
#include <ucontext.h>

static greg_t *registers_of(void *context)
{
    return ((ucontext_t *)context)->uc_mcontext.gregs;
}

const void *x64_fault_at(void *context)
{
    return (const void *)registers_of(context)[REG_RIP];
}

wasm_instance *x64_fault_instance(void *context)
{
    return (wasm_instance *)registers_of(context)[REG_R14];
}

void x64_fault_redirect(void *context, const void *gate, wasm_status status)
{
    greg_t *r = registers_of(context);
    greg_t *stack = (greg_t *)r[REG_RSP] - 1;

    *stack = r[REG_RIP] + NATIVE_ACCESS_SITE;
    r[REG_RSP] = (greg_t)(uintptr_t)stack;
    r[REG_RSI] = (greg_t)status;
    r[REG_RIP] = (greg_t)(uintptr_t)gate;
}
#endif
