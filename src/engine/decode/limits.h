/* SPDX-License-Identifier: Apache-2.0
 * limits.h — how large a module may be: each limit once, with its reason.
 *
 * The WebAssembly JavaScript interface (chapter "Implementation-defined Limits") fixes what every
 * browser accepts, and toolchains keep to it. A module that runs in a browser must load here, so
 * no limit is smaller; some are larger, where real modules stand at the edge. The limits bound the
 * memory and the index widths of later stages; a load quota bounds the sum. What meets one is
 * answered with WASM_E_IMPL_LIMIT. Counts are compared with the bytes that are left before that,
 * so that a short file can never cause a large allocation.
 */
#ifndef WASMSERVE_LIMITS_H
#define WASMSERVE_LIMITS_H

enum module_limits {
    LIMIT_MODULE_BYTES = 1 << 30, /* JS: 1 GiB */
    LIMIT_TYPES = 1000000,        /* JS, and the same for those below */
    LIMIT_FUNCS = 1000000,        /* imported ones included, as in every index space */
    LIMIT_IMPORTS = 1000000,
    LIMIT_EXPORTS = 1000000,
    LIMIT_GLOBALS = 1000000,
    LIMIT_CUSTOMS = 1000000, /* JS has none; sections without a use must not cost without bound */
    LIMIT_TAGS = 1000000,    /* JS */
    LIMIT_TABLES = 100000,   /* JS */
    LIMIT_MEMORIES = 100,    /* JS */
    LIMIT_DATAS = 1000000,   /* JS: 100,000, where esbuild stands exactly; Go makes ever more */
    LIMIT_ELEMS = 10000000,  /* JS: segments, and elements in each */
    LIMIT_ELEM_ITEMS = 10000000,
    LIMIT_GROUP = 1000000,      /* JS: types of a recursive group */
    LIMIT_SUBTYPE_DEPTH = 63,   /* JS */
    LIMIT_FIELDS = 10000,       /* JS: of a struct */
    LIMIT_FIXED = 10000,        /* JS: operands of array.new_fixed */
    LIMIT_PARAMS = 1000,        /* JS */
    LIMIT_RESULTS = 1000,       /* JS */
    LIMIT_BODY_BYTES = 7654321, /* JS: locals and code of one function */
    LIMIT_LOCALS = 50000,       /* JS: declared by one function, beside its parameters */

    /* Operands on the stack of one function at once. JS has no such limit, but calls with 1,000
     * results let a body of the allowed size need gigabytes; a guest's stack is a few megabytes. */
    LIMIT_OPERANDS = 1000000
};

#endif
