/* SPDX-License-Identifier: Apache-2.0
 * versions.h — the directory that keeps the versions of plugins (WasmServePluginDir).
 *
 *   DIR/                      written by its owner and root alone; everybody may read
 *     lock                    held by whoever changes something (flock), empty
 *     modules/SHA256.wasm     a module under its digest, 64 hex digits; never changed afterwards
 *     plugins/NAME            the record of a plugin: a text, see versions_record.c
 *
 * How:     The record says which digest is active and which were before. It is replaced as a whole
 *          by rename(2), so that whoever reads it sees one state or the next, whenever the writer
 *          dies; a module is complete under its name before a record mentions it. Readers take no
 *          lock. What only its owner should have written is believed only if that is so: everything
 *          must belong to root or to the owner of DIR, nobody else may be able to write to it, no
 *          name is a symbolic link (DIR itself may be one), and a module must have the digest that
 *          it is named by.
 * Users:   The tool writes (versions_change.c), the server reads (versions_dir.c); both by the
 *          rules of versions_record.c, which are functions on a struct in memory.
 * Memory:  versions_dir owns descriptors, versions_record its arrays; each has a function that
 *          releases it. Blocks that are returned are the caller's to free().
 * Threads: No shared state; each value belongs to one thread at a time.
 */
#ifndef WASMSERVE_VERSIONS_H
#define WASMSERVE_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "engine.h"

/* Sizes with the terminator. */
enum {
    VERSIONS_HEX_SIZE = 65, /* of a SHA-256 as hex digits */
    VERSIONS_NAME_SIZE = 65,
    VERSIONS_LABEL_SIZE = 65,
    VERSIONS_ABI_SIZE = 17,
    VERSIONS_WHO_SIZE = 33
};

/* RATIONALE "Of versions (src/host/versions/versions.h)". */
enum {
    VERSIONS_RECORD_BYTES = 1 << 20, /* a record that is larger is not read */
    VERSIONS_KEPT = 1000,            /* versions that a record lists */
    VERSIONS_BEFORE = 100,           /* steps that one can go back */
    VERSIONS_EVENTS = 500            /* lines of history */
};

/* A module that is larger is neither stored nor loaded. */
#define VERSIONS_MODULE_BYTES ((size_t)256 << 20)

typedef enum versions_status {
    VERSIONS_OK = 0,
    VERSIONS_NONE,    /* there is no such plugin, version, or version before */
    VERSIONS_REFUSED, /* the wish makes no sense: an ambiguous word, a name that is none */
    VERSIONS_UNSAFE,  /* somebody else could have written it */
    VERSIONS_DAMAGED, /* not what was written: a broken record, a module with another digest */
    VERSIONS_SYSTEM   /* the system refused; error has errno */
} versions_status;

typedef struct versions_fault {
    versions_status status;
    int error;       /* errno where that is the reason, else 0 */
    char text[1400]; /* a sentence for a person, with the file's name and what to do */
} versions_fault;

/* Fills a fault (NULL is allowed) and returns its status. With error, its text is added. */
versions_status versions_fail(versions_fault *fault, versions_status status, int error,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- names (versions_record.c) --------------------------------------------------------------- */

/* What may be a plugin's name: 1 to 64 letters, digits, '-', '_' and '.'. They stand in logs,
 * status pages, metrics and here in file names, so those that begin with '.' cannot have versions.
 */
bool versions_is_name(const char *name);

/* Copies what a module says of its version as a word: letters, digits and "._+-" stay, all else is
 * '_'; "-" if nothing is left of it. */
void versions_make_label(const char *text, char label[VERSIONS_LABEL_SIZE]);

/* The version in the custom section "version", as it stands there (printable ASCII, else '?').
 * False if the module has none. (What an export version() answers, only a call can say: the tool
 * makes it when a version is added, and the server never does.) */
bool versions_module_section(const wasm_module *module, char *text, size_t size);

/* ---- the record (versions_record.c) ---------------------------------------------------------- */

typedef struct version_entry {
    char hex[VERSIONS_HEX_SIZE];
    char label[VERSIONS_LABEL_SIZE]; /* "-": the module names none */
    char abi[VERSIONS_ABI_SIZE];     /* host_abi_name() */
    bool called;                     /* it answered the call that `add` makes */
    uint64_t bytes;
    int64_t added; /* seconds since 1970 */
} version_entry;

typedef enum version_action { VERSION_ADD, VERSION_ACTIVATE, VERSION_ROLLBACK } version_action;

typedef struct version_event {
    int64_t when; /* seconds since 1970 */
    version_action action;
    char hex[VERSIONS_HEX_SIZE];
    char who[VERSIONS_WHO_SIZE];
} version_event;

typedef struct versions_record {
    char name[VERSIONS_NAME_SIZE];
    char active[VERSIONS_HEX_SIZE];    /* "": none yet */
    char (*before)[VERSIONS_HEX_SIZE]; /* what was active, the latest first */
    size_t before_count;
    version_entry *entries; /* in the order in which they were added */
    size_t entry_count;
    version_event *events; /* the latest last */
    size_t event_count;
} versions_record;

/* An empty one. */
void versions_record_init(versions_record *record, const char *name);
void versions_record_release(versions_record *record);

/* Reads a record's text. On failure the record is empty. Errors: DAMAGED with the line, SYSTEM. */
versions_status versions_record_parse(versions_record *record, const char *name, const char *text,
                                      size_t length, versions_fault *fault);
/* The text of a record; NULL without memory. */
char *versions_record_format(const versions_record *record, size_t *length);

/* The entry of a digest; NULL if it is not known. */
const version_entry *versions_record_entry(const versions_record *record, const char *hex);

/* The entry that a word means: a version, or a digest ("sha256:" may stand before it) or the first
 * digits of one, at least 4. A version goes first. Errors: NONE, REFUSED if it means several. */
versions_status versions_record_find(const versions_record *record, const char *word,
                                     const version_entry **out, versions_fault *fault);

/* The three changes; each leaves its line in the history. Errors: SYSTEM without memory; the record
 * is as before then. */
versions_status versions_record_add(versions_record *record, const version_entry *entry,
                                    const char *who, versions_fault *fault);
/* `hex` must be known. What was active is the one before; if it is `hex` itself, nothing changes.
 */
versions_status versions_record_activate(versions_record *record, const char *hex, int64_t when,
                                         const char *who, versions_fault *fault);
/* Back to the one before. Errors besides: NONE if there is none. */
versions_status versions_record_rollback(versions_record *record, int64_t when, const char *who,
                                         versions_fault *fault);

const char *version_action_name(version_action action);
/* "2026-11-24T10:11:12Z"; size of at least 21. */
void versions_format_time(int64_t when, char *buf, size_t size);

/* ---- reading (versions_dir.c) ---------------------------------------------------------------- */

/* Writes the SHA-256 of bytes as 64 lower-case hex digits. This layer has none of its own: who
 * opens a directory brings one. */
typedef void (*versions_digest_fn)(const void *bytes, size_t length, char hex[VERSIONS_HEX_SIZE]);

typedef struct versions_dir {
    const char *path; /* borrowed */
    versions_digest_fn digest;
    int root, modules, plugins, lock;
    uid_t owner; /* of DIR */
} versions_dir;

/* Opens DIR and looks whether owner and modes are right. */
versions_status versions_open(const char *path, versions_digest_fn digest, versions_dir *dir,
                              versions_fault *fault);
void versions_close(versions_dir *dir);

/* The record of a plugin. Errors: NONE if there is none, UNSAFE, DAMAGED, SYSTEM. */
versions_status versions_read(const versions_dir *dir, const char *name, versions_record *record,
                              versions_fault *fault);

/* The bytes of a module, whose digest was compared. */
versions_status versions_read_module(const versions_dir *dir, const char *hex, uint8_t **bytes,
                                     size_t *length, versions_fault *fault);
/* Whether there is such a file at all. */
bool versions_has_module(const versions_dir *dir, const char *hex);

/* The names of all plugins, sorted, each a block of its own in an array that is one. */
versions_status versions_names(const versions_dir *dir, char ***names, size_t *count,
                               versions_fault *fault);
void versions_names_free(char **names, size_t count);

/* What a record's file looked like; all zero bytes: not looked at yet. */
typedef struct versions_mark {
    bool settled; /* false: look into it once more, it may have changed since within one tick */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} versions_mark;

/* Whether the record may be another than at the last look with this mark: one system call, for
 * whoever looks often. A record that is not there looks like one of no bytes. */
bool versions_changed(const char *path, const char *name, versions_mark *mark);

/* ---- writing (versions_change.c) ------------------------------------------------------------- */

/* Opens DIR for a change: makes it and its parts where they are missing, takes the lock (waiting
 * for whoever has it) and removes what a writer that died left behind. */
versions_status versions_begin(const char *path, versions_digest_fn digest, versions_dir *dir,
                               versions_fault *fault);

/* Stores a module under its digest, which is written to hex. One that is there already stays, if it
 * is undamaged. */
versions_status versions_store_module(const versions_dir *dir, const uint8_t *bytes, size_t length,
                                      char hex[VERSIONS_HEX_SIZE], versions_fault *fault);

/* Replaces the record. When this returns OK it is on the disk, and readers see it. */
versions_status versions_store(const versions_dir *dir, const versions_record *record,
                               versions_fault *fault);

#endif
