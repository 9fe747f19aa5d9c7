/* SPDX-License-Identifier: Apache-2.0
 * delta_test.c — deltas: their header, their window, and that a browser's decoder gets the new
 * version back from them and from no other dictionary.
 * layers: delivery
 *
 * How:     Versions are made of pseudo-random "functions" of a few hundred bytes, which do not
 *          compress by themselves; a new version changes a few of them and moves the rest. The
 *          decoder is libzstd's, fed as a browser feeds it: the whole file, magic and digest
 *          included, with the old version as a raw dictionary and the window that RFC 9842 §5 and
 *          the first Chromium with it allow.
 * Memory:  Each test frees what it makes.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "delta.h"

#if __has_include(<zstd.h>)
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#endif
#if __has_include(<brotli/shared_dictionary.h>)
#include <brotli/decode.h>
#endif

/* A build may be without the library that makes them; that it says so is
 * limits_of_the_old_version's. */
#define ONLY_WHERE(coding)                                                                         \
    if (!delta_can(coding))                                                                        \
    return

enum { HEADER = 40 };

struct bytes {
    uint8_t *data;
    size_t len;
};

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* len bytes that repeat nothing. */
static struct bytes noise(size_t len, uint64_t seed)
{
    struct bytes b = {malloc(len ? len : 1), len};
    for (size_t i = 0; i < len; i++) {
        b.data[i] = (uint8_t)(random_next(&seed) >> 32);
    }
    return b;
}

/* The version after `old`: one byte in each 40,000 is another, and `more` bytes stand in front. */
static struct bytes next_version(struct bytes old, size_t more)
{
    struct bytes front = noise(more, 99);
    struct bytes b = {malloc(old.len + more), old.len + more};
    memcpy(b.data, front.data, more);
    memcpy(b.data + more, old.data, old.len);
    for (size_t at = more + 1000; at < b.len; at += 40000) {
        b.data[at] ^= 0x5a;
    }
    free(front.data);
    return b;
}

/* The whole delta, through windows of `piece` bytes on both sides; empty if it failed. */
static struct bytes make(const struct delta_options *options, struct bytes new, size_t piece)
{
    struct bytes result = {malloc(new.len + 1000), 0};
    struct delta *d = delta_create(options);
    size_t taken = 0;
    enum encoder_status status = d ? ENCODER_MORE : ENCODER_FAILED;

    while (status == ENCODER_MORE) {
        const uint8_t *in = new.data + taken;
        size_t in_len = new.len - taken < piece ? new.len - taken : piece;
        enum encoder_op op = taken + in_len == new.len ? ENCODER_FINISH : ENCODER_PROCESS;
        do {
            uint8_t *out = result.data + result.len;
            size_t room = new.len + 1000 - result.len, out_len = room < piece ? room : piece;
            status = delta_run(d, op, &in, &in_len, &out, &out_len);
            result.len = (size_t)(out - result.data);
        } while (status == ENCODER_MORE && result.len < new.len + 1000);
        taken = (size_t)(in - new.data);
        if (status == ENCODER_DONE && op == ENCODER_PROCESS) {
            status = ENCODER_MORE;
        }
    }
    delta_destroy(d);
    if (status != ENCODER_DONE) {
        result.len = 0;
    }
    return result;
}

static struct delta_options options_for(struct bytes old, struct bytes new)
{
    return (struct delta_options){.coding = CODING_DCZ,
                                  .old = old.data,
                                  .old_len = old.len,
                                  .new_len = new.len,
                                  .effort = ENCODER_BEST};
}

#if __has_include(<zstd.h>)

/* What the decoder makes of it, at most room bytes. `window`: the largest that it takes. The output
 * leaves in pieces, since the library looks at the window only where it has to keep one. */
static struct bytes decode(struct bytes delta, struct bytes dictionary, size_t window, size_t room)
{
    struct bytes result = {malloc(room + 1), 0};
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = {delta.data, delta.len, 0};
    ZSTD_outBuffer out = {result.data, 0, 0};
    size_t left = 1;

    ZSTD_DCtx_setMaxWindowSize(z, window);
    ZSTD_DCtx_loadDictionary_advanced(z, dictionary.data, dictionary.len, ZSTD_dlm_byRef,
                                      ZSTD_dct_rawContent);
    while (left != 0 && !ZSTD_isError(left) && out.pos <= room) {
        size_t before = in.pos;
        out.size = out.pos + 4096 < room + 1 ? out.pos + 4096 : room + 1;
        left = ZSTD_decompressStream(z, &out, &in);
        if (left == 0 && in.pos < in.size) {
            left = 1; /* the frame with the digest is over */
        } else if (in.pos == before && out.pos < out.size) {
            break; /* it wants more than there is */
        }
    }
    ZSTD_freeDCtx(z);
    result.len = left == 0 ? out.pos : 0;
    return result;
}

TEST(round_trip_in_any_pieces)
{
    ONLY_WHERE(CODING_DCZ);
    static const size_t pieces[] = {1, 39, 40, 41, 4096, 1 << 20};
    struct bytes old = noise(300000, 1), new = next_version(old, 777);
    struct delta_options options = options_for(old, new);

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        CASE("pieces of %zu", pieces[i]);
        struct bytes delta = make(&options, new, pieces[i]);
        struct bytes back = decode(delta, old, 8 << 20, new.len);
        CHECK(delta.len > HEADER && delta.len < 3000);
        CHECK_EQ_MEM(back.data, back.len, new.data, new.len);
        free(delta.data);
        free(back.data);
    }
    free(old.data);
    free(new.data);
}

TEST(header_names_the_dictionary)
{
    ONLY_WHERE(CODING_DCZ);
    static const uint8_t magic[8] = {0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0};
    struct bytes old = noise(5000, 2), new = next_version(old, 0);
    struct delta_options options = options_for(old, new);
    uint8_t digest[SHA256_SIZE];
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, old.data, old.len);
    sha256_finish(&hash, digest);
    for (int given = 0; given < 2; given++) {
        options.old_digest = given ? digest : NULL;
        struct bytes delta = make(&options, new, 4096);
        REQUIRE(delta.len > HEADER);
        CHECK_EQ_MEM(delta.data, 8, magic, sizeof magic);
        CHECK_EQ_MEM(delta.data + 8, SHA256_SIZE, digest, SHA256_SIZE);
        /* The next frame is an ordinary one without a dictionary id. */
        CHECK_EQ_UINT(ZSTD_isFrame(delta.data + HEADER, delta.len - HEADER), 1);
        CHECK_EQ_UINT(ZSTD_getDictID_fromFrame(delta.data + HEADER, delta.len - HEADER), 0);
        free(delta.data);
    }
    free(old.data);
    free(new.data);
}

/* The digest in the header is what tells a client; but neither does the decoder give the new
 * version with another dictionary, or with none. */
TEST(another_dictionary_does_not_do)
{
    ONLY_WHERE(CODING_DCZ);
    struct bytes old = noise(100000, 3), other = noise(100000, 4), none = {NULL, 0};
    struct bytes new = next_version(old, 10);
    struct delta_options options = options_for(old, new);
    struct bytes delta = make(&options, new, 4096);
    struct bytes wrong = decode(delta, other, 8 << 20, new.len);
    struct bytes without = decode(delta, none, 8 << 20, new.len);

    REQUIRE(delta.len > HEADER);
    CHECK(wrong.len != new.len || memcmp(wrong.data, new.data, new.len) != 0);
    CHECK_EQ_UINT(without.len, 0);
    free(delta.data);
    free(wrong.data);
    free(without.data);
    free(old.data);
    free(other.data);
    free(new.data);
}

/* RFC 9842 §5: max(8 MiB, 1.25 × dictionary), at most 128 MiB; the first Chromium with dcz rounds
 * the dictionary up to a power of two instead. What is sent must suit both. */
static size_t browser_window(size_t old_len)
{
    size_t rfc = old_len + old_len / 4, power = 8 << 20;

    while (power < old_len) {
        power *= 2;
    }
    rfc = rfc < 8 << 20 ? 8 << 20 : rfc;
    return rfc < power ? rfc : power;
}

TEST(window_reaches_over_the_dictionary_and_no_further)
{
    ONLY_WHERE(CODING_DCZ);
    static const struct {
        size_t old_len, more;
        bool covers; /* the window may be as large as the content, so that all of it is found */
    } rows[] = {
        {1000, 0, true},
        {9 << 20, 1 << 20, true},
        {(9 << 20) + 12345, 3 << 20, false},
        {(16 << 20) - 100, 50, true},
        {(16 << 20) - 100, 1 << 20, false}, /* 1.25 × would do, that not */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes old = noise(rows[i].old_len, 5 + i), new = next_version(old, rows[i].more);
        struct delta_options options = options_for(old, new);
        ZSTD_frameHeader frame;

        CASE("row %zu", i);
        options.level = 3;
        struct bytes delta = make(&options, new, 1 << 16);
        struct bytes back = decode(delta, old, browser_window(old.len), new.len);
        CHECK_EQ_MEM(back.data, back.len, new.data, new.len);
        REQUIRE(delta.len > HEADER);
        CHECK_EQ_UINT(ZSTD_getFrameHeader(&frame, delta.data + HEADER, delta.len - HEADER), 0);
        CHECK(frame.windowSize <= browser_window(old.len));
        if (rows[i].covers) {
            CHECK(frame.windowSize >= new.len);
            CHECK(delta.len < rows[i].more + new.len / 100 + 1000);
        }
        free(delta.data);
        free(back.data);
        free(old.data);
        free(new.data);
    }
}

TEST(empty_new_version)
{
    ONLY_WHERE(CODING_DCZ);
    struct bytes old = noise(1000, 6), new = noise(0, 7);
    struct delta_options options = options_for(old, new);
    struct bytes delta = make(&options, new, 4096);
    struct bytes back = decode(delta, old, 8 << 20, 10);

    CHECK(delta.len > HEADER);
    CHECK_EQ_UINT(back.len, 0);
    free(delta.data);
    free(back.data);
    free(old.data);
    free(new.data);
}

/* A file that changed while it was read must not become a delta of something else. */
TEST(another_length_than_promised_fails)
{
    ONLY_WHERE(CODING_DCZ);
    struct bytes old = noise(10000, 8), new = next_version(old, 0);
    struct delta_options options = options_for(old, new);

    for (int more = -1; more <= 1; more += 2) {
        options.new_len = new.len + (uint64_t)more;
        struct bytes delta = make(&options, new, 4096);
        CHECK_EQ_UINT(delta.len, 0);
        free(delta.data);
    }
    free(old.data);
    free(new.data);
}
#endif

TEST(limits_of_the_old_version)
{
    static const uint8_t byte[1] = {7};
    struct delta_options options = {.coding = CODING_DCZ, .old = byte, .old_len = 0};

    CHECK(delta_create(&options) == NULL);
    options.old_len = DELTA_OLD_MAX + 1; /* refused before a byte of it is looked at */
    CHECK(delta_create(&options) == NULL);
    options.old_len = 1;
    for (int c = 0; c <= CODING_GZIP; c++) {
        options.coding = (enum coding)c;
        CHECK(!delta_can(options.coding) && delta_create(&options) == NULL);
    }
    CHECK_EQ_INT(delta_can(CODING_DCZ), encoder_can(CODING_ZSTD, true));
    CHECK_EQ_INT(delta_can(CODING_DCB), encoder_can(CODING_BR, true));
    delta_destroy(NULL);
}

#if __has_include(<brotli/shared_dictionary.h>)

/* What libbrotlidec makes of it, which has the window of 16 MiB that RFC 9842 §4 allows; at most
 * room bytes. */
static struct bytes decode_dcb(struct bytes delta, struct bytes dictionary, size_t room)
{
    struct bytes result = {malloc(room + 1), 0};
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *in = delta.data + 4 + SHA256_SIZE;
    size_t in_len = delta.len - 4 - SHA256_SIZE, out_len = room + 1;
    uint8_t *out = result.data;

    CHECK(BrotliDecoderAttachDictionary(state, BROTLI_SHARED_DICTIONARY_RAW, dictionary.len,
                                        dictionary.data));
    if (BrotliDecoderDecompressStream(state, &in_len, &in, &out_len, &out, NULL) ==
            BROTLI_DECODER_RESULT_SUCCESS &&
        in_len == 0)
        result.len = (size_t)(out - result.data);
    BrotliDecoderDestroyInstance(state);
    return result;
}

TEST(round_trip_of_dcb)
{
    static const size_t pieces[] = {1, 35, 36, 37, 4096, 1 << 20};
    ONLY_WHERE(CODING_DCB);
    struct bytes old = noise(300000, 1), other = noise(300000, 2), new = next_version(old, 777);
    struct delta_options options = options_for(old, new);

    options.coding = CODING_DCB;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        CASE("pieces of %zu", pieces[i]);
        struct bytes delta = make(&options, new, pieces[i]);
        if (!CHECK(delta.len > 4 + SHA256_SIZE && delta.len < 3000)) {
            free(delta.data);
            break;
        }
        struct bytes back = decode_dcb(delta, old, new.len);
        CHECK_EQ_MEM(back.data, back.len, new.data, new.len);
        free(back.data);
        back = decode_dcb(delta, other, new.len);
        CHECK(back.len != new.len || memcmp(back.data, new.data, new.len) != 0);
        free(back.data);
        free(delta.data);
    }
    free(old.data);
    free(other.data);
    free(new.data);
}

#endif

/* Where libbrotli can make it; the header is ours, the stream the encoder's. */
TEST(header_of_dcb)
{
    static const uint8_t old[] = "what was", new[] = "what was and is";
    struct delta_options options = {.coding = CODING_DCB,
                                    .old = old,
                                    .old_len = sizeof old,
                                    .new_len = sizeof new,
                                    .effort = ENCODER_BEST};
    uint8_t out[200], *to = out, digest[SHA256_SIZE];
    const uint8_t *in = new;
    size_t in_len = sizeof new, out_len = sizeof out;
    struct delta *d = delta_create(&options);
    sha256 hash;

    CHECK_EQ_INT(d != NULL, encoder_can(CODING_BR, true));
    if (d == NULL) {
        return;
    }
    CHECK_EQ_INT(delta_run(d, ENCODER_FINISH, &in, &in_len, &to, &out_len), ENCODER_DONE);
    sha256_init(&hash);
    sha256_add(&hash, old, sizeof old);
    sha256_finish(&hash, digest);
    CHECK_EQ_MEM(out, 4, "\xff\x44\x43\x42", 4);
    CHECK_EQ_MEM(out + 4, SHA256_SIZE, digest, SHA256_SIZE);
    CHECK(to > out + 36);
    delta_destroy(d);
}
