/* SPDX-License-Identifier: Apache-2.0
 * tool_pack.c — `wasmserve pack`: the deploy step. pack_run.h says how a run goes.
 *
 * Memory:  the run's.
 * Threads: pack_jobs.c makes some, and they have ended when this returns.
 */
#include <stdio.h>

#include "pack_options.h"
#include "pack_report.h"
#include "pack_run.h"
#include "tool.h"

static enum tool_exit pack(pack_run *run, const pack_options *options)
{
    enum tool_exit status = pack_run_begin(run, options);

    if (status == TOOL_OK)
        status = options->back ? pack_plan_back(run) : pack_plan_versions(run);
    if (status == TOOL_OK)
        status = pack_pages_rewrite(run);
    if (status == TOOL_OK)
        status = pack_plan_make(run);
    if (status == TOOL_OK)
        status = pack_run_publish(run);
    return status;
}

int tool_pack(int argc, char **argv)
{
    pack_options options;
    pack_run run;
    enum tool_exit status;

    if (!pack_options_parse(&options, argc, argv)) {
        fputs("\"wasmserve pack --help\" says what there is\n", stderr);
        pack_options_release(&options);
        return TOOL_USAGE;
    }
    if (options.help) {
        fputs(pack_options_usage, stdout);
        pack_options_release(&options);
        return TOOL_OK;
    }
    if (options.quiet)
        pack_quiet();
    status = pack(&run, &options);
    pack_run_end(&run, status == TOOL_OK);
    pack_options_release(&options);
    return fflush(stdout) == 0 ? status : TOOL_FAILED;
}
