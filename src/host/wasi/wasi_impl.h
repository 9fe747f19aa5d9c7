/* SPDX-License-Identifier: Apache-2.0
 * wasi_impl.h — what the files of this room share: the state of a guest process and its
 * descriptors.
 *
 * Every function of the interface has the same shape: wasi_errno wasi_<name>(wasi_call *call). It
 * takes its arguments from call->args, reaches guest memory only through guestmem.h, and returns
 * the errno that the guest sees. What must end the guest's call instead (exit, a client that is
 * gone, a deadline) goes to call->status; the errno is then not looked at.
 *
 * Memory:  a descriptor owns its host descriptor, the state owns its descriptors, wasi_free()
 *          closes and frees all.
 * Threads: as the store, one at a time.
 */
#ifndef WASMSERVE_WASI_IMPL_H
#define WASMSERVE_WASI_IMPL_H

#include "wasi.h"
#include "wasi_types.h"
#include "guestmem.h"

#include <sys/stat.h>

enum {
    WASI_PATH_SIZE = 4096, /* a path with its terminator; PATH_MAX of Linux */
    WASI_NAME_SIZE = 256,  /* one component with its terminator; NAME_MAX + 1 */
    WASI_LINE_SIZE = 8192, /* a line of stderr longer than this is logged in pieces */
    WASI_OPEN_DEFAULT = 64,
    WASI_VECTORS = 1024,        /* iovecs in one call; IOV_MAX of Linux */
    WASI_TRANSFER = 1024 * 1024 /* bytes moved between two looks at the deadline */
};

typedef enum wasi_kind {
    WASI_FREE,
    WASI_STDIN,
    WASI_STDOUT,
    WASI_STDERR,
    WASI_FILE,
    WASI_DIR
} wasi_kind;

typedef struct wasi_fd {
    wasi_kind kind;
    int host;            /* FILE, DIR: ours to close; else -1 */
    uint8_t filetype;    /* WASI_FILETYPE_ */
    uint16_t flags;      /* WASI_FDFLAG_ */
    bool writable;       /* comes from a grant that allows changes */
    const char *preopen; /* the granted directory itself: its guest name; else NULL */
    uint64_t base;       /* rights */
    uint64_t inheriting;
} wasi_fd;

struct wasi {
    const exchange *exchange;
    const grants *grants;
    const char *const *argv;
    size_t argc;
    const char **env; /* ours; entries from owned_env on are ours, too */
    size_t env_count;
    size_t owned_env;
    wasi_fd *fds;
    uint32_t fd_count; /* size of fds */
    bool has_openat2;  /* the kernel resolves paths beneath a directory by itself */
    uint32_t exit_code;
    uint32_t hinted;      /* grant bits whose absence was already logged */
    uint64_t pretended;   /* without GRANT_CLOCK: the monotonic clock, ns */
    uint64_t started_cpu; /* CPU time of the thread when the guest began, ns */
    size_t line_length;   /* stderr that waits for its newline */
    char line[WASI_LINE_SIZE];
};

typedef struct wasi_call {
    wasm_caller *caller;
    wasi *state;
    const uint64_t *args;
    wasm_status status;
} wasi_call;

#define W(name, signature, grant, unstable) wasi_errno wasi_##name(wasi_call *call);
#include "wasi_functions.def"
#undef W
wasi_errno wasi_fd_filestat_get_unstable(wasi_call *call);
wasi_errno wasi_fd_seek_unstable(wasi_call *call);
wasi_errno wasi_path_filestat_get_unstable(wasi_call *call);
wasi_errno wasi_poll_oneoff_unstable(wasi_call *call);

/* ---- wasi.c ---- */
bool wasi_granted(const wasi *state, uint32_t bit);
/* A line about the guest for the log. */
void wasi_say(const wasi *state, exchange_level level, const char *text);

/* ---- wasi_errno.c ---- */
/* The errno of the interface for one of this system's; WASI_IO for what has no counterpart. */
wasi_errno wasi_errno_from(int system_errno);

/* ---- wasi_fd.c ---- */
/* The open descriptor `number` if it has all of `rights`. Errors: BADF, NOTCAPABLE, ROFS (what is
 * missing would change a read-only grant). */
wasi_errno wasi_fd_find(const wasi *state, uint32_t number, uint64_t rights, wasi_fd **out);
/* A free slot, or NULL. */
wasi_fd *wasi_fd_slot(wasi *state, uint32_t *number);
void wasi_fd_release(wasi_fd *fd);
/* WASI_FILETYPE_ of a mode_t. */
uint8_t wasi_filetype(mode_t mode);

/* ---- wasi_io.c ---- */
/* Sends on a last line of stderr that has no newline. */
void wasi_error_flush(wasi *state);

/* ---- wasi_file.c ---- */
/* Writes a filestat structure at `at`; `unstable`: in the form of wasi_unstable. */
wasi_errno wasi_store_filestat(const wasi_call *call, uint32_t at, const struct stat *st,
                               bool unstable);
/* The timespecs of utimensat() for times and §fstflags. INVAL for flags that exclude each other. */
wasi_errno wasi_times(uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec times[2]);

/* ---- wasi_resolve.c ---- */
typedef enum wasi_lookup {
    WASI_LOOKUP_NAME,  /* the name itself, whatever it is: to be made, removed or renamed */
    WASI_LOOKUP_LINK,  /* what is there, a symbolic link as such; "link/" is what it points to */
    WASI_LOOKUP_TARGET /* what is there, behind symbolic links */
} wasi_lookup;

/* A path, resolved: a name without slashes in a directory that is beneath the one given. */
typedef struct wasi_place {
    int parent;     /* for the *at() calls, together with name and never following links */
    bool owned;     /* parent is closed by wasi_place_release() */
    bool directory; /* the path demands a directory: it ends in "/", "." or ".." */
    char name[WASI_NAME_SIZE];
} wasi_place;

wasi_errno wasi_resolve(const wasi *state, int base, const char *path, wasi_lookup lookup,
                        wasi_place *place);
void wasi_place_release(wasi_place *place);
/* Whether openat2() works here, tried on an open directory. */
bool wasi_probe_openat2(int directory);

/* ---- wasi_clock.c ---- */
/* CPU time of this thread in ns. */
uint64_t wasi_thread_time(void);

#endif
