/* SPDX-License-Identifier: Apache-2.0
 * access_token.c — lets requests pass that carry a JSON Web Token signed with a key of ours.
 *
 * The token is `Authorization: Bearer …`, signed with HS256 (RFC 7519, RFC 7515); WasmServeConfig is
 * the key. A token with "exp" counts until then, for which the plugin needs WasmServeGrant clock.
 * Who is let in is told to the server behind as X-User, from "sub"; what a client says there itself
 * is removed. Works as a filter (WasmServeFilter) and as an authorization (Require wasmserve).
 *
 * The claims are looked for and not parsed, which is enough for what the one who has the key has
 * written; a guest that shall accept tokens of others takes a library.
 *
 * clang --target=wasm32-wasi -mexec-model=reactor -O2 -I.. -o access_token.wasm access_token.c
 */
#include "http_wasm.h"

#include <time.h>

/* ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104) ---------------------------------------------- */

typedef struct sha256 {
    uint32_t h[8];
    uint64_t length;
    uint8_t block[64];
} sha256;

static uint32_t turn(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void compress(sha256 *s)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], v[8];

    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t one = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        s->h[i] += v[i];
}

static void sha256_begin(sha256 *s)
{
    static const uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(s->h, h, sizeof h);
    s->length = 0;
}

static void sha256_add(sha256 *s, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        s->block[s->length++ % 64] = ((const uint8_t *)bytes)[i];
        if (s->length % 64 == 0)
            compress(s);
    }
}

static void sha256_end(sha256 *s, uint8_t digest[32])
{
    uint64_t bits = s->length * 8;

    sha256_add(s, "\x80", 1);
    while (s->length % 64 != 56)
        sha256_add(s, "", 1);
    for (int i = 7; i >= 0; i--)
        sha256_add(s, &(uint8_t){(uint8_t)(bits >> 8 * i)}, 1);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac(const char *key, const char *text, size_t length, uint8_t mac[32])
{
    uint8_t block[64] = {0}, inner[32];
    size_t key_length = strlen(key);
    sha256 s;

    sha256_begin(&s);
    if (key_length > sizeof block) {
        sha256_add(&s, key, key_length);
        sha256_end(&s, block);
    } else {
        memcpy(block, key, key_length);
    }
    for (int i = 0; i < 64; i++)
        block[i] ^= 0x36;
    sha256_begin(&s);
    sha256_add(&s, block, 64);
    sha256_add(&s, text, length);
    sha256_end(&s, inner);
    for (int i = 0; i < 64; i++)
        block[i] ^= 0x36 ^ 0x5c;
    sha256_begin(&s);
    sha256_add(&s, block, 64);
    sha256_add(&s, inner, 32);
    sha256_end(&s, mac);
}

/* ---- the token ------------------------------------------------------------------------------ */

/* base64url without padding; what is decoded is terminated. -1 for anything else. */
static int decode(const char *from, size_t length, char *to, size_t room)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    size_t used = 0;
    int held = 0;

    for (size_t i = 0; i < length; i++) {
        const char *digit = from[i] ? strchr(digits, from[i]) : NULL;

        if (digit == NULL || used + 1 >= room)
            return -1;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[used++] = (char)(bits >> held);
        }
    }
    to[used] = '\0';
    return (int)used;
}

/* Where the value of a claim begins; NULL if there is none. */
static const char *claim(const char *json, const char *name)
{
    char quoted[32] = "\"";
    const char *found;

    strcat(strcat(quoted, name), "\"");
    found = strstr(json, quoted);
    if (found == NULL)
        return NULL;
    found += strlen(quoted);
    found += strspn(found, " ");
    return *found == ':' ? found + 1 + strspn(found + 1, " ") : NULL;
}

/* Why the token does not count, NULL if it does; its claims in json. */
static const char *check(const char *token, const char *key, char *json, size_t room)
{
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    char header[256], signature[64];
    const char *algorithm, *expiry;
    uint8_t mac[32], difference = 0;

    if (second == NULL || decode(token, (size_t)(first - token), header, sizeof header) < 0 ||
        decode(first + 1, (size_t)(second - first - 1), json, room) < 0 ||
        decode(second + 1, strlen(second + 1), signature, sizeof signature) != 32)
        return "malformed token";
    /* Whatever else the token says it is signed with is not ours to believe. */
    algorithm = claim(header, "alg");
    if (algorithm == NULL || strncmp(algorithm, "\"HS256\"", 7) != 0)
        return "another algorithm";
    hmac(key, token, (size_t)(second - token), mac);
    for (int i = 0; i < 32; i++)
        difference |= mac[i] ^ (uint8_t)signature[i];
    if (difference != 0)
        return "wrong signature";
    expiry = claim(json, "exp");
    return expiry != NULL && strtoll(expiry, NULL, 10) <= (long long)time(NULL) ? "expired" : NULL;
}

static void tell_user(const char *json)
{
    const char *subject = claim(json, "sub"), *end;

    if (subject != NULL && *subject == '"' && (end = strchr(subject + 1, '"')) != NULL)
        http_set_header_value(HTTP_REQUEST, "X-User", 6, subject + 1,
                              (uint32_t)(end - subject - 1));
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    char *authorization = http_get(HTTP_REQUEST, "authorization");
    char *key = http_text(http_get_config);
    const char *why = "no token";
    char json[2048], challenge[128] = "Bearer";

    http_remove(HTTP_REQUEST, "X-User");
    if (authorization != NULL && strncmp(authorization, "Bearer ", 7) == 0)
        why = key[0] ? check(authorization + 7, key, json, sizeof json) : "no key";
    if (why == NULL) {
        tell_user(json);
        return HTTP_NEXT;
    }
    if (authorization != NULL)
        strcat(strcat(strcat(challenge, " error=\"invalid_token\", error_description=\""), why),
               "\"");
    http_set_status(401);
    http_set(HTTP_RESPONSE, "WWW-Authenticate", challenge);
    return HTTP_ANSWERED;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
