#include "base/machine.h"

#include <glib.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- small files ---- */

/* NULL when it cannot be read. g_free. */
static char *read_file(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    char *text = NULL;
    return g_file_get_contents(full, &text, NULL, NULL) ? text : NULL;
}

/* The number behind `key` at the start of a line ("MemTotal:", "usage_usec"); -1 when there is none. */
static int64_t number_of(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && (line[length] == ' ' || line[length] == '\t'))
            return g_ascii_strtoll(line + length, NULL, 10);
    return -1;
}

/* A file that holds one number; -1 when it holds none ("max"). */
static int64_t read_number(const char *root, const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *text = read_file(root, path);
    return text && (g_ascii_isdigit(*text) || *text == '-') ? g_ascii_strtoll(text, NULL, 10) : -1;
}

static int count_entries(const char *root, const char *path, const char *prefix)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    g_autoptr(GDir) directory = g_dir_open(full, 0, NULL);
    int count = 0;
    for (const char *name; directory && (name = g_dir_read_name(directory));)
        count += g_str_has_prefix(name, prefix);
    return count;
}

/* ---- cgroups ---- */

/* Where this process stands in a hierarchy: "" names version 2, "cpu" and so on a controller of version 1. NULL when it
 * is not mounted where everyone mounts it. g_free. */
static char *group_path(const char *root, const char *controller)
{
    g_autofree char *text = read_file(root, "/proc/self/cgroup");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
        if (g_strv_length(parts) < 3)
            continue;
        g_auto(GStrv) controllers = g_strsplit(parts[1], ",", -1);
        if (*controller ? g_strv_contains((const char *const *)controllers, controller) : *parts[1] == '\0')
            return g_strdup(parts[2]);
    }
    return NULL;
}

/* Calls `look` for the group and each above it, nearest first. */
static void walk_up(const char *root, const char *controller,
                    void (*look)(const char *root, const char *directory, struct machine *machine),
                    struct machine *machine)
{
    g_autofree char *path = group_path(root, controller);
    while (path) {
        g_autofree char *directory = g_build_filename("/sys/fs/cgroup", controller, path, NULL);
        look(root, directory, machine);
        char *slash = strrchr(path, '/');
        if (!slash || path[1] == '\0')
            return;
        slash[slash == path] = '\0';
    }
}

static void note_quota(struct machine *machine, double quota, const char *usage_path)
{
    if (machine->cpu_quota > 0 && machine->cpu_quota <= quota)
        return;
    machine->cpu_quota = quota;
    g_strlcpy(machine->cpu_usage_path, usage_path, sizeof machine->cpu_usage_path);
}

/* cpu.max: "QUOTA PERIOD", "max PERIOD" without one. */
static void look_at_cpu(const char *root, const char *directory, struct machine *machine)
{
    g_autofree char *path = g_build_filename(directory, "cpu.max", NULL);
    g_autofree char *usage_path = g_build_filename(directory, "cpu.stat", NULL);
    g_autofree char *text = read_file(root, path);
    char *rest;
    if (!text || !g_ascii_isdigit(*text))
        return;
    double quota = (double)g_ascii_strtoll(text, &rest, 10), period = (double)g_ascii_strtoll(rest, NULL, 10);
    if (quota > 0 && period > 0)
        note_quota(machine, quota / period, usage_path);
}

static void look_at_cpu_v1(const char *root, const char *directory, struct machine *machine)
{
    int64_t quota = read_number(root, directory, "cpu.cfs_quota_us"),
            period = read_number(root, directory, "cpu.cfs_period_us");
    g_autofree char *group = group_path(root, "cpuacct");
    g_autofree char *usage_path = g_build_filename("/sys/fs/cgroup/cpuacct", group, "cpuacct.usage", NULL);
    if (quota > 0 && period > 0)
        note_quota(machine, (double)quota / (double)period, usage_path);
}

static void note_memory(struct machine *machine, int64_t limit, const char *directory)
{
    bool is_none = limit <= 0 || (machine->memory_bytes && limit >= machine->memory_bytes);
    if (is_none || (machine->memory_limit_bytes && machine->memory_limit_bytes <= limit))
        return;
    machine->memory_limit_bytes = limit;
    g_strlcpy(machine->memory_group_path, directory, sizeof machine->memory_group_path);
}

static void look_at_memory(const char *root, const char *directory, struct machine *machine)
{
    note_memory(machine, read_number(root, directory, "memory.max"), directory);
}

static void look_at_memory_v1(const char *root, const char *directory, struct machine *machine)
{
    note_memory(machine, read_number(root, directory, "memory.limit_in_bytes"), directory);
}

/* ---- what there is ---- */

static int usable_processors(cpu_set_t *set)
{
    if (sched_getaffinity(0, sizeof *set, set) == 0 && CPU_COUNT(set) > 0)
        return CPU_COUNT(set);
    CPU_ZERO(set);
    return MAX((int)sysconf(_SC_NPROCESSORS_ONLN), 1);
}

void machine_detect(const char *root, struct machine *machine)
{
    struct utsname name;
    g_autofree char *memory = read_file(root, "/proc/meminfo");
    *machine = (struct machine){0};
    machine->processors = usable_processors(&machine->usable);
    if (uname(&name) == 0)
        g_snprintf(machine->kernel, sizeof machine->kernel, "%s %s", name.sysname, name.release);
    machine->memory_bytes = MAX(number_of(memory, "MemTotal:"), 0) * 1024;
    walk_up(root, "", look_at_cpu, machine);
    walk_up(root, "cpu", look_at_cpu_v1, machine);
    walk_up(root, "", look_at_memory, machine);
    walk_up(root, "memory", look_at_memory_v1, machine);
    machine->cores = machine->cpu_quota > 0 ? MIN(machine->cpu_quota, machine->processors) : machine->processors;
    machine->nvidia_gpus = count_entries(root, "/proc/driver/nvidia/gpus", "");
    machine->render_nodes = count_entries(root, "/dev/dri", "renderD");
}

int64_t machine_usable_bytes(const struct machine *machine)
{
    return machine->memory_limit_bytes ? machine->memory_limit_bytes : machine->memory_bytes;
}

/* ---- what is used ---- */

/* "user nice system idle iowait irq softirq steal …", in ticks. */
static void add_times(const char *text, struct machine_usage *usage)
{
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8 };
    int64_t tick_us = G_USEC_PER_SEC / MAX(sysconf(_SC_CLK_TCK), 1);
    char *next = (char *)(uintptr_t)text;
    for (int i = 0; i < FIELDS; i++) {
        int64_t us = g_ascii_strtoll(next, &next, 10) * tick_us;
        *(i == IDLE || i == IOWAIT ? &usage->idle_us : &usage->busy_us) += us;
    }
}

/* A line of "cpu0 …", "cpu1 …" of a processor that may be used. */
static bool is_usable(const struct machine *machine, const char *line, const char **times)
{
    char *end;
    guint64 number = g_ascii_strtoull(line + strlen("cpu"), &end, 10);
    *times = end;
    return g_ascii_isdigit(line[strlen("cpu")]) && number < CPU_SETSIZE && CPU_ISSET(number, &machine->usable);
}

/* The processors that may be used; all together (the line "cpu  …"), where they are not listed. */
static void measure_cpu(const char *root, const struct machine *machine, struct machine_usage *usage)
{
    g_autofree char *text = read_file(root, "/proc/stat");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    const char *times;
    bool is_any = false;
    for (size_t i = 0; lines[i] && g_str_has_prefix(lines[i], "cpu"); i++)
        if (is_usable(machine, lines[i], &times)) {
            add_times(times, usage);
            is_any = true;
        }
    if (!is_any && lines[0] && g_str_has_prefix(lines[0], "cpu "))
        add_times(lines[0] + strlen("cpu "), usage);
}

static void measure_group_cpu(const char *root, const char *path, struct machine_usage *usage)
{
    if (!*path)
        return;
    g_autofree char *text = read_file(root, path);
    bool is_v1 = g_str_has_suffix(path, "cpuacct.usage"); /* in nanoseconds */
    usage->group_cpu_us = !text   ? 0
                          : is_v1 ? g_ascii_strtoll(text, NULL, 10) / 1000
                                  : MAX(number_of(text, "usage_usec"), 0);
}

/* What the kernel would give back before it kills someone is not used. */
static void measure_group_memory(const char *root, const struct machine *machine, struct machine_usage *usage)
{
    const char *directory = machine->memory_group_path;
    if (!*directory)
        return;
    g_autofree char *path = g_build_filename(directory, "memory.stat", NULL);
    g_autofree char *text = read_file(root, path);
    int64_t used = read_number(root, directory, "memory.current");
    used = used >= 0 ? used : MAX(read_number(root, directory, "memory.usage_in_bytes"), 0);
    int64_t cached = number_of(text, "total_inactive_file");
    cached = cached >= 0 ? cached : MAX(number_of(text, "inactive_file"), 0);
    used = MAX(used - cached, 0);
    double share = (double)used / (double)machine->memory_limit_bytes;
    if (usage->memory_total_bytes && share <= (double)usage->memory_used_bytes / (double)usage->memory_total_bytes)
        return;
    usage->memory_used_bytes = used;
    usage->memory_total_bytes = machine->memory_limit_bytes;
}

void machine_measure(const char *root, const struct machine *machine, struct machine_usage *usage)
{
    g_autofree char *memory = read_file(root, "/proc/meminfo");
    *usage = (struct machine_usage){0};
    measure_cpu(root, machine, usage);
    measure_group_cpu(root, machine->cpu_usage_path, usage);
    int64_t total = number_of(memory, "MemTotal:"), available = number_of(memory, "MemAvailable:");
    if (total > 0 && available >= 0) {
        usage->memory_total_bytes = total * 1024;
        usage->memory_used_bytes = (total - available) * 1024;
    }
    measure_group_memory(root, machine, usage);
}

double machine_cpu_share(const struct machine *machine, const struct machine_usage *before,
                         const struct machine_usage *after, int64_t elapsed_us)
{
    double busy = (double)(after->busy_us - before->busy_us), idle = (double)(after->idle_us - before->idle_us);
    double share = busy + idle > 0 ? busy / (busy + idle) : 0;
    if (machine->cpu_quota > 0 && elapsed_us > 0)
        share = MAX(share,
                    (double)(after->group_cpu_us - before->group_cpu_us) / (machine->cpu_quota * (double)elapsed_us));
    return CLAMP(share, 0, 1);
}

/* ---- processes ---- */

int64_t machine_process_cpu_us(const char *root, pid_t pid)
{
    enum { UTIME = 11, STIME = 12 }; /* behind the name: fields 14 and 15 of proc(5), counted from the state */
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = read_file(root, path);
    char *name_end = text ? strrchr(text, ')') : NULL; /* names may hold anything */
    if (!name_end)
        return 0;
    g_auto(GStrv) fields = g_strsplit(g_strchug(name_end + 1), " ", STIME + 2);
    if (g_strv_length(fields) <= STIME)
        return 0;
    int64_t ticks = g_ascii_strtoll(fields[UTIME], NULL, 10) + g_ascii_strtoll(fields[STIME], NULL, 10);
    return ticks * (G_USEC_PER_SEC / MAX(sysconf(_SC_CLK_TCK), 1));
}

int64_t machine_process_memory_bytes(const char *root, pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
    g_autofree char *text = read_file(root, path);
    char *next = text;
    int64_t pages[3] = {0}; /* size, resident, shared */
    for (size_t i = 0; next && i < G_N_ELEMENTS(pages); i++)
        pages[i] = g_ascii_strtoll(next, &next, 10);
    return MAX(pages[1] - pages[2], 0) * sysconf(_SC_PAGESIZE);
}
