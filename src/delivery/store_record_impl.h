/* SPDX-License-Identifier: Apache-2.0
 * store_record_impl.h — what the files behind store_record.h share.
 *
 * Memory:  Callers' buffers.
 * Threads: Any.
 */
#ifndef STORE_RECORD_IMPL_H
#define STORE_RECORD_IMPL_H

#include "store_record.h"

/* Writes the check of the first len bytes behind them; says whether it holds. */
void store_check_write(uint8_t *record, size_t len);
bool store_check_holds(const uint8_t *record, size_t len);

/* Writes len bytes as lower-case hex digits, terminated; returns the end. */
char *store_hex_write(char *out, const uint8_t *bytes, size_t len);

#endif
