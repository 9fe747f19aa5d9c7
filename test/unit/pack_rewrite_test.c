/* SPDX-License-Identifier: Apache-2.0
 * pack_rewrite_test.c — which texts are references to packed files, and what becomes of them.
 * layers: delivery
 *
 * How:     A site with four packed files; each row is a text before and after. A row whose text
 *          stays as it is has the same twice. Every result is rewritten once more and must stay.
 * Memory:  Each test frees what it makes.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "pack_rewrite.h"

#define NEW   "3f9c02d1e4a5b677"
#define OTHER "00112233445566ff"
#define PAST  "aaaaaaaaaaaaaaaa"

static const char *hash_of(const void *context, const char *name)
{
    static const struct {
        const char *name, *hash;
    } site[] = {
        {"app.wasm", NEW},
        {"pkg/x.js", OTHER},
        {"pkg/x_bg.wasm", OTHER},
        {"gr\xc3\xb6\xc3\x9f"
         "e.wasm",
         NEW},
        {"my app.wasm", NEW},
        {"LICENSE", NEW},
        {".hidden", NEW},
    };
    (void)context;
    for (size_t i = 0; i < sizeof(site) / sizeof(site[0]); i++) {
        if (strcmp(site[i].name, name) == 0) {
            return site[i].hash;
        }
    }
    return NULL;
}

struct row {
    const char *before, *after;
    size_t references;
};

static void check_rows(const char *file, const char *base, const struct row *rows, size_t count)
{
    struct pack_rules rules = {
        .language = pack_rewrite_language(file), .file = file, .base = base, .hash_of = hash_of};

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].before);
        /* Exactly as long as the text, so that the sanitizer sees a read behind it. */
        char *text = malloc(len ? len : 1);
        struct pack_rewritten once, twice;

        CASE("%s: %s", file, rows[i].before);
        memcpy(text, rows[i].before, len);
        once = pack_rewrite(&rules, text, len);
        REQUIRE(once.text != NULL);
        CHECK_EQ_MEM(once.text, once.len, rows[i].after, strlen(rows[i].after));
        CHECK_EQ_UINT(once.references, rows[i].references);
        twice = pack_rewrite(&rules, once.text, once.len);
        REQUIRE(twice.text != NULL);
        CHECK_EQ_MEM(twice.text, twice.len, once.text, once.len);
        CHECK_EQ_UINT(twice.references, once.references);
        free(text);
        free(once.text);
        free(twice.text);
    }
}

#define SAME(text)                                                                                 \
    {                                                                                              \
        text, text, 0                                                                              \
    }
#define CHECK_ROWS(file, base, rows) check_rows(file, base, rows, sizeof(rows) / sizeof(rows[0]))

TEST(references_in_a_script)
{
    static const struct row rows[] = {
        {"fetch('app.wasm')", "fetch('app." NEW ".wasm')", 1},
        {"fetch(\"./app.wasm\")", "fetch(\"./app." NEW ".wasm\")", 1},
        {"import(`/app.wasm`)", "import(`/app." NEW ".wasm`)", 1},
        {"a('app.wasm?v=1#x')", "a('app." NEW ".wasm?v=1#x')", 1},
        {"import x from './pkg/x.js';new URL('pkg/x_bg.wasm',u)",
         "import x from './pkg/x." OTHER ".js';new URL('pkg/x_bg." OTHER ".wasm',u)", 2},
        {"'sub/../app.wasm'", "'sub/../app." NEW ".wasm'", 1},
        {"'my%20app.wasm' 'my%20app.wasm'", "'my%20app." NEW ".wasm' 'my%20app." NEW ".wasm'", 2},
        {"'gr%C3%B6%c3%9fe.wasm'", "'gr%C3%B6%c3%9fe." NEW ".wasm'", 1},
        {"'LICENSE' '.hidden'", "'LICENSE." NEW "' '.hidden." NEW "'", 2},
        /* apostrophes that are none of a string */
        {"// don't\nload('app.wasm') // isn't", "// don't\nload('app." NEW ".wasm') // isn't", 1},
        {"'a'+'app.wasm'+'b'", "'a'+'app." NEW ".wasm'+'b'", 1},
        /* hashes of before are replaced, whatever they are */
        {"'app." PAST ".wasm'", "'app." NEW ".wasm'", 1},
        {"'LICENSE." PAST "'", "'LICENSE." NEW "'", 1},
        /* what is no reference */
        SAME("app.wasm"),
        SAME("x = app.wasm;"),
        SAME("'app.wasm"),
        SAME("app.wasm'"),
        SAME("'app.wasm\""),
        SAME("'app.wasm '"),
        SAME("'app.wasm is large'"),
        SAME("'myapp.wasm' 'app.wasm.map' 'app.wasm/' 'x/app.wasm' '/x/app.wasm'"),
        SAME("'../app.wasm' 'pkg/../../app.wasm' '//app.wasm' 'http://h/app.wasm' 'blob:app.wasm'"),
        SAME("'.' '..' '/' '' '?app.wasm' '#app.wasm' './' 'pkg/..' '%'"),
        SAME("'app%2Ewasm' 'pkg%2Fx.js' 'app%.wasm' 'app%2.wasm' 'app%00.wasm'"),
        SAME("'app.\\wasm' 'pkg\\/x.js' `${app}.wasm`"),
        SAME("'app." PAST "0.wasm' 'app.aaaaaaaaaaaaaaag.wasm' 'other." PAST ".wasm'"),
        SAME("'app\n.wasm'"),
        SAME("x=app.wasm>"),
    };
    CHECK_ROWS("main.js", "/", rows);
}

/* A script's own folder comes first, then the root. */
TEST(folders)
{
    static const struct row in_pkg[] = {
        {"new URL('x_bg.wasm', import.meta.url)", "new URL('x_bg." OTHER ".wasm', import.meta.url)",
         1},
        {"'../app.wasm'", "'../app." NEW ".wasm'", 1},
        {"'app.wasm'", "'app." NEW ".wasm'", 1},
        {"'pkg/x.js'", "'pkg/x." OTHER ".js'", 1},
        SAME("'../../app.wasm'"),
    };
    static const struct row page[] = {
        {"'x.js'", "'x." OTHER ".js'", 1},
        SAME("'app.wasm' 'pkg/x.js'"),
    };
    CHECK_ROWS("pkg/y.js", "/", in_pkg);
    CHECK_ROWS("pkg/y.html", "/", page);
}

TEST(bases)
{
    static const struct row folder[] = {
        {"'/assets/app.wasm' 'app.wasm'", "'/assets/app." NEW ".wasm' 'app." NEW ".wasm'", 2},
        SAME("'/app.wasm' '/assets//app.wasm' 'assets/app.wasm'"),
    };
    static const struct row host[] = {
        {"'https://cdn.example/app.wasm?x'", "'https://cdn.example/app." NEW ".wasm?x'", 1},
        SAME("'https://other.example/app.wasm' '/app.wasm'"),
    };
    CHECK_ROWS("a.js", "/assets/", folder);
    CHECK_ROWS("a.js", "https://cdn.example/", host);
}

TEST(references_in_a_page)
{
    static const struct row rows[] = {
        {"<script src=\"pkg/x.js\"></script>", "<script src=\"pkg/x." OTHER ".js\"></script>", 1},
        {"<script src=pkg/x.js></script>", "<script src=pkg/x." OTHER ".js></script>", 1},
        {"<link rel=preload href=app.wasm as=fetch>",
         "<link rel=preload href=app." NEW ".wasm as=fetch>", 1},
        {"<LINK HREF=app.wasm\n>", "<LINK HREF=app." NEW ".wasm\n>", 1},
        {"<a href='app.wasm?a=1&amp;b=2'>", "<a href='app." NEW ".wasm?a=1&amp;b=2'>", 1},
        {"<script>f('app.wasm')</script>", "<script>f('app." NEW ".wasm')</script>", 1},
        {"<p>it's</p><script src='pkg/x.js'></script>",
         "<p>it's</p><script src='pkg/x." OTHER ".js'></script>", 1},
        {"<SCRIPT>if (a<b) x=app.wasm\n</SCRIPT><a href=app.wasm>",
         "<SCRIPT>if (a<b) x=app.wasm\n</SCRIPT><a href=app." NEW ".wasm>", 1},
        {"<style>a{b:c}</style><a href=app.wasm>", "<style>a{b:c}</style><a href=app." NEW ".wasm>",
         1},
        SAME("<p>x=app.wasm </p> app.wasm"),
        SAME("<script>x=app.wasm\n</script>"),
        SAME("<a href=app.wasm"),
        SAME("<a href=\"app.wasm"),
        SAME("1 < 2 x=app.wasm >"),
        SAME("<"),
        SAME("<s"),
        SAME(""),
    };
    CHECK_ROWS("index.html", "/", rows);
}

/* What is longer than a reference may be is looked over, not cut. */
TEST(very_long_candidates)
{
    struct pack_rules rules = {PACK_SCRIPT, "a.js", "/", hash_of, NULL};
    char text[5000];
    struct pack_rewritten result;

    for (int shape = 0; shape < 3; shape++) {
        CASE("shape %d", shape);
        for (size_t i = 0; i < sizeof(text); i++) {
            text[i] = shape == 0 ? 'a' : "./"[i % 2];
        }
        memcpy(text + sizeof(text) - 9, "app.wasm\"", 9);
        text[shape == 2 ? sizeof(text) - 10 - 600 : 0] = '"';
        result = pack_rewrite(&rules, text, sizeof(text));
        REQUIRE(result.text != NULL);
        CHECK_EQ_UINT(result.references, 0);
        CHECK_EQ_MEM(result.text, result.len, text, sizeof(text));
        free(result.text);
    }
}

TEST(languages)
{
    CHECK_EQ_INT(pack_rewrite_language("index.html"), PACK_HTML);
    CHECK_EQ_INT(pack_rewrite_language("A.HTM"), PACK_HTML);
    CHECK_EQ_INT(pack_rewrite_language("pkg/x.mjs"), PACK_SCRIPT);
    CHECK_EQ_INT(pack_rewrite_language("x.js"), PACK_SCRIPT);
    CHECK_EQ_INT(pack_rewrite_language("sw.json"), PACK_OTHER);
    CHECK_EQ_INT(pack_rewrite_language(".js"), PACK_OTHER);
}
