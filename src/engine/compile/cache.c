/* SPDX-License-Identifier: Apache-2.0
 * cache.c — cache.h: a file of compiled code, written, judged and mapped.
 *
 * How:     header │ entries │ wrappers │ functions │ sites │ 0… │ code, from a page on
 *
 *          Numbers are 32 bits as the machine has them: no other reads them. The check covers all
 *          that is behind it: it is the digest of the digests of the tables and of each piece of
 *          the code, so that a file is judged with little memory. A file is read, and not mapped,
 *          until it has been judged: one that somebody cuts short meanwhile gives an error and no
 *          SIGBUS. Then its code is mapped to be executed, through the same descriptor, so that it
 *          is the same file, which must not have changed; or copied, where it is not executable.
 * Memory:  see cache.h.
 * Threads: any.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "engine_build.h"

enum { FORMAT = 2, FUNC_BYTES = 12, LEB_MAX = 5 };
enum { PIECE = 256 * 1024 }; /* of code, that a digest is made of */

static const char magic[8] = {'w', 'a', 's', 'm', 'c', 'o', 'd', 'e'};

typedef struct header {
    char magic[8];
    uint32_t format, header_bytes;
    digest check; /* of what follows, to the end of the file */
    digest key;
    uint32_t entry_count, wrapper_count, func_count, site_bytes, own_code;
    uint32_t code_at, code_length, page;
    uint32_t stubs[STUB_COUNT];
    uint32_t used[2]; /* the features that the module needs, the lower half first */
} header;

enum { CHECKED = offsetof(header, key) };

/* ---- the key --------------------------------------------------------------------------------- */

void cache_key(const wasm_module *module, const target *here, bool guarded, digest *out)
{
    digest_state s;
    digest bytes;

    digest_of_bytes(module->bytes, module->length, &bytes);
    digest_begin(&s);
    digest_add(&s, magic, sizeof magic);
    digest_add_u32(&s, FORMAT);
    digest_add(&s, ENGINE_BUILD, sizeof ENGINE_BUILD);
    digest_add(&s, here->name, strlen(here->name) + 1);
    digest_add_u32(&s, here->features());
    digest_add_u32(&s, guarded);
    digest_add_u32(&s, (uint32_t)module->enabled);
    digest_add_u32(&s, (uint32_t)(module->enabled >> 32));
    digest_add(&s, &bytes, sizeof bytes);
    digest_end(&s, out);
}

static void file_name(const digest *key, char name[CACHE_NAME_BYTES])
{
    const uint8_t *bytes = (const uint8_t *)key->words;
    char *at = name + CACHE_BUILD + 1;

    memcpy(name, ENGINE_BUILD, CACHE_BUILD);
    name[CACHE_BUILD] = '-';
    for (size_t i = 0; i < sizeof key->words; i++)
        snprintf(at + 2 * i, 3, "%02x", bytes[i]);
    memcpy(at + 64, ".code", sizeof ".code");
}

bool cache_name_is_ours(const char *name)
{
    return strncmp(name, ENGINE_BUILD, CACHE_BUILD) == 0 && name[CACHE_BUILD] == '-';
}

void cache_note(const wasm_compile_options *options, bool bad, const char *format, ...)
{
    char line[512];
    va_list values;

    if (!options->note)
        return;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    options->note(options->note_baton, bad, line);
}

/* ---- judging --------------------------------------------------------------------------------- */

static uint32_t get(const uint8_t *at, size_t index)
{
    uint32_t value;

    memcpy(&value, at + 4 * index, sizeof value);
    return value;
}

/* Pairs of numbers of at most LEB_MAX bytes, and nothing behind the last. */
static bool sites_are_whole(const uint8_t *at, const uint8_t *end)
{
    unsigned length = 0, numbers = 0;

    for (; at < end; at++) {
        if (++length > LEB_MAX)
            return false;
        if (!(*at & 0x80)) {
            length = 0;
            numbers++;
        }
    }
    return length == 0 && numbers % 2 == 0;
}

static bool funcs_are_sound(const cache_view *v)
{
    uint32_t code = v->own_code, sites = 0;

    for (uint32_t i = 0; i <= v->func_count; i++) {
        const uint8_t *f = v->funcs + (size_t)i * FUNC_BYTES;
        const bool last = i == v->func_count;

        if (get(f, 0) < code || get(f, 0) > v->code_length || get(f, 2) < sites ||
            get(f, 2) > v->site_bytes)
            return false;
        if (i > 0 &&
            (get(f, 0) == code || !sites_are_whole(v->sites + sites, v->sites + get(f, 2))))
            return false;
        if (!last && (get(f, 1) >= v->entry_count || get(v->entries, get(f, 1)) != get(f, 0)))
            return false;
        code = get(f, 0);
        sites = get(f, 2);
        if (last && (get(f, 1) != WASM_NO_FUNC || code != v->code_length || sites != v->site_bytes))
            return false;
    }
    return true;
}

static bool tables_are_sound(const cache_view *v)
{
    for (uint32_t i = 0; i < v->entry_count; i++)
        if (get(v->entries, i) >= v->code_length)
            return false;
    for (uint32_t i = 0; i < v->wrapper_count; i++)
        if (get(v->wrappers, i) >= v->code_length)
            return false;
    for (unsigned i = 0; i < STUB_COUNT; i++)
        if (v->stubs[i] >= v->code_length)
            return false;
    return v->own_code <= v->code_length && funcs_are_sound(v);
}

/* The tables end where or before the code begins. */
static uint64_t tables_end(const header *h)
{
    return sizeof *h + 4 * ((uint64_t)h->entry_count + h->wrapper_count) +
           FUNC_BYTES * ((uint64_t)h->func_count + 1) + h->site_bytes;
}

/* NULL, or what is wrong with the header of a file of `length` bytes. */
static const char *judge_header(const header *h, uint64_t length, const digest *key)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->format != FORMAT ||
        h->header_bytes != sizeof *h)
        return "it is not a file of this engine's";
    if (!digest_equal(&h->key, key))
        return "it is for another module, engine or processor";
    if (h->code_length == 0 || h->code_length > INT32_MAX ||
        (uint64_t)h->code_at + h->code_length != length || tables_end(h) > h->code_at ||
        h->page == 0 || h->code_at % h->page != 0)
        return "it has parts that do not fit";
    return NULL;
}

/* Bytes from `at` on, which the file had when its length was looked up. NULL, or why not. */
static const char *fetch(const cache_source *from, uint64_t at, uint8_t *to, size_t count)
{
    if (from->bytes) {
        memcpy(to, from->bytes + at, count);
        return NULL;
    }
    while (count > 0) {
        ssize_t got = pread(from->fd, to, count, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? strerror(errno) : "it is cut short";
        to += got;
        at += (uint64_t)got;
        count -= (size_t)got;
    }
    return NULL;
}

static void add_piece(digest_state *s, const uint8_t *bytes, size_t count)
{
    digest piece;

    digest_of_bytes(bytes, count, &piece);
    digest_add(s, &piece, sizeof piece);
}

/* The check of a file whose first bytes, up to the code, are in `tables`. */
static const char *check_of(const cache_source *from, const uint8_t *tables, const header *h,
                            digest *out)
{
    const uint64_t end = (uint64_t)h->code_at + h->code_length;
    uint8_t *piece = malloc(PIECE);
    const char *why = piece ? NULL : "out of memory";
    digest_state s;

    digest_begin(&s);
    add_piece(&s, tables + CHECKED, h->code_at - CHECKED);
    for (uint64_t at = h->code_at; at < end && !why; at += PIECE) {
        const size_t count = end - at < PIECE ? (size_t)(end - at) : PIECE;

        why = fetch(from, at, piece, count);
        if (!why)
            add_piece(&s, piece, count);
    }
    digest_end(&s, out);
    free(piece);
    return why;
}

static const char *judge_tables(const header *h, cache_view *out)
{
    *out = (cache_view){.tables = out->tables,
                        .entry_count = h->entry_count,
                        .wrapper_count = h->wrapper_count,
                        .func_count = h->func_count,
                        .site_bytes = h->site_bytes,
                        .own_code = h->own_code,
                        .code_at = h->code_at,
                        .code_length = h->code_length,
                        .used = h->used[0] | (wasm_features)h->used[1] << 32};
    memcpy(out->stubs, h->stubs, sizeof out->stubs);
    out->entries = out->tables + sizeof *h;
    out->wrappers = out->entries + 4 * (size_t)h->entry_count;
    out->funcs = out->wrappers + 4 * (size_t)h->wrapper_count;
    out->sites = out->funcs + FUNC_BYTES * ((size_t)h->func_count + 1);
    return tables_are_sound(out) ? NULL : "its tables make no sense";
}

const char *cache_read(const cache_source *from, const digest *key, cache_view *out)
{
    const char *why;
    digest check;
    header h;

    *out = (cache_view){0};
    if (from->length < sizeof h)
        return "it is cut short";
    why = fetch(from, 0, (uint8_t *)&h, sizeof h);
    if (!why)
        why = judge_header(&h, from->length, key);
    if (why)
        return why;
    out->tables = malloc(h.code_at);
    if (!out->tables)
        return "out of memory";
    memcpy(out->tables, &h, sizeof h); /* what was judged */
    why = fetch(from, sizeof h, out->tables + sizeof h, h.code_at - sizeof h);
    if (!why)
        why = check_of(from, out->tables, &h, &check);
    if (!why && !digest_equal(&check, &h.check))
        why = "it is damaged";
    if (!why)
        why = judge_tables(&h, out);
    if (why)
        cache_view_release(out);
    return why;
}

void cache_view_release(cache_view *view)
{
    free(view->tables);
    *view = (cache_view){0};
}

/* ---- opening --------------------------------------------------------------------------------- */

/* NULL, or what is wrong with who may write it. */
static const char *complaint(const struct stat *info, const wasm_compile_options *options)
{
    if (info->st_uid != 0 && info->st_uid != geteuid() && info->st_uid != options->cache_owner)
        return "it belongs to somebody else";
    if (info->st_mode & (S_IWGRP | S_IWOTH))
        return "others may write it";
    return NULL;
}

int cache_open(const wasm_compile_options *options)
{
    int fd = open(options->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *why = NULL;
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0)
        why = strerror(errno);
    else
        why = complaint(&info, options);
    if (!why)
        return fd;
    cache_note(options, true, "%s is not used: %s", options->cache, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_file(int directory, const char *name, const wasm_compile_options *options,
                     struct stat *info)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const char *why;

    if (fd < 0 && errno == ENOENT)
        return -1;
    if (fd < 0 || fstat(fd, info) != 0)
        why = strerror(errno);
    else if (!S_ISREG(info->st_mode) || info->st_size <= 0 || (uint64_t)info->st_size > UINT32_MAX)
        why = "it is not a file with code";
    else
        why = complaint(info, options);
    if (!why)
        return fd;
    cache_note(options, true, "%s/%s is not used: %s", options->cache, name, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void *copy(quota *q, const void *from, size_t bytes)
{
    void *block = bytes > 0 ? quota_realloc(q, NULL, 0, bytes) : NULL;

    if (block)
        memcpy(block, from, bytes);
    return block;
}

/* All but the mapping of the code. */
static native_module *make(const wasm_module *module, const cache_view *v, bool guarded)
{
    native_module *out = calloc(1, sizeof *out);

    if (!out)
        return NULL;
    quota_init(&out->quota, 0); /* bounded by the file */
    out->head =
        (native_code){.tier = &native_tier_here,
                      .used = v->used,
                      .complete = v->func_count == module->func_count - module->func_import_count};
    out->module = module;
    out->guarded = guarded;
    out->entry_count = v->entry_count;
    out->wrapper_count = v->wrapper_count;
    out->func_count = v->func_count;
    out->site_bytes = v->site_bytes;
    out->own_code = v->own_code;
    memcpy(out->stubs, v->stubs, sizeof out->stubs);
    out->entries = copy(&out->quota, v->entries, 4 * (size_t)v->entry_count);
    out->wrappers = copy(&out->quota, v->wrappers, 4 * (size_t)v->wrapper_count);
    out->funcs = copy(&out->quota, v->funcs, FUNC_BYTES * ((size_t)v->func_count + 1));
    out->sites = copy(&out->quota, v->sites, v->site_bytes);
    if ((!out->entries && v->entry_count) || (!out->wrappers && v->wrapper_count) || !out->funcs ||
        (!out->sites && v->site_bytes)) {
        native_release(out);
        return NULL;
    }
    return out;
}

/* Whether the file is as it was when it was opened, and nobody has become able to write it. */
static bool has_changed(int fd, const struct stat *before)
{
    struct stat now;

    return fstat(fd, &now) != 0 || now.st_size != before->st_size || now.st_uid != before->st_uid ||
           now.st_mode != before->st_mode || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

/* Where the system executes nothing out of the directory (it is mounted so, or has no such label),
 * a copy of what was read. 0, or an errno. */
static int map_copy(const cache_source *from, const cache_view *v,
                    const wasm_compile_options *options, code_mapping *out)
{
    uint8_t *bytes = malloc(v->code_length);
    int error = bytes ? 0 : ENOMEM;

    if (error == 0 && fetch(from, v->code_at, bytes, v->code_length))
        error = EIO;
    if (error == 0 &&
        code_map(bytes, v->code_length, NULL, options->without, out, NULL, 0) != WASM_OK)
        error = EACCES;
    free(bytes);
    return error;
}

static int map_code(const cache_source *from, const cache_view *v,
                    const wasm_compile_options *options, code_mapping *out)
{
    int error = code_map_file(from->fd, v->code_at, v->code_length, out);

    if (error != EPERM && error != EACCES)
        return error;
    if (map_copy(from, v, options, out) != 0)
        return error;
    cache_note(options, false, "%s: nothing there is executed (%s): the code is copied to %s",
               options->cache, strerror(error), code_way_text(out->way));
    return 0;
}

static native_module *load(int fd, const struct stat *info, const wasm_module *module,
                           const wasm_compile_options *options, const digest *key, bool guarded,
                           const char **why)
{
    const cache_source from = {.fd = fd, .length = (size_t)info->st_size};
    native_module *out = NULL;
    cache_view view;
    int error;

    *why = cache_read(&from, key, &view);
    if (*why)
        return NULL;
    if (view.entry_count != module->func_count || view.wrapper_count != module->type_count ||
        view.code_at % (uint32_t)sysconf(_SC_PAGESIZE) != 0)
        *why = "it does not fit the module";
    else if (!(out = make(module, &view, guarded)))
        *why = "out of memory";
    error = out ? map_code(&from, &view, options, &out->code) : 0;
    cache_view_release(&view);
    if (!out)
        return NULL;
    if (error != 0)
        *why = strerror(error);
    else if (has_changed(fd, info))
        *why = "it was changed while it was read";
    else if (!(out->range = native_register(out)))
        *why = "out of memory";
    if (*why) {
        native_release(out);
        return NULL;
    }
    return out;
}

native_module *cache_load(const wasm_module *module, const wasm_compile_options *options,
                          const digest *key, bool guarded)
{
    int directory = cache_open(options), fd;
    native_module *out = NULL;
    const char *why = NULL;
    char name[CACHE_NAME_BYTES];
    struct stat info;

    if (directory < 0)
        return NULL;
    file_name(key, name);
    fd = open_file(directory, name, options, &info);
    if (fd >= 0) {
        out = load(fd, &info, module, options, key, guarded, &why);
        if (out) {
            /* For cache_prune(). Who may not say so has the system's own idea of it. */
            (void)futimens(
                fd, (const struct timespec[2]){{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}});
            cache_note(options, false, "%s/%s is used", options->cache, name);
        } else
            cache_note(options, true, "%s/%s is not used: %s", options->cache, name, why);
        close(fd);
    }
    close(directory);
    return out;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Puts the check of a file in memory into its header. */
static bool check_bytes(const uint8_t *bytes, size_t length, header *h)
{
    const cache_source from = {.bytes = bytes, .length = length};

    return check_of(&from, bytes, h, &h->check) == NULL;
}

/* The file in memory; NULL: out of memory. */
static uint8_t *compose(const native_module *native, const uint8_t *image, uint32_t length,
                        const digest *key, size_t *out_length)
{
    const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
    header h = {.format = FORMAT,
                .header_bytes = sizeof h,
                .key = *key,
                .entry_count = native->entry_count,
                .wrapper_count = native->wrapper_count,
                .func_count = native->func_count,
                .site_bytes = native->site_bytes,
                .own_code = native->own_code,
                .code_length = length,
                .page = page,
                .used = {(uint32_t)native->head.used, (uint32_t)(native->head.used >> 32)}};
    const uint64_t code_at = (tables_end(&h) + page - 1) / page * page;
    uint8_t *bytes, *at;

    if (code_at + length > UINT32_MAX || !(bytes = calloc(1, (size_t)code_at + length)))
        return NULL;
    h.code_at = (uint32_t)code_at;
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.stubs, native->stubs, sizeof h.stubs);
    at = bytes + sizeof h;
    if (native->entry_count > 0)
        memcpy(at, native->entries, 4 * (size_t)native->entry_count);
    at += 4 * (size_t)native->entry_count;
    if (native->wrapper_count > 0)
        memcpy(at, native->wrappers, 4 * (size_t)native->wrapper_count);
    at += 4 * (size_t)native->wrapper_count;
    memcpy(at, native->funcs, FUNC_BYTES * ((size_t)native->func_count + 1));
    at += FUNC_BYTES * ((size_t)native->func_count + 1);
    if (native->site_bytes > 0)
        memcpy(at, native->sites, native->site_bytes);
    memcpy(bytes + code_at, image, length);
    memcpy(bytes, &h, sizeof h);
    *out_length = (size_t)code_at + length;
    if (!check_bytes(bytes, *out_length, &h)) {
        free(bytes);
        return NULL;
    }
    memcpy(bytes, &h, sizeof h);
    return bytes;
}

static int write_file(int directory, const char *name, const uint8_t *bytes, size_t length)
{
    char temporary[CACHE_NAME_BYTES + 40];
    int fd, error = 0;

    snprintf(temporary, sizeof temporary, "%s.%ld.%p.new", name, (long)getpid(),
             (const void *)bytes);     /* several threads may be at it */
    unlinkat(directory, temporary, 0); /* of a process that ended, with the same number */
    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    while (length > 0 && error == 0) {
        ssize_t written = write(fd, bytes, length);

        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            error = written == 0 ? ENOSPC : errno;
        }
    }
    /* Readable by all, as modules are: root's tool fills it for the server's user. */
    if (error == 0 && fchmod(fd, 0644) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && renameat(directory, temporary, directory, name) != 0)
        error = errno;
    if (error != 0)
        unlinkat(directory, temporary, 0);
    return error;
}

bool cache_store(const native_module *native, const uint8_t *image, uint32_t length,
                 const wasm_compile_options *options, const digest *key)
{
    int directory = cache_open(options), error = ENOMEM;
    char name[CACHE_NAME_BYTES];
    size_t bytes_length = 0;
    uint8_t *bytes;

    if (directory < 0)
        return false;
    file_name(key, name);
    bytes = compose(native, image, length, key, &bytes_length);
    if (bytes)
        error = write_file(directory, name, bytes, bytes_length);
    free(bytes);
    if (error == 0)
        cache_prune(directory, name, options);
    close(directory);
    /* That the server may only read it is a choice of the administrator's. */
    cache_note(options, error != 0 && error != EACCES && error != EROFS, "%s/%s %s%s",
               options->cache, name,
               error == 0 ? "is kept" : "is not kept: ", error == 0 ? "" : strerror(error));
    return error == 0;
}

bool cache_hand_over(const native_module *native, const uint8_t *image, uint32_t length,
                     const wasm_compile_options *options, const digest *key)
{
    char name[CACHE_NAME_BYTES];
    size_t bytes_length = 0;
    uint8_t *bytes = compose(native, image, length, key, &bytes_length);

    if (!bytes)
        return false;
    file_name(key, name);
    options->file(options->file_baton, name, bytes, bytes_length);
    free(bytes);
    return true;
}
