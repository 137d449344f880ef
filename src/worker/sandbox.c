#include "worker/sandbox.h"

#include "facts/camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Read by libraries while they work: the resolver, TLS, codecs that count cores. */
static const char *const readable_paths[] = {
    "/usr",           "/lib",
    "/lib64",         "/etc/resolv.conf",
    "/etc/hosts",     "/etc/nsswitch.conf",
    "/etc/host.conf", "/etc/gai.conf",
    "/etc/ssl",       "/etc/ld.so.cache",
    "/etc/localtime", "/sys/devices/system/cpu",
    "/proc/self",     "/proc/cpuinfo",
    "/dev/urandom",   "/run/systemd/resolve",
};

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_TREE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

bool sandbox_prepare(int parent)
{
    const struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return false;
    /* Each is proved again in sandbox_close, which tells the hub. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
    return true;
}

static void allow(int ruleset, const char *path, uint64_t access)
{
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return; /* not on this machine: nothing to allow */
    if (fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode))
        access &= READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
}

static void allow_configured(int ruleset, const struct worker_config *config)
{
    const struct camera *cameras = config->cameras.items;
    for (size_t i = 0; i < config->cameras.count; i++)
        if (!strstr(cameras[i].source, "://"))
            allow(ruleset, cameras[i].source, READ_FILE);
}

/* Everything the kernel can forbid is forbidden; then what is needed is allowed again. */
static bool restrict_files(const struct worker_config *config, char *detail, size_t size)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        g_snprintf(detail, size, "the kernel has no Landlock (%s): files are not closed off", g_strerror(errno));
        return false;
    }
    /* the 13 rights of ABI 1, then one more with each of 2 (refer) and 3 (truncate) */
    uint64_t handled = (1u << 13) - 1;
    handled |= abi >= 2 ? 1u << 13 : 0;
    handled |= abi >= 3 ? 1u << 14 : 0;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        g_snprintf(detail, size, "Landlock refused: %s", g_strerror(errno));
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(readable_paths); i++)
        allow(ruleset, readable_paths[i], READ_TREE);
    allow(ruleset, "/dev/null", READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow_configured(ruleset, config);
    bool is_closed = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    g_snprintf(detail, size, is_closed ? "Landlock ABI %ld" : "Landlock ABI %ld refused", abi);
    close(ruleset);
    return is_closed;
}

static bool is_refused(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd < 0 && (errno == EACCES || errno == EPERM);
}

void sandbox_close(const struct worker_config *config, const char *hub_files, struct worker_hello *hello)
{
    char detail[256] = "off by workers.sandbox";
    hello->is_sandboxed = config->workers.sandbox && restrict_files(config, detail, sizeof detail);
    hello->cannot_read_hub_files = is_refused(hub_files);
    hello->cannot_gain_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    hello->is_not_dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
    hello->sandbox_detail = g_strdup(detail);
}
