/* SPDX-License-Identifier: Apache-2.0
 * store_dir_impl.h — what reading (store_dir.c) and writing (store_dir_write.c) share.
 *
 * Memory:  Callers' buffers.
 * Threads: As store_dir.h.
 */
#ifndef STORE_DIR_IMPL_H
#define STORE_DIR_IMPL_H

#include "store_dir.h"

#define STORE_VARIANT_PATH (2 + STORE_NAME_SIZE)

/* Names of the directories beneath the root, ended by NULL. */
extern const char *const store_subdirectories[];

/* Makes those that are missing, in place of what is no directory. */
void store_make_subdirectories(int root);

/* "v/NAME" */
void store_variant_path(char out[STORE_VARIANT_PATH], const struct store_key *key);

/* Reads at most size bytes of a regular file; -1 if it is not there. st is valid unless -1. */
ssize_t store_read_record(int root, const char *path, uint8_t *out, size_t size, struct stat *st);

/* Writes a file in one go; flags for open beside O_WRONLY. What could not be written whole is
 * removed again. False with errno. */
bool store_write_record(int root, const char *path, const uint8_t *bytes, size_t len, int flags);

#endif
