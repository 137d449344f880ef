#include "cli/doctor.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "cli/settings_load.h"
#include "hub/hub.h"
#include "media/media.h"
#include "vedette/profile.h"
#include "vision/vision.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

enum {
    SYNC_TRIES = 16,
    SYNC_BYTES = 4096,
    SLOW_SYNC_US = 20000, /* beyond it the store's commits are what everything waits for */
    FILES_OF_HUB = 256,   /* connections, the store, the log */
    FILES_OF_CAMERA = 32, /* sockets and pipes of its pipeline, all of which may be one worker's */
};
static const int64_t little_memory_bytes = INT64_C(512) << 20;
static const int64_t clock_set_ms = INT64_C(1735689600000); /* 2025-01-01: before that no clock was ever set */
static const double mb = 1024.0 * 1024;

static void warn(struct doctor_finding *finding, enum doctor_verdict verdict, const char *advice)
{
    finding->verdict = MAX(finding->verdict, verdict);
    g_string_append_printf(finding->advice, "%s%s", finding->advice->len ? "; " : "", advice);
}

/* ---- the machine ---- */

static void check_kernel(const struct doctor *doctor, struct doctor_finding *finding)
{
    g_string_append(finding->found, doctor->machine.kernel);
}

static void check_cores(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct machine *machine = &doctor->machine;
    g_string_append_printf(finding->found, "%d that this process may use", machine->processors);
    if (machine->cpu_quota > 0)
        g_string_append_printf(finding->found, ", held to %.2f by a cgroup quota", machine->cpu_quota);
    if (machine->cores < 1)
        warn(finding, DOCTOR_WARN, "less than a core is little even for one camera: raise the CPU quota");
}

static void check_simd(const struct doctor *doctor, struct doctor_finding *finding)
{
    (void)doctor;
    g_string_append_printf(finding->found, "%s; the best of them is used", cpu_describe());
}

static void check_memory(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct machine *machine = &doctor->machine;
    struct machine_usage usage;
    machine_measure("", machine, &usage);
    double left = (double)(usage.memory_total_bytes - usage.memory_used_bytes);
    g_string_append_printf(finding->found, "%.0f MB", (double)machine->memory_bytes / mb);
    if (machine->memory_limit_bytes)
        g_string_append_printf(finding->found, ", held to %.0f MB by a cgroup",
                               (double)machine->memory_limit_bytes / mb);
    g_string_append_printf(finding->found, ", %.0f MB of it free", left / mb);
    if (left < (double)little_memory_bytes)
        warn(finding, DOCTOR_WARN, "less than 512 MB are free: cameras may be killed for lack of memory");
}

static void check_landlock(const struct doctor *doctor, struct doctor_finding *finding)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi > 0) {
        g_string_append_printf(finding->found, "ABI %ld: workers are closed in", abi);
    } else {
        g_string_append(finding->found, "not in this kernel");
        warn(finding, DOCTOR_WARN,
             "workers can read what this user can: take a kernel of 5.13 or later with Landlock on");
    }
    if (!doctor->settings->workers.sandbox)
        warn(finding, DOCTOR_WARN, "workers.sandbox is false: set it to true");
}

/* ---- what analyses ---- */

static void check_gpu(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct machine *machine = &doctor->machine;
    if (machine->nvidia_gpus + machine->render_nodes == 0)
        g_string_append(finding->found, "none: pictures are decoded and analysed on the CPU");
    else
        g_string_append_printf(finding->found, "%d with NVIDIA's driver, %d render nodes (/dev/dri)",
                               machine->nvidia_gpus, machine->render_nodes);
    if (machine->render_nodes && access("/dev/dri/renderD128", R_OK | W_OK) != 0 && errno == EACCES)
        warn(finding, DOCTOR_WARN, "this user may not open /dev/dri/renderD128: add it to the group that owns it");
}

static void check_providers(const struct doctor *doctor, struct doctor_finding *finding)
{
    const char *model = doctor->settings->detector.model;
    g_autofree char *available = detector_providers_available();
    bool has_model = model && *model;
    bool needs_driver = strstr(available, "CUDA") || strstr(available, "TensorRT");
    g_string_append_printf(finding->found, "built in: %s%s; %s", available,
                           needs_driver && doctor->machine.nvidia_gpus == 0
                               ? " (TensorRT and CUDA cannot run here: there is no NVIDIA driver)"
                               : "",
                           has_model ? "the first that takes the model runs it (detector.provider)"
                                     : "no model is set, so what moves is followed");
    if (has_model && strcmp(available, "none") == 0)
        warn(finding, DOCTOR_WARN,
             "this build has no ONNX Runtime, so detector.model is not used: build with -Donnx=enabled");
}

static void check_decoders(const struct doctor *doctor, struct doctor_finding *finding)
{
    g_autoptr(GError) error = NULL;
    if (!media_init(false, &error)) {
        g_string_append(finding->found, "GStreamer does not start");
        warn(finding, DOCTOR_FAIL, error->message);
        return;
    }
    g_autofree char *missing = NULL, *decoders = media_decoders_available(&missing);
    g_string_append(finding->found, decoders);
    if (missing) {
        g_autofree char *advice =
            g_strdup_printf("%s: install gstreamer1.0-libav and gstreamer1.0-plugins-good, -bad and -ugly", missing);
        warn(finding, DOCTOR_FAIL, advice);
    }
    if (strstr(decoders, "hardware") && doctor->settings->workers.sandbox)
        g_string_append(finding->found, "; workers decode by software, for their cage opens no device");
}

static void check_threads(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct settings *settings = doctor->settings;
    struct vedette_machine machine;
    struct vedette_profile all, part;
    vedette_machine_detect(&machine);
    if (!vedette_profile_get("vision", &machine, &all))
        return;
    int workers = MAX(hub_count_workers(settings), 1);
    machine.cores /= workers; /* as a server shares them out */
    if (vedette_profile_get("vision", &machine, &part))
        g_string_append_printf(
            finding->found,
            "%d workers for %zu cameras of the settings (cameras of the API may add more), %d analysers in each, %d "
            "threads for a run of a model, of one picture: %s",
            workers, settings->cameras.count,
            settings->workers.threads ? settings->workers.threads : all.analyser_threads,
            settings->detector.threads ? settings->detector.threads : part.intra_op_threads, all.reason);
}

/* ---- where data lies ---- */

/* The directory, or the nearest above it that is there. g_free. */
static char *nearest_directory(const char *path)
{
    char *directory = g_strdup(path);
    while (!g_file_test(directory, G_FILE_TEST_EXISTS) && strcmp(directory, "/") != 0 && strcmp(directory, ".") != 0) {
        char *parent = g_path_get_dirname(directory);
        g_free(directory);
        directory = parent;
    }
    return directory;
}

static void check_data_dir(const struct doctor *doctor, struct doctor_finding *finding)
{
    g_autofree char *directory = nearest_directory(doctor->data_dir);
    pid_t pid = doctor_server_pid(doctor->data_dir);
    g_string_append_printf(finding->found, "%s%s", doctor->data_dir,
                           strcmp(directory, doctor->data_dir) == 0 ? "" : " (is made at the first start)");
    if (pid)
        g_string_append(finding->found, "; a server uses it");
    if (pid > 0)
        g_string_append_printf(finding->found, " (process %d)", (int)pid);
    if (access(directory, W_OK | X_OK) == 0)
        return;
    g_autofree char *advice = g_strdup_printf("'%s' cannot be written: %s; set data_dir or VEDETTE_DATA_DIR, or change "
                                              "its owner",
                                              directory, g_strerror(errno));
    warn(finding, DOCTOR_FAIL, advice);
}

static void check_disk(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct statvfs info;
    g_autofree char *directory = nearest_directory(doctor->data_dir);
    if (statvfs(directory, &info) != 0) {
        g_string_append_printf(finding->found, "'%s': %s", directory, g_strerror(errno));
        warn(finding, DOCTOR_FAIL, "the data directory's file system does not answer");
        return;
    }
    double free_bytes = (double)info.f_bavail * (double)info.f_frsize;
    double wanted = (double)doctor->settings->store.minimum_free_bytes;
    g_string_append_printf(finding->found, "%.0f MB free where data lies", free_bytes / mb);
    if (free_bytes < 16 * mb)
        warn(finding, DOCTOR_FAIL, "nothing can be stored: free some space");
    else if (free_bytes < wanted)
        warn(finding, DOCTOR_WARN, "that is less than store.minimum_free_bytes: free some space");
}

static gint compare_times(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Middle time of a synced write; -1 with errno when there can be none. */
static int64_t measure_sync_us(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, ".vedette-doctor-XXXXXX", NULL);
    static const char block[SYNC_BYTES];
    int64_t times_us[SYNC_TRIES];
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool is_good = true;
    for (int i = 0; i < SYNC_TRIES && is_good; i++) {
        int64_t start_us = clock_monotonic_us(clock_system());
        is_good = write(fd, block, sizeof block) == sizeof block && fdatasync(fd) == 0;
        times_us[i] = clock_monotonic_us(clock_system()) - start_us;
    }
    int reason = errno;
    close(fd);
    g_unlink(path);
    errno = reason;
    qsort(times_us, SYNC_TRIES, sizeof *times_us, compare_times);
    return is_good ? times_us[SYNC_TRIES / 2] : -1;
}

static void check_sync(const struct doctor *doctor, struct doctor_finding *finding)
{
    g_autofree char *directory = nearest_directory(doctor->data_dir);
    int64_t us = measure_sync_us(directory);
    if (us < 0) {
        g_string_append_printf(finding->found, "not measured: %s", g_strerror(errno));
        warn(finding, DOCTOR_FAIL, "nothing can be written and synced where data is to lie");
        return;
    }
    g_string_append_printf(finding->found, "%.2f ms for a write that is kept through a power cut (middle of %d)",
                           (double)us / 1000, SYNC_TRIES);
    if (us > SLOW_SYNC_US)
        warn(finding, DOCTOR_WARN, "slow: records wait for it; let data_dir lie on a faster disk");
}

static void check_temporary(const struct doctor *doctor, struct doctor_finding *finding)
{
    const char *directory = g_get_tmp_dir();
    (void)doctor;
    g_string_append(finding->found, directory);
    if (access(directory, W_OK | X_OK) != 0)
        warn(finding, DOCTOR_WARN, "cannot be written: set TMPDIR to a directory that can");
}

/* ---- the surroundings ---- */

static void check_clock(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct timex state = {0};
    int answer = adjtimex(&state);
    (void)doctor;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *text = g_date_time_format_iso8601(now);
    g_string_append_printf(finding->found, "%s, %s", text,
                           answer < 0                  ? "not known whether synchronised"
                           : state.status & STA_UNSYNC ? "not synchronised"
                                                       : "synchronised");
    if (clock_wall_ms(clock_system()) < clock_set_ms)
        warn(finding, DOCTOR_WARN, "the clock was never set, and every record would bear a wrong time: set it");
    else if (answer >= 0 && state.status & STA_UNSYNC)
        warn(finding, DOCTOR_WARN,
             "records may bear a wrong time: run chrony or systemd-timesyncd (in a container: on the host)");
}

static void check_files(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct rlimit limit;
    rlim_t wanted = FILES_OF_HUB + FILES_OF_CAMERA * (rlim_t)doctor->settings->cameras.count;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    g_string_append_printf(finding->found, "%llu open files a process", (unsigned long long)limit.rlim_cur);
    if (limit.rlim_cur >= wanted)
        return;
    g_autofree char *advice =
        g_strdup_printf("up to %llu may be wanted: raise it (ulimit -n, LimitNOFILE=)", (unsigned long long)wanted);
    warn(finding, DOCTOR_WARN, advice);
}

static int bind_port(const char *address, int port)
{
    g_autofree char *service = g_strdup_printf("%d", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address, service, &hints, &found) != 0)
        return EADDRNOTAVAIL;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, failure = 0;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0)
        failure = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return failure;
}

static void check_port(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct http_settings *http = &doctor->settings->http;
    g_string_append_printf(finding->found, "%s:%d", http->address, http->port);
    int failure = bind_port(http->address, http->port);
    if (failure == 0)
        return;
    if (doctor_server_pid(doctor->data_dir)) {
        g_string_append(finding->found, ", taken by the server that runs");
        return;
    }
    g_autofree char *advice = g_strdup_printf("%s: choose another (--http-port, http.address)", g_strerror(failure));
    warn(finding, DOCTOR_FAIL, advice);
}

static void check_settings(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct record_errors refused;
    record_errors_init(&refused);
    cli_start_check(doctor->settings, &refused);
    g_string_append(finding->found,
                    refused.items->len ? "a server would not start with them" : "a server can start with them");
    for (guint i = 0; i < refused.items->len; i++) {
        const struct record_error *refusal = g_ptr_array_index(refused.items, i);
        g_autofree char *advice = g_strdup_printf("%s: %s", refusal->path, refusal->text);
        warn(finding, DOCTOR_FAIL, advice);
    }
    record_errors_clear(&refused);
}

static const struct check {
    const char *name;
    void (*look)(const struct doctor *doctor, struct doctor_finding *finding);
} checks[] = {
    {"kernel", check_kernel},       {"cores", check_cores},       {"SIMD", check_simd},
    {"memory", check_memory},       {"Landlock", check_landlock}, {"GPU", check_gpu},
    {"providers", check_providers}, {"decoders", check_decoders}, {"threads", check_threads},
    {"data", check_data_dir},       {"disk", check_disk},         {"sync", check_sync},
    {"temporary", check_temporary}, {"open files", check_files},  {"clock", check_clock},
    {"address", check_port},        {"settings", check_settings},
};

/* Who has the lock file; 0: nobody, -1: somebody who could not write who it is. */
static pid_t lock_holder(const char *path)
{
    g_autofree char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    bool is_taken = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    if (!is_taken)
        return 0;
    pid_t pid = g_file_get_contents(path, &text, NULL, NULL) ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
    return pid > 0 ? pid : -1;
}

pid_t doctor_server_pid(const char *data_dir)
{
    g_autofree char *store = g_build_filename(data_dir, "lock", NULL); /* where the store lies there too */
    g_autofree char *spool = g_build_filename(data_dir, "spool", "lock", NULL);
    pid_t pid = lock_holder(store);
    return pid ? pid : lock_holder(spool);
}

static void finding_free(gpointer data)
{
    struct doctor_finding *finding = data;
    g_string_free(finding->found, TRUE);
    g_string_free(finding->advice, TRUE);
    g_free(finding);
}

GPtrArray *doctor_examine(const struct doctor *doctor)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func(finding_free);
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        struct doctor_finding *finding = g_new(struct doctor_finding, 1);
        *finding = (struct doctor_finding){checks[i].name, DOCTOR_OK, g_string_new(NULL), g_string_new(NULL)};
        checks[i].look(doctor, finding);
        g_ptr_array_add(findings, finding);
    }
    return findings;
}
