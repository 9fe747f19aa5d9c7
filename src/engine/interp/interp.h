/* SPDX-License-Identifier: Apache-2.0
 * interp.h — the portable execution tier, as the facade sees it.
 *
 * Bodies are translated once, at load, from the validator's typed stream to internal code (icode.h)
 * in register form, and executed by one loop with direct threading. It runs wherever a C compiler
 * does, needs no executable memory, and is what a native tier is compared with.
 *
 * Threads: prepare and release by whoever owns the module; invoke by the store's thread, any number
 *          of them for the same module.
 */
#ifndef WASMSERVE_INTERP_H
#define WASMSERVE_INTERP_H

#include "tier.h"

extern const tier interp_tier;

#endif
