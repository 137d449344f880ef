/* What the machine has, and how busy it is: cores and memory as this process may use them (affinity and cgroup limits,
 * version 1 and 2, respected), GPUs, and what is used of it now. Read from /proc and /sys; tests give a root of their
 * own. Linux only. Any thread.
 */
#pragma once

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

enum { MACHINE_PATH_BYTES = 512 };

struct machine {
    char kernel[96];
    int processors;             /* that this process may run on */
    cpu_set_t usable;           /* which those are; none: it is not known */
    double cpu_quota;           /* cores' worth that the tightest cgroup allows; 0: no quota */
    double cores;               /* what is left of the two: above 0 */
    int64_t memory_bytes;       /* of the machine; 0: not known */
    int64_t memory_limit_bytes; /* of the tightest cgroup; 0: none */
    int nvidia_gpus;            /* whose driver is loaded */
    int render_nodes;           /* /dev/dri/renderD*: GPUs that may decode */
    /* where the tightest limits lie, for machine_measure; empty: no limit */
    char cpu_usage_path[MACHINE_PATH_BYTES], memory_group_path[MACHINE_PATH_BYTES];
};

/* `root` goes before /proc, /sys and /dev: "" for this machine. What cannot be read is 0; processors and cores are at
 * least 1 and above 0. */
void machine_detect(const char *root, struct machine *machine);
/* What may be used: the cgroup's limit, else all there is. */
int64_t machine_usable_bytes(const struct machine *machine);

/* Sums since the machine (or the cgroup) started, and what is used now. */
struct machine_usage {
    int64_t busy_us, idle_us;                      /* of the processors that may be used together */
    int64_t group_cpu_us;                          /* of the cgroup that has the quota; 0: there is none */
    int64_t memory_used_bytes, memory_total_bytes; /* of the machine or the cgroup, whichever is fuller; caches that can
                                                      be dropped are not used */
};
void machine_measure(const char *root, const struct machine *machine, struct machine_usage *usage);
/* The share (0..1) of the CPU that may be used and was busy between two measures: the machine's or, with a quota, the
 * cgroup's, whichever is fuller. `elapsed_us` above 0. */
double machine_cpu_share(const struct machine *machine, const struct machine_usage *before,
                         const struct machine_usage *after, int64_t elapsed_us);

/* CPU time and private memory (without shared pages) of a process; 0 when it is gone. */
int64_t machine_process_cpu_us(const char *root, pid_t pid);
int64_t machine_process_memory_bytes(const char *root, pid_t pid);
