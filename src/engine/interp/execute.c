/* SPDX-License-Identifier: Apache-2.0
 * execute.c — the loop: one handler for each internal instruction, chained by direct threading.
 *
 * How:     A handler reads its fields from pc[1] on, does its work, moves pc behind itself and
 *          jumps to the address in the next word: each handler has an indirect jump of its own,
 *          which is what the machine's branch prediction wants. The handlers are in
 *          execute_*.inc.h, by group of rows, and included below: inside of a function if handlers
 *          are labels, outside of any if they are functions. What is here is the dispatch layer
 *          under them, in three styles:
 *          LABELS      one function, handlers are labels, the jump is a computed goto. For gcc.
 *          TAIL_CALLS  a function for each handler, the jump is a call in tail position that the
 *                      compiler guarantees (`musttail`). For clang, which takes minutes over a
 *                      computed goto with as many targets; its code for this one is good.
 *          RETURNS     a function for each handler, which hands the next one to a loop that calls
 *                      it. For compilers with neither, and for gcc's sanitizers, which take hours
 *                      over one function with all handlers. Two to three times as slow.
 *
 *          What is hot lives in registers: pc, fp, the base and length of memory 0, and the
 *          accumulators `acc` (i32, i64, references), `acc_f32`, `acc_f64` and `acc_v128`. Every
 *          instruction with a result leaves it in the accumulator of its class, whether it writes a
 *          slot or not; only moves (COPY, CONST) and instructions without a result leave the
 *          accumulators alone.
 *
 * Inputs:  Validated and translated code; nothing is checked twice, and no handler can be reached
 *          with operands of other types. Checks made here are those of the specification's traps.
 * Traps:   pc stands on the failing instruction when a handler says TRAP or ATTEMPT; stop() reports
 *          and unwinds. A handler that traps has changed nothing but scratch.
 * Polls:   ENTER and every branch to a loop header look at store->poll; see runtime.h.
 * Memory:  Frames are on the store's guest stack; ENTER checks that there is room for all of its
 *          function's slots, and a caller's frame holds whatever a call writes before ENTER.
 * Threads: the store's.
 * Editing: 1. A handler that calls anything that may grow a memory ends with RELOAD(); one that
 *             calls anything that may collect begins with PUBLISH(), and its instruction has its
 *             roots recorded (record_roots).
 *          2. A handler that keeps `pc` elsewhere while it may trap loses the place of the trap.
 *          3. gcc would share the tails of handlers, and with them their indirect jumps, unless
 *             told otherwise: that is what EXECUTE_OPTIONS is for. Handlers begin at multiples of
 *             32 bytes, or a new one moves all behind it, and with the same instructions loops
 *             take up to a fifth longer or shorter than before (measured on AMD's Zen).
 * Spec:    chapter 4.
 */
#include <string.h>

#include "interp_impl.h"
#include "interp_vector.h"
#include "objects.h"

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* What an invocation knows besides the registers. */
typedef struct machine {
    store_activation *activation; /* what the collector sees of it */
    wasm_store *store;
    wasm_instance *instance; /* whose code runs */
    wasm_func *callee;       /* from a call instruction to the handlers that it hands over to */
    uint32_t width;          /* slots of its arguments or results, whichever are more */
    uint32_t depth;          /* of the store at entry */
} machine;

static wasm_status stop(machine *m, wasm_instance *instance, uint64_t *fp, const icode *pc,
                        wasm_status status)
{
    m->store->depth = m->depth;
    return interp_unwind(m->store, instance, fp, pc, status);
}

static inline uint64_t slot_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/* Whether `size` bytes at address + offset leave a memory of `length`; else they begin at *at. */
static inline bool is_outside(uint64_t address, uint64_t offset, uint64_t size, uint64_t length,
                              uint64_t *at)
{
    uint64_t end;

    return __builtin_add_overflow(address, offset, at) || __builtin_add_overflow(*at, size, &end) ||
           end > length;
}

static inline const icode *code_in(uint64_t slot)
{
    return (const icode *)(uintptr_t)slot;
}

#include "execute_words.inc.h"

#include "execute_compute.h"

/* ---- the dispatch layer ---------------------------------------------------------------------- */

#define LABELS     1
#define TAIL_CALLS 2
#define RETURNS    3

#if defined(__clang__) && defined(__has_attribute)
#if __has_attribute(musttail)
#define EXECUTE_STYLE TAIL_CALLS
#endif
#elif defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EXECUTE_STYLE LABELS
#endif
#ifndef EXECUTE_STYLE
#define EXECUTE_STYLE RETURNS
#endif

#define NEXT(words)                                                                                \
    do {                                                                                           \
        pc += (words);                                                                             \
        DISPATCH();                                                                                \
    } while (0)
#define TRAP(error) STOP(WASM_E_##error)
#define ATTEMPT(call)                                                                              \
    do {                                                                                           \
        const wasm_status answer_ = (call);                                                        \
        if (UNLIKELY(answer_ != WASM_OK))                                                          \
            STOP(answer_);                                                                         \
    } while (0)
#define LEAVE()                                                                                    \
    do {                                                                                           \
        m->store->depth = m->depth;                                                                \
        FINISH(WASM_OK);                                                                           \
    } while (0)
/* Before anything that may collect. */
#define PUBLISH()                                                                                  \
    do {                                                                                           \
        m->activation->instance = m->instance;                                                     \
        m->activation->fp = fp;                                                                    \
        m->activation->pc = pc;                                                                    \
    } while (0)
#define POLLED() UNLIKELY(atomic_load_explicit(&m->store->poll, memory_order_relaxed) != 0)
#define RELOAD()                                                                                   \
    do {                                                                                           \
        const wasm_memory *memory_ = m->instance->memory0;                                         \
        base = memory_ ? memory_->base : NULL;                                                     \
        length = memory_ ? memory_->length : 0;                                                    \
    } while (0)

/* Handlers that are no instructions: others go on there. */
#define EXECUTE_SHARED(SHARED)                                                                     \
    SHARED(CALL_ANY)                                                                               \
    SHARED(CALL_OUT)                                                                               \
    SHARED(CALL_FAR) SHARED(TAIL_CALL_ANY) SHARED(TAIL_CALL_OUT) SHARED(CATCH) SHARED(POLLED)

#if EXECUTE_STYLE != LABELS

#define PARAMETERS                                                                                 \
    const icode *pc, uint64_t *fp, uint8_t *base, uint64_t length, uint64_t acc, machine *m,       \
        double acc_f64, float acc_f32, v128 acc_v128

#if EXECUTE_STYLE == TAIL_CALLS
typedef wasm_status (*handler_fn)(PARAMETERS);
#define HANDLER(name) static wasm_status H_##name(PARAMETERS)
#define JUMP(function)                                                                             \
    __attribute__((musttail)) return (function)(pc, fp, base, length, acc, m, acc_f64, acc_f32,    \
                                                acc_v128)
#define DISPATCH()     JUMP((handler_fn)(uintptr_t)pc->handler)
#define GO(name)       JUMP(H_##name)
#define FINISH(status) return (status)
/* Handlers have the parameters whether they want them or not. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#else
/* What the loop keeps from one handler to the next: the PARAMETERS, and how it ended. */
typedef struct registers {
    const icode *pc;
    uint64_t *fp;
    uint8_t *base;
    uint64_t length;
    uint64_t acc;
    machine *m;
    double acc_f64;
    float acc_f32;
    v128 acc_v128;
    wasm_status status;
} registers;

/* Returns the next handler, or NULL at the end. */
typedef const void *(*handler_fn)(PARAMETERS, registers *next);
#define HANDLER(name) static const void *H_##name(PARAMETERS, registers *next)
#define JUMP(function)                                                                             \
    do {                                                                                           \
        *next = (registers){pc, fp, base, length, acc, m, acc_f64, acc_f32, acc_v128, WASM_OK};    \
        return (function);                                                                         \
    } while (0)
#define DISPATCH() JUMP(pc->handler)
#define GO(name)   JUMP((const void *)H_##name)
#define FINISH(reason)                                                                             \
    do {                                                                                           \
        next->status = (reason);                                                                   \
        return NULL;                                                                               \
    } while (0)
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif

#define STOP(status) FINISH(stop(m, m->instance, fp, pc, (status)))

#define EACH(id, form, text, layout, class) HANDLER(id##_##form);
#define EACH_PLAIN(id, text, layout)        HANDLER(id);
#include "icode_each.def"
#define SHARED(name) HANDLER(name);
EXECUTE_SHARED(SHARED)

static const void *const table[IC_COUNT] = {
#define EACH(id, form, text, layout, class) [IC_##id##_##form] = (const void *)H_##id##_##form,
#define EACH_PLAIN(id, text, layout)        [IC_##id] = (const void *)H_##id,
#include "icode_each.def"
};

/* Call instructions, as far as a return looks at them. */
static const icode exit_stub[ICODE_CALL_WORDS + 1] = {[ICODE_CALL_WORDS] = {(const void *)H_EXIT}};
static const icode far_stub[ICODE_CALL_WORDS + 1] = {
    [ICODE_CALL_WORDS] = {(const void *)H_FAR_RETURN}};

#include "execute_families.inc.h"
#include "execute_control.inc.h"
#include "execute_objects.inc.h"
#include "execute_vector.inc.h"
#include "execute_fused.inc.h"

static wasm_status start(machine *m, const icode *pc, uint64_t *fp, uint32_t return_slot)
{
    uint8_t *base;
    uint64_t length;

    fp[return_slot] = slot_of(exit_stub);
    RELOAD();
#if EXECUTE_STYLE == TAIL_CALLS
    return ((handler_fn)(uintptr_t)pc->handler)(pc, fp, base, length, 0, m, 0, 0, (v128){0});
#else
    registers r = {.pc = pc, .fp = fp, .base = base, .length = length, .m = m};

    for (const void *handler = pc->handler; handler != NULL;)
        handler = ((handler_fn)(uintptr_t)handler)(r.pc, r.fp, r.base, r.length, r.acc, r.m,
                                                   r.acc_f64, r.acc_f32, r.acc_v128, &r);
    return r.status;
#endif
}

const void *const *interp_handlers(void)
{
    return table;
}

#else

#define EXECUTE_OPTIONS                                                                            \
    __attribute__((optimize("no-gcse", "no-crossjumping", "no-tree-tail-merge",                    \
                            "no-tree-loop-distribute-patterns", "align-labels=32")))

#define HANDLER(name)  L_##name:
#define DISPATCH()     goto * pc->handler
#define GO(name)       goto L_##name
#define FINISH(status) return (status)
#define STOP(reason)                                                                               \
    do {                                                                                           \
        status = (reason);                                                                         \
        goto stopped;                                                                              \
    } while (0)

static wasm_status execute(machine *enter, const icode *pc, uint64_t *fp, uint32_t return_slot,
                           const void *const **handlers) EXECUTE_OPTIONS;

/* With `handlers` it does nothing but hand out the table of its labels, which have no name outside
 * of the function. */
static wasm_status execute(machine *enter, const icode *pc, uint64_t *fp, uint32_t return_slot,
                           const void *const **handlers)
{
    static const void *const table[IC_COUNT] = {
#define EACH(id, form, text, layout, class) [IC_##id##_##form] = &&L_##id##_##form,
#define EACH_PLAIN(id, text, layout)        [IC_##id] = &&L_##id,
#include "icode_each.def"
    };
    /* Call instructions, as far as a return looks at them. */
    static const icode exit_stub[ICODE_CALL_WORDS + 1] = {[ICODE_CALL_WORDS] = {&&L_EXIT}};
    static const icode far_stub[ICODE_CALL_WORDS + 1] = {[ICODE_CALL_WORDS] = {&&L_FAR_RETURN}};

    machine here, *const m = &here; /* a copy that never leaves: its members become registers */
    uint8_t *base;
    uint64_t length;
    uint64_t acc = 0;
    double acc_f64 = 0;
    float acc_f32 = 0;
    v128 acc_v128 = {0};
    wasm_status status;

    if (handlers) {
        *handlers = table;
        return WASM_OK;
    }
    here = *enter;
    fp[return_slot] = slot_of(exit_stub);
    RELOAD();
    DISPATCH();

#include "execute_families.inc.h"
#include "execute_control.inc.h"
#include "execute_objects.inc.h"
#include "execute_vector.inc.h"
#include "execute_fused.inc.h"

stopped:
    return stop(enter, m->instance, fp, pc, status);
}

static wasm_status start(machine *m, const icode *pc, uint64_t *fp, uint32_t return_slot)
{
    return execute(m, pc, fp, return_slot, NULL);
}

const void *const *interp_handlers(void)
{
    const void *const *handlers;

    execute(NULL, NULL, NULL, 0, &handlers);
    return handlers;
}

#endif

wasm_status interp_execute(wasm_store *store, wasm_func *func, uint64_t *slots)
{
    const interp_func *entry = func->code;
    store_activation activation = {.outer = store->activation, .tier = &interp_tier};
    machine m = {.activation = &activation,
                 .store = store,
                 .instance = func->instance,
                 .depth = store->depth};
    wasm_status status = interp_make_ready(store);

    if (status != WASM_OK)
        return store_trap(store, status, func->module, func->index, WASM_NO_OFFSET);
    if ((size_t)(store->stack_end - slots) <= entry->param_slots)
        return store_trap(store, WASM_E_STACK_EXHAUSTED, func->instance->module, func->index,
                          WASM_NO_OFFSET);
    store->activation = &activation;
    status = start(&m, entry->code, slots, entry->param_slots);
    store->activation = activation.outer;
    return status;
}
