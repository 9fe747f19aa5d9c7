/* SPDX-License-Identifier: Apache-2.0
 * unit_fork.h — fork() for tests that kill their children.
 */
#ifndef UNIT_FORK_H
#define UNIT_FORK_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* fork(), or the end of the program: a kill() of the -1 that a failed one returns would go to every
 * process of the machine. */
__attribute__((unused)) static pid_t unit_fork(void)
{
    pid_t pid = fork();

    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    return pid;
}

#endif
