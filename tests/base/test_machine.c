/* What the machine has and uses, read from trees of files such as kernels show. */
#include "base/machine.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char memory_of_8_gb[] = "MemTotal:        8000000 kB\nMemFree:  100 kB\nMemAvailable:    6000000 kB\n";

static void write_file(const char *root, const char *path, const char *text)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    g_autofree char *directory = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0700), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static char *root_new(void)
{
    char *root = g_dir_make_tmp("vedette-machine-XXXXXX", NULL);
    write_file(root, "/proc/meminfo", memory_of_8_gb);
    return root;
}

static void root_free(char *root)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", root);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(root);
}

static void test_a_bare_machine(void)
{
    struct machine machine;
    char *root = root_new();
    machine_detect(root, &machine);
    g_assert_cmpint(machine.processors, >=, 1);
    g_assert_cmpfloat(machine.cores, ==, machine.processors);
    g_assert_cmpint(machine.memory_bytes, ==, INT64_C(8000000) * 1024);
    g_assert_cmpint(machine_usable_bytes(&machine), ==, machine.memory_bytes);
    g_assert_cmpint(machine.nvidia_gpus, ==, 0);
    root_free(root);
}

/* The nearest group has no limit of its own; the one above it has. */
static void test_limits_of_cgroup_version_2(void)
{
    struct machine machine;
    struct machine_usage before, after;
    char *root = root_new();
    write_file(root, "/proc/self/cgroup", "0::/shop/vedette\n");
    write_file(root, "/sys/fs/cgroup/shop/vedette/cpu.max", "max 100000\n");
    write_file(root, "/sys/fs/cgroup/shop/cpu.max", "50000 100000\n");
    write_file(root, "/sys/fs/cgroup/shop/cpu.stat", "usage_usec 1000000\nuser_usec 1\n");
    write_file(root, "/sys/fs/cgroup/shop/vedette/memory.max", "1048576000\n");
    write_file(root, "/sys/fs/cgroup/shop/vedette/memory.current", "900000000\n");
    write_file(root, "/sys/fs/cgroup/shop/vedette/memory.stat", "anon 5\ninactive_file 400000000\n");
    write_file(root, "/sys/fs/cgroup/shop/memory.max", "max\n");
    machine_detect(root, &machine);
    g_assert_cmpfloat(machine.cores, ==, 0.5);
    g_assert_cmpint(machine.memory_limit_bytes, ==, 1048576000);
    machine_measure(root, &machine, &before);
    g_assert_cmpint(before.memory_used_bytes, ==, 500000000); /* fuller than the machine's 25 % */
    g_assert_cmpint(before.memory_total_bytes, ==, 1048576000);
    write_file(root, "/sys/fs/cgroup/shop/cpu.stat", "usage_usec 1400000\nuser_usec 1\n");
    machine_measure(root, &machine, &after);
    g_assert_cmpfloat(machine_cpu_share(&machine, &before, &after, 1000000), ==, 0.8); /* 0.4 s of 0.5 */
    root_free(root);
}

static void test_limits_of_cgroup_version_1(void)
{
    struct machine machine;
    struct machine_usage usage;
    char *root = root_new();
    write_file(root, "/proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/c\n0::/\n");
    write_file(root, "/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "25000\n");
    write_file(root, "/sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n");
    write_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    write_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    write_file(root, "/sys/fs/cgroup/cpuacct/c/cpuacct.usage", "3000000000\n");
    write_file(root, "/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "536870912\n");
    write_file(root, "/sys/fs/cgroup/memory/m/memory.usage_in_bytes", "500000000\n");
    write_file(root, "/sys/fs/cgroup/memory/m/memory.stat", "cache 1\ntotal_inactive_file 100000000\n");
    write_file(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    machine_detect(root, &machine);
    g_assert_cmpfloat(machine.cores, ==, 0.25);
    g_assert_cmpint(machine.memory_limit_bytes, ==, 536870912);
    machine_measure(root, &machine, &usage);
    g_assert_cmpint(usage.group_cpu_us, ==, 3000000);
    g_assert_cmpint(usage.memory_used_bytes, ==, 400000000);
    root_free(root);
}

static void test_the_share_of_the_machine(void)
{
    struct machine machine;
    struct machine_usage before, after;
    char *root = root_new();
    machine_detect(root, &machine);
    write_file(root, "/proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\n");
    machine_measure(root, &machine, &before);
    write_file(root, "/proc/stat", "cpu  160 0 110 725 105 0 0 0 0 0\n");
    machine_measure(root, &machine, &after);
    g_assert_cmpfloat(machine_cpu_share(&machine, &before, &after, 1000000), ==, 0.7);
    g_assert_cmpfloat(machine_cpu_share(&machine, &after, &after, 1000000), ==, 0);
    root_free(root);
}

/* A process that may use two of four processors: they are busy, whatever the others do. */
static void test_the_share_of_the_processors_that_may_be_used(void)
{
    struct machine machine;
    struct machine_usage before, after;
    char *root = root_new();
    machine_detect(root, &machine);
    CPU_ZERO(&machine.usable);
    CPU_SET(1, &machine.usable);
    CPU_SET(3, &machine.usable);
    write_file(root, "/proc/stat",
               "cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu2 0 0 0 0\ncpu3 0 0 0 0\nintr 1\n");
    machine_measure(root, &machine, &before);
    write_file(root, "/proc/stat",
               "cpu  180 0 0 220 0 0 0 0\ncpu0 0 0 0 100 0 0 0 0\ncpu1 100 0 0 0 0 0 0 0\n"
               "cpu2 0 0 0 100 0 0 0 0\ncpu3 80 0 0 10 10 0 0 0\nintr 1\n");
    machine_measure(root, &machine, &after);
    g_assert_cmpfloat(machine_cpu_share(&machine, &before, &after, 1000000), ==, 0.9);
    root_free(root);
}

static void test_devices(void)
{
    struct machine machine;
    char *root = root_new();
    write_file(root, "/proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: x\n");
    write_file(root, "/dev/dri/card0", "");
    write_file(root, "/dev/dri/renderD128", "");
    machine_detect(root, &machine);
    g_assert_cmpint(machine.nvidia_gpus, ==, 1);
    g_assert_cmpint(machine.render_nodes, ==, 1);
    root_free(root);
}

static void test_processes(void)
{
    char *root = root_new();
    long ticks = sysconf(_SC_CLK_TCK);
    g_autofree char *line =
        g_strdup_printf("77 (a) (b) S 1 77 77 0 -1 4194560 1 0 0 0 %ld %ld 0 0 20 0 9 0 1 2 3\n", 2 * ticks, ticks);
    write_file(root, "/proc/77/stat", line);
    write_file(root, "/proc/77/statm", "9000 1000 400 1 0 1 0\n");
    g_assert_cmpint(machine_process_cpu_us(root, 77), ==, 3000000);
    g_assert_cmpint(machine_process_memory_bytes(root, 77), ==, 600 * sysconf(_SC_PAGESIZE));
    g_assert_cmpint(machine_process_cpu_us(root, 78), ==, 0);
    g_assert_cmpint(machine_process_memory_bytes(root, 78), ==, 0);
    g_assert_cmpint(machine_process_memory_bytes("", getpid()), >, 0);
    root_free(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/a bare machine", test_a_bare_machine);
    g_test_add_func("/machine/limits of cgroup version 2", test_limits_of_cgroup_version_2);
    g_test_add_func("/machine/limits of cgroup version 1", test_limits_of_cgroup_version_1);
    g_test_add_func("/machine/the share of the machine", test_the_share_of_the_machine);
    g_test_add_func("/machine/the share of the processors that may be used",
                    test_the_share_of_the_processors_that_may_be_used);
    g_test_add_func("/machine/devices", test_devices);
    g_test_add_func("/machine/processes", test_processes);
    return g_test_run();
}
