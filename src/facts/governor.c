#include "facts/governor.h"

const char *const governor_admission_names[] = {"warn", "refuse", "off", NULL};

static const struct record_field settings_fields[] = {
    FIELD(struct governor_settings, shed, 0,
          "under overload, analyse quiet cameras less often, then all, then make no previews; never leave out records",
          .default_text = "true"),
    FIELD_ENUM(struct governor_settings, admission, governor_admission_names, RECORD_NEEDS_RESTART,
               "what happens to a camera that is new when, by what the others were measured to cost, there is no room: "
               "warn, refuse, or off",
               .default_text = "warn"),
    FIELD(struct governor_settings, cpu_high, 0,
          "share of the CPU that may be used (cgroup quota respected) from which it is too busy", .min = 0, .max = 1,
          .default_text = "0.95"),
    FIELD(struct governor_settings, cpu_low, 0, "share at which it is calm again", .min = 0, .max = 1,
          .default_text = "0.85"),
    FIELD(struct governor_settings, late_high, 0,
          "the CPU counts as too busy only while this share of frames was replaced by newer ones before analysis",
          .min = 0, .max = 1, .default_text = "0.05"),
    FIELD(struct governor_settings, memory_high, 0,
          "share of the memory (cgroup limit respected) from which it is too full", .min = 0, .max = 1,
          .default_text = "0.92"),
    FIELD(struct governor_settings, memory_low, 0, "share at which it is calm again", .min = 0, .max = 1,
          .default_text = "0.85"),
    FIELD(struct governor_settings, queue_high, 0, "share of the queue before the store from which it is too long",
          .min = 0, .max = 1, .default_text = "0.8"),
    FIELD(struct governor_settings, queue_low, 0, "share at which it is calm again", .min = 0, .max = 1,
          .default_text = "0.3"),
    FIELD(struct governor_settings, frame_age_high_ms, 0,
          "from arrival to the end of analysis, of the camera in the middle: from here on frames are too old",
          .unit = "ms", .min = 0, .max = 600000, .default_text = "1500"),
    FIELD(struct governor_settings, frame_age_low_ms, 0, "age at which they are calm again", .unit = "ms", .min = 0,
          .max = 600000, .default_text = "750"),
    FIELD(struct governor_settings, overload_seconds, 0, "too much of anything for so long is an overload", .unit = "s",
          .min = 0, .max = 3600, .default_text = "10"),
    FIELD(struct governor_settings, step_seconds, 0, "between one step of shedding and the next", .unit = "s", .min = 0,
          .max = 3600, .default_text = "10"),
    FIELD(struct governor_settings, recover_seconds, 0,
          "calm before a step is taken back, or an overload that is only told is over; doubles, up to 16 times, when "
          "the overload then returns after a step",
          .min = 0, .max = 3600, .default_text = "30"),
    FIELD(struct governor_settings, quiet_seconds, 0, "a camera in which nothing moved for so long is quiet",
          .unit = "s", .min = 0, .max = 3600, .default_text = "10"),
    FIELD(struct governor_settings, quiet_scale, 0, "what quiet cameras keep of analyse_fps in the first step",
          .min = 0.01, .max = 1, .default_text = "0.4"),
    FIELD(struct governor_settings, all_scale, 0, "what all cameras keep of it in the second step", .min = 0.01,
          .max = 1, .default_text = "0.5"),
    FIELD(struct governor_settings, cpu_target, 0, "headroom counts the CPU up to this share", .min = 0.01, .max = 1,
          .default_text = "0.8"),
};
static void check_pair(double low, double high, const char *name, const char *path, struct record_errors *errors)
{
    g_autofree char *where = g_strconcat(path, *path ? "." : "", name, NULL);
    if (low > high)
        record_errors_add(errors, where, "%g: must not be above its high (%g)", low, high);
}
static void settings_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct governor_settings *settings = record;
    check_pair(settings->cpu_low, settings->cpu_high, "cpu_low", path, errors);
    check_pair(settings->memory_low, settings->memory_high, "memory_low", path, errors);
    check_pair(settings->queue_low, settings->queue_high, "queue_low", path, errors);
    check_pair(settings->frame_age_low_ms, settings->frame_age_high_ms, "frame_age_low_ms", path, errors);
}
const struct record_descriptor governor_settings_descriptor =
    RECORD(struct governor_settings, "GovernorSettings", 1, settings_fields, "Overload, and room for more cameras.",
           .check = settings_check);

static const struct record_field order_fields[] = {
    FIELD(struct governor_order, quiet_scale, RECORD_REQUIRED, "what quiet cameras keep of analyse_fps", .min = 0,
          .max = 1),
    FIELD(struct governor_order, all_scale, RECORD_REQUIRED, "what every camera keeps of it", .min = 0, .max = 1),
    FIELD(struct governor_order, has_previews, 0, "pictures are made for those who look", .default_text = "true"),
};
const struct record_descriptor governor_order_descriptor =
    RECORD(struct governor_order, "GovernorOrder", 1, order_fields, "What workers leave out under overload.");

static const struct record_field memory_fields[] = {
    FIELD(struct governor_memory, cameras, 0, "that were admitted", .max_count = 4096),
    FIELD(struct governor_memory, camera_cores, 0, "cores that one camera takes, on average", .min = 0, .max = 1e6),
    FIELD(struct governor_memory, camera_bytes, 0, "memory that one camera takes, on average", .unit = "bytes",
          .min = 0, .max = 0x1p53),
    FIELD(struct governor_memory, other_cores, 0, "cores that everything else took", .min = 0, .max = 1e6),
    FIELD(struct governor_memory, other_bytes, 0, "memory that everything else took", .unit = "bytes", .min = 0,
          .max = 0x1p53),
};
const struct record_descriptor governor_memory_descriptor =
    RECORD(struct governor_memory, "GovernorMemory", 1, memory_fields, "What cameras were measured to cost.");
