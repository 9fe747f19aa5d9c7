/* SPDX-License-Identifier: Apache-2.0
 * tool_file.h — a whole file in memory, for the subcommands.
 */
#ifndef WASMSERVE_TOOL_FILE_H
#define WASMSERVE_TOOL_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Reads all of `path` ("-": standard input) into a block that the caller frees with free(); a zero
 * byte stands behind it, not counted. NULL on failure, errno says why. */
uint8_t *tool_file_read(const char *path, size_t *length);

#endif
