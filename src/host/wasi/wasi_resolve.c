/* SPDX-License-Identifier: Apache-2.0
 * wasi_resolve.c — a guest's path to a name in a directory, without ever leaving the granted one.
 *
 * How:     A path is split into its directory and its last component. The directory is opened
 *          beneath the granted one; the last component is left to the *at() call that works on it,
 *          which never follows links. Where a link is to be followed at the end, its text is read
 *          and the whole path is resolved again with it in place. So all that the kernel is asked
 *          to follow, it follows inside of the one step that opens the directory:
 *          - openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) where there is one (Linux 5.6): the
 *            kernel refuses "..", absolute paths and links that lead outside, also when names are
 *            exchanged meanwhile;
 *          - else component by component with O_NOFOLLOW, links expanded here, and ".." going back
 *            to the directory that was come through, which is held open.
 *          Absolute targets of links are refused: a guest has no root directory to relate them to.
 * Memory:  paths on the stack; wasi_place_release() closes what was opened.
 * Threads: as the store.
 * Editing: Never pass a path that has a slash, and never a trailing one, to an *at() call outside
 *          of this file: Linux follows a link "name/" even where it is told not to.
 */
#include "wasi_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2 /* headers that know the call have its constants, too */
#include <linux/openat2.h>
#endif

enum {
    LINKS_MAX = 40,  /* as Linux, MAXSYMLINKS */
    DEPTH_MAX = 128, /* directories held open by the walk */
    RACES_MAX = 64   /* openat2() gave up because of renames */
};

/* ---- opening a directory beneath another ---------------------------------------------------- */

#ifdef SYS_openat2
static int open_by_kernel(int base, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = -1;

    for (int i = 0; i < RACES_MAX; i++) {
        fd = (int)syscall(SYS_openat2, base, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd;
}

bool wasi_probe_openat2(int directory)
{
    int fd = open_by_kernel(directory, ".");

    if (fd < 0)
        return false;
    close(fd);
    return true;
}
#else
static int open_by_kernel(int base, const char *path)
{
    (void)base;
    (void)path;
    errno = ENOSYS;
    return -1;
}

bool wasi_probe_openat2(int directory)
{
    (void)directory;
    return false;
}
#endif

/* Copies a string that fits, as the caller has seen to. */
static void copy(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

/* Puts the text of the link `name` in front of what is left of a path. Errors in errno: EXDEV for
 * an absolute one. */
static int expand_link(int directory, const char *name, char *rest)
{
    char link[WASI_PATH_SIZE];
    ssize_t length = readlinkat(directory, name, link, sizeof link);
    size_t tail = strlen(rest);

    if (length < 0) {
        if (errno == EINVAL)
            errno = ENOTDIR; /* neither a directory nor a link */
        return -1;
    }
    if (length == 0 || link[0] == '/') {
        errno = length == 0 ? ENOENT : EXDEV;
        return -1;
    }
    if ((size_t)length + 1 + tail >= WASI_PATH_SIZE) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memmove(rest + length + 1, rest, tail + 1);
    memcpy(rest, link, (size_t)length);
    rest[length] = '/';
    return 0;
}

/* Takes the first component off a path. False at its end. */
static bool next_component(char *rest, char name[WASI_NAME_SIZE], bool *too_long)
{
    size_t skip = strspn(rest, "/"), length = strcspn(rest + skip, "/");

    *too_long = length >= WASI_NAME_SIZE;
    if (length == 0 || *too_long)
        return false;
    memcpy(name, rest + skip, length);
    name[length] = '\0';
    memmove(rest, rest + skip + length, strlen(rest + skip + length) + 1);
    return true;
}

/* The walk for kernels without openat2(). stack[0] is the granted directory and not ours. */
static int open_by_walk(int base, const char *path)
{
    int stack[DEPTH_MAX], depth = 0, links = 0, result = -1;
    char rest[WASI_PATH_SIZE], name[WASI_NAME_SIZE];
    bool too_long = false;

    stack[0] = base;
    copy(rest, path); /* wasi_resolve() keeps paths below WASI_PATH_SIZE */
    while (next_component(rest, name, &too_long)) {
        int fd;

        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            if (depth == 0) {
                errno = EXDEV;
                goto leave;
            }
            close(stack[depth--]);
            continue;
        }
        if (depth + 1 == DEPTH_MAX) {
            errno = ENAMETOOLONG;
            goto leave;
        }
        fd = openat(stack[depth], name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            stack[++depth] = fd;
        } else if (errno != ENOTDIR && errno != ELOOP) {
            goto leave;
        } else if (links++ == LINKS_MAX) {
            errno = ELOOP;
            goto leave;
        } else if (expand_link(stack[depth], name, rest) != 0) {
            goto leave;
        }
    }
    if (too_long)
        errno = ENAMETOOLONG;
    else
        result = depth > 0 ? stack[depth--] : fcntl(base, F_DUPFD_CLOEXEC, 0);
leave:
    /* close() must not change the errno that is being reported. */
    for (int error = errno; depth > 0; errno = error)
        close(stack[depth--]);
    return result;
}

static wasi_errno open_beneath(const wasi *state, int base, const char *path, int *fd)
{
    *fd = state->has_openat2 ? open_by_kernel(base, path) : open_by_walk(base, path);
    if (*fd >= 0)
        return WASI_SUCCESS;
    return errno == EXDEV ? WASI_NOTCAPABLE : wasi_errno_from(errno);
}

/* ---- the last component ------------------------------------------------------------------- */

/* Cuts text in two at its last slash. *last is the last component; the return value is the length
 * of the directory part, 0 if there is none. Trailing slashes are cut off before. */
static size_t split(char *text, const char **last, bool *slashes)
{
    size_t length = strlen(text);
    char *slash;

    while (length > 1 && text[length - 1] == '/') {
        text[--length] = '\0';
        *slashes = true;
    }
    slash = strrchr(text, '/');
    *last = slash != NULL ? slash + 1 : text;
    if (slash == NULL)
        return 0;
    *slash = '\0';
    return (size_t)(slash - text);
}

/* If place->name is a link: puts "directory/target" into text, for another round. */
static wasi_errno follow(const wasi_place *place, char *text, size_t directory, bool *followed)
{
    char link[WASI_PATH_SIZE];
    ssize_t length = readlinkat(place->parent, place->name, link, sizeof link);
    size_t prefix = directory > 0 ? directory + 1 : 0;

    *followed = false;
    if (length < 0) /* no link, or nothing there: what is to be done with it will say so */
        return WASI_SUCCESS;
    if (length == 0)
        return WASI_NOENT;
    if (link[0] == '/')
        return WASI_NOTCAPABLE;
    if (prefix + (size_t)length >= WASI_PATH_SIZE)
        return WASI_NAMETOOLONG;
    if (prefix > 0)
        text[directory] = '/';
    memcpy(text + prefix, link, (size_t)length);
    text[prefix + (size_t)length] = '\0';
    *followed = true;
    return WASI_SUCCESS;
}

void wasi_place_release(wasi_place *place)
{
    if (place->owned)
        close(place->parent);
    place->owned = false;
}

wasi_errno wasi_resolve(const wasi *state, int base, const char *path, wasi_lookup lookup,
                        wasi_place *place)
{
    char text[WASI_PATH_SIZE];
    wasi_errno error;

    memset(place, 0, sizeof *place);
    if (strlen(path) >= sizeof text)
        return WASI_NAMETOOLONG;
    copy(text, path);
    for (int links = 0; links <= LINKS_MAX; links++) {
        bool followed = false;
        const char *last;
        size_t directory;

        if (text[0] == '\0')
            return WASI_NOENT;
        if (text[0] == '/')
            return WASI_NOTCAPABLE;
        directory = split(text, &last, &place->directory);
        place->parent = base;
        if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
            if (directory > 0)
                text[directory] = '/';
            error = open_beneath(state, base, text, &place->parent);
            place->owned = error == WASI_SUCCESS;
            place->directory = true;
            copy(place->name, ".");
            return error;
        }
        if (strlen(last) >= sizeof place->name)
            return WASI_NAMETOOLONG;
        copy(place->name, last);
        if (directory > 0) {
            error = open_beneath(state, base, text, &place->parent);
            if (error != WASI_SUCCESS)
                return error;
            place->owned = true;
        }
        if (lookup == WASI_LOOKUP_NAME || (lookup == WASI_LOOKUP_LINK && !place->directory))
            return WASI_SUCCESS;
        error = follow(place, text, directory, &followed);
        if (error == WASI_SUCCESS && !followed)
            return WASI_SUCCESS;
        wasi_place_release(place);
        if (error != WASI_SUCCESS)
            return error;
    }
    return WASI_LOOP;
}
