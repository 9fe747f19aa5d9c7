/* SPDX-License-Identifier: Apache-2.0
 * store_dir.h — the store's directory: opened, looked things up in, and written to.
 *
 * Why:     Everything that touches the file system is here, once, so that the rules for it hold
 *          everywhere: nothing is reached but beneath one directory descriptor, a symbolic link is
 *          never followed, what is not a regular file with a whole record is not there, and what
 *          becomes visible is complete and on the disk.
 * Owner:   The directory belongs to the user that the server's children run as, and to nobody else
 *          (mode 700): variants hold what the raw files hold, and whoever could write here could
 *          have anything served. What this user's other programs do to it cannot be prevented, only
 *          survived.
 * Writing: Requests create jobs. Everything else is written by whoever holds the lock, which one
 *          worker of one server does at a time; so there is never more than one file in t/ of each
 *          name, and what is found there at the beginning of a round was left by a crash.
 * Memory:  A store is the caller's, opened once by each process; results go into the caller's
 *          storage.
 * Threads: Looking up and adding jobs: any. What is marked (locked): the one that holds the lock.
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include <sys/stat.h>
#include <sys/types.h>

#include "store_record.h"

struct store {
    int root;  /* the directory */
    int index; /* the index; always the same number, see store_dir.c */
    uid_t owner;
    char path[STORE_PATH_MAX];
};

enum store_fault {
    STORE_FINE,
    STORE_ABSENT,        /* cannot be opened as a directory: errno says why */
    STORE_NOT_OWNED,     /* belongs to somebody else */
    STORE_OPEN_TO_OTHERS /* has a mode that lets others in */
};

/* Whether path is a directory that can be a store of this user. */
enum store_fault store_check(const char *path, uid_t owner);

/* Opens it, and makes what is missing in it. False with errno if it cannot be used. */
bool store_open(struct store *s, const char *path, uid_t owner);
void store_close(struct store *s);

/* ---- any thread ---- */

/* What is known of a file in this state. One read. */
bool store_find(const struct store *s, const struct fileid *id, struct store_entry *entry);

/* Opens a variant for reading; the descriptor is the caller's. Its seal is whole, is for this key,
 * and the file is as long as the seal says; the body has not been looked at. -1 if it is not there
 * or is not good. st is of the descriptor. */
int store_open_variant(const struct store *s, const struct store_key *key, struct store_seal *seal,
                       struct stat *st);

/* The same for who has the file in memory: whether one of that kind and at least as long as a seal
 * is there, and what stat says of it; and whether the last STORE_SEAL_SIZE bytes of a file of which
 * stat says that are the seal for this key, which is then read. */
bool store_stat_variant(const struct store *s, const struct store_key *key, struct stat *st);
bool store_seal_fits(const uint8_t bytes[STORE_SEAL_SIZE], const struct store_key *key,
                     const struct stat *st, struct store_seal *seal);

/* Reads the whole body, or is given it: whether it has the checksum of its seal. */
bool store_body_holds(int fd, const struct store_seal *seal);
bool store_bytes_hold(const uint8_t *body, const struct store_seal *seal);

/* Notes that a variant is used, at most once an hour: its atime, which nobody else changes so that
 * it would matter; mtime stays. now in seconds. */
void store_touch(int fd, const struct stat *st, int64_t now);
bool store_touch_is_due(const struct stat *st, int64_t now);

/* Adds a job, unless one is in its place already, which it may be itself. Never waits. False with
 * errno if it could not be written. */
bool store_add_job(const struct store *s, const struct store_job *job);

/* The kept versions of the family of path; false if there are none. */
bool store_find_family(const struct store *s, const char *path, struct store_family *family);

/* For who keeps the record of that family in memory: what stat says of it, false if there is none;
 * and a descriptor to read it by, which is the caller's, or -1. store_family_read makes of the
 * bytes what store_find_family does. */
bool store_stat_family(const struct store *s, const char *path, struct stat *st);
int store_open_family(const struct store *s, const char *path);

/* Opens the directory anew if it has been removed and made again, and the index if it has been
 * removed. For when something that should be there is not; cheap where nothing has happened. */
void store_heal(struct store *s);

/* ---- (locked) ---- */

/* Takes the lock without waiting: a descriptor to close, or -1 if somebody else works here. Makes
 * what is missing, and removes what a crash has left. */
int store_lock(struct store *s);

bool store_put(const struct store *s, const struct store_entry *entry);
bool store_put_family(const struct store *s, const char *path, const struct store_family *family);

/* Removes a variant, and what the index says of it. */
void store_remove_variant(const struct store *s, const struct store_key *key);

/* Removes until what is left fits into the cap, in bytes on the disk. Returns how many; *youngest
 * becomes the last use of one that had to go, in seconds since the epoch, where that is later. */
size_t store_evict(const struct store *s, uint64_t cap, int64_t *youngest);

/* Jobs by place: the first whose name is greater than after ("": any), with its age in seconds;
 * false at the end. A job that cannot be read is removed, unless it may still be being written. */
bool store_next_job(const struct store *s, char place[STORE_PLACE_NAME], struct store_job *job,
                    int64_t *age, int64_t now);
void store_remove_job(const struct store *s, const struct store_job *job);

/* Writes down how often it has been tried. */
bool store_update_job(const struct store *s, const struct store_job *job);

/* A variant while it is being written. */
struct store_output {
    const struct store *s;
    int fd;
    int error;         /* errno of the first failure; 0: none */
    uint64_t size;     /* of the body so far */
    uint64_t checksum; /* of what has left the buffer */
    size_t held;       /* bytes in it */
    uint8_t *buffer;
};

bool store_output_begin(struct store_output *out, const struct store *s);
bool store_output_write(struct store_output *out, const void *bytes, size_t len);

/* The steps from a body to a variant that is there; each false with out->error. size and checksum
 * of the seal are filled in here. */
bool store_output_seal(struct store_output *out, struct store_seal *seal);
bool store_output_sync(struct store_output *out);
bool store_output_publish(struct store_output *out, const struct store_key *key);

/* Frees what it has, and removes what has not been published. At any time after begin, once. */
void store_output_end(struct store_output *out);

#endif
