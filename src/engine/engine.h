/* SPDX-License-Identifier: Apache-2.0
 * engine.h — the sandbox as the rest of the project sees it. The only engine header others include.
 *
 * The words are the specification's: a module is the immutable, validated code; a store owns what
 * runs (instances, memories, tables, globals); an instance is one instantiated module.
 *
 *   bytes ──wasm_module_load──▶ wasm_module ──┐
 *   host functions ──wasm_resolve──▶ externs ─┴─wasm_instantiate──▶ wasm_instance ──wasm_call──▶
 *
 * Threads: a wasm_module is immutable after loading and may be shared by all threads and inherited
 *          by fork. A wasm_store, with all in it, belongs to one thread at a time; only
 *          wasm_store_interrupt() may be called from another. Nothing global changes but what was
 *          found out of the system once.
 *
 * Memory:  whatever a function makes is freed by the function named in its comment. Everything that
 *          is allocated on behalf of a module goes through its load quota; everything on behalf of
 *          a guest through its store's limits. Nothing here calls exit or abort, or installs a
 *          signal handler.
 *
 * Errors: a function that can fail returns a wasm_status, WASM_OK (0) on success. Where it takes a
 * wasm_report, that is filled on failure (and only then) with the earliest error; NULL is allowed.
 */
#ifndef WASMSERVE_ENGINE_H
#define WASMSERVE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- status ------------------------------------------------------------------------------- */

typedef enum wasm_status {
    WASM_OK = 0,
#define E(id, class, text) WASM_E_##id,
#include "errors.def"
#undef E
    WASM_STATUS_COUNT
} wasm_status;

typedef enum wasm_class {
    WASM_CLASS_NONE,      /* WASM_OK */
    WASM_CLASS_MALFORMED, /* not a module */
    WASM_CLASS_INVALID,   /* a module that the type system refuses */
    WASM_CLASS_LINK,      /* imports that nobody satisfies */
    WASM_CLASS_TRAP,      /* the guest did what the specification answers with a trap */
    WASM_CLASS_EXHAUSTED, /* a configured limit was met */
    WASM_CLASS_HOST,      /* a host function ended the call */
    WASM_CLASS_INTERNAL   /* the system failed, or the caller misused the interface */
} wasm_class;

wasm_class wasm_status_class(wasm_status status);
/* The row's text, "ok" for WASM_OK. Static storage. */
const char *wasm_status_text(wasm_status status);
/* The row's id as a word for logs and machines: "OOB_MEMORY". Static storage. */
const char *wasm_status_name(wasm_status status);
const char *wasm_class_name(wasm_class cls);

#define WASM_NO_OFFSET UINT64_MAX
#define WASM_NO_FUNC   UINT32_MAX

typedef struct wasm_report {
    wasm_status status;
    uint64_t offset;  /* byte in the module's file, or WASM_NO_OFFSET */
    uint32_t func;    /* index in the function index space, or WASM_NO_FUNC */
    char detail[232]; /* one sentence for a person; printable ASCII; may be empty */
} wasm_report;

/* Writes "text: detail (at byte N, in function F)" into buf, always terminated; returns buf. */
char *wasm_report_format(const wasm_report *report, char *buf, size_t size);

/* ---- types and values --------------------------------------------------------------------- */

/* A value type in 32 bits. Bits 0-7: the kind. Of a number or vector it is the type's byte in the
 * binary format, of a reference that of its abstract heap type; WASM_KIND_DATA and _CODE stand for
 * a type of the module, a struct or array and a function, whose index is in bits 9-31: the smallest
 * of its equals. Bit 8: the reference may be null. So two types of one module are equal if the
 * numbers are. */
typedef uint32_t wasm_valtype;
enum {
    WASM_I32 = 0x7F,
    WASM_I64 = 0x7E,
    WASM_F32 = 0x7D,
    WASM_F64 = 0x7C,
    WASM_V128 = 0x7B,

    WASM_KIND_NOEXN = 0x74,
    WASM_KIND_NOFUNC = 0x73,
    WASM_KIND_NOEXTERN = 0x72,
    WASM_KIND_NONE = 0x71,
    WASM_KIND_FUNC = 0x70,
    WASM_KIND_EXTERN = 0x6F,
    WASM_KIND_ANY = 0x6E,
    WASM_KIND_EQ = 0x6D,
    WASM_KIND_I31 = 0x6C,
    WASM_KIND_STRUCT = 0x6B,
    WASM_KIND_ARRAY = 0x6A,
    WASM_KIND_EXN = 0x69,
    WASM_KIND_CODE = 0x65,
    WASM_KIND_DATA = 0x64,

    WASM_NULLABLE = 0x100,
    WASM_FUNCREF = WASM_KIND_FUNC | WASM_NULLABLE,
    WASM_EXTERNREF = WASM_KIND_EXTERN | WASM_NULLABLE,
    WASM_ANYREF = WASM_KIND_ANY | WASM_NULLABLE,
    WASM_EXNREF = WASM_KIND_EXN | WASM_NULLABLE
};
#define WASM_KIND(type)       ((uint8_t)((type)&0xFF))
#define WASM_TYPE_INDEX(type) ((type) >> 9)
#define WASM_IS_REF(type)     (WASM_KIND(type) - 0x64u <= WASM_KIND_NOEXN - 0x64u)

/* "i32", "funcref", "(ref func)", …; "(ref type)" for all of the module's own. Static storage. */
const char *wasm_valtype_name(wasm_valtype type);
/* The same with the index, "(ref null 5)", as a value: printf("%s", wasm_valtype_text(t).text). */
typedef struct wasm_type_text {
    char text[28];
} wasm_type_text;
wasm_type_text wasm_valtype_text(wasm_valtype type);

/* A reference. 0 is null. Those to what is the host's own, an externref or anyref, carry a number
 * that means something to the host; all others are made by the engine alone. A reference to a
 * function is good as long as the store. One to an object (a struct, an array, an exception) that
 * the host was handed as an argument is good until its function returns; any other, until the next
 * call into the store, after which the object may have been collected. A wasm_root keeps it. */
typedef uint64_t wasm_ref;
#define WASM_REF_NUMBER_MAX (UINT64_MAX >> 2)
static inline wasm_ref wasm_ref_from_number(uint64_t number) /* up to WASM_REF_NUMBER_MAX */
{
    return number << 2 | 2;
}
static inline bool wasm_ref_is_number(wasm_ref ref)
{
    return (ref & 3) == 2;
}
static inline uint64_t wasm_ref_number(wasm_ref ref)
{
    return ref >> 2;
}
/* What a reference, which is one of this type, is to. */
typedef enum wasm_refkind {
    WASM_REF_NULL,
    WASM_REF_FUNC,
    WASM_REF_HOST,
    WASM_REF_I31,
    WASM_REF_STRUCT,
    WASM_REF_ARRAY,
    WASM_REF_EXCEPTION
} wasm_refkind;
wasm_refkind wasm_ref_kind(wasm_valtype type, wasm_ref ref);

typedef union wasm_value {
    uint32_t i32;
    uint64_t i64;
    float f32;
    double f64;
    wasm_ref ref;
    uint8_t v128[16];
} wasm_value;

typedef struct wasm_functype {
    const wasm_valtype *params;
    const wasm_valtype *results;
    uint32_t param_count;
    uint32_t result_count;
} wasm_functype;

/* The numbers of the binary format, §5.5.5. */
typedef enum wasm_externkind {
    WASM_EXTERN_FUNC = 0,
    WASM_EXTERN_TABLE = 1,
    WASM_EXTERN_MEMORY = 2,
    WASM_EXTERN_GLOBAL = 3,
    WASM_EXTERN_TAG = 4
} wasm_externkind;

typedef struct wasm_bounds { /* of a table (elements) or a memory (pages) */
    uint64_t min;
    uint64_t max; /* meaningful if has_max */
    bool has_max;
    bool is_64;
    bool shared;
    bool byte_pages; /* a memory's pages have one byte each, not 64 KiB */
} wasm_bounds;

/* The bytes that a memory of these bounds begins with; UINT64_MAX if they are more than that. */
static inline uint64_t wasm_bounds_bytes(const wasm_bounds *bounds)
{
    if (bounds->byte_pages)
        return bounds->min;
    return bounds->min > UINT64_MAX >> 16 ? UINT64_MAX : bounds->min << 16;
}

/* ---- features ----------------------------------------------------------------------------- */

/* Features are run-time bits. A bit is offered in WASM_FEATURES_SUPPORTED when decoder, validator
 * and the interpreter know all of it. */
typedef uint64_t wasm_features;
enum wasm_feature_bit {
    WASM_FEATURE_MVP = 0, /* always on */
    WASM_FEATURE_MUTABLE_GLOBALS,
    WASM_FEATURE_SIGN_EXTENSION,
    WASM_FEATURE_SATURATING_CONVERSIONS,
    WASM_FEATURE_MULTI_VALUE,
    WASM_FEATURE_BULK_MEMORY,
    WASM_FEATURE_REFERENCE_TYPES,
    WASM_FEATURE_EXTENDED_CONST,
    WASM_FEATURE_SIMD,
    WASM_FEATURE_RELAXED_SIMD,
    WASM_FEATURE_TAIL_CALL,
    WASM_FEATURE_EXCEPTIONS,
    WASM_FEATURE_MULTI_MEMORY,
    WASM_FEATURE_MEMORY64,
    WASM_FEATURE_TYPED_REFERENCES,
    WASM_FEATURE_GC,
    WASM_FEATURE_THREADS,
    WASM_FEATURE_CUSTOM_PAGE_SIZES,
    WASM_FEATURE_WIDE_ARITHMETIC,
    WASM_FEATURE_COUNT
};
#define WASM_FEATURE(bit) ((wasm_features)1 << (bit))
#define WASM_FEATURES_SUPPORTED                                                                    \
    (WASM_FEATURE(WASM_FEATURE_MVP) | WASM_FEATURE(WASM_FEATURE_MUTABLE_GLOBALS) |                 \
     WASM_FEATURE(WASM_FEATURE_SIGN_EXTENSION) |                                                   \
     WASM_FEATURE(WASM_FEATURE_SATURATING_CONVERSIONS) | WASM_FEATURE(WASM_FEATURE_MULTI_VALUE) |  \
     WASM_FEATURE(WASM_FEATURE_BULK_MEMORY) | WASM_FEATURE(WASM_FEATURE_REFERENCE_TYPES) |         \
     WASM_FEATURE(WASM_FEATURE_EXTENDED_CONST) | WASM_FEATURE(WASM_FEATURE_TAIL_CALL) |            \
     WASM_FEATURE(WASM_FEATURE_MULTI_MEMORY) | WASM_FEATURE(WASM_FEATURE_MEMORY64) |               \
     WASM_FEATURE(WASM_FEATURE_CUSTOM_PAGE_SIZES) | WASM_FEATURE(WASM_FEATURE_TYPED_REFERENCES) |  \
     WASM_FEATURE(WASM_FEATURE_EXCEPTIONS) | WASM_FEATURE(WASM_FEATURE_GC) |                       \
     WASM_FEATURES_VECTORS | WASM_FEATURE(WASM_FEATURE_THREADS) |                                  \
     WASM_FEATURE(WASM_FEATURE_WIDE_ARITHMETIC))
/* Vectors are kept as the machine keeps them, which has to be as in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WASM_FEATURES_VECTORS                                                                      \
    (WASM_FEATURE(WASM_FEATURE_SIMD) | WASM_FEATURE(WASM_FEATURE_RELAXED_SIMD))
#else
#define WASM_FEATURES_VECTORS ((wasm_features)0)
#endif
/* "bulk-memory", the name toolchains use. NULL past the last bit. Static storage. */
const char *wasm_feature_name(unsigned bit);

/* ---- modules ------------------------------------------------------------------------------ */

typedef struct wasm_module wasm_module;

typedef enum wasm_tier {
    WASM_TIER_AUTO, /* the compiler where there is one and the system allows it, else interpreter */
    WASM_TIER_INTERPRETER,
    WASM_TIER_COMPILER
} wasm_tier;

/* Trace: what the engine says of its own doings, switched on without a rebuild. */
enum wasm_trace_bit {
    WASM_TRACE_DECODE = 1 << 0,
    WASM_TRACE_VALIDATE = 1 << 1,
    WASM_TRACE_PREPARE = 1 << 2,
    WASM_TRACE_CALLS = 1 << 3,
    WASM_TRACE_MEMORY = 1 << 4,
    WASM_TRACE_HOST = 1 << 5,
    WASM_TRACE_INSTRUCTIONS = 1 << 6 /* a line for each that is reached: many */
};
typedef void (*wasm_log_fn)(void *baton, unsigned trace_bit, const char *line);

/* How a module is compiled; all zeroes is a good choice. */
typedef struct wasm_compile_options {
    const char *directory; /* for unnamed files with code, which then must be on a file system that
                              allows execution; NULL: not that way */
    uint32_t threads;      /* that compile, this one among them; 0: only this one */
    size_t quota;          /* bytes that loading and compiling may have allocated together at any
                              time, where the module's quota is smaller: most of it is given back.
                              0: the module's */
    unsigned without;      /* ways to executable memory that are not to be tried; for tests:
                              1 a file, 2 a memfd, 4 anonymous memory */
    bool explicit_checks;  /* of memory accesses, also where guard pages could do it */
    bool unwatched;        /* code that looks for neither deadline, interruption nor fuel: for
                              measuring what that costs, with guests that end. Never in a cache */
    /* Asked before each function body: whether compiling shall be given up (INTERRUPTED). NULL:
     * what the load options say, while loading. Called by the compiling thread. */
    bool (*stop)(void *baton);
    void *stop_baton;
    /* The code cache: a directory in which compiled code is kept, and looked for first. NULL: none.
     * One process at a time compiles a module for it, others wait, two minutes at most or
     * `patience`, and then compile for themselves; what was used the longest ago is removed when it
     * grows beyond 1 GiB. It and its files must belong to root, to `cache_owner` (a
     * user id) or to this process's user, and nobody else may be able to write there; files that
     * are not so, or damaged, or of another engine are not used. */
    const char *cache;
    uint32_t cache_owner;
    uint32_t patience; /* milliseconds; 0: the two minutes */
    bool cached_only;  /* NO_EXECUTABLE instead of compiling what the cache does not have */
    /* What became of the cache, a line each, for a log; `bad`: somebody should look. May be NULL.
     */
    void (*note)(void *baton, bool bad, const char *line);
    void *note_baton;
    /* For people: the form of each function before code is made of it, then each one's code, a line
     * each. With it the cache is written and not read. May be NULL. */
    void (*dump)(void *baton, const char *line);
    void *dump_baton;
    /* Receives the file that the code cache would keep, and its name there; nothing is taken from
     * the cache then. Not called for code that is unwatched. May be NULL. */
    void (*file)(void *baton, const char *name, const uint8_t *bytes, size_t length);
    void *file_baton;
    /* Told of each function that the compiler has no code for, and why: an instruction's name, or a
     * few words. Nothing is taken from the cache then. May be NULL. */
    void (*declined)(void *baton, uint32_t func, const char *why);
    void *declined_baton;
    bool perf_map; /* names the code in /tmp/perf-PID.map, for Linux' perf */
} wasm_compile_options;

typedef struct wasm_load_options {
    wasm_features features; /* what a module may use; 0: WASM_FEATURES_SUPPORTED */
    size_t quota;           /* bytes that loading and preparing may allocate; 0: no bound */
    wasm_tier
        tier; /* AUTO is the interpreter, until wasm_module_compile() has brought compiled code.
                 COMPILER compiles while loading, and fails where that is not possible; then the
                 interpreter translates bodies when it is first to run one. For those for which the
                 code cache has code that is also when they are validated again */
    const wasm_compile_options *compile; /* for COMPILER; NULL: all zeroes */
    unsigned trace;                      /* wasm_trace_bit mask; lines go to log */
    wasm_log_fn log;                     /* may be NULL */
    void *log_baton;
    /* Asked before each function body: whether loading shall be given up (INTERRUPTED), because it
     * takes too long for who waits for it. May be NULL. A single body takes well below a second. */
    bool (*stop)(void *baton);
    void *stop_baton;
} wasm_load_options;

/* Decodes, validates and prepares a module for execution. `bytes` are copied: the caller may
 * release or change them afterwards. On success *out is the caller's, freed by wasm_module_free()
 * when no store uses it any more. Errors: MALFORMED, INVALID, EXHAUSTED (quota) and INTERNAL
 * classes, with the byte offset. */
wasm_status wasm_module_load(const uint8_t *bytes, size_t length, const wasm_load_options *options,
                             wasm_module **out, wasm_report *report);
void wasm_module_free(wasm_module *module); /* NULL is allowed */

/* Compiles what the module's functions are, in addition to what the interpreter needs; instances
 * that are made from then on use it. Functions that the compiler has no code for are interpreted
 * still. Any thread, also while instances of the module run; it takes memory from what the load
 * quota has left. Nothing happens if the module is compiled already. Errors, after which all is as
 * before: NO_COMPILER, NO_EXECUTABLE, QUOTA, NO_MEMORY. */
wasm_status wasm_module_compile(wasm_module *module, const wasm_compile_options *options,
                                wasm_report *report);
/* Whether there is a compiler for this machine, and memory for its code: COMPILER would be told no
 * otherwise. `how`, of `size` bytes, receives a sentence about it; NULL is allowed. */
bool wasm_compiler_available(const wasm_compile_options *options, char *how, size_t size);

/* Compiled code may leave the check of memory accesses to guard pages (wasm_limits.guarded), behind
 * which it faults. That needs a handler for SIGSEGV and SIGBUS, which claims only faults of
 * compiled code in guarded memories, and hands all others to whoever had the signals before. It is
 * for the process, and inherited by fork. Without it, and without guarded memories, instances of
 * modules that were compiled for guard pages are interpreted; see explicit_checks.
 * Errors: NO_COMPILER, SYSTEM. */
wasm_status wasm_faults_handle(wasm_report *report);
/* Gives the signals back, unless somebody has taken them since. No guest may run. */
void wasm_faults_forget(void);
bool wasm_faults_handled(void);

typedef struct wasm_module_info {
    size_t file_bytes;
    size_t allocated_bytes; /* all that this module holds, prepared code included */
    size_t code_bytes;      /* of them, code prepared by the tier, or compiled */
    uint32_t type_count, func_count, import_count, export_count, table_count, memory_count,
        global_count, elem_count, data_count, custom_count;
    wasm_features used; /* bits that the module really needs */
    wasm_tier tier;     /* COMPILER if there is compiled code, else INTERPRETER */
    bool has_start;
} wasm_module_info;
void wasm_module_describe(const wasm_module *module, wasm_module_info *info);

/* An import or export. Names are UTF-8, not terminated, and live as long as the module. */
typedef struct wasm_extern_desc {
    const char *module; /* imports only, else NULL */
    size_t module_length;
    const char *name;
    size_t name_length;
    wasm_externkind kind;
    wasm_functype func;   /* FUNC; TAG: its parameters */
    wasm_valtype valtype; /* GLOBAL: its type; TABLE: the element type */
    bool mutable_;        /* GLOBAL */
    wasm_bounds bounds;   /* TABLE, MEMORY */
} wasm_extern_desc;
/* i in 0..import_count-1 / export_count-1; false beyond. */
bool wasm_module_import(const wasm_module *module, uint32_t i, wasm_extern_desc *desc);
bool wasm_module_export(const wasm_module *module, uint32_t i, wasm_extern_desc *desc);
/* The i-th memory of the module's index space. */
bool wasm_module_memory(const wasm_module *module, uint32_t i, wasm_bounds *bounds);
/* Custom section: i in 0..custom_count-1. */
bool wasm_module_custom(const wasm_module *module, uint32_t i, const char **name,
                        size_t *name_length, const uint8_t **bytes, size_t *length);
/* A function's name from the name section, else from an export, else NULL. Not terminated. */
const char *wasm_module_func_name(const wasm_module *module, uint32_t func, size_t *length);

/* ---- stores ------------------------------------------------------------------------------- */

typedef struct wasm_store wasm_store;
typedef struct wasm_instance wasm_instance;
typedef struct wasm_func wasm_func;
typedef struct wasm_table wasm_table;
typedef struct wasm_memory wasm_memory;
typedef struct wasm_global wasm_global;
typedef struct wasm_tag wasm_tag;

#define WASM_FUEL_OFF UINT64_MAX

/* What several stores may have together, of linear memory, tables and collected heaps: bytes,
 * counted as they are accessible. The caller makes it (zeroed, with a limit) and keeps it for as
 * long as the stores; it may lie in memory that processes share. Any thread. */
typedef struct wasm_budget {
    uint64_t limit;
    _Atomic uint64_t used, peak;
    _Atomic uint64_t refused; /* times that something was not given */
} wasm_budget;

/* Address space of stores that have ended, kept for those that begin, cleared: with it an instance
 * is made in microseconds. A process has one, for all its threads; make it after fork. At most
 * `keep` memories and as many stacks lie idle; they hold nothing, and count in no budget. NULL when
 * the system is out of memory. When it is freed no store that has it may be left. */
typedef struct wasm_slots wasm_slots;
wasm_slots *wasm_slots_new(uint32_t keep);
void wasm_slots_free(wasm_slots *slots); /* NULL is allowed */

typedef struct wasm_limits {
    uint64_t memory_bytes;   /* all linear memories of the store and its collected heap together;
                                default 64 MiB */
    uint64_t table_elements; /* all tables together; default 10,000,000 */
    size_t stack_bytes;      /* guest frames; default 1 MiB, at least 16 KiB */
    uint32_t call_depth;     /* nested guest calls; default 100,000, the stack ends most first */
    uint64_t fuel;           /* RATIONALE "What does a unit of fuel buy?"; default WASM_FUEL_OFF */
    size_t quota;            /* other allocations for the guest; default 64 MiB */
    wasm_budget *budget;     /* that this store shares with others; default NULL */
    uint32_t collect_every;  /* objects between collections beside those that are due; for tests
                                that want many of them; default 0: none */
    uint32_t guarded;        /* for so many memories at most 4 GiB and more are reserved, for code
                                that checks no bounds; where that is refused, they are as without;
                                default 0 */
    wasm_slots *slots;       /* where the address space of memories and stacks comes from and goes
                                to; default NULL: the system */
} wasm_limits;
/* The defaults above. */
wasm_limits wasm_limits_default(void);
/* Whether this process has the address space for guarded memories (RLIMIT_AS, overcommit). Found
 * out when first asked, then the same for the process and the children it forks. A single memory
 * may be refused it all the same. Any thread. */
bool wasm_guard_available(void);

/* `data` is handed to host functions (wasm_store_data). NULL when the system is out of memory.
 * Freed, with everything in it, by wasm_store_free(). */
wasm_store *wasm_store_new(const wasm_limits *limits, void *data);
void wasm_store_free(wasm_store *store); /* NULL is allowed */
void *wasm_store_data(const wasm_store *store);

/* Makes running guest code stop with `reason` (a status of class EXHAUSTED) at its next function
 * entry, loop header or chunk of a bulk operation, and every later call too until
 * wasm_store_clear_interrupt(). The one function that another thread may call. The first reason
 * wins. Async-signal-safe. */
void wasm_store_interrupt(wasm_store *store, wasm_status reason);
void wasm_store_clear_interrupt(wasm_store *store);
bool wasm_store_interrupted(const wasm_store *store);

uint64_t wasm_store_fuel_left(const wasm_store *store); /* WASM_FUEL_OFF if not metered */
void wasm_store_refuel(wasm_store *store); /* as much as its limits say, for a new piece of work */
/* Bytes of all linear memories and of the collected heap now. */
uint64_t wasm_store_memory_used(const wasm_store *store);
uint64_t wasm_store_memory_peak(const wasm_store *store);

/* After a call failed: the guest functions that were active, innermost first. Returns how many
 * were written. Valid until the next call into the store. */
typedef struct wasm_frame {
    const wasm_module *module;
    uint32_t func;   /* index in the function index space */
    uint64_t offset; /* byte in the module's file, or WASM_NO_OFFSET */
} wasm_frame;
size_t wasm_store_backtrace(const wasm_store *store, wasm_frame *frames, size_t max);
/* The report of the last failed call or instantiation. */
const wasm_report *wasm_store_report(const wasm_store *store);

/* ---- deadlines ---------------------------------------------------------------------------- */

/* One thread per process that interrupts stores whose time is over. Start it after fork (in httpd:
 * child_init). All signals are blocked in it. */
typedef struct wasm_watchdog wasm_watchdog;
wasm_status wasm_watchdog_start(wasm_watchdog **out, wasm_report *report);
void wasm_watchdog_stop(wasm_watchdog *watchdog); /* joins the thread; no store may be armed */

/* Ends them all: interrupts every store that is armed, and from now on each that is armed or
 * resumed, with `reason` (a status of class EXHAUSTED). For a process that is told to stop. */
void wasm_watchdog_interrupt_all(wasm_watchdog *watchdog, wasm_status reason);

/* From now on the store has `nanoseconds` of guest time (monotonic clock); then it is interrupted
 * with WASM_E_DEADLINE. Disarm (or free the store) before the watchdog stops. Time between
 * wasm_deadline_pause() and _resume() does not count: host functions use them while they wait for
 * somebody who is not the guest, such as a slow client. They nest. Not armed: no-ops. */
void wasm_deadline_arm(wasm_store *store, wasm_watchdog *watchdog, uint64_t nanoseconds);
void wasm_deadline_disarm(wasm_store *store);
void wasm_deadline_pause(wasm_store *store);
void wasm_deadline_resume(wasm_store *store);
/* Nanoseconds left; 0 when over; UINT64_MAX when not armed. Sleeping host functions sleep no
 * longer than this. */
uint64_t wasm_deadline_left(const wasm_store *store);

/* ---- linking ------------------------------------------------------------------------------ */

typedef struct wasm_caller {
    wasm_store *store;
    wasm_instance *instance; /* whose code called */
} wasm_caller;

/* A host function. slots[] holds the arguments in order, 64 bits each (i32 zero-extended, f32 in
 * the low half, v128 in two slots); the results are written over them from slots[0] on, i32
 * results zero-extended. Anything but WASM_OK ends the guest's call with that status. It may call
 * back into the store (wasm_call), to a nesting of 32. */
typedef wasm_status (*wasm_host_fn)(wasm_caller *caller, uint64_t *slots);

/* One row per host function. `signature` is params, ':', results, in i I f F (i32 i64 f32 f64), V
 * (v128), r (externref), p (funcref): "iiIi:i". `grant` is the host layer's affair. */
typedef struct wasm_host_function {
    const char *module;
    const char *name;
    const char *signature;
    uint32_t grant;
    wasm_host_fn call;
} wasm_host_function;

typedef struct wasm_extern {
    wasm_externkind kind;
    union {
        const wasm_host_function *host; /* FUNC with is_host */
        wasm_func *func;                /* FUNC of an instance */
        wasm_table *table;
        wasm_memory *memory;
        wasm_global *global;
        wasm_tag *tag;
    } of;
    bool is_host;
} wasm_extern;

/* Finds each import of `module` that the rows satisfy by name and sets imports[i]; imports has
 * import_count entries, those not found are left as they were. Types are compared too. Errors:
 * IMPORT_TYPE. Returns OK even if some stay unsatisfied; see wasm_missing_import(). */
wasm_status wasm_resolve(const wasm_module *module, const wasm_host_function *rows, size_t count,
                         wasm_extern *imports, wasm_report *report);
/* The first import whose extern is all zeroes (of FUNC kind with neither host nor func), or
 * UINT32_MAX if all are there. */
uint32_t wasm_missing_import(const wasm_module *module, const wasm_extern *imports);

/* Instantiates (§4.5.4): checks the imports, makes memories, tables and globals, applies the
 * active segments and runs the start function. On a trap the instance may stay reachable through
 * tables that it wrote to; the store keeps it. *out lives until wasm_store_free(). Errors: LINK,
 * TRAP, EXHAUSTED, HOST, INTERNAL. `module` must outlive the store. */
wasm_status wasm_instantiate(wasm_store *store, const wasm_module *module,
                             const wasm_extern *imports, wasm_instance **out, wasm_report *report);

/* An instance's state: what of it code can change, for instances that begin with it, in any store.
 * Memories are shared by all of them until they write. No call may be active. The module must
 * outlive it; the instance need not. Errors: SNAPSHOT, with the reason, where there is state that
 * cannot be kept (objects of the collected heap, imported memories and the like); NO_MEMORY. */
typedef struct wasm_snapshot wasm_snapshot;
wasm_status wasm_snapshot_take(const wasm_instance *instance, wasm_snapshot **out,
                               wasm_report *report);
void wasm_snapshot_free(wasm_snapshot *snapshot); /* NULL is allowed; instances go on */
/* As wasm_instantiate() of the snapshot's module, but that the instance begins with its state, and
 * no start function runs. Any number of threads at once. */
wasm_status wasm_instantiate_from(wasm_store *store, const wasm_snapshot *snapshot,
                                  const wasm_extern *imports, wasm_instance **out,
                                  wasm_report *report);

/* Looks an export up by name. False if there is none. */
bool wasm_instance_export(wasm_instance *instance, const char *name, size_t length,
                          wasm_extern *out);

/* Calls a function. args and results have the counts of wasm_func_type(); the caller owns both.
 * Errors: TRAP, EXHAUSTED, HOST; then results are untouched and wasm_store_report() and
 * _backtrace() tell more. EXCEPTION: the guest threw one and did not catch it, see below. USAGE: an
 * argument is not of its type. Calling in after a trap is allowed by the specification; whether it
 * is wise is the caller's decision. */
wasm_status wasm_call(wasm_store *store, wasm_func *func, const wasm_value *args,
                      wasm_value *results);
wasm_functype wasm_func_type(const wasm_func *func);

/* Objects made by the host, for linking. They live until wasm_store_free(). */
wasm_status wasm_host_func_new(wasm_store *store, const wasm_host_function *row, wasm_func **out);
wasm_status wasm_memory_new(wasm_store *store, const wasm_bounds *bounds, wasm_memory **out);
wasm_status wasm_table_new(wasm_store *store, wasm_valtype elem, const wasm_bounds *bounds,
                           wasm_table **out);
wasm_status wasm_global_new(wasm_store *store, wasm_valtype type, bool mutable_, wasm_value value,
                            wasm_global **out);
wasm_value wasm_global_get(const wasm_global *global);
wasm_valtype wasm_global_type(const wasm_global *global);
/* A tag whose exceptions carry values of these types, none of which is a type of a module. */
wasm_status wasm_tag_new(wasm_store *store, const wasm_valtype *params, uint32_t count,
                         wasm_tag **out);
/* The parameters are what its exceptions carry; they live as long as the tag. */
wasm_functype wasm_tag_type(const wasm_tag *tag);

/* ---- exceptions --------------------------------------------------------------------------- */

/* When a call fails with WASM_E_EXCEPTION, this is the exception; else null. It stays until the
 * next call into the store. A host function that hands the status on lets the exception pass
 * through it to the guest that called it, which may catch it; one that returns something else has
 * dealt with it. */
wasm_ref wasm_store_exception(const wasm_store *store);
wasm_tag *wasm_exception_tag(wasm_ref exception);
/* What it carries, as many values as the tag has parameters. */
void wasm_exception_values(wasm_ref exception, wasm_value *values);
/* For a host function: an exception of its own. Returns the status that the function must return
 * then: EXCEPTION, or why there could be none (QUOTA, MEMORY_LIMIT, STACK_EXHAUSTED, USAGE). */
wasm_status wasm_throw(wasm_store *store, wasm_tag *tag, const wasm_value *args);

/* ---- references that the host keeps ---------------------------------------------------------- */

/* A place that the collector looks at. NULL: the quota refuses. Freed by wasm_root_free(), or with
 * the store. */
typedef struct wasm_root wasm_root;
wasm_root *wasm_root_new(wasm_store *store, wasm_ref ref);
wasm_ref wasm_root_get(const wasm_root *root);
void wasm_root_set(wasm_root *root, wasm_ref ref);
void wasm_root_free(wasm_root *root); /* NULL is allowed */

/* Collects now. Errors: those that end a guest, when the store was interrupted. */
wasm_status wasm_store_collect(wasm_store *store);

/* ---- guest memory: for host/guestmem alone ------------------------------------------------- */

/* The caller's memory `index`, as it is now; *base and *length are stale after anything that can
 * grow it. False if the instance has no such memory. Everybody else goes through guestmem.h. */
bool wasm_memory_view(wasm_instance *instance, uint32_t index, uint8_t **base, uint64_t *length);

#endif
