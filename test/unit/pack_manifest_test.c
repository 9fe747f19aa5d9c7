/* SPDX-License-Identifier: Apache-2.0
 * pack_manifest_test.c — manifest.json: written, read back, and refused where pack did not write
 * it. layers: tool
 *
 * How:     The tool has no library, so its files are included. One good manifest is damaged in one
 *          place at a time, by replacing a text that stands in it; the reader must say what is
 *          wrong. What is good is written again and must be the same bytes.
 * Memory:  Each test frees its pool.
 * Threads: One.
 */
#include "unit.h"

#include "base64.c"
#include "json.c"
#include "pack_manifest.c"

static void exhausted(void)
{
    printf("not ok pack_manifest_test: out of memory\n");
    exit(1);
}

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"
#define D "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char good[] =
    "{\n"
    "  \"wasmserve-pack\": 1,\n"
    "  \"files\": {\n"
    "    \"app.wasm\": {\"name\": \"app." A ".wasm\", \"size\": 9007199254740992, \"sha256\": \"" D
    "\", \"integrity\": \"sha256-ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=\"},\n"
    "    \"b.js\": {\"name\": \"b." B ".js\", \"size\": 0, \"sha256\": \"" D
    "\", \"integrity\": \"sha256-ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=\"},\n"
    "    \"pkg/c.js\": {\"name\": \"pkg/c." A ".js\", \"size\": 7, \"sha256\": \"" D
    "\", \"integrity\": \"sha256-ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=\"}\n"
    "  },\n"
    "  \"units\": [\n"
    "    {\n"
    "      \"current\": \"" A "\",\n"
    "      \"versions\": [\n"
    "        {\n"
    "          \"hash\": \"" B "\",\n"
    "          \"files\": {\n"
    "            \"app.wasm\": {\n"
    "              \"name\": \"app." B ".wasm\", \"size\": 5, \"sha256\": \"" D "\",\n"
    "              \"variants\": [],\n"
    "              \"deltas\": []\n"
    "            }\n"
    "          }\n"
    "        },\n"
    "        {\n"
    "          \"hash\": \"" A "\",\n"
    "          \"files\": {\n"
    "            \"app.wasm\": {\n"
    "              \"name\": \"app." A ".wasm\", \"size\": 9007199254740992, \"sha256\": \"" D
    "\",\n"
    "              \"variants\": [\n"
    "                {\"coding\": \"br\", \"name\": \"app." A
    ".wasm.br\", \"size\": 20, \"sha256\": \"" D "\"},\n"
    "                {\"coding\": \"gzip\", \"larger\": true}\n"
    "              ],\n"
    "              \"deltas\": [\n"
    "                {\"coding\": \"dcz\", \"dictionary\": \"" D "\", \"name\": \"app." A
    ".wasm.0123456789abcdef.dcz\", \"size\": 10, \"sha256\": \"" D "\"}\n"
    "              ]\n"
    "            },\n"
    "            \"pkg/c.js\": {\n"
    "              \"name\": \"pkg/c." A ".js\", \"size\": 7, \"sha256\": \"" D "\",\n"
    "              \"variants\": [],\n"
    "              \"deltas\": []\n"
    "            }\n"
    "          }\n"
    "        }\n"
    "      ]\n"
    "    },\n"
    "    {\n"
    "      \"current\": \"" B "\",\n"
    "      \"versions\": [\n"
    "        {\n"
    "          \"hash\": \"" B "\",\n"
    "          \"files\": {\n"
    "            \"b.js\": {\n"
    "              \"name\": \"b." B ".js\", \"size\": 0, \"sha256\": \"" D "\",\n"
    "              \"variants\": [],\n"
    "              \"deltas\": []\n"
    "            }\n"
    "          }\n"
    "        }\n"
    "      ]\n"
    "    }\n"
    "  ],\n"
    "  \"pages\": [\n"
    "    {\"name\": \"index.html\", \"base\": \"/\"},\n"
    "    {\"name\": \"pkg/main.js\", \"base\": \"/assets/\"}\n"
    "  ]\n"
    "}\n";

TEST(written_and_read_back)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_state state;
    const char *why = "";
    size_t length;

    CHECK(pack_manifest_read(&pool, good, sizeof good - 1, &state, &why));
    CHECK_EQ_STR(why, NULL);
    CHECK_EQ_STR(pack_state_hash_of(&state, "app.wasm"), A);
    CHECK_EQ_STR(pack_state_hash_of(&state, "b.js"), B);
    char *text = pack_manifest_write(&pool, &state, &length);
    REQUIRE(text != NULL);
    CHECK_EQ_MEM(text, length, good, sizeof good - 1);
    free(text);
    pack_pool_free(&pool);
}

TEST(a_folder_without_anything)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_state state = {NULL, NULL};
    const char *why;
    size_t length;
    char *text = pack_manifest_write(&pool, &state, &length);

    REQUIRE(text != NULL);
    CHECK_EQ_STR(text, "{\n  \"wasmserve-pack\": 1,\n  \"files\": {},\n  \"units\": [\n  ],\n"
                       "  \"pages\": []\n}\n");
    CHECK(pack_manifest_read(&pool, text, length, &state, &why));
    CHECK(state.units == NULL && state.pages == NULL);
    free(text);
    pack_pool_free(&pool);
}

/* The good text with one piece replaced, the nth that there is. */
static char *damaged(const char *piece, unsigned nth, const char *by)
{
    const char *at = good - 1;

    for (unsigned i = 0; i <= nth; i++) {
        at = strstr(at + 1, piece);
        if (at == NULL)
            return NULL;
    }
    size_t before = (size_t)(at - good), room = sizeof good + strlen(by);
    char *text = malloc(room);
    snprintf(text, room, "%.*s%s%s", (int)before, good, by, at + strlen(piece));
    return text;
}

TEST(what_pack_did_not_write_is_refused)
{
    static const struct {
        const char *piece;
        unsigned nth;
        const char *by, *complaint; /* a part of it */
    } rows[] = {
        {"{", 0, "", "not JSON"},
        {"\"wasmserve-pack\": 1", 0, "\"other\": 1", "not a manifest"},
        {"\"wasmserve-pack\": 1", 0, "\"wasmserve-pack\": \"1\"", "not a manifest"},
        {"\"wasmserve-pack\": 1", 0, "\"wasmserve-pack\": 2", "another version"},
        {"\"current\": \"" A, 0, "\"current\": \"cccccccccccccccc", "current"},
        {"\"current\": \"" A "\",", 0, "", "current"},
        {"\"hash\": \"" B, 0, "\"hash\": \"" A, "\"name\" is not"},
        {"\"hash\": \"" B, 0, "\"hash\": \"bbbbbbbbbbbbbbb", "16 hex digits"},
        {"\"hash\": \"" B, 0, "\"hash\": \"Bbbbbbbbbbbbbbbb", "16 hex digits"},
        {"\"name\": \"app." B ".wasm", 0, "\"name\": \"app.wasm", "\"name\" is not"},
        {"\"name\": \"app." B ".wasm", 0, "\"name\": \"app." B ".wasm\\u0000", "\"name\" is not"},
        {"app." A ".wasm.br", 0, "../../app." A ".wasm.br", "\"name\" is not"},
        {"app." A ".wasm.br", 0, "app." A ".wasm.gz", "\"name\" is not"},
        {".0123456789abcdef.dcz", 0, ".0123456789abcdee.dcz", "\"name\" is not"},
        {"\"app.wasm\": {", 1, "\"../app.wasm\": {", "not the name of a file"},
        {"\"app.wasm\": {", 1, "\"/app.wasm\": {", "not the name of a file"},
        {"\"app.wasm\": {", 1, "\"app.wasm\\u0000\": {", "not the name of a file"},
        {"\"app.wasm\": {", 1, "\"app.wasm\": 1, \"x\": {", "not the name of a file"},
        {"\"pkg/c.js\": {", 1, "\"app.wasm\": {", "\"name\" is not"},
        {"\"size\": 5", 0, "\"size\": -5", "number of bytes"},
        {"\"size\": 5", 0, "\"size\": 5.5", "number of bytes"},
        {"\"size\": 5", 0, "\"size\": 1e300", "number of bytes"},
        {"\"size\": 5", 0, "\"size\": \"5\"", "number of bytes"},
        {"\"coding\": \"br\"", 0, "\"coding\": \"dcb\"", "no coding of a variant"},
        {"\"coding\": \"br\"", 0, "\"coding\": \"identity\"", "no coding of a variant"},
        {"\"coding\": \"br\"", 0, "\"coding\": \"lzma\"", "no coding of a variant"},
        {"\"coding\": \"dcz\"", 0, "\"coding\": \"zstd\"", "no coding of a delta"},
        {"\"coding\": \"gzip\", \"larger\": true", 0, "\"coding\": \"br\", \"larger\": true",
         "stands twice"},
        {"\"dictionary\": \"0", 0, "\"dictionary\": \"", "64 hex digits"},
        {"\"sha256\": \"0", 3, "\"sha256\": \"G", "64 hex digits"},
        {"\"files\": {", 1, "\"file\": {", "no \"files\""},
        {"\"files\": {", 1, "\"files\": {}, \"x\": {", "no \"files\""},
        {"\"index.html\"", 0, "\"../index.html\"", "\"pages\""},
        {"\"index.html\"", 0, "17", "\"pages\""},
        {"{\"name\": \"index.html\", \"base\": \"/\"}", 0, "\"index.html\"", "\"pages\""},
        {"\"/assets/\"", 0, "\"/assets\"", "\"pages\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack_pool pool = {.exhausted = exhausted};
        struct pack_state state;
        const char *why = NULL;
        char *text = damaged(rows[i].piece, rows[i].nth, rows[i].by);

        CASE("row %zu, %s", i, rows[i].by);
        REQUIRE(text != NULL);
        CHECK(!pack_manifest_read(&pool, text, strlen(text), &state, &why));
        if (CHECK(why != NULL) && strstr(why, rows[i].complaint) == NULL)
            FAIL("\"%s\" does not say \"%s\"", why, rows[i].complaint);
        free(text);
        pack_pool_free(&pool);
    }
}

/* Two units, or one unit twice, must not fight for a file. */
TEST(a_file_is_in_one_unit)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_state state;
    const char *why = NULL;
    static const char twice[] =
        "{\"wasmserve-pack\": 1, \"units\": ["
        "{\"current\": \"" A "\", \"versions\": [{\"hash\": \"" A "\", \"files\": {\"x\": "
        "{\"name\": \"x." A "\", \"size\": 1, \"sha256\": \"" D "\"}}}]},"
        "{\"current\": \"" B "\", \"versions\": [{\"hash\": \"" B "\", \"files\": {\"x\": "
        "{\"name\": \"x." B "\", \"size\": 1, \"sha256\": \"" D "\"}}}]}]}";

    CHECK(!pack_manifest_read(&pool, twice, sizeof twice - 1, &state, &why));
    CHECK(why != NULL && strstr(why, "another unit") != NULL);
    pack_pool_free(&pool);
}

TEST(base64_both_ways)
{
    static const char *const rows[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "+/8A"};
    uint8_t bytes[16];
    char text[32];
    size_t length;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(base64_decode(rows[i], strlen(rows[i]), bytes, &length));
        base64_encode(bytes, length, text);
        CHECK_EQ_STR(text, rows[i]);
        CHECK_EQ_UINT(BASE64_SIZE(length), strlen(rows[i]) + 1);
    }
}
