#include "worker/sandbox.h"

#include "base/media_url.h"
#include "facts/camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Read by libraries while they work: the resolver, TLS, codecs and runtimes that count cores. */
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

/* The kernel's own header may be older than the kernel: struct landlock_ruleset_attr and rights as of ABI 6. */
struct ruleset_attributes {
    uint64_t handled_access_fs, handled_access_net, scoped;
};
enum {
    FILE_RIGHTS_ABI_1 = (1 << 13) - 1,
    FILE_RIGHT_REFER = 1 << 13,    /* ABI 2 */
    FILE_RIGHT_TRUNCATE = 1 << 14, /* ABI 3 */
    NET_RIGHT_BIND_TCP = 1 << 0,   /* ABI 4 */
    FILE_RIGHT_IOCTL = 1 << 15,    /* ABI 5 */
    SCOPE_ABSTRACT_UNIX = 1 << 0,  /* ABI 6 */
    SCOPE_SIGNAL = 1 << 1,         /* ABI 6 */
    READ_FILE = LANDLOCK_ACCESS_FS_READ_FILE,
    READ_TREE = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
};

bool sandbox_prepare(int parent)
{
    /* Terminals and service managers signal a whole group: a worker ends when its hub says so, or is gone. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    const struct rlimit none = {0, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
        signal(ignored[i], SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return false;
    /* Each is proved again in sandbox_close, which tells the hub. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
    return true;
}

/* ---- Landlock ---- */

static void allow(int ruleset, const char *path, uint64_t access)
{
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return; /* not on this machine: nothing to allow */
    if (fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode))
        access &= READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FILE_RIGHT_IOCTL;
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
}

/* The model, and its card wherever it may lie. */
static void allow_model(int ruleset, const char *model, const char *named_card)
{
    if (!model || !*model)
        return;
    g_autofree char *stem =
        g_str_has_suffix(model, ".onnx") ? g_strndup(model, strlen(model) - strlen(".onnx")) : g_strdup(model);
    g_autofree char *card = g_strconcat(stem, ".card.json", NULL), *json = g_strconcat(stem, ".json", NULL);
    const char *const paths[] = {model, card, json, named_card ? named_card : ""};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        allow(ruleset, paths[i], READ_FILE);
}

/* What a source needs: a video, a picture or a folder of them is read; a capture device is also spoken to. */
static void allow_source(int ruleset, const char *source, uint64_t handled)
{
    struct media_url url;
    if (!media_url_parse(source, &url, NULL))
        return;
    if (url.scheme == MEDIA_FILE)
        allow(ruleset, url.location, READ_TREE);
    else if (url.scheme == MEDIA_V4L2)
        allow(ruleset, media_url_device(&url),
              (READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FILE_RIGHT_IOCTL) & handled);
    media_url_clear(&url);
}

/* The files the operator named: cameras that are videos or devices, who vouches for the others, and models. */
static void allow_configured(int ruleset, const struct worker_config *config, uint64_t handled)
{
    const struct camera *cameras = config->cameras.items;
    for (size_t i = 0; i < config->cameras.count; i++) {
        struct stream_use uses[CAMERA_MAX_STREAMS];
        size_t count = camera_list_streams(&cameras[i], uses);
        for (size_t j = 0; j < count; j++)
            allow_source(ruleset, uses[j].source, handled);
    }
    const char *authorities = config->source.tls_ca_file;
    if (authorities && *authorities)
        allow(ruleset, authorities, READ_FILE);
    allow_model(ruleset, config->detector.model, config->detector.card);
    allow_model(ruleset, config->reid.model, config->reid.card);
}

/* Everything this kernel can forbid. */
static struct ruleset_attributes all_rights(long abi)
{
    return (struct ruleset_attributes){
        .handled_access_fs = FILE_RIGHTS_ABI_1 | (abi >= 2 ? FILE_RIGHT_REFER : 0) |
                             (abi >= 3 ? FILE_RIGHT_TRUNCATE : 0) | (abi >= 5 ? FILE_RIGHT_IOCTL : 0),
        .handled_access_net = abi >= 4 ? NET_RIGHT_BIND_TCP : 0,
        .scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0,
    };
}

/* Everything is forbidden; then what is needed is allowed again. */
static bool restrict_files(const struct worker_config *config, char *detail, size_t size)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        g_snprintf(detail, size, "the kernel has no Landlock (%s): files are not closed off", g_strerror(errno));
        return false;
    }
    const struct ruleset_attributes attributes = all_rights(abi);
    /* Older kernels take the longer struct when what they do not know is zero. */
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        g_snprintf(detail, size, "Landlock ABI %ld refused its rules: %s", abi, g_strerror(errno));
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(readable_paths); i++)
        allow(ruleset, readable_paths[i], READ_TREE);
    allow(ruleset, "/dev/null", READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow_configured(ruleset, config, attributes.handled_access_fs);
    bool is_closed = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (is_closed)
        g_snprintf(detail, size, "Landlock ABI %ld", abi);
    else
        g_snprintf(detail, size, "Landlock ABI %ld did not close: %s", abi, g_strerror(errno));
    close(ruleset);
    return is_closed;
}

/* ---- proof ---- */

static int count_threads(void)
{
    int count = 0;
    GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);
    while (tasks && g_dir_read_name(tasks))
        count++;
    if (tasks)
        g_dir_close(tasks);
    return count;
}

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0}, left[_LINUX_CAPABILITY_U32S_3] = {0};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &header, none);
    return syscall(SYS_capget, &header, left) == 0 && memcmp(none, left, sizeof none) == 0;
}

static bool is_refused(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd < 0 && (errno == EACCES || errno == EPERM);
}

/* Tries to hold a right it was not born with, as a setuid program would give it. */
static bool is_powerless(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct wanted[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = 1u << CAP_SETUID, .permitted = 1u << CAP_SETUID}};
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && syscall(SYS_capset, &header, wanted) != 0;
}

void sandbox_close(const struct worker_config *config, const char *hub_files, struct worker_hello *hello)
{
    char detail[256] = "off by workers.sandbox";
    int threads = count_threads();
    bool is_powerless_now = false;
    if (config->workers.sandbox) {
        hello->is_sandboxed = restrict_files(config, detail, sizeof detail);
        is_powerless_now = drop_capabilities() && is_powerless();
    }
    if (hello->is_sandboxed && threads != 1) {
        hello->is_sandboxed = false;
        g_snprintf(detail, sizeof detail, "%d threads ran before the cage was closed and are not held by it", threads);
    }
    hello->cannot_read_hub_files = is_refused(hub_files);
    hello->cannot_gain_privileges = is_powerless_now;
    hello->is_not_dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
    hello->sandbox_detail = g_strdup(detail);
}
