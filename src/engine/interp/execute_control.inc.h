/* SPDX-License-Identifier: Apache-2.0
 * execute_control.inc.h — the handlers of control: branches, loops, exceptions, calls and returns.
 * Included by execute.c, whose head says what a handler may do; interp_impl.h shows the frame.
 */

/* Leaves the frame; `back` was read before results could overwrite it. */
#define LEAVE_FRAME(back)                                                                          \
    do {                                                                                           \
        m->store->depth--;                                                                         \
        pc = (back);                                                                               \
        fp -= F0;                                                                                  \
        pc += ICODE_CALL_WORDS;                                                                    \
    } while (0)
#define RETURN_TO(back)                                                                            \
    do {                                                                                           \
        LEAVE_FRAME(back);                                                                         \
        DISPATCH();                                                                                \
    } while (0)

/* m->callee = the function in the table of word 2 at `at`, of the type that stands there. */
#define FIND_CALLEE(at)                                                                            \
    do {                                                                                           \
        const wasm_table *from = m->instance->tables[pc[2].u32[0]];                                \
        wasm_func *target;                                                                         \
                                                                                                   \
        if (UNLIKELY((at) >= from->length))                                                        \
            TRAP(UNDEFINED_ELEMENT);                                                               \
        target = (wasm_func *)(uintptr_t)from->elems[at];                                          \
        if (UNLIKELY(target == NULL))                                                              \
            TRAP(UNINITIALIZED_ELEMENT);                                                           \
        if (UNLIKELY(target->canonical != pc[2].u32[1] || target->module != m->instance->module))  \
            ATTEMPT(func_check_type(target, m->instance->module, pc[2].u32[1]));                   \
        m->callee = target;                                                                        \
    } while (0)

/* m->callee, which is not run in this loop. */
#define CALL_OUTSIDE(at)                                                                           \
    (m->callee->host ? store_call_host(m->instance, m->callee, (at))                               \
                     : store_invoke(m->store, m->callee, (at)))
/* Whether a function of another instance, not the host's, has compiled code to be run by. Not so
 * where that would go deeper into the thread's stack than it may: calls in this loop take nothing
 * of it. */
#define RUNS_ELSEWHERE(target)                                                                     \
    ((target)->instance->native && m->store->native.nesting < NATIVE_NESTING_MAX)
/* Goes on where the exception is caught, by this frame too if it is the function's own. */
#define CATCH_FROM(own)                                                                            \
    do {                                                                                           \
        interp_place place = {.instance = m->instance, .fp = fp, .pc = pc};                        \
                                                                                                   \
        ATTEMPT(interp_catch(m->store, &place, (own)));                                            \
        m->instance = place.instance;                                                              \
        fp = place.fp;                                                                             \
        pc = place.pc;                                                                             \
        RELOAD();                                                                                  \
        DISPATCH();                                                                                \
    } while (0)

/* Control. */
HANDLER(ENTER)
{
    uint64_t *zero = fp + pc[2].u16[0];

    if (UNLIKELY((size_t)(m->store->stack_end - fp) < pc[1].u32[0] ||
                 m->store->depth >= m->store->limits.call_depth))
        TRAP(STACK_EXHAUSTED);
    if (POLLED())
        ATTEMPT(store_poll(m->store, pc[1].u32[1]));
    m->store->depth++;
    for (uint64_t *end = zero + pc[2].u16[1]; zero < end; zero++)
        *zero = 0;
    NEXT(3);
}
HANDLER(POLL)
{
    if (POLLED())
        ATTEMPT(store_poll(m->store, pc[1].u32[0]));
    NEXT(2);
}
HANDLER(TRACE)
{
    interp_trace(m->instance->module, pc);
    NEXT(TRACE_WORDS);
}
#define BR_STEP pc += pc[1].i32[1];
HANDLER(BR)
{
    BR_STEP
    DISPATCH();
}
#define LOOP_STEP                                                                                  \
    {                                                                                              \
        pc += pc[1].i32[1];                                                                        \
        if (POLLED())                                                                              \
            GO(POLLED);                                                                            \
    }
HANDLER(LOOP)
{
    LOOP_STEP
    DISPATCH();
}
HANDLER(LOOP_TABLE)
{
    const uint32_t value = WIDE_I32;
    uint32_t index;

    fp[F0] = value;
    pc += pc[1].i32[1];
    if (POLLED())
        GO(POLLED);
    index = value < FI ? value : FI;
    pc += pc[2 + index / 2].i32[index % 2];
    DISPATCH();
}
#define BR_TABLE_A_STEP                                                                            \
    {                                                                                              \
        const uint32_t index = ACC_I32 < FI ? ACC_I32 : FI;                                        \
        pc += pc[2 + index / 2].i32[index % 2];                                                    \
    }
HANDLER(BR_TABLE_A)
{
    BR_TABLE_A_STEP
    DISPATCH();
}
HANDLER(BR_TABLE_S)
{
    const uint32_t index = SLOT_I32(F0) < FI ? SLOT_I32(F0) : FI;

    pc += pc[2 + index / 2].i32[index % 2];
    DISPATCH();
}
HANDLER(UNREACHABLE)
{
    TRAP(UNREACHABLE);
}
HANDLER(THROW)
{
    wasm_status answer;

    PUBLISH();
    answer = exception_throw(m->store, m->instance->tags[FI], fp + F0);
    if (UNLIKELY(answer != WASM_E_EXCEPTION))
        STOP(answer);
    GO(CATCH);
}
HANDLER(THROW_REF)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_EXCEPTION);
    m->store->exception = fp[F0];
    GO(CATCH);
}
/* An exception is on its way, thrown here or by what was called here. */
HANDLER(CATCH)
{
    CATCH_FROM(true);
}

/* Calls. */
#define CALL_STEP                                                                                  \
    {                                                                                              \
        const interp_func *target = pc[2].pointer;                                                 \
        fp[F1] = slot_of(pc);                                                                      \
        fp += F0;                                                                                  \
        pc = target->code;                                                                         \
    }
HANDLER(CALL)
{
    CALL_STEP
    DISPATCH();
}
HANDLER(CALL_IMPORT)
{
    m->callee = m->instance->funcs[FI];
    m->width = pc[2].u32[0];
    GO(CALL_ANY);
}
HANDLER(CALL_INDIRECT_S)
{
    acc = SLOT_I32(F1);
    GO(CALL_INDIRECT_A);
}
HANDLER(CALL_INDIRECT_A)
{
    FIND_CALLEE(ACC_I32);
    m->width = FI;
    GO(CALL_ANY);
}
HANDLER(CALL_INDIRECT_W)
{
    FIND_CALLEE(SLOT_I64(F1));
    m->width = FI;
    GO(CALL_ANY);
}
HANDLER(CALL_REF_S)
{
    acc = fp[F1];
    GO(CALL_REF_A);
}
HANDLER(CALL_REF_A)
{
    m->callee = (wasm_func *)(uintptr_t)acc;
    if (UNLIKELY(m->callee == NULL))
        TRAP(NULL_FUNCTION);
    m->width = FI;
    GO(CALL_ANY);
}
/* m->callee is to be called, whoever it is; pc stands on the call instruction. */
HANDLER(CALL_ANY)
{
    const wasm_func *target = m->callee;

    if (LIKELY(target->instance == m->instance && target->code)) {
        const interp_func *body = target->code;

        fp += F0;
        fp[body->param_slots] = slot_of(pc);
        pc = body->code;
        DISPATCH();
    }
    if (target->host || RUNS_ELSEWHERE(target))
        GO(CALL_OUT);
    GO(CALL_FAR);
}
/* To a host function, or to a function with compiled code: by way of the C stack. */
HANDLER(CALL_OUT)
{
    uint64_t *at = fp + F0;

    wasm_status answer;

    m->store->stack_top = at + m->width;
    PUBLISH();
    answer = CALL_OUTSIDE(at);
    if (UNLIKELY(answer != WASM_OK)) {
        if (answer == WASM_E_EXCEPTION)
            GO(CATCH);
        STOP(answer);
    }
    RELOAD();
    acc = at[0];
    NEXT(ICODE_CALL_WORDS);
}
/* To a function of another instance, in this loop. */
HANDLER(CALL_FAR)
{
    const interp_func *body = m->callee->code;
    uint64_t *at = fp + F0;

    if (UNLIKELY((size_t)(m->store->stack_end - at) <= FAR_SLOTS + (size_t)body->param_slots))
        TRAP(STACK_EXHAUSTED);
    memmove(at + FAR_SLOTS, at, body->param_slots * sizeof *at);
    at[0] = slot_of(m->instance);
    at[1] = slot_of(pc);
    at[2] = body->result_slots;
    fp = at + FAR_SLOTS;
    fp[body->param_slots] = slot_of(far_stub);
    m->instance = m->callee->instance;
    RELOAD();
    pc = body->code;
    DISPATCH();
}
HANDLER(FAR_RETURN)
{
    uint64_t *at = fp - FAR_SLOTS;
    const size_t results = at[2];

    m->instance = (wasm_instance *)(uintptr_t)at[0];
    pc = code_in(at[1]);
    memmove(at, fp, results * sizeof *at);
    fp = at - F0;
    acc = at[0];
    RELOAD();
    NEXT(ICODE_CALL_WORDS);
}
/* Calls in place of a return: F2 is where this function's own return address is. */
HANDLER(TAIL_CALL)
{
    const interp_func *target = pc[2].pointer;
    const uint64_t back = fp[F2];

    memmove(fp, fp + F0, target->param_slots * sizeof *fp);
    fp[target->param_slots] = back;
    m->store->depth--;
    pc = target->code;
    DISPATCH();
}
HANDLER(TAIL_CALL_IMPORT)
{
    m->callee = m->instance->funcs[pc[2].u32[0]];
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_INDIRECT_S)
{
    acc = SLOT_I32(F1);
    GO(TAIL_CALL_INDIRECT_A);
}
HANDLER(TAIL_CALL_INDIRECT_A)
{
    FIND_CALLEE(ACC_I32);
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_INDIRECT_W)
{
    FIND_CALLEE(SLOT_I64(F1));
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_REF_S)
{
    acc = fp[F1];
    GO(TAIL_CALL_REF_A);
}
HANDLER(TAIL_CALL_REF_A)
{
    m->callee = (wasm_func *)(uintptr_t)acc;
    if (UNLIKELY(m->callee == NULL))
        TRAP(NULL_FUNCTION);
    GO(TAIL_CALL_ANY);
}
/* m->callee is to be called in place of a return, whoever it is. */
HANDLER(TAIL_CALL_ANY)
{
    const wasm_func *target = m->callee;
    const interp_func *body = target->code;
    uint64_t back = fp[F2];

    if (UNLIKELY(target->host))
        GO(TAIL_CALL_OUT);
    if (LIKELY(target->instance == m->instance)) {
        memmove(fp, fp + F0, body->param_slots * sizeof *fp);
    } else {
        /* Whoever called this function has to be found again in his own instance: as CALL_FAR, but
         * once for a chain of such calls, so that it takes no stack however long it is. */
        if (code_in(back) == far_stub) {
            memmove(fp, fp + F0, body->param_slots * sizeof *fp);
        } else {
            if (UNLIKELY((size_t)(m->store->stack_end - fp) <=
                         FAR_SLOTS + (size_t)body->param_slots))
                TRAP(STACK_EXHAUSTED);
            memmove(fp + FAR_SLOTS, fp + F0, body->param_slots * sizeof *fp);
            fp[0] = slot_of(m->instance);
            fp[1] = back;
            fp[2] = body->result_slots;
            fp += FAR_SLOTS;
            back = slot_of(far_stub);
        }
        m->instance = target->instance;
        RELOAD();
    }
    fp[body->param_slots] = back;
    m->store->depth--;
    pc = body->code;
    DISPATCH();
}
/* As CALL_OUT, and then the return. */
HANDLER(TAIL_CALL_OUT)
{
    const icode *back = code_in(fp[F2]);
    uint64_t *at = fp + F0;

    wasm_status answer;

    m->store->stack_top = at + F3;
    PUBLISH();
    answer = CALL_OUTSIDE(at);
    if (UNLIKELY(answer != WASM_OK)) {
        if (answer == WASM_E_EXCEPTION)
            CATCH_FROM(false); /* this function has been left */
        STOP(answer);
    }
    RELOAD();
    acc = at[0];
    memmove(fp, at, m->callee->type->result_slots * sizeof *fp);
    RETURN_TO(back);
}
HANDLER(RET)
{
    RETURN_TO(code_in(fp[F0]));
}
HANDLER(RET_S)
{
    const icode *back = code_in(fp[F0]);

    acc = fp[F1];
    fp[0] = acc;
    RETURN_TO(back);
}
#define RET_A_INT_STEP                                                                             \
    {                                                                                              \
        const icode *back = code_in(fp[F0]);                                                       \
        fp[0] = acc;                                                                               \
        LEAVE_FRAME(back);                                                                         \
    }
HANDLER(RET_A_INT)
{
    RET_A_INT_STEP
    DISPATCH();
}
HANDLER(RET_A_F32)
{
    const icode *back = code_in(fp[F0]);

    PUT_F32(0);
    RETURN_TO(back);
}
HANDLER(RET_A_F64)
{
    const icode *back = code_in(fp[F0]);

    PUT_F64(0);
    RETURN_TO(back);
}
HANDLER(RET_I)
{
    const icode *back = code_in(fp[F0]);

    acc = pc[2].u64;
    fp[0] = acc;
    RETURN_TO(back);
}
HANDLER(RET_N)
{
    const icode *back = code_in(fp[F0]);

    memmove(fp, fp + F1, FI * sizeof *fp);
    RETURN_TO(back);
}
HANDLER(EXIT)
{
    LEAVE();
}
