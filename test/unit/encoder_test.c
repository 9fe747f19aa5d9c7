/* SPDX-License-Identifier: Apache-2.0
 * encoder_test.c — what the encoders write is decoded by the libraries of the codings and compared,
 * in every coding, effort, size of buffer and order of operations.
 * layers: delivery
 *
 * How:     run() drives an encoder over an input in pieces and collects the output through a buffer
 *          of a given size; decode() is the other side, by zlib, libbrotlidec and libzstd, and
 *          takes incomplete streams too, which is what a flush leaves. The content is made by a
 *          small generator: words out of a table that is drawn by chance, which compresses about as
 *          code does. Windows are read off the first bytes, as a decoder does it.
 * Memory:  Each test frees what it makes; the sanitizer build looks for leaks.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include <brotli/decode.h>
#include <zlib.h>

#include "encoder.h"
#include "variant.h"

#if __has_include(<zstd.h>)
#include <zstd.h>
#endif

struct bytes {
    uint8_t *at;
    size_t len, room;
};

static void append(struct bytes *to, const void *data, size_t len)
{
    if (to->len + len > to->room) {
        to->room = (to->len + len) * 2;
        to->at = realloc(to->at, to->room);
        if (to->at == NULL) {
            abort();
        }
    }
    if (len > 0) {
        memcpy(to->at + to->len, data, len);
    }
    to->len += len;
}

/* The same for the same seed. */
static struct bytes content(size_t len, uint32_t seed)
{
    struct bytes made = {0};
    uint8_t words[256][12];

    for (size_t i = 0; i < sizeof(words); i++) {
        seed = seed * 1664525 + 1013904223;
        words[i / 12][i % 12] = (uint8_t)(seed >> 24);
    }
    append(&made, words, 0);
    while (made.len < len) {
        seed = seed * 1664525 + 1013904223;
        size_t n = 1 + (seed >> 28) % 12;
        append(&made, words[(seed >> 16 & 15) * (seed >> 20 & 15)],
               n < len - made.len ? n : len - made.len);
    }
    return made;
}

/* ---- the other side */

/* Decodes as much of the stream as there is. Returns whether it was complete. */
static bool decode_gzip(const struct bytes *in, struct bytes *out)
{
    z_stream z = {.next_in = in->at, .avail_in = (uInt)in->len};
    uint8_t piece[4096];
    int said = inflateInit2(&z, 15 + 16);

    while (said == Z_OK) {
        z.next_out = piece;
        z.avail_out = sizeof(piece);
        said = inflate(&z, Z_SYNC_FLUSH);
        append(out, piece, sizeof(piece) - z.avail_out);
    }
    bool complete = said == Z_STREAM_END && z.avail_in == 0;
    CHECK(said == Z_STREAM_END || said == Z_BUF_ERROR);
    inflateEnd(&z);
    return complete;
}

static bool decode_br(const struct bytes *in, struct bytes *out, const struct bytes *dictionary)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *next = in->at;
    size_t left = in->len;
    uint8_t piece[4096];
    BrotliDecoderResult said;

#if __has_include(<brotli/shared_dictionary.h>)
    if (dictionary != NULL) {
        CHECK(BrotliDecoderAttachDictionary(state, BROTLI_SHARED_DICTIONARY_RAW, dictionary->len,
                                            dictionary->at));
    }
#else
    CHECK(dictionary == NULL);
#endif
    do {
        uint8_t *to = piece;
        size_t room = sizeof(piece);
        said = BrotliDecoderDecompressStream(state, &left, &next, &room, &to, NULL);
        append(out, piece, sizeof(piece) - room);
    } while (said == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || BrotliDecoderHasMoreOutput(state));
    CHECK(said != BROTLI_DECODER_RESULT_ERROR);
    BrotliDecoderDestroyInstance(state);
    return said == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
}

static bool decode_zstd(const struct bytes *in, struct bytes *out, const struct bytes *dictionary)
{
#if __has_include(<zstd.h>)
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in->at, in->len, 0};
    uint8_t piece[4096];
    size_t said, had;

    if (dictionary != NULL) {
        CHECK(!ZSTD_isError(ZSTD_DCtx_refPrefix(z, dictionary->at, dictionary->len)));
    } else {
        /* As browsers do it: 8 MiB and no more. */
        CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 23)));
    }
    do {
        ZSTD_outBuffer to = {piece, sizeof(piece), 0};
        said = ZSTD_decompressStream(z, &to, &from);
        had = ZSTD_isError(said) ? 0 : to.pos;
        append(out, piece, had);
    } while (!ZSTD_isError(said) && said != 0 && (from.pos < from.size || had == sizeof(piece)));
    CHECK_EQ_STR(ZSTD_isError(said) ? ZSTD_getErrorName(said) : "", "");
    ZSTD_freeDCtx(z);
    return said == 0 && from.pos == from.size;
#else
    (void)in, (void)out, (void)dictionary;
    return false;
#endif
}

static bool decode(enum coding coding, const struct bytes *in, struct bytes *out,
                   const struct bytes *dictionary)
{
    out->len = 0;
    switch (coding) {
    case CODING_GZIP: return decode_gzip(in, out);
    case CODING_BR: return decode_br(in, out, dictionary);
    case CODING_ZSTD: return decode_zstd(in, out, dictionary);
    default: return false;
    }
}

/* ---- this side */

/* One operation with its input, through buffers of so many bytes. Returns how it ended. */
static enum encoder_status run(encoder *e, enum encoder_op op, const uint8_t *in, size_t in_len,
                               size_t buffer, struct bytes *out)
{
    uint8_t *piece = malloc(buffer); /* of exactly that size, for the sanitizers */
    enum encoder_status status;

    do {
        uint8_t *to = piece;
        size_t room = buffer;
        status = encoder_run(e, op, &in, &in_len, &to, &room);
        CHECK_EQ_UINT((size_t)(to - piece), buffer - room);
        append(out, piece, buffer - room);
        CHECK(status != ENCODER_MORE || room == 0);
        CHECK(status != ENCODER_DONE || in_len == 0);
    } while (status == ENCODER_MORE);
    free(piece);
    return status;
}

/* The whole input in pieces. */
static enum encoder_status encode(const struct encoder_options *options, const struct bytes *in,
                                  size_t piece, size_t buffer, struct bytes *out)
{
    encoder *e = encoder_create(options);
    enum encoder_status status = ENCODER_DONE;
    size_t at = 0;

    out->len = 0;
    if (!CHECK(e != NULL)) {
        return ENCODER_FAILED;
    }
    for (; status == ENCODER_DONE && in->len - at > piece; at += piece) {
        status = run(e, ENCODER_PROCESS, in->at + at, piece, buffer, out);
    }
    if (status == ENCODER_DONE) {
        status = run(e, ENCODER_FINISH, in->at + at, in->len - at, buffer, out);
    }
    encoder_destroy(e);
    return status;
}

static void check_round_trip(const struct encoder_options *options, const struct bytes *in,
                             size_t piece, size_t buffer)
{
    struct bytes dictionary = {(uint8_t *)options->dictionary, options->dictionary_len, 0};
    struct bytes coded = {0}, back = {0};

    CHECK_EQ_INT(encode(options, in, piece, buffer, &coded), ENCODER_DONE);
    CHECK(decode(options->coding, &coded, &back, options->dictionary ? &dictionary : NULL));
    CHECK_EQ_MEM(back.at, back.len, in->at, in->len);
    free(coded.at);
    free(back.at);
}

/* Every coding of this build; CODING is set in the statement that follows. */
#define EACH_CODING(coding)                                                                        \
    for (enum coding coding = CODING_BR; coding < CODING_COUNT; coding++)                          \
        if (encoder_can(coding, false))

TEST(what_there_is)
{
    CHECK(!encoder_can(CODING_IDENTITY, false));
    CHECK(encoder_can(CODING_GZIP, false));
    CHECK(!encoder_can(CODING_GZIP, true));
    CHECK(encoder_can(CODING_BR, false));
    CHECK_EQ_INT(encoder_can(CODING_ZSTD, true), encoder_can(CODING_ZSTD, false));
    CHECK(encoder_create(&(struct encoder_options){.coding = CODING_IDENTITY}) == NULL);
    CHECK(encoder_create(&(struct encoder_options){.coding = CODING_GZIP,
                                                   .dictionary = (const uint8_t *)"x",
                                                   .dictionary_len = 1}) == NULL);
}

TEST(round_trips)
{
    static const size_t sizes[] = {0, 1, 63, 5000, 300000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bytes in = content(sizes[i], 1);
        EACH_CODING(coding)
        {
            for (int best = 0; best <= 1; best++) {
                struct encoder_options options = {.coding = coding,
                                                  .effort = best ? ENCODER_BEST : ENCODER_FAST,
                                                  .size_hint = UINT64_MAX};
                CASE("%s, %zu bytes, best %d", coding_info(coding)->token, sizes[i], best);
                check_round_trip(&options, &in, 7000, 4096);
                options.size_hint = sizes[i];
                check_round_trip(&options, &in, SIZE_MAX, 70000);
            }
        }
        free(in.at);
    }
}

TEST(every_level)
{
    struct bytes in = content(20000, 2);

    EACH_CODING(coding)
    {
        for (int level = -2; level <= 24; level++) {
            struct encoder_options options = {
                .coding = coding, .level = level, .size_hint = in.len};
            CASE("%s, level %d", coding_info(coding)->token, level);
            check_round_trip(&options, &in, SIZE_MAX, 4096);
        }
    }
    free(in.at);
}

TEST(best_is_smaller_than_fast)
{
    struct bytes in = content(300000, 3), fast = {0}, best = {0};

    EACH_CODING(coding)
    {
        struct encoder_options options = {.coding = coding, .size_hint = in.len};
        CASE("%s", coding_info(coding)->token);
        encode(&options, &in, SIZE_MAX, 65536, &fast);
        options.effort = ENCODER_BEST;
        encode(&options, &in, SIZE_MAX, 65536, &best);
        CHECK(best.len < fast.len && fast.len < in.len / 2);
    }
    free(in.at);
    free(fast.at);
    free(best.at);
}

TEST(tiny_buffers)
{
    struct bytes in = content(3000, 4);

    EACH_CODING(coding)
    {
        struct encoder_options options = {.coding = coding, .size_hint = UINT64_MAX};
        for (size_t buffer = 1; buffer <= 80; buffer += buffer < 8 ? 1 : 13) {
            CASE("%s, buffers of %zu", coding_info(coding)->token, buffer);
            check_round_trip(&options, &in, 1000, buffer);
        }
        CASE("%s, pieces of 1", coding_info(coding)->token);
        check_round_trip(&options, &in, 1, 50);
    }
    free(in.at);
}

TEST(no_room_is_no_failure)
{
    EACH_CODING(coding)
    {
        encoder *e =
            encoder_create(&(struct encoder_options){.coding = coding, .size_hint = UINT64_MAX});
        const uint8_t *in = (const uint8_t *)"abc";
        uint8_t byte, *out = &byte;
        size_t in_len = 3, none = 0;
        CASE("%s", coding_info(coding)->token);
        REQUIRE(e != NULL);
        CHECK_EQ_INT(encoder_run(e, ENCODER_FINISH, &in, &in_len, &out, &none), ENCODER_MORE);
        CHECK(out == &byte);
        encoder_destroy(e);
    }
}

TEST(a_flush_makes_everything_decodable)
{
    struct bytes in = content(40000, 5);

    EACH_CODING(coding)
    {
        static const size_t buffers[] = {1, 5, 6, 64, 65536};
        for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
            encoder *e = encoder_create(
                &(struct encoder_options){.coding = coding, .size_hint = UINT64_MAX});
            struct bytes coded = {0}, back = {0};
            size_t quiet;
            CASE("%s, buffers of %zu", coding_info(coding)->token, buffers[i]);
            REQUIRE(e != NULL);
            for (size_t at = 0; at < in.len; at += 8000) {
                run(e, ENCODER_PROCESS, in.at + at, 5000, buffers[i], &coded);
                CHECK_EQ_INT(run(e, ENCODER_FLUSH, in.at + at + 5000, 3000, buffers[i], &coded),
                             ENCODER_DONE);
                CHECK(!decode(coding, &coded, &back, NULL));
                CHECK_EQ_MEM(back.at, back.len, in.at, at + 8000);
            }
            /* A second one has nothing to say, and says at most a few bytes. */
            quiet = coded.len;
            CHECK_EQ_INT(run(e, ENCODER_FLUSH, NULL, 0, buffers[i], &coded), ENCODER_DONE);
            CHECK(coded.len - quiet <= 8);
            CHECK_EQ_INT(run(e, ENCODER_FINISH, NULL, 0, buffers[i], &coded), ENCODER_DONE);
            CHECK(decode(coding, &coded, &back, NULL));
            CHECK_EQ_MEM(back.at, back.len, in.at, in.len);
            encoder_destroy(e);
            free(coded.at);
            free(back.at);
        }
    }
    free(in.at);
}

TEST(a_flush_before_anything)
{
    EACH_CODING(coding)
    {
        encoder *e =
            encoder_create(&(struct encoder_options){.coding = coding, .size_hint = UINT64_MAX});
        struct bytes coded = {0}, back = {0};
        CASE("%s", coding_info(coding)->token);
        REQUIRE(e != NULL);
        CHECK_EQ_INT(run(e, ENCODER_FLUSH, NULL, 0, 100, &coded), ENCODER_DONE);
        CHECK_EQ_INT(run(e, ENCODER_PROCESS, NULL, 0, 100, &coded), ENCODER_DONE);
        CHECK_EQ_INT(run(e, ENCODER_FINISH, (const uint8_t *)"abc", 3, 100, &coded), ENCODER_DONE);
        CHECK(decode(coding, &coded, &back, NULL));
        CHECK_EQ_MEM(back.at, back.len, "abc", 3);
        encoder_destroy(e);
        free(coded.at);
        free(back.at);
    }
}

TEST(the_end_is_the_end)
{
    EACH_CODING(coding)
    {
        encoder *e = encoder_create(&(struct encoder_options){.coding = coding});
        struct bytes coded = {0};
        CASE("%s", coding_info(coding)->token);
        REQUIRE(e != NULL);
        CHECK_EQ_INT(run(e, ENCODER_FINISH, NULL, 0, 100, &coded), ENCODER_DONE);
        CHECK_EQ_INT(run(e, ENCODER_FINISH, NULL, 0, 100, &coded), ENCODER_FAILED);
        encoder_destroy(e);
        free(coded.at);
    }
}

/* ---- sizes that were announced */

TEST(a_wrong_hint_does_no_harm_as_it_is_sent)
{
    struct bytes in = content(20000, 6);

    EACH_CODING(coding)
    {
        static const uint64_t hints[] = {0, 1, 19999, 20001, 1u << 30, UINT64_MAX - 1};
        for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
            CASE("%s, hint %" PRIu64, coding_info(coding)->token, hints[i]);
            check_round_trip(&(struct encoder_options){.coding = coding, .size_hint = hints[i]},
                             &in, 3000, 4096);
        }
    }
    free(in.at);
}

TEST(a_broken_promise_is_a_failure)
{
    struct bytes in = content(20000, 7), coded = {0};

    EACH_CODING(coding)
    {
        for (int off = -1; off <= 1; off++) {
            struct encoder_options options = {
                .coding = coding, .effort = ENCODER_BEST, .size_hint = in.len + (uint64_t)off};
            CASE("%s, off by %d", coding_info(coding)->token, off);
            CHECK_EQ_INT(encode(&options, &in, 9000, 4096, &coded),
                         off == 0 ? ENCODER_DONE : ENCODER_FAILED);
        }
    }
    free(in.at);
    free(coded.at);
}

/* ---- windows */

/* What the header of the frame says, RFC 8878 §3.1.1.1; there is no dictionary id. */
static uint64_t zstd_window(const struct bytes *frame)
{
    const uint8_t *p = frame->at + 4;
    uint64_t size = 0;

    if ((p[0] & 0x20) == 0) {
        return ((uint64_t)1 << (10 + (p[1] >> 3))) / 8 * (8 + (p[1] & 7));
    }
    for (size_t i = p[0] >> 6 ? (size_t)1 << (p[0] >> 6) : 1; i > 0; i--) {
        size = size << 8 | p[i];
    }
    return size + (p[0] >> 6 == 1 ? 256 : 0);
}

/* RFC 7932 §9.1; the exponent. */
static unsigned brotli_window(uint8_t first)
{
    if ((first & 1) == 0) {
        return 16;
    }
    if ((first >> 1 & 7) != 0) {
        return 17 + (first >> 1 & 7);
    }
    return (first >> 4 & 7) == 0 ? 17 : 8 + (first >> 4 & 7);
}

/* The first bytes of an encoder that has been told this size, which may be a lie. */
static struct bytes head_of(const struct encoder_options *options)
{
    encoder *e = encoder_create(options);
    struct bytes head = {0};

    run(e, ENCODER_FLUSH, (const uint8_t *)"some bytes", 10, 4096, &head);
    encoder_destroy(e);
    return head;
}

TEST(windows_are_those_that_decoders_have)
{
    static const uint64_t sizes[] = {
        10, 1000, 65536, 1 << 20, 8 << 20, 14000000, 16 << 20, UINT64_C(1) << 33, UINT64_MAX};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        EACH_CODING(coding)
        {
            /* A level of each end; the lowest ones of brotli have no choice of window. */
            for (int level = 5; level <= 22; level += 17) {
                struct encoder_options options = {.coding = coding,
                                                  .effort = ENCODER_BEST,
                                                  .level = level,
                                                  .size_hint = sizes[i]};
                struct bytes head = head_of(&options);
                struct variant_facts facts = {.coding = coding,
                                              .regular = true,
                                              .size = head.len,
                                              .head = head.at,
                                              .head_len = head.len};
                CASE("%s, level %d, %" PRIu64 " bytes", coding_info(coding)->token, level,
                     sizes[i]);
                CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);
                if (coding == CODING_ZSTD) {
                    uint64_t window = zstd_window(&head);
                    CHECK(window <= 8 << 20);
                    CHECK(window == 8 << 20 || window >= sizes[i]);
                    CHECK(sizes[i] > 8 << 20 || window <= 2 * sizes[i] + 1024);
                } else if (coding == CODING_BR) {
                    uint64_t window = (UINT64_C(1) << brotli_window(head.at[0])) - 16;
                    CHECK(window == (16 << 20) - 16 || window >= sizes[i]);
                    CHECK(sizes[i] > 16 << 20 || window <= 2 * sizes[i] + 2048);
                }
                free(head.at);
            }
        }
    }
}

TEST(as_it_is_sent_windows_are_small)
{
    EACH_CODING(coding)
    {
        struct bytes head =
            head_of(&(struct encoder_options){.coding = coding, .level = 22, .size_hint = 1 << 30});
        CASE("%s", coding_info(coding)->token);
        CHECK(coding != CODING_ZSTD || zstd_window(&head) <= 2 << 20);
        CHECK(coding != CODING_BR || brotli_window(head.at[0]) <= 22);
        free(head.at);
    }
}

/* ---- dictionaries */

/* Earlier content, of which every so many bytes one is changed, and something is put in front. */
static struct bytes next_version(const struct bytes *earlier, size_t every)
{
    struct bytes next = {0};

    append(&next, "a new beginning", 15);
    append(&next, earlier->at, earlier->len);
    for (size_t at = every; at < next.len; at += every) {
        next.at[at] ^= 0x55;
    }
    return next;
}

TEST(deltas)
{
    struct bytes earlier = content(400000, 8), in = next_version(&earlier, 5000);
    struct bytes plain = {0}, delta = {0};
    int checked = 0;

    EACH_CODING(coding)
    {
        struct encoder_options options = {
            .coding = coding, .effort = ENCODER_BEST, .size_hint = in.len};
        if (!encoder_can(coding, true)) {
            continue;
        }
        CASE("%s", coding_info(coding)->token);
        encode(&options, &in, SIZE_MAX, 65536, &plain);
        options.dictionary = earlier.at;
        options.dictionary_len = earlier.len;
        encode(&options, &in, SIZE_MAX, 65536, &delta);
        CHECK(delta.len < plain.len / 20);
        check_round_trip(&options, &in, 10000, 100);
        options.size_hint = UINT64_MAX;
        check_round_trip(&options, &in, 10000, 4096);
        options.effort = ENCODER_FAST;
        check_round_trip(&options, &in, 10000, 4096);
        /* The same version again, and nothing at all. */
        check_round_trip(&options, &earlier, SIZE_MAX, 4096);
        check_round_trip(&options, &(struct bytes){0}, SIZE_MAX, 4096);
        options.dictionary_len = 1;
        check_round_trip(&options, &in, SIZE_MAX, 4096);
        checked++;
    }
    CHECK(checked > 0 || !encoder_can(CODING_ZSTD, true));
    free(earlier.at);
    free(in.at);
    free(plain.at);
    free(delta.at);
}

TEST(windows_of_deltas)
{
    static const struct {
        size_t dictionary;
        uint64_t size, window;
        const char *why;
    } cases[] = {
        {1000, 5 << 20, 5 << 20, "as large as the content"},
        {1000, UINT64_MAX, 8 << 20, "8 MiB are always allowed"},
        {1000, 9 << 20, 8 << 20, "and no more with a small dictionary"},
        {12 << 20, 15 << 20, 15 << 20, "1.25 times the dictionary, not a power of two"},
        {12 << 20, (15 << 20) + 1, 8 << 20, "beyond that a power of two below it"},
        {16 << 20, UINT64_MAX, 16 << 20, "unknown size: the same"},
    };
    /* Never read: nothing is compressed here but ten bytes. */
    uint8_t *dictionary = calloc(1, 16 << 20);

    for (size_t i = 0; encoder_can(CODING_ZSTD, true) && i < sizeof(cases) / sizeof(cases[0]);
         i++) {
        struct encoder_options options = {.coding = CODING_ZSTD,
                                          .effort = ENCODER_BEST,
                                          .level = 1,
                                          .size_hint = cases[i].size,
                                          .dictionary = dictionary,
                                          .dictionary_len = cases[i].dictionary};
        struct bytes head = head_of(&options);
        CASE("%s", cases[i].why);
        CHECK_EQ_UINT(zstd_window(&head), cases[i].window);
        free(head.at);
    }
    free(dictionary);
}

/* ---- the end before the end */

TEST(an_encoder_may_be_dropped_at_any_time)
{
    struct bytes in = content(100000, 9);

    encoder_destroy(NULL);
    EACH_CODING(coding)
    {
        for (int step = 0; step < 4; step++) {
            struct encoder_options options = {
                .coding = coding,
                .size_hint = UINT64_MAX,
                .dictionary = step > 0 && encoder_can(coding, true) ? in.at : NULL,
                .dictionary_len = 1000};
            encoder *e = encoder_create(&options);
            uint8_t piece[10], *out = piece;
            const uint8_t *from = in.at;
            size_t len = in.len, room = sizeof(piece);
            CASE("%s, step %d", coding_info(coding)->token, step);
            REQUIRE(e != NULL);
            if (step > 1) {
                encoder_run(e, step == 2 ? ENCODER_PROCESS : ENCODER_FINISH, &from, &len, &out,
                            &room);
            }
            encoder_destroy(e);
        }
    }
    free(in.at);
}

/* ---- memory of the caller's */

struct meter {
    size_t held, takes, allowed; /* blocks now; all together; how many there are */
};

static void *metered_take(void *baton, size_t size)
{
    struct meter *meter = baton;

    if (meter->takes == meter->allowed) {
        return NULL;
    }
    meter->takes++;
    meter->held++;
    return malloc(size);
}

static void metered_give(void *baton, void *at)
{
    struct meter *meter = baton;

    meter->held -= at != NULL;
    free(at);
}

TEST(memory_of_the_callers_is_used_and_given_back)
{
    struct bytes in = content(100000, 10), coded = {0}, back = {0};

    EACH_CODING(coding)
    {
        /* First with enough of it, then with ever more blocks until it was enough. */
        for (size_t allowed = SIZE_MAX;; allowed = allowed == SIZE_MAX ? 0 : allowed + 1) {
            struct meter meter = {.allowed = allowed};
            struct encoder_memory memory = {metered_take, metered_give, &meter};
            struct encoder_options options = {
                .coding = coding, .size_hint = UINT64_MAX, .memory = &memory};
            encoder *e = encoder_create(&options);
            enum encoder_status status = ENCODER_FAILED;
            CASE("%s, %zu blocks", coding_info(coding)->token, allowed);
            coded.len = 0;
            if (e != NULL) {
                status = run(e, ENCODER_PROCESS, in.at, 50000, 4096, &coded);
            }
            if (status == ENCODER_DONE) {
                status = run(e, ENCODER_FINISH, in.at + 50000, 50000, 4096, &coded);
            }
            encoder_destroy(e);
            CHECK_EQ_UINT(meter.held, 0);
            CHECK(coding == CODING_ZSTD || allowed == 0 || meter.takes > 0);
            CHECK(allowed != SIZE_MAX || status == ENCODER_DONE);
            if (status == ENCODER_DONE) {
                CHECK(decode(coding, &coded, &back, NULL));
                CHECK_EQ_MEM(back.at, back.len, in.at, in.len);
            }
            /* libbrotlienc 1.0 ends the process where a stream runs out of memory. */
            if ((status == ENCODER_DONE && allowed != SIZE_MAX) || coding == CODING_BR) {
                break;
            }
        }
    }
    free(in.at);
    free(coded.at);
    free(back.at);
}
