/* SPDX-License-Identifier: Apache-2.0
 * encoder_gzip.c — gzip (RFC 1952) by zlib.
 *
 * How:     A member without name and time, so that the same bytes always give the same result.
 *          zlib cannot tell "flushed, and the buffer is full by chance" from "there is more":
 *          asked again, it adds another empty block of five bytes, and with buffers of that size
 *          it would do so forever. So it never sees a small buffer; what would go into one is
 *          staged here.
 * Memory:  268 KiB for the deepest search (zconf.h), whatever the level.
 * Threads: As encoder.h.
 * Spec:    RFC 1951, RFC 1952; zlib.h on Z_SYNC_FLUSH.
 */
#include "encoder_impl.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum {
    LEVEL_FAST = 6, /* what everybody sends */
    LEVEL_BEST = 9,
    WINDOW_BITS = 15,
    GZIP_FRAME = 16, /* added to the window bits: header and trailer of gzip */
    MEMORY_LEVEL = 9,
    STAGE = 64,          /* more than an empty block and the trailer */
    PIECE = 1024 * 1024, /* zlib counts in unsigned int */
};

struct gzip {
    z_stream z;
    const struct encoder_memory *memory;
    bool complete; /* the operation is, but for what is staged */
    size_t staged, sent;
    uint8_t stage[STAGE];
};

static voidpf take(voidpf opaque, uInt items, uInt size)
{
    const struct gzip *g = opaque;

    return g->memory->take(g->memory->baton, (size_t)items * size);
}

static void give(voidpf opaque, voidpf at)
{
    const struct gzip *g = opaque;

    g->memory->give(g->memory->baton, at);
}

static void *gzip_create(const struct encoder_options *options)
{
    struct gzip *g = calloc(1, sizeof(*g));

    if (g == NULL) {
        return NULL;
    }
    if (options->memory != NULL) {
        g->memory = options->memory;
        g->z.zalloc = take;
        g->z.zfree = give;
        g->z.opaque = g;
    }
    if (deflateInit2(&g->z, encoder_level(options, 1, 9, LEVEL_FAST, LEVEL_BEST), Z_DEFLATED,
                     WINDOW_BITS + GZIP_FRAME, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        g = NULL;
    }
    return g;
}

static void drain(struct gzip *g, uint8_t **out, size_t *out_len)
{
    size_t n = g->staged - g->sent;

    n = n < *out_len ? n : *out_len;
    if (n > 0) {
        memcpy(*out, g->stage + g->sent, n);
        *out += n;
        *out_len -= n;
        g->sent += n;
    }
}

/* One call of zlib with room for at least STAGE bytes. Returns what it said. */
static int deflate_piece(struct gzip *g, int flush, const uint8_t **in, size_t *in_len,
                         uint8_t **out, size_t *out_len)
{
    bool direct = *out_len >= STAGE;
    size_t room = !direct ? STAGE : *out_len < PIECE ? *out_len : PIECE;
    size_t take = *in_len < PIECE ? *in_len : PIECE;
    int said;

    g->z.next_in = (Bytef *)*in;
    g->z.avail_in = (uInt)take;
    g->z.next_out = direct ? *out : g->stage;
    g->z.avail_out = (uInt)room;
    said = deflate(&g->z, take == *in_len ? flush : Z_NO_FLUSH);
    *in += take - g->z.avail_in;
    *in_len -= take - g->z.avail_in;
    if (direct) {
        *out += room - g->z.avail_out;
        *out_len -= room - g->z.avail_out;
    } else {
        g->staged = room - g->z.avail_out;
        g->sent = 0;
    }
    return said;
}

static enum encoder_status gzip_run(void *state, enum encoder_op op, const uint8_t **in,
                                    size_t *in_len, uint8_t **out, size_t *out_len)
{
    static const int flushes[] = {[ENCODER_PROCESS] = Z_NO_FLUSH,
                                  [ENCODER_FLUSH] = Z_SYNC_FLUSH,
                                  [ENCODER_FINISH] = Z_FINISH};
    struct gzip *g = state;

    drain(g, out, out_len);
    if (g->sent == g->staged && !g->complete) {
        int said = deflate_piece(g, flushes[op], in, in_len, out, out_len);
        if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR) {
            return ENCODER_FAILED;
        }
        /* Z_BUF_ERROR: there was nothing to do. */
        g->complete =
            *in_len == 0 && (op == ENCODER_FINISH ? said == Z_STREAM_END
                                                  : said == Z_BUF_ERROR || g->z.avail_out > 0);
        drain(g, out, out_len);
    }
    if (!g->complete || g->sent < g->staged) {
        return ENCODER_MORE;
    }
    g->complete = false;
    return ENCODER_DONE;
}

static void gzip_destroy(void *state)
{
    struct gzip *g = state;

    deflateEnd(&g->z);
    free(g);
}

const struct encoder_library encoder_gzip = {
    .present = true,
    .create = gzip_create,
    .run = gzip_run,
    .destroy = gzip_destroy,
};
