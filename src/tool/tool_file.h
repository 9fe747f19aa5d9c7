/* SPDX-License-Identifier: Apache-2.0
 * tool_file.h — whole files, for the subcommands.
 */
#ifndef WASMSERVE_TOOL_FILE_H
#define WASMSERVE_TOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads all of `path` ("-": standard input) into a block that the caller frees with free(); a zero
 * byte stands behind it, not counted. NULL on failure, errno says why. */
uint8_t *tool_file_read(const char *path, size_t *length);
/* Writes all of it, where the descriptor stands. False: errno says why. */
bool tool_file_write_all(int fd, const void *bytes, size_t length);

/* Makes `path` a file of these bytes, all at once: nobody sees a part of it. False: errno says why,
 * and what was there is there still. A device, a pipe or a link stays what it is and is written to.
 */
bool tool_file_write(const char *path, const uint8_t *bytes, size_t length);

#endif
