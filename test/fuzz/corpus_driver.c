/* SPDX-License-Identifier: Apache-2.0
 * corpus_driver.c — runs a fuzz target over its saved corpus in the normal test, without libFuzzer.
 *
 * usage:   TARGET CORPUS_DIR [ROUNDS]
 * How:     Every file of the directory is handed to the target as it is, then ROUNDS times
 *          (default 400) with a few random changes: bits, bytes and runs overwritten, inserted,
 *          removed, cut off or taken from another file of the corpus. The random numbers come from
 *          a fixed seed and the file's name, so that a failure comes back on the next run. An input
 *          that crashes the target, trips a sanitizer or takes longer than ten seconds is written
 *          to `crash-<target>` in the working directory and named on stdout. Prints
 *          "ok TARGET/FILE" or "not ok TARGET/FILE: why", which test/run counts.
 * Inputs:  As with libFuzzer the bytes handed over end where the allocation ends, so that a
 *          sanitizer sees the first byte too many.
 * Memory:  The corpus is held in memory as a whole; one buffer for each run, freed after it.
 * Threads: Single-threaded; the signal handler uses only what may be used in one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
/* Of the sanitizer runtimes; null in a plain build. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

#define DEFAULT_ROUNDS  400
#define SECONDS_FOR_ONE 10
/* What all mutations of one file may read together: large files get fewer rounds. */
#define BYTES_FOR_ONE_FILE   ((size_t)256 << 20)
#define MOST_CHANGES_AT_ONCE 8

typedef struct {
    char *name;
    uint8_t *data;
    size_t size;
} corpus_file;

/* What is being run, for the crash handler. */
static const char *target;
static const char *current_name;
static const uint8_t *current_data;
static size_t current_size;
static char crash_path[256];

static void put(const char *text)
{
    ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));
    (void)ignored;
}

/* Saves the input that did it. Only async-signal-safe calls. */
static void report_crash(const char *why)
{
    if (!current_name)
        return;
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    size_t done = 0;
    while (fd >= 0 && done < current_size) {
        ssize_t n = write(fd, current_data + done, current_size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    put("not ok ");
    put(target);
    put("/");
    put(current_name);
    put(": ");
    put(why);
    put("; the input is in ");
    put(crash_path);
    put("\n");
    current_name = NULL;
}

static void on_signal(int number)
{
    report_crash(number == SIGALRM ? "takes longer than ten seconds" : "crash");
    signal(number, SIG_DFL);
    raise(number);
}

static void on_sanitizer_death(void)
{
    report_crash("sanitizer report");
}

/* xorshift64*: good enough to pick places, the same on every machine. */
static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

/* A number below limit; 0 where limit is 0. */
static size_t random_below(size_t limit)
{
    return limit ? (size_t)(random_next() % limit) : 0;
}

static void random_seed(const char *name)
{
    random_state = UINT64_C(0xcbf29ce484222325); /* FNV-1a over the name */
    for (; *name; name++)
        random_state = (random_state ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    random_state |= 1; /* the generator's one forbidden state is 0 */
}

/* Values at which lengths, counts and LEB128 numbers go wrong; several bytes as one change. */
static const struct {
    uint8_t bytes[6];
    uint8_t size;
} edge[] = {
    {{0x00}, 1},
    {{0x7f}, 1},
    {{0x80}, 1},
    {{0xff}, 1},
    {{0x80, 0x00}, 2},
    {{0xff, 0x7f}, 2},
    {{0x80, 0x80, 0x04}, 3},
    {{0xff, 0xff, 0xff, 0xff, 0x0f}, 5},
    {{0xff, 0xff, 0xff, 0xff, 0x1f}, 5},
    {{0x80, 0x80, 0x80, 0x80, 0x08}, 5},
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}, 6},
    {{'0', '.', '0', '0', '1'}, 5},
    {{',', ' ', ';', 'q', '=', '1'}, 6},
};

/* One change of data[0..*size), which has room for `room` bytes. */
static void mutate_once(uint8_t *data, size_t *size, size_t room, const corpus_file *other)
{
    size_t at = random_below(*size + 1), n;

    switch (random_below(8)) {
    case 0: /* a bit */
        if (at < *size)
            data[at] ^= (uint8_t)(1u << random_below(8));
        break;
    case 1: /* a byte */
        if (at < *size)
            data[at] = (uint8_t)random_next();
        break;
    case 2: /* an edge value over what is there */
    {
        size_t row = random_below(sizeof edge / sizeof edge[0]);
        for (n = 0; n < edge[row].size && at + n < *size; n++)
            data[at + n] = edge[row].bytes[n];
        break;
    }
    case 3: /* an edge value in between */
    {
        size_t row = random_below(sizeof edge / sizeof edge[0]);
        n = edge[row].size;
        if (n > room - *size)
            break;
        memmove(data + at + n, data + at, *size - at);
        memcpy(data + at, edge[row].bytes, n);
        *size += n;
        break;
    }
    case 4: /* a run removed */
        n = random_below(*size - at + 1);
        if (n > 16)
            n = 1 + random_below(16);
        memmove(data + at, data + at + n, *size - at - n);
        *size -= n;
        break;
    case 5: /* the end cut off */
        if (random_below(4) == 0)
            *size = at;
        break;
    case 6: /* a run doubled */
        n = random_below(*size - at + 1);
        if (n > 64)
            n = 1 + random_below(64);
        if (n > room - *size)
            break;
        memmove(data + at + n, data + at, *size - at);
        *size += n;
        break;
    default: /* a run of another file */
        if (other->size == 0)
            break;
        n = 1 + random_below(other->size < 64 ? other->size : 64);
        {
            size_t from = random_below(other->size - n + 1);
            for (size_t i = 0; i < n && at + i < *size; i++)
                data[at + i] = other->data[from + i];
        }
        break;
    }
}

/* Runs the target on a copy of exactly `size` bytes. */
static void run_one(const char *name, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy) {
        fprintf(stderr, "%s: out of memory\n", target);
        exit(2);
    }
    if (size)
        memcpy(copy, data, size);
    current_data = copy;
    current_size = size;
    current_name = name;
    alarm(SECONDS_FOR_ONE);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    current_name = NULL;
    free(copy);
}

static void run_file(const corpus_file *files, size_t count, size_t which, unsigned long rounds)
{
    const corpus_file *file = &files[which];
    size_t room = file->size + 256;
    uint8_t *scratch = malloc(room);

    if (!scratch) {
        fprintf(stderr, "%s: out of memory\n", target);
        exit(2);
    }
    run_one(file->name, file->data, file->size);
    random_seed(file->name);
    if (file->size && rounds > BYTES_FOR_ONE_FILE / file->size)
        rounds = BYTES_FOR_ONE_FILE / file->size;
    for (unsigned long round = 0; round < rounds; round++) {
        size_t size = file->size;
        if (size)
            memcpy(scratch, file->data, size);
        for (size_t changes = 1 + random_below(MOST_CHANGES_AT_ONCE); changes > 0; changes--)
            mutate_once(scratch, &size, room, &files[random_below(count)]);
        run_one(file->name, scratch, size);
    }
    free(scratch);
    printf("ok %s/%s\n", target, file->name);
    fflush(stdout);
}

/* Reads a whole file; false if it is not a regular, readable one. */
static int read_file(const char *dir, const char *name, corpus_file *file)
{
    char path[4096];
    FILE *in;
    long size;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    in = fopen(path, "rb");
    if (!in)
        return 0;
    if (fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 0 || fseek(in, 0, SEEK_SET) != 0) {
        fclose(in);
        return 0;
    }
    file->size = (size_t)size;
    file->name = strdup(name);
    file->data = malloc(file->size ? file->size : 1);
    if (!file->name || !file->data || fread(file->data, 1, file->size, in) != file->size) {
        free(file->name);
        free(file->data);
        fclose(in);
        return 0;
    }
    fclose(in);
    return 1;
}

int main(int argc, char **argv)
{
    /* The first two are ours in any case; the others a sanitizer explains better itself. */
    static const int deadly[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    const char *slash = strrchr(argv[0], '/');
    struct dirent **entries;
    size_t count = 0;

    target = slash ? slash + 1 : argv[0];
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_DIR [ROUNDS]\n", target);
        return 64;
    }
    snprintf(crash_path, sizeof crash_path, "crash-%.200s", target);
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : DEFAULT_ROUNDS;

    /* Sorted, so that "another file of the corpus" is the same one everywhere. */
    int found = scandir(argv[1], &entries, NULL, alphasort);
    corpus_file *files = found > 0 ? calloc((size_t)found, sizeof *files) : NULL;
    for (int i = 0; i < found; i++) {
        if (files && entries[i]->d_name[0] != '.' &&
            read_file(argv[1], entries[i]->d_name, &files[count]))
            count++;
        free(entries[i]);
    }
    if (found >= 0)
        free(entries);
    if (count == 0) {
        printf("not ok %s: no corpus in %s\n", target, argv[1]);
        free(files);
        return 1;
    }
    size_t own = __sanitizer_set_death_callback ? 2 : sizeof deadly / sizeof deadly[0];
    for (size_t i = 0; i < own; i++)
        signal(deadly[i], on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(on_sanitizer_death);
    for (size_t i = 0; i < count; i++)
        run_file(files, count, i, rounds);
    for (size_t i = 0; i < count; i++) {
        free(files[i].name);
        free(files[i].data);
    }
    free(files);
    return 0;
}
