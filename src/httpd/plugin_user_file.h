/* SPDX-License-Identifier: Apache-2.0
 * plugin_user_file.h — a module's file that somebody else than the administrator names: found,
 * judged and opened, or refused with a reason.
 *
 * Who writes an .htaccess writes the word too; what it may name is what suEXEC lets one run: a
 * regular file inside of the directory of that .htaccess, of the same owner, that nobody else can
 * write to.
 *
 * Memory:  a descriptor, the caller's to close.
 * Threads: any.
 */
#ifndef PLUGIN_USER_FILE_H
#define PLUGIN_USER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* RATIONALE "Of a module that .htaccess names". */
#define USER_FILE_BYTES ((off_t)16 << 20)

enum { USER_FILE_WHY = 1200 };

struct user_file {
    int fd;
    /* Who it is; a file that is changed or replaced is another one. */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
    uid_t owner;
};

/* Opens the file that `word` names in `directory`, where its .htaccess is. False: `why`, of
 * USER_FILE_WHY bytes, says which file, what is wrong and what to do; nothing is open then. Bytes
 * of the word that are not printable are shown as '?'. */
bool user_file_open(const char *directory, const char *word, struct user_file *file, char *why);

bool user_file_same(const struct user_file *a, const struct user_file *b);

/* Whether it has been as it is for so long that a change would show in the times. */
bool user_file_settled(const struct user_file *file);

/* Reads all of it into a block to be freed with free(). NULL: errno says why; EAGAIN if it changed
 * meanwhile. */
unsigned char *user_file_read(const struct user_file *file, size_t *length);

#endif
