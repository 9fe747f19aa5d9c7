/* SPDX-License-Identifier: Apache-2.0
 * tool.c — the command `wasmserve`: picks the subcommand.
 *
 * How:     One row for each subcommand; a row is all that it takes to add one. Exit codes are those
 *          of tool.h.
 * Memory, threads: the subcommands' own.
 */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const struct subcommand {
    const char *name;
    const char *summary;
    int (*function)(int argc, char **argv);
} subcommands[] = {
    {"run", "run a module in the sandbox", tool_run},
    {"inspect", "say what a module needs and offers", tool_inspect},
    {"compile", "make machine code of modules ahead of time", tool_compile},
    {"pack", "put an app into a folder as browsers get it best", tool_pack},
    {"plugin", "keep, check and switch versions of the server's plugins", tool_plugin},
    {"spec", "run scripts of the WebAssembly test suite", tool_spec},
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: wasmserve COMMAND [OPTION…] FILE…\n\n");
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
        fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    fprintf(to, "\n\"wasmserve COMMAND --help\" says more.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name == NULL) {
        print_usage(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return TOOL_OK;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return subcommands[i].function(argc - 1, argv + 1);
    fprintf(stderr, "wasmserve: there is no command \"%s\"\n", name);
    print_usage(stderr);
    return TOOL_USAGE;
}
