#include "facts/health.h"

static const struct record_field camera_health_fields[] = {
    FIELD(struct camera_health, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD(struct camera_health, state, 0, "connecting, online, stalled, waiting, failed or ended", .max_count = 32),
    FIELD(struct camera_health, last_error, 0, "the last thing that went wrong; empty when none since it came online",
          .max_count = 1024),
    FIELD(struct camera_health, codec, 0, "of the video", .max_count = 32),
    FIELD(struct camera_health, width_px, 0, "of the video", .unit = "px"),
    FIELD(struct camera_health, height_px, 0, "of the video", .unit = "px"),
    FIELD(struct camera_health, fps, RECORD_GAUGE, "frames decoded a second, by the wall clock", .unit = "1/s"),
    FIELD(struct camera_health, analysed_fps, RECORD_GAUGE, "frames analysed a second, by the wall clock",
          .unit = "1/s"),
    FIELD(struct camera_health, frames_decoded, RECORD_COUNTER, "frames the decoder gave"),
    FIELD(struct camera_health, frames_processed, RECORD_COUNTER, "frames analysed"),
    FIELD(struct camera_health, frames_dropped, RECORD_COUNTER,
          "frames replaced by a newer one before they were analysed"),
    FIELD(struct camera_health, frames_skipped, RECORD_COUNTER, "frames analyse_fps had no need of"),
    FIELD(struct camera_health, frame_copies, RECORD_COUNTER, "copies of a frame between decoder and model input"),
    FIELD(struct camera_health, bytes_received, RECORD_COUNTER, "bytes of the stream", .unit = "bytes"),
    FIELD(struct camera_health, connects, RECORD_COUNTER, "times the camera was connected"),
    FIELD(struct camera_health, errors_count, RECORD_COUNTER, "connections and decodings that failed"),
    FIELD(struct camera_health, decode_errors, RECORD_COUNTER, "decodings that failed"),
    FIELD(struct camera_health, stalls, RECORD_COUNTER, "times no frame came for source.stall_timeout_ms"),
    FIELD(struct camera_health, records_sent, RECORD_COUNTER, "records sent to the hub"),
    FIELD(struct camera_health, records_dropped, RECORD_COUNTER,
          "records shed because the hub did not acknowledge for too long"),
    FIELD(struct camera_health, previews_encoded, RECORD_COUNTER, "pictures made for those who look"),
    FIELD(struct camera_health, previews_refused, RECORD_COUNTER, "pictures not made because they could not be hidden"),
    FIELD(struct camera_health, avg_latency_ms, RECORD_GAUGE, "from arrival to the end of analysis, smoothed",
          .unit = "ms"),
    FIELD(struct camera_health, decode_us, RECORD_COUNTER, "CPU time of decoding", .unit = "us"),
    FIELD(struct camera_health, motion_us, RECORD_COUNTER, "CPU time of motion detection", .unit = "us"),
    FIELD(struct camera_health, detect_us, RECORD_COUNTER, "CPU time of the model", .unit = "us"),
    FIELD(struct camera_health, track_us, RECORD_COUNTER, "CPU time of tracking", .unit = "us"),
    FIELD(struct camera_health, rules_us, RECORD_COUNTER, "CPU time of the rules", .unit = "us"),
    FIELD(struct camera_health, detector_runs, RECORD_COUNTER, "times the model ran"),
    FIELD(struct camera_health, tracks_live, RECORD_GAUGE, "tracks in the last frame"),
    FIELD(struct camera_health, objects_shed, RECORD_COUNTER,
          "objects not followed because there were more than can be"),
    FIELD(struct camera_health, last_frame_at, 0, "when the last frame came"),
};
const struct record_descriptor camera_health_descriptor = RECORD(
    struct camera_health, "CameraHealth", 1, camera_health_fields, "How a camera is; counts since its worker started.");

static const struct record_field server_health_fields[] = {
    FIELD(struct server_health, started_at, 0, "when the hub started"),
    FIELD(struct server_health, workers_running, RECORD_GAUGE, "worker processes that are up"),
    FIELD(struct server_health, worker_starts, RECORD_COUNTER, "worker processes started"),
    FIELD(struct server_health, worker_exits, RECORD_COUNTER, "worker processes that ended unasked"),
    FIELD(struct server_health, workers_uncaged, RECORD_GAUGE,
          "worker processes whose files are not closed off: the kernel lacks Landlock, or workers.sandbox is false"),
    FIELD(struct server_health, records_received, RECORD_COUNTER, "records taken in from workers"),
    FIELD(struct server_health, records_rejected, RECORD_COUNTER, "records that were not valid"),
    FIELD(struct server_health, records_stored, RECORD_COUNTER, "records stored"),
    FIELD(struct server_health, records_duplicate, RECORD_COUNTER, "records that were stored already"),
    FIELD(struct server_health, store_commits, RECORD_COUNTER, "transactions committed"),
    FIELD(struct server_health, store_errors, RECORD_COUNTER, "transactions that failed"),
    FIELD(struct server_health, store_queue_records, RECORD_GAUGE, "records waiting for the store"),
    FIELD(struct server_health, store_free_bytes, RECORD_GAUGE, "free space where the store lies", .unit = "bytes"),
    FIELD(struct server_health, http_requests, RECORD_COUNTER, "HTTP requests answered"),
    FIELD(struct server_health, http_rejected, RECORD_COUNTER,
          "HTTP requests malformed, too large, too slow or too many"),
    FIELD(struct server_health, http_errors, RECORD_COUNTER, "HTTP requests answered with 5xx"),
    FIELD(struct server_health, logins_failed, RECORD_COUNTER, "logins with a wrong name or password"),
    FIELD(struct server_health, logins_limited, RECORD_COUNTER, "logins refused because there were too many"),
    FIELD(struct server_health, websocket_clients, RECORD_GAUGE, "pages connected"),
    FIELD(struct server_health, websocket_dropped, RECORD_COUNTER, "track updates shed for slow pages"),
};
const struct record_descriptor server_health_descriptor =
    RECORD(struct server_health, "ServerHealth", 1, server_health_fields, "How the hub is; counts since it started.");

static const struct record_field worker_hello_fields[] = {
    FIELD(struct worker_hello, protocol_version, RECORD_REQUIRED, "of the link"),
    FIELD(struct worker_hello, worker_id, RECORD_REQUIRED | RECORD_TEXT_ID, "as the hub named it"),
    FIELD(struct worker_hello, pid, 0, "of the process"),
    FIELD(struct worker_hello, is_sandboxed, 0, "the cage is closed"),
    FIELD(struct worker_hello, cannot_read_hub_files, 0, "tried to open the hub's files and was refused"),
    FIELD(struct worker_hello, cannot_gain_privileges, 0, "no-new-privileges is set"),
    FIELD(struct worker_hello, is_not_dumpable, 0, "no core dump, no ptrace"),
    FIELD(struct worker_hello, sandbox_detail, 0, "what the kernel offered, or lacks", .max_count = 512),
};
const struct record_descriptor worker_hello_descriptor =
    RECORD(struct worker_hello, "WorkerHello", 1, worker_hello_fields, "What a worker proved about its own cage.");
