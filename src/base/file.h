/* Files of others: what stands at a path that somebody wrote into a setting or put into a folder. Any thread. */
#pragma once

#include <stdio.h>

/* Opens what is there for reading and waits for nobody: of a pipe that no one writes to, which fopen would wait for
 * without end, there is nothing to read. Whether it is a file is the caller's to look at. NULL with errno; fclose. */
FILE *file_open_at_once(const char *path);
