/* SPDX-License-Identifier: Apache-2.0
 * pass.h — the passes that have files of their own. f is analysed; what they fail of is f->status.
 */
#ifndef WASMSERVE_PASS_H
#define WASMSERVE_PASS_H

#include "build.h"

/* Constants, algebra, conditions. Takes edges away, so that f wants analysing. */
void pass_fold(ir_func *f);
/* PEEKs that are known, BOUNDS that were checked. Values were shared before, so that the same place
 * has the same name. */
void pass_memory(ir_func *f);

#endif
