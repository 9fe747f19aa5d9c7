/* SPDX-License-Identifier: Apache-2.0
 * execute_objects.inc.h — the handlers of what is neither an expansion nor control: moves, globals,
 * objects, and the bulk instructions of memories and tables. Included by execute.c, whose head says
 * what a handler may do.
 */

/* Moves: no accumulator is touched. */
#define COPY_STEP                                                                                  \
    {                                                                                              \
        fp[F0] = fp[F1];                                                                           \
        pc += 2;                                                                                   \
    }
HANDLER(COPY)
{
    COPY_STEP
    DISPATCH();
}
HANDLER(COPY2)
{
    const uint64_t first = fp[F1], second = fp[F3];

    fp[F0] = first;
    fp[F2] = second;
    NEXT(2);
}
HANDLER(COPY_LOW)
{
    fp[F0] = SLOT_I32(F1);
    NEXT(2);
}
HANDLER(COPY_N)
{
    memmove(fp + F0, fp + F1, FI * sizeof *fp);
    NEXT(2);
}
#define CONST32_STEP                                                                               \
    {                                                                                              \
        fp[F0] = FI;                                                                               \
        pc += 2;                                                                                   \
    }
HANDLER(CONST32)
{
    CONST32_STEP
    DISPATCH();
}
HANDLER(CONST64)
{
    fp[F0] = pc[2].u64;
    NEXT(3);
}

/* Any class. */
#define SELECT_STEP(condition, put)                                                                \
    {                                                                                              \
        const uint64_t first = fp[F1], second = fp[F2];                                            \
        acc = (condition) != 0 ? first : second;                                                   \
        put##_I64(F0);                                                                             \
        pc += 2;                                                                                   \
    }
#define SELECT_S_S_STEP SELECT_STEP(SLOT_I32(F3), PUT)
#define SELECT_A_S_STEP SELECT_STEP(ACC_I32, PUT)
#define SELECT_S_A_STEP SELECT_STEP(SLOT_I32(F3), KEEP)
#define SELECT_A_A_STEP SELECT_STEP(ACC_I32, KEEP)
#define SELECT_ONE(name)                                                                           \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        name##_STEP DISPATCH();                                                                    \
    }
SELECT_ONE(SELECT_S_S)
SELECT_ONE(SELECT_A_S)
SELECT_ONE(SELECT_S_A)
SELECT_ONE(SELECT_A_A)
HANDLER(GLOBAL_GET_S)
{
    acc = m->instance->globals[FI]->cell[0];
    fp[F0] = acc;
    NEXT(2);
}
HANDLER(GLOBAL_GET_A)
{
    acc = m->instance->globals[FI]->cell[0];
    NEXT(2);
}
HANDLER(GLOBAL_SET_S)
{
    m->instance->globals[FI]->cell[0] = fp[F0];
    NEXT(2);
}
HANDLER(GLOBAL_SET_A)
{
    m->instance->globals[FI]->cell[0] = acc;
    NEXT(2);
}
HANDLER(REF_FUNC)
{
    acc = slot_of(m->instance->funcs[FI]);
    fp[F0] = acc;
    NEXT(2);
}

/* Objects. */
ELEMENT_SET(ELEMENT_SET_8, uint8_t)
ELEMENT_SET(ELEMENT_SET_16, uint16_t)
ELEMENT_SET(ELEMENT_SET_32, uint32_t)
ELEMENT_SET(ELEMENT_SET_64, uint64_t)
#define VECTOR_BYTES 16
#define VECTOR_AT(array, index)                                                                    \
    ((uint8_t *)(uintptr_t)(array) + MODULE_ARRAY_HEAD + (size_t)(index)*VECTOR_BYTES)
HANDLER(ELEMENT_SET_128)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_ARRAY);
    if (UNLIKELY(SLOT_I32(F1) >= array_length(ref_object(fp[F0]))))
        TRAP(OOB_ARRAY);
    memcpy(VECTOR_AT(fp[F0], SLOT_I32(F1)), fp + F2, VECTOR_BYTES);
    NEXT(2);
}
HANDLER(ELEMENT_128)
{
    if (UNLIKELY(fp[F1] == 0))
        TRAP(NULL_ARRAY);
    if (UNLIKELY(SLOT_I32(F2) >= array_length(ref_object(fp[F1]))))
        TRAP(OOB_ARRAY);
    memcpy(fp + F0, VECTOR_AT(fp[F1], SLOT_I32(F2)), VECTOR_BYTES);
    NEXT(2);
}
HANDLER(FIELD_SET_128)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_STRUCT);
    memcpy(OBJECT_BYTES(fp[F0], FI), fp + F1, VECTOR_BYTES);
    NEXT(2);
}
HANDLER(FIELD_128)
{
    if (UNLIKELY(fp[F1] == 0))
        TRAP(NULL_STRUCT);
    memcpy(fp + F0, OBJECT_BYTES(fp[F1], FI), VECTOR_BYTES);
    NEXT(2);
}
/* What makes an object has its operands from fp[F0] on, and leaves it there. */
#define MAKE(call)                                                                                 \
    do {                                                                                           \
        const module_type *type = pc[2].pointer;                                                   \
        wasm_ref made;                                                                             \
                                                                                                   \
        PUBLISH();                                                                                 \
        ATTEMPT(call);                                                                             \
        acc = made;                                                                                \
        fp[F0] = acc;                                                                              \
        NEXT(3);                                                                                   \
    } while (0)
HANDLER(STRUCT_NEW)
{
    MAKE(struct_new(m->store, type, fp + F0, &made));
}
HANDLER(STRUCT_NEW_DEFAULT)
{
    MAKE(struct_new(m->store, type, NULL, &made));
}
HANDLER(ARRAY_NEW)
{
    MAKE(array_new(m->store, type, (uint32_t)fp[F0 + FI], fp + F0, &made));
}
HANDLER(ARRAY_NEW_DEFAULT)
{
    MAKE(array_new(m->store, type, SLOT_I32(F0), NULL, &made));
}
HANDLER(ARRAY_NEW_FIXED)
{
    MAKE(array_new_fixed(m->store, type, FI, fp + F0, &made));
}
HANDLER(ARRAY_NEW_DATA)
{
    MAKE(array_new_data(m->instance, type, FI, SLOT_I32(F0), SLOT_I32(F0 + 1), &made));
}
HANDLER(ARRAY_NEW_ELEM)
{
    MAKE(array_new_elem(m->instance, type, FI, SLOT_I32(F0), SLOT_I32(F0 + 1), &made));
}

/* Memories and tables: operands from fp[F0] on, indices in word 2. */
#define INDEX1 (pc[2].u32[0])
#define INDEX2 (pc[2].u32[1])
HANDLER(MEMORY_SIZE)
{
    const wasm_memory *memory = m->instance->memories[INDEX1];

    acc = memory->length >> memory->page_shift;
    fp[F0] = acc;
    NEXT(3);
}
HANDLER(MEMORY_GROW)
{
    wasm_memory *memory = m->instance->memories[INDEX1];
    uint64_t old;

    PUBLISH();
    old = memory_grow(memory, fp[F0]);

    acc = memory->bounds.is_64 ? old : (uint32_t)old;
    fp[F0] = acc;
    RELOAD();
    NEXT(3);
}
HANDLER(MEMORY_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_fill(m->instance->memories[INDEX1], o[0], (uint8_t)o[1], o[2]));
    NEXT(3);
}
HANDLER(MEMORY_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_copy(m->instance->memories[INDEX1], o[0], m->instance->memories[INDEX2], o[1],
                        o[2]));
    NEXT(3);
}
HANDLER(MEMORY_INIT)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_init(m->instance, INDEX2, INDEX1, o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(DATA_DROP)
{
    data_drop(m->instance, INDEX1);
    NEXT(3);
}
HANDLER(TABLE_GET)
{
    const wasm_table *from = m->instance->tables[INDEX1];
    uint64_t *o = fp + F0;

    if (UNLIKELY(o[0] >= from->length))
        TRAP(OOB_TABLE);
    acc = from->elems[o[0]];
    o[0] = acc;
    NEXT(3);
}
HANDLER(TABLE_SET)
{
    const wasm_table *to = m->instance->tables[INDEX1];
    const uint64_t *o = fp + F0;

    if (UNLIKELY(o[0] >= to->length))
        TRAP(OOB_TABLE);
    to->elems[o[0]] = o[1];
    NEXT(3);
}
HANDLER(TABLE_SIZE)
{
    acc = m->instance->tables[INDEX1]->length;
    fp[F0] = acc;
    NEXT(3);
}
HANDLER(TABLE_GROW)
{
    wasm_table *what = m->instance->tables[INDEX1];
    uint64_t *o = fp + F0;
    const uint64_t old = table_grow(what, o[1], o[0]);

    acc = what->bounds.is_64 ? old : (uint32_t)old;
    o[0] = acc;
    NEXT(3);
}
HANDLER(TABLE_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_fill(m->instance->tables[INDEX1], o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(TABLE_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_copy(m->instance->tables[INDEX1], o[0], m->instance->tables[INDEX2], o[1], o[2]));
    NEXT(3);
}
HANDLER(TABLE_INIT)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_init(m->instance, INDEX2, INDEX1, o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(ELEM_DROP)
{
    elem_drop(m->instance, INDEX1);
    NEXT(3);
}

HANDLER(ARRAY_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(array_fill(m->store, o[0], (uint32_t)o[1], o + 2, (uint32_t)o[2 + INDEX1]));
    NEXT(3);
}
HANDLER(ARRAY_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(array_copy(m->store, o[0], (uint32_t)o[1], o[2], (uint32_t)o[3], (uint32_t)o[4]));
    NEXT(3);
}
HANDLER(ARRAY_INIT_DATA)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(
        array_init_data(m->instance, o[0], INDEX1, (uint32_t)o[1], (uint32_t)o[2], (uint32_t)o[3]));
    NEXT(3);
}
HANDLER(ARRAY_INIT_ELEM)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(
        array_init_elem(m->instance, o[0], INDEX1, (uint32_t)o[1], (uint32_t)o[2], (uint32_t)o[3]));
    NEXT(3);
}

/* pc is a loop header, and the POLL before it knows what an iteration costs. */
HANDLER(POLLED)
{
    const wasm_status answer = store_poll(m->store, pc[-1].u32[0]);

    if (UNLIKELY(answer != WASM_OK)) {
        pc -= 2;
        STOP(answer);
    }
    DISPATCH();
}
