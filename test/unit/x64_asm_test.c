/* SPDX-License-Identifier: Apache-2.0
 * x64_asm_test.c — encodings, read back by objdump.
 * layers: compile
 *
 * How:     each case appends an instruction and the line that objdump is to print for it; one run
 *          of objdump (binutils) reads them all. Registers, bases, indexes and displacements go
 *          through all that change the encoding. Without objdump the encodings are not checked, and
 *          a line says so; labels are.
 */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "x64_asm.h"

static const char *const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                                      "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
static const char *const names8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                                     "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};

enum { LINES = 8192, WIDTH = 80 };
static char lines[LINES][WIDTH];
static unsigned line_count;

__attribute__((format(printf, 1, 2))) static void want(const char *format, ...)
{
    va_list args;
    if (line_count == LINES)
        return;
    va_start(args, format);
    vsnprintf(lines[line_count++], WIDTH, format, args);
    va_end(args);
}

typedef struct fixture {
    quota quota;
    arena arena;
    code_buffer code;
    x64_asm a;
} fixture;

static void setup(fixture *x)
{
    memset(x, 0, sizeof *x);
    quota_init(&x->quota, 0);
    arena_init(&x->arena, &x->quota);
    code_buffer_init(&x->code, &x->quota);
    x64_begin(&x->a, &x->code, &x->arena);
    line_count = 0;
}

static void teardown(fixture *x)
{
    code_buffer_release(&x->code);
    arena_release(&x->arena);
}

/* Without doubled blanks, and blanks at the end. */
static void squeeze(char *s)
{
    char *to = s;
    for (char *p = s; *p; p++)
        if (!(*p == ' ' && (p[1] == ' ' || !p[1] || p[1] == '\n')) && *p != '\n')
            *to++ = *p;
    *to = '\0';
}

/* Compares what objdump prints with lines[]. */
static void disassemble(fixture *x)
{
    char path[] = "/tmp/x64_asm_test.XXXXXX", command[256], line[256];
    unsigned n = 0;

    if (system("command -v objdump >/dev/null 2>&1") != 0) {
        printf("# skipped: no objdump (package binutils)\n");
        return;
    }
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, x->code.bytes, x->code.length) == (ssize_t)x->code.length);
    close(fd);
    snprintf(command, sizeof command,
             "objdump -D -b binary -m i386:x86-64 -M intel --no-show-raw-insn %s", path);
    FILE *p = popen(command, "r");
    REQUIRE(p != NULL);
    while (fgets(line, sizeof line, p)) {
        char *tab = strstr(line, ":\t");
        if (!tab)
            continue;
        squeeze(tab + 2);
        CASE("line %u", n);
        if (n < line_count)
            CHECK_EQ_STR(tab + 2, lines[n]);
        n++;
    }
    pclose(p);
    unlink(path);
    CASE("all lines");
    CHECK_EQ_UINT(n, line_count);
}

TEST(registers_of_all_widths)
{
    fixture x;
    setup(&x);
    for (unsigned r = 0; r < 16; r++)
        for (unsigned m = 0; m < 16; m++) {
            x64_rr(&x.a, X64(00, 0, 8B) | X64_W, r, m);
            want("mov %s,%s", names64[r], names64[m]);
            x64_rr(&x.a, X64(00, 0, 33), r, m);
            want("xor %s,%s", names32[r], names32[m]);
            x64_rr(&x.a, X64(00, 0, 22) | X64_BYTE, r, m);
            want("and %s,%s", names8[r], names8[m]);
            x64_rr(&x.a, X64(00, 0F, B6) | X64_BYTE_RM, r, m);
            want("movzx %s,%s", names32[r], names8[m]);
            x64_rr(&x.a, X64(F2, 0F, 58), r, m);
            want("addsd xmm%u,xmm%u", r, m);
            x64_rr(&x.a, X64(66, 0F, 6E) | X64_W, r, m);
            want("movq xmm%u,%s", r, names64[m]);
            x64_vrr(&x.a, X64(F3, 0F, 5E), r, 15 - m, m);
            want("vdivss xmm%u,xmm%u,xmm%u", r, 15 - m, m);
            x64_vrr(&x.a, X64(F2, 0F38, F7) | X64_W, r, 15 - m, m);
            want("shrx %s,%s,%s", names64[r], names64[m], names64[15 - m]);
            x64_rr(&x.a, X64(F3, 0F, BD), r, m);
            want("lzcnt %s,%s", names32[r], names32[m]);
            x64_rr(&x.a, X64(66, 0F3A, 0B), r, m);
            x64_imm8(&x.a, 9);
            want("roundsd xmm%u,xmm%u,0x9", r, m);
        }
    for (unsigned r = 0; r < 16; r++) {
        x64_push(&x.a, r);
        want("push %s", names64[r]);
        x64_pop(&x.a, r);
        want("pop %s", names64[r]);
        x64_load_imm(&x.a, r, 0);
        want("xor %s,%s", names32[r], names32[r]);
        x64_load_imm(&x.a, r, 0xFFFFFFFF);
        want("mov %s,0xffffffff", names32[r]);
        x64_load_imm(&x.a, r, UINT64_MAX - 1);
        want("mov %s,0xfffffffffffffffe", names64[r]);
        x64_load_imm(&x.a, r, 0x123456789A);
        want("movabs %s,0x123456789a", names64[r]);
    }
    disassemble(&x);
    teardown(&x);
}

TEST(addresses)
{
    static const int32_t disps[] = {0, 1, 127, -128, 128, -129, 0x12345678};
    fixture x;
    setup(&x);
    for (unsigned base = 0; base < 16; base++)
        for (unsigned index = 0; index < 17; index++)
            for (unsigned d = 0; d < 7; d++) {
                unsigned scale = (base + index) % 4;
                char disp[16] = "", second[16] = "";
                if (index == RSP)
                    continue;
                bool has = index < 16;
                x64_mem m = {(uint8_t)base, (uint8_t)(has ? index : X64_NONE), (uint8_t)scale,
                             disps[d]};
                if (has)
                    snprintf(second, sizeof second, "+%s*%u", names64[index], 1u << scale);
                /* rbp and r13 show a displacement of 0 that their form has to have. */
                if (disps[d] || (base & 7) == RBP)
                    snprintf(disp, sizeof disp, "%s0x%x", disps[d] < 0 ? "-" : "+",
                             (unsigned)(disps[d] < 0 ? -disps[d] : disps[d]));
                x64_rm(&x.a, X64(00, 0, 8B) | X64_W, base, m);
                want("mov %s,QWORD PTR [%s%s%s]", names64[base], names64[base], second, disp);
                x64_rm(&x.a, X64(00, 0, 88) | X64_BYTE, 15 - base, m);
                want("mov BYTE PTR [%s%s%s],%s", names64[base], second, disp, names8[15 - base]);
                x64_vrm(&x.a, X64(F2, 0F, 59), base, 15 - base, m);
                want("vmulsd xmm%u,xmm%u,QWORD PTR [%s%s%s]", base, 15 - base, names64[base],
                     second, disp);
            }
    disassemble(&x);
    teardown(&x);
}

TEST(jumps_backward_are_as_short_as_they_can_be)
{
    static const unsigned gaps[] = {0, 125, 126, 127, 128, 300};
    for (unsigned g = 0; g < 6; g++) {
        fixture x;
        setup(&x);
        uint32_t label = x64_label(&x.a);
        x64_bind(&x.a, label);
        for (unsigned n = 0; n < gaps[g]; n++)
            x64_byte(&x.a, 0x90);
        x64_jcc(&x.a, CC_NE, label);
        x64_byte(&x.a, 0xC3);
        x64_finish(&x.a);
        uint32_t at = gaps[g], length = x64_here(&x.a) - 1 - at;
        CASE("%u", gaps[g]);
        CHECK_EQ_UINT(length, gaps[g] <= 126 ? 2 : 6);
        CHECK_EQ_UINT(x.code.bytes[at + length], 0xC3);
        CHECK_EQ_UINT(x.code.bytes[at + (length == 6)], length == 6 ? 0x85 : 0x75);
        int32_t distance = (int8_t)x.code.bytes[at + 1];
        if (length == 6)
            memcpy(&distance, x.code.bytes + at + 2, 4);
        CHECK_EQ_INT(distance, -(int32_t)(gaps[g] + length));
        teardown(&x);
    }
}

TEST(jumps_forward_are_short_where_it_is_near)
{
    static const unsigned gaps[] = {0, 127, 128, 300};
    for (unsigned g = 0; g < 4; g++) {
        fixture x;
        setup(&x);
        uint32_t label = x64_label(&x.a);
        x64_jump(&x.a, label);
        for (unsigned n = 0; n < gaps[g]; n++)
            x64_byte(&x.a, 0x90);
        x64_bind(&x.a, label);
        x64_byte(&x.a, 0xC3);
        x64_finish(&x.a);
        uint32_t length = x64_here(&x.a) - 1 - gaps[g];
        CASE("%u", gaps[g]);
        CHECK_EQ_UINT(length, gaps[g] < 128 ? 2 : 5);
        CHECK_EQ_UINT(x.a.labels[label], length + gaps[g]);
        CHECK_EQ_UINT(x.code.bytes[length + gaps[g]], 0xC3);
        int32_t distance = (int8_t)x.code.bytes[1];
        if (length == 5)
            memcpy(&distance, x.code.bytes + 1, 4);
        CHECK_EQ_INT(distance, gaps[g]);
        teardown(&x);
    }
}

/* An alignment between a jump and its label that has to be filled once code before it is shorter:
 * the jump, which first seemed to reach, does not. */
TEST(an_alignment_that_grows_does_not_tear_a_jump)
{
    unsigned torn = 0;
    for (unsigned before = 0; before < 16; before++)
        for (unsigned gap = 96; gap < 128; gap++) {
            fixture x;
            setup(&x);
            uint32_t near = x64_label(&x.a), far = x64_label(&x.a);
            x64_jump(&x.a, near);
            for (unsigned n = 0; n < before; n++)
                x64_byte(&x.a, 0x90);
            x64_bind(&x.a, near);
            x64_jump(&x.a, far);
            x64_align(&x.a, 16);
            for (unsigned n = 0; n < gap; n++)
                x64_byte(&x.a, 0x90);
            x64_bind(&x.a, far);
            x64_finish(&x.a);
            uint32_t at = x.a.labels[near], end = x.a.labels[far];
            bool is_short = x.code.bytes[at] == 0xEB;
            int32_t distance = (int8_t)x.code.bytes[at + 1];
            if (!is_short)
                memcpy(&distance, x.code.bytes + at + 1, 4);
            CASE("%u, %u", before, gap);
            CHECK_EQ_UINT(at + (is_short ? 2 : 5) + (uint32_t)distance, end);
            CHECK_EQ_UINT((end - gap) % 16, 0);
            CHECK_EQ_UINT(x64_here(&x.a), end);
            torn += x.code.bytes[0] == 0xE9;
            teardown(&x);
        }
    CHECK(torn > 0);
}

TEST(what_refers_to_the_code_moves_with_it)
{
    fixture x;
    setup(&x);
    uint32_t over = x64_label(&x.a), table = x64_label(&x.a);
    code_add_site(&x.code, x64_here(&x.a), 1);
    x64_jump(&x.a, over); /* three bytes go */
    x64_call(&x.a, CODE_FUNC, 7);
    code_add_site(&x.code, x64_here(&x.a), 2);
    x64_bind(&x.a, over);
    code_add_site(&x.code, x64_here(&x.a) + 1, 3);
    x64_rip(&x.a, X64(00, 0, 8D) | X64_W, RAX, table);
    x64_jcc(&x.a, CC_E, over);
    x64_call(&x.a, CODE_FUNC, 8);
    x64_align(&x.a, 4);
    x64_bind(&x.a, table);
    x64_table_entry(&x.a, over, table);
    x64_table_entry(&x.a, table, table);
    x64_finish(&x.a);
    int32_t words[3];
    memcpy(&words[0], x.code.bytes + 10, 4);
    memcpy(&words[1], x.code.bytes + 24, 8);
    CHECK_EQ_UINT(x.a.labels[over], 7);
    CHECK_EQ_UINT(x.a.labels[table], 24);
    CHECK_EQ_UINT(x64_here(&x.a), 32);
    CHECK_EQ_INT(words[0], 24 - 14);
    CHECK_EQ_INT(words[1], 7 - 24);
    CHECK_EQ_INT(words[2], 0);
    CHECK_EQ_UINT(x.code.sites[0].code, 0);
    CHECK_EQ_UINT(x.code.sites[1].code, 7);
    CHECK_EQ_UINT(x.code.sites[2].code, 8);
    CHECK_EQ_UINT(x.code.relocs[0].at, 3);
    CHECK_EQ_UINT(x.code.relocs[1].at, 17);
    teardown(&x);
}

TEST(a_refused_buffer_says_so)
{
    quota q;
    code_buffer b;
    quota_init(&q, 300);
    code_buffer_init(&b, &q);
    for (unsigned n = 0; n < 400; n++)
        code_put(&b, "x", 1);
    CHECK_EQ_INT(b.status, WASM_E_QUOTA);
    CHECK_EQ_UINT(b.length, 256);
    code_buffer_release(&b);
    CHECK_EQ_UINT(q.used, 0);
}
