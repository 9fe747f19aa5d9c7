/* SPDX-License-Identifier: Apache-2.0
 * encoder_zstd_absent.c — stands in for encoder_zstd.c where there is no libzstd.
 *
 * Memory:  None.
 * Threads: Any.
 */
#include "encoder_impl.h"

const struct encoder_library encoder_zstd = {.present = false};
