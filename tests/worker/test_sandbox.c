/* S7: a process in the cage tries to get out of it. Each try runs in a child, which tells by its exit status. */
#include "worker/sandbox.h"

#include "facts/camera.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ABI_NETWORK = 4, ABI_SCOPES = 6 };

struct world {
    char *directory, *hub_files, *video, *authorities, *other;
    int listener, port;
    long abi;
};

static char *make_file(const struct world *world, const char *name)
{
    char *path = g_build_filename(world->directory, name, NULL);
    g_assert_true(g_file_set_contents(path, "secret", -1, NULL));
    return path;
}

static void world_init(struct world *world)
{
    *world = (struct world){.directory = g_dir_make_tmp("vedette-sandbox-XXXXXX", NULL)};
    world->hub_files = make_file(world, "vedette.db");
    world->video = make_file(world, "video.mp4");
    world->authorities = make_file(world, "ca.pem");
    world->other = make_file(world, "other.mp4");
    world->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    g_assert_cmpint(bind(world->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(world->listener, 4), ==, 0);
    g_assert_cmpint(getsockname(world->listener, (struct sockaddr *)&address, &length), ==, 0);
    world->port = ntohs(address.sin_port);
    world->abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void world_clear(struct world *world)
{
    char *const paths[] = {world->hub_files, world->video, world->authorities, world->other};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_unlink(paths[i]);
        g_free(paths[i]);
    }
    g_rmdir(world->directory);
    g_free(world->directory);
    close(world->listener);
}

static void close_cage(const struct world *world, bool is_wanted, struct worker_hello *hello)
{
    struct worker_config config;
    record_init(&worker_config_descriptor, &config);
    config.workers.sandbox = is_wanted;
    struct camera *camera = record_list_append(&config.cameras, &camera_descriptor);
    g_free(camera->source);
    camera->source = g_strdup(world->video);
    g_free(config.source.tls_ca_file);
    config.source.tls_ca_file = g_strdup(world->authorities);
    *hello = (struct worker_hello){0};
    sandbox_close(&config, world->hub_files, hello);
}

static bool is_denied(int result)
{
    return result < 0 && (errno == EACCES || errno == EPERM);
}

static bool can_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int use_port(const struct world *world, bool is_connecting)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = is_connecting ? htons((uint16_t)world->port) : 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return is_connecting ? connect(fd, (struct sockaddr *)&address, sizeof address)
                         : bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* ---- the tries: true when it is as it should be ---- */

static bool files_are_out_of_reach(const struct world *world)
{
    g_autofree char *fresh = g_build_filename(world->directory, "fresh", NULL);
    return !can_open(world->hub_files, O_RDONLY) && !can_open(world->other, O_RDONLY) &&
           !can_open(world->directory, O_RDONLY | O_DIRECTORY) && !can_open("/etc/shadow", O_RDONLY) &&
           !can_open("/etc/passwd", O_RDONLY) && !can_open(fresh, O_WRONLY | O_CREAT) &&
           !can_open(world->video, O_WRONLY) && is_denied(mkdir(fresh, 0700)) && is_denied(unlink(world->video)) &&
           is_denied(truncate(world->video, 0));
}

static bool what_is_needed_is_in_reach(const struct world *world)
{
    return can_open(world->video, O_RDONLY) && can_open(world->authorities, O_RDONLY) &&
           can_open("/dev/null", O_RDWR) && can_open("/dev/urandom", O_RDONLY) &&
           can_open("/usr", O_RDONLY | O_DIRECTORY) && use_port(world, true) == 0;
}

static bool nothing_can_be_executed(const struct world *world)
{
    (void)world;
    char *const arguments[] = {(char *)(uintptr_t) "true", NULL};
    return is_denied(execv("/bin/true", arguments));
}

static bool no_right_can_be_gained(const struct world *world)
{
    (void)world;
    return is_denied(setuid(getuid() + 1)) && is_denied(socket(AF_PACKET, SOCK_RAW, 0)) &&
           is_denied(mount("none", "/mnt", "tmpfs", 0, NULL)) && is_denied(chroot("/")) &&
           is_denied(setpriority(PRIO_PROCESS, 0, -20));
}

static bool the_parent_is_out_of_reach(const struct world *world)
{
    g_autofree char *memory = g_strdup_printf("/proc/%d/mem", (int)getppid());
    g_autofree char *environment = g_strdup_printf("/proc/%d/environ", (int)getppid());
    bool is_signalled = world->abi >= ABI_SCOPES && kill(getppid(), 0) == 0;
    return is_denied((int)ptrace(PTRACE_ATTACH, getppid(), 0, 0)) && !can_open(memory, O_RDONLY) &&
           !can_open(environment, O_RDONLY) && !is_signalled;
}

static bool no_port_can_be_opened(const struct world *world)
{
    return world->abi < ABI_NETWORK || is_denied(use_port(world, false));
}

static bool a_terminal_does_not_end_it(const struct world *world)
{
    (void)world;
    return raise(SIGINT) == 0 && raise(SIGTERM) == 0 && raise(SIGHUP) == 0;
}

static bool the_hello_is_proved(const struct world *world)
{
    struct worker_hello hello;
    close_cage(world, true, &hello); /* once more: a cage in a cage */
    return hello.is_sandboxed && hello.cannot_read_hub_files && hello.cannot_gain_privileges && hello.is_not_dumpable &&
           strstr(hello.sandbox_detail, "Landlock ABI");
}

static const struct {
    const char *name;
    bool (*is_right)(const struct world *world);
} tries[] = {
    {"files are out of reach", files_are_out_of_reach},
    {"what is needed is in reach", what_is_needed_is_in_reach},
    {"nothing can be executed", nothing_can_be_executed},
    {"no right can be gained", no_right_can_be_gained},
    {"the parent is out of reach", the_parent_is_out_of_reach},
    {"no port can be opened", no_port_can_be_opened},
    {"a terminal does not end it", a_terminal_does_not_end_it},
    {"the hello is proved", the_hello_is_proved},
};

/* What a child says of itself, as its exit status. */
static void assert_child(const struct world *world, int (*child)(const struct world *world, gconstpointer data),
                         gconstpointer data)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(world, data));
    int status;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static int try_in_cage(const struct world *world, gconstpointer data)
{
    struct worker_hello hello;
    if (!sandbox_prepare(getppid()))
        return 2;
    close_cage(world, true, &hello);
    if (!hello.is_sandboxed)
        fprintf(stderr, "# %s\n", hello.sandbox_detail);
    return tries[GPOINTER_TO_SIZE(data)].is_right(world) ? 0 : 1;
}

static void test_try(gconstpointer data)
{
    struct world world;
    world_init(&world);
    if (world.abi < 1)
        g_test_skip("this kernel has no Landlock");
    else
        assert_child(&world, try_in_cage, data);
    world_clear(&world);
}

static void *idle(void *data)
{
    (void)data;
    for (;;)
        pause();
    return NULL;
}

static int close_with_a_thread_outside(const struct world *world, gconstpointer data)
{
    (void)data;
    pthread_t thread;
    struct worker_hello hello;
    sandbox_prepare(getppid());
    pthread_create(&thread, NULL, idle, NULL);
    close_cage(world, true, &hello);
    return !hello.is_sandboxed && strstr(hello.sandbox_detail, "threads") ? 0 : 1;
}

static void test_a_thread_outside_the_cage_is_told(void)
{
    struct world world;
    world_init(&world);
    if (world.abi < 1)
        g_test_skip("this kernel has no Landlock");
    else
        assert_child(&world, close_with_a_thread_outside, NULL);
    world_clear(&world);
}

static int stay_outside(const struct world *world, gconstpointer data)
{
    (void)data;
    struct worker_hello hello;
    sandbox_prepare(getppid());
    close_cage(world, false, &hello);
    return !hello.is_sandboxed && !hello.cannot_read_hub_files && can_open(world->hub_files, O_RDONLY) &&
                   strstr(hello.sandbox_detail, "workers.sandbox")
               ? 0
               : 1;
}

static void test_without_a_cage_the_hello_says_so(void)
{
    struct world world;
    world_init(&world);
    assert_child(&world, stay_outside, NULL);
    world_clear(&world);
}

static int be_an_orphan(const struct world *world, gconstpointer data)
{
    (void)world;
    (void)data;
    return sandbox_prepare(getpid()) ? 1 : 0; /* nobody is one's own parent */
}

static void test_a_worker_without_its_hub_does_not_start(void)
{
    struct world world;
    world_init(&world);
    assert_child(&world, be_an_orphan, NULL);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tries); i++) {
        g_autofree char *path = g_strdup_printf("/sandbox/S7 %s", tries[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_try);
    }
    g_test_add_func("/sandbox/a thread outside the cage is told", test_a_thread_outside_the_cage_is_told);
    g_test_add_func("/sandbox/without a cage the hello says so", test_without_a_cage_the_hello_says_so);
    g_test_add_func("/sandbox/a worker without its hub does not start", test_a_worker_without_its_hub_does_not_start);
    return g_test_run();
}
