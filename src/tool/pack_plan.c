/* SPDX-License-Identifier: Apache-2.0
 * pack_plan.c — from files to versions: which get a hash together, what DIR has of them already,
 * and what is to be made.
 *
 * How:     Each FILE is copied into pack's own folder and hashed as it is copied, so that what is
 *          compressed is what was hashed, whatever happens to the original meanwhile. A file by
 *          itself has the beginning of its SHA-256 as its hash. A pair's is that of a list of names
 *          and digests; its scripts are pointed to each other's new names after that, which changes
 *          their content but depends on nothing that the hash does not cover. A script by itself,
 *          which may refer to itself, is a pair of one.
 *          A form that is there, by name, size and digest, is not made again.
 * Memory, threads: see pack_run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delta.h"
#include "pack_jobs.h"
#include "pack_report.h"
#include "pack_rewrite.h"
#include "pack_run.h"

/* The number of the rules of pack_rewrite.h: the same files must not give another content under the
 * same hash, when those change. */
enum { REWRITE_RULES = 1 };

/* The largest script whose references are looked at. */
#define SCRIPT_MAX ((size_t)64 << 20)

struct input {
    const char *path, *name;
    const char *staged;
    struct pack_file *file; /* with size and digest of what is staged */
};

struct inputs {
    struct input *input;
    size_t count;
    size_t *group;
    const char **hash; /* of each one's unit; NULL while it is not known */
};

/* ---- reading --------------------------------------------------------------------------------- */

static enum tool_exit name_inputs(pack_run *run, struct inputs *all)
{
    const pack_words *files = &run->options->files;

    all->input = pack_pool_get(&run->pool, files->count * sizeof *all->input);
    all->group = pack_pool_get(&run->pool, files->count * sizeof *all->group);
    all->hash = pack_pool_get(&run->pool, files->count * sizeof *all->hash);
    for (size_t i = 0; i < files->count; i++) {
        struct input *input = &all->input[i];
        enum tool_exit status;
        input->path = files->word[i];
        input->name = pack_run_name(run, input->path, &status);
        if (input->name == NULL)
            return status;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(all->input[k].name, input->name) == 0) {
                pack_complain("%s and %s would both be %s in %s; --root keeps them in the folders "
                              "that they have",
                              all->input[k].path, input->path, input->name, run->folder.path);
                return TOOL_USAGE;
            }
        }
        all->group[i] = i;
    }
    all->count = files->count;
    return TOOL_OK;
}

/* An error page, or the pointer to a large file that a checkout has left, is no module. */
static bool begins_as_module(int fd)
{
    static const char magic[4] = {'\0', 'a', 's', 'm'};
    char head[sizeof magic];

    return pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
           memcmp(head, magic, sizeof magic) == 0;
}

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), n = strlen(ending);

    return length > n && strcmp(name + length - n, ending) == 0;
}

/* Whether an input is what pack itself has made in DIR, as a "*.wasm" in that folder finds it. */
static bool is_result(const pack_run *run, const struct input *input, const struct stat *status)
{
    struct stat there;
    int fd = pack_run_knows(run, input->name, NULL)
                 ? pack_folder_open_file(&run->folder, input->name)
                 : -1;
    bool same = fd >= 0 && fstat(fd, &there) == 0 && there.st_dev == status->st_dev &&
                there.st_ino == status->st_ino;

    if (fd >= 0)
        close(fd);
    return same;
}

static enum tool_exit stage_input(pack_run *run, struct input *input)
{
    struct stat status;
    /* Not blocking: a pipe of that name has no writer. */
    int from = open(input->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), to = -1;
    enum tool_exit result = TOOL_REFUSED;

    input->file = pack_pool_get(&run->pool, sizeof *input->file);
    input->file->name = input->name;
    input->staged = pack_folder_stage(&run->folder, &run->pool);
    if (from < 0 || fstat(from, &status) != 0) {
        pack_complain("%s: %s", input->path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        pack_complain("%s is not a regular file", input->path);
    } else if (is_result(run, input, &status)) {
        pack_complain("%s is what an earlier run has made; give the file that it was made from",
                      input->path);
    } else if (has_ending(input->name, ".wasm") && !begins_as_module(from)) {
        pack_complain("%s is not a WebAssembly module: it does not begin with 00 61 73 6d",
                      input->path);
    } else {
        result = TOOL_FAILED;
        to = pack_folder_open_staged(&run->folder, input->staged, true);
        if (to < 0 || !pack_copy(from, to, &input->file->size, input->file->digest) ||
            fsync(to) != 0)
            pack_complain("%s cannot be copied into %s: %s", input->path, run->folder.path,
                          strerror(errno));
        else
            result = TOOL_OK;
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return result;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* The input that a word of --pair means: as it stands on the command line, or by its name. */
static size_t find_input(const struct inputs *all, const char *word, size_t length)
{
    size_t i = 0;

    while (
        i < all->count &&
        !(strlen(all->input[i].path) == length && memcmp(all->input[i].path, word, length) == 0) &&
        !(strlen(all->input[i].name) == length && memcmp(all->input[i].name, word, length) == 0))
        i++;
    return i;
}

static enum tool_exit join_pairs(pack_run *run, struct inputs *all)
{
    const pack_words *pairs = &run->options->pairs;
    const char **names = pack_pool_get(&run->pool, all->count * sizeof *names);

    for (size_t i = 0; i < pairs->count; i++) {
        size_t first = all->count;
        for (const char *word = pairs->word[i];; word++) {
            size_t length = strcspn(word, ","), found = find_input(all, word, length);
            if (found == all->count) {
                pack_complain("--pair %s: \"%.*s\" is none of the FILEs", pairs->word[i],
                              (int)length, word);
                return TOOL_USAGE;
            }
            if (first == all->count)
                first = found;
            pack_name_join(all->group, all->count, first, found);
            word += length;
            if (*word == '\0')
                break;
        }
    }
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->input[i].name;
    size_t lonely = pack_name_pairs(names, all->count, all->group);
    if (lonely < all->count)
        pack_complain("there are several modules that %s may be for; it gets a hash of its own, "
                      "unless --pair MODULE,%s says which one",
                      names[lonely], names[lonely]);
    return TOOL_OK;
}

/* The hash of the group of which i is the first. */
static const char *hash_group(pack_run *run, const struct inputs *all, size_t i)
{
    const struct pack_file **files = pack_pool_get(&run->pool, all->count * sizeof *files);
    char digest[SHA256_HEX_SIZE];
    uint8_t bytes[SHA256_SIZE];
    size_t count = 0;
    sha256 hash;

    for (size_t k = i; k < all->count; k++) {
        if (all->group[k] != i)
            continue;
        size_t at = count++;
        for (; at > 0 && strcmp(files[at - 1]->name, all->input[k].name) > 0; at--)
            files[at] = files[at - 1];
        files[at] = all->input[k].file;
    }
    if (count == 1 && pack_rewrite_language(files[0]->name) != PACK_SCRIPT)
        return pack_pool_string(&run->pool, files[0]->digest, PACK_HASH_DIGITS);
    const char *rules =
        pack_pool_format(&run->pool, "pair, rewritten by rules %d\n", REWRITE_RULES);
    sha256_init(&hash);
    sha256_add(&hash, rules, strlen(rules));
    for (size_t k = 0; k < count; k++) {
        const char *line =
            pack_pool_format(&run->pool, "%s %s\n", files[k]->digest, files[k]->name);
        sha256_add(&hash, line, strlen(line));
    }
    sha256_finish(&hash, bytes);
    sha256_write_hex(bytes, digest);
    return pack_pool_string(&run->pool, digest, PACK_HASH_DIGITS);
}

/* ---- references within a pair ---------------------------------------------------------------- */

struct scope {
    const struct inputs *all;
    size_t group;
    bool inside;        /* whether to look among the group's files, or among all others */
    const char **other; /* the last name that was found outside */
};

static const char *hash_in_scope(const void *context, const char *name)
{
    const struct scope *scope = context;

    for (size_t i = 0; i < scope->all->count; i++) {
        if ((scope->all->group[i] == scope->group) == scope->inside &&
            strcmp(scope->all->input[i].name, name) == 0) {
            if (scope->other != NULL)
                *scope->other = scope->all->input[i].name;
            return scope->all->hash[i];
        }
    }
    return NULL;
}

static char *read_staged(pack_run *run, const char *staged, size_t *length)
{
    int fd = pack_folder_open_staged(&run->folder, staged, false);
    char *text = fd < 0 ? NULL : pack_read_all(fd, SCRIPT_MAX, length);

    if (fd >= 0)
        close(fd);
    return text;
}

/* Puts a new text in place of a staged input. */
static enum tool_exit restage(pack_run *run, struct input *input, const char *text, size_t length)
{
    input->staged = pack_folder_stage(&run->folder, &run->pool);
    input->file->size = length;
    sha256_hex(text, length, input->file->digest);
    return pack_folder_write(&run->folder, input->staged, text, length);
}

/* Points a script to the other files of its pair, and says where it refers to files that are not of
 * it: their names would change under a hash that does not. */
static enum tool_exit rewrite_script(pack_run *run, struct inputs *all, size_t i)
{
    struct input *input = &all->input[i];
    const char *other = NULL;
    struct scope inside = {all, all->group[i], true, NULL};
    struct scope outside = {all, all->group[i], false, &other};
    struct pack_rules rules = {.language = PACK_SCRIPT,
                               .file = input->name,
                               .base = run->options->base,
                               .hash_of = hash_in_scope,
                               .context = &outside};
    struct pack_rewritten result;
    enum tool_exit status = TOOL_OK;
    size_t length;
    char *text;

    if (input->file->size > SCRIPT_MAX)
        return TOOL_OK;
    text = read_staged(run, input->staged, &length);
    if (text == NULL) {
        pack_complain("%s: %s", input->path, strerror(errno));
        return TOOL_FAILED;
    }
    result = pack_rewrite(&rules, text, length);
    if (result.text != NULL && result.references > 0)
        pack_complain("%s refers to %s, which is no pair with it: left as it is; --pair %s,%s "
                      "gives them one hash",
                      input->name, other, input->name, other);
    free(result.text);
    rules.context = &inside;
    result = pack_rewrite(&rules, text, length);
    if (result.text == NULL) {
        pack_complain("out of memory");
        status = TOOL_FAILED;
    } else if (result.len != length || memcmp(result.text, text, length) != 0) {
        status = restage(run, input, result.text, result.len);
    }
    free(result.text);
    free(text);
    return status;
}

/* ---- what DIR has ---------------------------------------------------------------------------- */

static struct timespec later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec) ? a : b;
}

/* Keeps of a file's forms those that are there, and makes sure that none is older than the raw
 * file. */
static enum tool_exit keep_forms(pack_run *run, const struct pack_version *version,
                                 struct pack_file *file, struct timespec raw_time)
{
    struct pack_form **at = &file->forms;
    struct stat there;

    while (*at != NULL) {
        struct pack_form *form = *at;
        if (!form->useless) {
            const char *name = pack_state_form_name(&run->pool, version, file, form);
            enum pack_there kind = pack_folder_look(&run->folder, name, &there);
            if (kind == PACK_OBSTACLE)
                return TOOL_REFUSED;
            if (kind == PACK_ABSENT ||
                !pack_folder_has(&run->folder, name, form->size, form->digest)) {
                *at = form->next;
                continue;
            }
            if (there.st_mtim.tv_sec < raw_time.tv_sec) {
                pack_run_note(run, "renewed the time of %s: it was older than its raw file", name);
                pack_run_output(run, NULL, name, later(run->now, raw_time));
            }
        }
        at = &form->next;
    }
    return TOOL_OK;
}

/* The size and digest that a journal has of a form, where the form is there with them. */
static bool adopt(pack_run *run, const char *name, struct pack_form *form)
{
    for (const struct pack_known *known = run->known; known != NULL; known = known->next) {
        if (strcmp(known->name, name) == 0 &&
            pack_folder_has(&run->folder, name, known->size, known->digest)) {
            form->size = known->size;
            memcpy(form->digest, known->digest, sizeof form->digest);
            return true;
        }
    }
    return false;
}

/* Makes a task of a form, unless the file has it. old: of a delta. */
static enum tool_exit want_form(pack_run *run, struct pack_task *like, enum coding coding,
                                const char *old, const struct pack_file *old_file)
{
    struct pack_form *form = pack_pool_get(&run->pool, sizeof *form);
    struct stat there;

    form->coding = coding;
    if (old_file != NULL)
        memcpy(form->dictionary, old_file->digest, sizeof form->dictionary);
    if (pack_state_find_form(like->file, coding, form->dictionary) != NULL)
        return TOOL_OK;
    const char *name = pack_state_form_name(&run->pool, like->version, like->file, form);
    switch (pack_folder_look(&run->folder, name, &there)) {
    case PACK_OBSTACLE: return TOOL_REFUSED;
    case PACK_ABSENT: break;
    case PACK_FILE:
        if (adopt(run, name, form)) {
            pack_state_put_form(like->file, form);
            return TOOL_OK;
        }
        if (!pack_run_knows(run, name, NULL) && !run->options->force) {
            pack_complain("%s/%s is in the way: it is not pack's; remove it, or use --force",
                          run->folder.path, name);
            return TOOL_REFUSED;
        }
    }
    struct pack_task *task = pack_pool_get(&run->pool, sizeof *task);
    *task = *like;
    task->form = form;
    task->old = old;
    task->old_file = old_file;
    task->next = NULL;
    *run->tasks_tail = task;
    run->tasks_tail = &task->next;
    return TOOL_OK;
}

static enum tool_exit want_forms(pack_run *run, struct pack_task *like)
{
    unsigned left = run->options->deltas;

    if (like->file->size == 0)
        return TOOL_OK;
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        enum coding coding = (enum coding)c;
        if (!coding_in(run->options->variants, coding) || !encoder_can(coding, false))
            continue;
        enum tool_exit status = want_form(run, like, coding, NULL, NULL);
        if (status != TOOL_OK)
            return status;
    }
    for (const struct pack_version *old = like->version->next; old != NULL && left > 0;
         old = old->next) {
        const struct pack_file *file = pack_state_file(old, like->file->name);
        if (file == NULL)
            continue;
        left--;
        const char *name = pack_state_file_name(&run->pool, old, file);
        struct stat there;
        if (file->size == 0 || file->size > DELTA_OLD_MAX ||
            pack_folder_look(&run->folder, name, &there) != PACK_FILE)
            continue;
        for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
            if (!delta_can((enum coding)c))
                continue;
            enum tool_exit status = want_form(run, like, (enum coding)c, name, file);
            if (status != TOOL_OK)
                return status;
        }
    }
    return TOOL_OK;
}

/* One file of a version that is in the state: its raw file and its forms. */
static enum tool_exit plan_file(pack_run *run, struct pack_version *version, struct pack_file *file,
                                const char *staged, bool *incomplete)
{
    struct pack_task like = {.version = version, .file = file, .mtime = run->now};
    const char *name = pack_state_file_name(&run->pool, version, file);
    struct pack_task **tasks = run->tasks_tail;
    struct stat there;

    switch (pack_folder_look(&run->folder, name, &there)) {
    case PACK_OBSTACLE: return TOOL_REFUSED;
    case PACK_ABSENT: like.raw_staged = true; break;
    case PACK_FILE:
        like.raw_staged = !pack_folder_has(&run->folder, name, file->size, file->digest);
        if (like.raw_staged && !pack_run_knows(run, name, NULL) && !run->options->force) {
            pack_complain("%s/%s is in the way: it has other content, and is not pack's; remove "
                          "it, or use --force",
                          run->folder.path, name);
            return TOOL_REFUSED;
        }
        if (!like.raw_staged)
            like.mtime = later(run->now, there.st_mtim);
    }
    like.raw = like.raw_staged ? staged : name;
    if (like.raw_staged)
        pack_run_output(run, staged, name, run->now);
    enum tool_exit status =
        keep_forms(run, version, file, like.raw_staged ? run->now : there.st_mtim);
    if (status == TOOL_OK)
        status = want_forms(run, &like);
    *incomplete |= like.raw_staged || tasks != run->tasks_tail;
    return status;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* Takes what is known of an earlier version with the same hash. */
static enum tool_exit inherit(struct pack_version *version, const struct pack_version *earlier)
{
    for (struct pack_file *file = version->files; file != NULL; file = file->next) {
        struct pack_file *known = pack_state_file(earlier, file->name);
        if (known == NULL)
            continue;
        if (strcmp(known->digest, file->digest) != 0) {
            pack_complain("%s: the manifest has other content under the same hash %s", file->name,
                          version->hash);
            return TOOL_REFUSED;
        }
        file->forms = known->forms;
    }
    return TOOL_OK;
}

static const char *verdict(const struct pack_version *earlier, bool was_current, bool incomplete)
{
    if (earlier == NULL)
        return "new";
    if (!was_current)
        return "current again";
    return incomplete ? "completed" : "unchanged";
}

/* The group of which i is the first becomes a version of the state. */
static enum tool_exit plan_group(pack_run *run, struct inputs *all, size_t i)
{
    struct pack_version *version = pack_pool_get(&run->pool, sizeof *version), *earlier = NULL;
    enum tool_exit status = TOOL_OK;
    bool incomplete = false, was_current = false;
    const char *parted;

    memcpy(version->hash, all->hash[i], PACK_HASH_DIGITS);
    for (size_t k = i; k < all->count; k++)
        if (all->group[k] == i)
            pack_state_put_file(version, all->input[k].file);
    parted = pack_state_parted(&run->state, version);
    if (parted != NULL && !run->options->force) {
        pack_complain("%s is a pair with %s: give both, or part them with --force",
                      version->files->name, parted);
        return TOOL_REFUSED;
    }
    struct pack_unit *unit = pack_state_unit(&run->state, version->files->name);
    if (unit != NULL && parted == NULL) {
        earlier = pack_state_version(unit, version->hash);
        was_current = earlier != NULL && earlier == unit->current;
    }
    if (earlier != NULL)
        status = inherit(version, earlier);
    if (status != TOOL_OK)
        return status;
    pack_state_add(&run->pool, &run->state, version);
    for (size_t k = i; k < all->count && status == TOOL_OK; k++)
        if (all->group[k] == i)
            status = plan_file(run, version, all->input[k].file, all->input[k].staged, &incomplete);
    if (status != TOOL_OK)
        return status;
    pack_state_trim(version, run->options->keep);
    for (const struct pack_file *file = version->files; file != NULL; file = file->next)
        pack_run_note(run, "%s %s", verdict(earlier, was_current, incomplete),
                      pack_state_file_name(&run->pool, version, file));
    return TOOL_OK;
}

enum tool_exit pack_plan_versions(pack_run *run)
{
    struct inputs all = {.count = 0};
    enum tool_exit status = name_inputs(run, &all);

    for (size_t i = 0; i < all.count && status == TOOL_OK; i++)
        status = stage_input(run, &all.input[i]);
    if (status == TOOL_OK)
        status = join_pairs(run, &all);
    if (status != TOOL_OK)
        return status;
    for (size_t i = 0; i < all.count; i++)
        all.hash[i] = all.group[i] == i ? hash_group(run, &all, i) : all.hash[all.group[i]];
    for (size_t i = 0; i < all.count && status == TOOL_OK; i++)
        if (pack_rewrite_language(all.input[i].name) == PACK_SCRIPT)
            status = rewrite_script(run, &all, i);
    for (size_t i = 0; i < all.count && status == TOOL_OK; i++)
        if (all.group[i] == i)
            status = plan_group(run, &all, i);
    return status;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void describe_job(pack_run *run, const struct pack_task *task, struct pack_job *job)
{
    job->label = pack_state_form_name(&run->pool, task->version, task->file, task->form);
    job->staged = pack_folder_stage(&run->folder, &run->pool);
    job->raw = task->raw;
    job->raw_staged = task->raw_staged;
    job->raw_size = task->file->size;
    job->coding = task->form->coding;
    job->old = task->old;
    if (task->old != NULL) {
        job->old_size = task->old_file->size;
        job->old_digest = task->old_file->digest;
    }
}

/* What is sent to a client without a dictionary at best. */
static uint64_t smallest(const struct pack_file *file)
{
    uint64_t size = file->size;

    for (const struct pack_form *form = file->forms; form != NULL; form = form->next)
        if (!form->useless && !coding_needs_dictionary(form->coding) && form->size < size)
            size = form->size;
    return size;
}

/* The result of a task becomes a form of its file. */
static void take_result(pack_run *run, const struct pack_task *task, const struct pack_job *job)
{
    const struct pack_outcome *outcome = &job->outcome;
    struct pack_form *form = task->form;

    if (outcome->result == PACK_JOB_CHANGED)
        return;
    form->useless = outcome->result == PACK_JOB_LARGER;
    if (outcome->result == PACK_JOB_MADE && task->old != NULL &&
        outcome->size >= smallest(task->file)) {
        pack_tell("left out %s: a variant is smaller", job->label);
        form->useless = true;
    }
    if (!form->useless) {
        form->size = outcome->size;
        memcpy(form->digest, outcome->digest, sizeof form->digest);
        pack_run_output(run, job->staged, job->label, task->mtime);
    }
    pack_state_put_form(task->file, form);
}

enum tool_exit pack_plan_make(pack_run *run)
{
    size_t count = 0, i = 0;
    struct pack_job *jobs;
    enum tool_exit status;

    for (const struct pack_task *task = run->tasks; task != NULL; task = task->next)
        count++;
    if (count == 0)
        return TOOL_OK;
    jobs = pack_pool_get(&run->pool, count * sizeof *jobs);
    for (const struct pack_task *task = run->tasks; task != NULL; task = task->next)
        describe_job(run, task, &jobs[i++]);
    status = pack_jobs_run(&run->folder, jobs, count, run->options->threads, run->options->memory);
    if (status != TOOL_OK)
        return status;
    /* A delta is compared with the variants, so those come first. */
    for (int deltas = 0; deltas < 2; deltas++) {
        i = 0;
        for (const struct pack_task *task = run->tasks; task != NULL; task = task->next, i++)
            if ((task->old != NULL) == deltas)
                take_result(run, task, &jobs[i]);
    }
    return TOOL_OK;
}

/* ---- going back ------------------------------------------------------------------------------ */

struct check {
    pack_run *run;
    bool good;
};

static void check_file(void *context, const char *name, uint64_t size, const char *digest)
{
    struct check *check = context;

    if (!pack_folder_has(&check->run->folder, name, size, digest)) {
        pack_complain("%s/%s is not there, or not as it was packed", check->run->folder.path, name);
        check->good = false;
    }
}

enum tool_exit pack_plan_back(pack_run *run)
{
    const pack_words *names = &run->options->files;
    struct check check = {run, true};

    for (size_t i = 0; i < names->count; i++) {
        struct pack_unit *unit = pack_state_unit(&run->state, names->word[i]);
        if (unit == NULL) {
            pack_complain("%s was not packed into %s; --rollback takes names as they were then, "
                          "without a hash",
                          names->word[i], run->folder.path);
            return TOOL_REFUSED;
        }
        for (size_t k = 0; k < i; k++) {
            if (pack_state_unit(&run->state, names->word[k]) == unit) {
                pack_complain("%s and %s are a pair, or the same: one of them is enough",
                              names->word[k], names->word[i]);
                return TOOL_USAGE;
            }
        }
        const char *why = pack_state_back(&run->state, unit);
        if (why != NULL) {
            pack_complain("%s %s", names->word[i], why);
            return TOOL_REFUSED;
        }
        pack_state_visit(&run->pool, unit->current, check_file, &check);
        for (const struct pack_file *file = unit->current->files; file != NULL; file = file->next)
            pack_run_note(run, "back to %s", pack_state_file_name(&run->pool, unit->current, file));
    }
    if (!check.good)
        pack_complain("nothing was changed; pack the old files again");
    return check.good ? TOOL_OK : TOOL_REFUSED;
}
