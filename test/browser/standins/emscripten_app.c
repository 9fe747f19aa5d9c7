/* SPDX-License-Identifier: Apache-2.0
 * emscripten_app.c — stands in for what emcc makes of conf/guides/emscripten/app.c where there is
 * no emcc: main() and the one import that printing comes down to.
 */
struct piece {
    const char *at;
    unsigned long length;
};

__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) int
fd_write(int fd, const struct piece *pieces, int count, unsigned long *written);

__attribute__((export_name("main"))) int app_main(void)
{
    static const char text[] = "Hello from C, by emscripten.\n";
    struct piece piece = {text, sizeof(text) - 1};
    unsigned long written;

    return fd_write(1, &piece, 1, &written);
}
