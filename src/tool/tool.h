/* SPDX-License-Identifier: Apache-2.0
 * tool.h — the subcommands of the command line tool `wasmserve`, and what they agree on.
 *
 * tool.c holds the table {name, summary, function}; each subcommand lives in the file of its name.
 * argv[0] is the subcommand's own name; the result is the exit code of the process. Messages for a
 * person go to stderr and begin with "wasmserve NAME: "; results go to stdout.
 */
#ifndef WASMSERVE_TOOL_H
#define WASMSERVE_TOOL_H

enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILED = 1,  /* a trap, a limit, a failed assertion; the reason is on stderr */
    TOOL_REFUSED = 2, /* the module is malformed, invalid, or does not link; a file is missing or in
                         the way */
    TOOL_USAGE = 64   /* the command line makes no sense (EX_USAGE) */
};

int tool_run(int argc, char **argv);     /* tool_run.c: a module in the sandbox */
int tool_compile(int argc, char **argv); /* tool_compile.c: machine code ahead of time */
int tool_inspect(int argc, char **argv); /* tool_inspect.c: what a module needs and offers */
int tool_pack(int argc, char **argv);    /* tool_pack.c: the deploy step */
int tool_plugin(int argc, char **argv);  /* tool_plugin.c: versions of a server's plugins */
int tool_spec(int argc, char **argv);    /* tool_spec.c: scripts of the specification suite */

#endif
