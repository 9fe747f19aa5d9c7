/* SPDX-License-Identifier: Apache-2.0
 * pack_folder.h — the folder that `wasmserve pack` fills: one at a time, by whole files, and so
 * that a crash leaves what was there.
 *
 * How:     New files are made in DIR/.wasmserve-pack, a folder that only pack may enter, and
 *          renamed into DIR when they are complete and on disk. That folder holds the lock as well,
 *          and journals: manifests from before and after a change, written before its first rename,
 *          so that a run after a crash knows which files are pack's although no manifest in DIR
 *          names them. When a run ends well, the folder goes.
 * Trust:   Below DIR no symbolic link is followed: what is written and removed is in DIR. DIR
 *          itself may be one.
 * Errors:  What fails has been said on stderr, with the name; functions return the exit code for
 *          it, or TOOL_OK.
 * Memory:  A pack_folder is its owner's, from open to close.
 * Threads: The main thread's; others may open files by pack_folder_open_staged().
 */
#ifndef WASMSERVE_PACK_FOLDER_H
#define WASMSERVE_PACK_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "pack_pool.h"
#include "sha256.h"
#include "tool.h"

typedef struct pack_folder {
    const char *path;
    int fd;            /* -1: not open, as the others */
    int staging, lock; /* open only while the lock is held */
    unsigned staged;   /* names given so far */
} pack_folder;

/* Makes the folder if it is not there (its parent must be), and locks it. */
enum tool_exit pack_folder_open(pack_folder *folder, const char *path);

/* Empties and removes pack's own folder; unless `done`, journals stay there. */
void pack_folder_close(pack_folder *folder, bool done);

/* Calls visit with the text of each journal that an interrupted run left behind, and removes what
 * else it left. */
typedef void (*pack_journal_fn)(void *context, const char *text, size_t length);
enum tool_exit pack_folder_recover(pack_folder *folder, pack_journal_fn visit, void *context);

/* ---- files of DIR, by names relative to it ---- */

enum pack_there { PACK_ABSENT, PACK_FILE, PACK_OBSTACLE };

/* What is there under a name; an obstacle is anything but a regular file, or a link on the way, and
 * has been said. *status is filled in for a file. */
enum pack_there pack_folder_look(pack_folder *folder, const char *name, struct stat *status);

/* A file for reading; -1 if there is none or it cannot be read, and errno says why. */
int pack_folder_open_file(const pack_folder *folder, const char *name);

/* Whether a file is there with exactly this content. */
bool pack_folder_has(const pack_folder *folder, const char *name, uint64_t size,
                     const char digest[SHA256_HEX_SIZE]);

enum tool_exit pack_folder_remove(pack_folder *folder, const char *name);
enum tool_exit pack_folder_touch(pack_folder *folder, const char *name, struct timespec mtime);

/* ---- new files ---- */

/* A name for a new file in pack's own folder. */
char *pack_folder_stage(pack_folder *folder, struct pack_pool *pool);

/* Opens a file in pack's own folder; `create`: a new one, for writing. -1, and errno. */
int pack_folder_open_staged(const pack_folder *folder, const char *staged, bool create);

/* Writes a whole new file there, and to the disk. */
enum tool_exit pack_folder_write(pack_folder *folder, const char *staged, const void *bytes,
                                 size_t length);

/* Writes text as a journal, and to the disk. */
enum tool_exit pack_folder_journal(pack_folder *folder, const char *text, size_t length);

/* Moves a new file to its place, over what is there under that name, with folders made as needed.
 * mtime: what it shall have. */
enum tool_exit pack_folder_publish(pack_folder *folder, const char *staged, const char *name,
                                   struct timespec mtime);

/* Waits until the renames are on the disk. */
void pack_folder_sync(const pack_folder *folder);

/* ---- content ---- */

/* Copies from one descriptor to another, up to the end, with the size and digest of what was
 * copied; `to` may be -1. False, and errno. */
bool pack_copy(int from, int to, uint64_t *size, char digest[SHA256_HEX_SIZE]);

/* All that is left behind a descriptor, by malloc, with a zero byte behind it; NULL, and errno. */
char *pack_read_all(int fd, size_t most, size_t *length);

#endif
