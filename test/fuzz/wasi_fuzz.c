/* SPDX-License-Identifier: Apache-2.0
 * wasi_fuzz.c — any sequence of WASI calls with any arguments, on a small tree of files.
 * layers: wasi
 *
 * How:     The input is a script: each step is a function of the table, a selector, and arguments,
 *          which the selector takes either raw or from a set of values that get far (open
 *          descriptors, places in memory, paths that exist or lead outside). Paths, vectors and
 *          subscriptions lie ready in guest memory, and the input may overwrite them. The exchange
 *          takes and gives bytes; waiting is cut short by an interruption that is already set.
 * Oracle:  The sanitizers for the host's memory; the guest's memory keeps its size; an errno is one
 *          of the interface; and what lies beside the granted directory is as it was, which is
 *          looked at after every script.
 * Memory:  one process and one tree per script, both removed at its end.
 * Threads: one.
 */
#include "fake_guest.h"
#include "wasi_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    /* A guest may take the write bit off nothing, so that this always can. */
    return remove(path);
}

static void put_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int make_tree(char root[32])
{
    int dir;

    /* in memory where there is such a place: fd_sync would wait for a disk */
    strcpy(root,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/wasi-fuzz-XXXXXX" : "/tmp/wasi-fuzz-XXXXXX");
    require(mkdtemp(root) != NULL);
    dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(dir >= 0 && mkdirat(dir, "in", 0755) == 0 && mkdirat(dir, "in/sub", 0755) == 0);
    put_file(dir, "secret", "secret");
    put_file(dir, "in/file", "hello");
    require(symlinkat("../secret", dir, "in/out") == 0 && symlinkat("..", dir, "in/up") == 0 &&
            symlinkat("sub", dir, "in/link") == 0 && mkfifoat(dir, "in/fifo", 0644) == 0);
    return dir;
}

/* Nothing came or went beside the granted directory, and the secret is one. */
static void check_outside(int dir)
{
    char text[8] = "";
    int fd = openat(dir, "secret", O_RDONLY), names = 0;
    struct stat st;
    DIR *list;

    require(fd >= 0 && read(fd, text, sizeof text) == 6 && memcmp(text, "secret", 6) == 0);
    require(fstat(fd, &st) == 0 && st.st_nlink == 1);
    close(fd);
    list = fdopendir(dup(dir));
    require(list != NULL);
    while (readdir(list) != NULL)
        names++;
    closedir(list);
    require(names == 4);
}

/* ---- the script --------------------------------------------------------------------------- */

typedef struct script {
    const uint8_t *at, *end;
} script;

static uint8_t take_byte(script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static uint64_t take_word(script *s)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++)
        word |= (uint64_t)take_byte(s) << (8 * i);
    return word;
}

/* Where things lie in guest memory. */
enum { PATHS = 4096, PATH_STRIDE = 64, VECTORS = 8192, SUBSCRIPTIONS = 12288, SPACE = 65536 };

static const char *const paths[] = {
    "file",  "sub",       "sub/new",   "new",           "link/new", "out",
    "up",    "up/secret", "../secret", "fifo",          ".",        "..",
    "link/", "file/",     "/etc",      "sub/../up/new", "loop",     ""};
enum { PATH_COUNT = sizeof paths / sizeof paths[0] };

static void lay_out(const fake_guest *g)
{
    for (uint32_t i = 0; i < PATH_COUNT; i++)
        guest_put(g, PATHS + i * PATH_STRIDE, paths[i], strlen(paths[i]));
    for (uint32_t i = 0; i < 16; i++) {
        guest_put_u32(g, VECTORS + 8 * i, SPACE + 100 * i);
        guest_put_u32(g, VECTORS + 8 * i + 4, 37 * i);
        guest_put_u64(g, SUBSCRIPTIONS + 48 * i, i);
        *guest_bytes(g, SUBSCRIPTIONS + 48 * i + 8, 1) = (uint8_t)(i % 3);
        guest_put_u32(g, SUBSCRIPTIONS + 48 * i + 16, i % 5);
    }
}

static uint64_t take_argument(script *s, unsigned index)
{
    uint8_t how = take_byte(s);
    uint32_t pick = take_byte(s);

    switch (how % 8) {
    case 0: return take_word(s);
    case 1: return pick % 8; /* descriptors, counts, flags */
    case 2: return PATHS + pick % PATH_COUNT * PATH_STRIDE;
    case 3: return strlen(paths[pick % PATH_COUNT]);
    case 4: return VECTORS + 8 * (pick % 16);
    case 5: return SUBSCRIPTIONS + 48 * (pick % 16);
    case 6: return pick % 2 == 0 ? SPACE : GUEST_MEMORY - pick;
    default: return index % 2 == 0 ? 3 : UINT64_MAX; /* the directory; all rights */
    }
}

static void play(fake_guest *g, script *s)
{
    size_t count;
    const wasm_host_function *rows = wasi_functions(&count);

    for (int steps = 0; steps < 200 && s->at < s->end; steps++) {
        uint8_t step = take_byte(s);
        const wasm_host_function *row = &rows[step % count];
        size_t parameters = strcspn(row->signature, ":");
        uint64_t arguments[16];
        uint32_t error;
        uint8_t *base;
        uint64_t length;

        if (step >= 2 * count) { /* the rest of a byte's values: the input writes to memory */
            uint32_t at = (uint32_t)take_word(s) % (GUEST_MEMORY - 8);

            guest_put_u64(g, at, take_word(s));
            continue;
        }
        for (size_t i = 0; i < parameters; i++)
            arguments[i] = take_argument(s, (unsigned)i);
        if (strcmp(row->name, "poll_oneoff") == 0)
            wasm_store_interrupt(g->store, WASM_E_INTERRUPTED);
        if (strcmp(row->name, "fd_allocate") == 0) /* disk space is not what is tested */
            arguments[1] = arguments[2] = 100;
        error = guest_call_in(g, row->module, row->name, parameters, arguments);
        wasm_store_clear_interrupt(g->store);
        require(g->status != WASM_OK || error <= WASI_NOTCAPABLE);
        require(wasm_memory_view(g->instance, 0, &base, &length) && length == GUEST_MEMORY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const argv[] = {"guest", "argument"};
    const wasi_options options = {.argv = argv, .argc = 2, .max_open = 6};
    script s = {.at = data, .end = data + size};
    char root[32], host[40];
    grant_dir dirs[2];
    uint8_t flags;
    fake_guest g;
    int dir;

    if (size < 2)
        return 0;
    flags = take_byte(&s);
    dir = make_tree(root);
    snprintf(host, sizeof host, "%s/in", root);
    dirs[0] = (grant_dir){.host = host, .guest = "/", .writable = (flags & 1) != 0};
    dirs[1] = (grant_dir){.host = host, .guest = "/ro", .writable = false};
    require(guest_open(&g));
    g.grants.bits = flags >> 1 & 7;
    g.grants.dirs = dirs;
    g.grants.dir_count = 2;
    g.body = "body";
    g.body_left = 4;
    require(guest_begin(&g, &options, NULL));
    if ((flags & 16) != 0)
        g.wasi->has_openat2 = false;
    lay_out(&g);
    play(&g, &s);
    guest_close(&g);
    check_outside(dir);
    close(dir);
    require(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
