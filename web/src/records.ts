// Made by `vedette docs` from the records' own tables: `make docs` writes it anew.

/** A camera as it is registered. */
export interface Camera {
  /** unique, stays for ever */
  id: string;
  /** the organisation it belongs to */
  org_id: string;
  /** the site it stands on */
  site_id: string;
  /** the school class it looks at, where there is one */
  class_id?: string;
  /** what people call it */
  name?: string;
  /** rtsp://host/path, rtsps://…, http://… or https://… (MJPEG, or a JPEG for each request), v4l2:///dev/videoN, the path of a video, a picture or a folder of pictures, or scene://NAME; a login in it is taken out when loaded. Left out where streams are given */
  source?: string;
  /** several addresses of one camera with a role each, as a small picture to analyse and the main one to record; empty: source is analysed, recorded and shown */
  streams: CameraStream[];
  /** false: known but not watched */
  enabled: boolean;
  /** frames a second that are analysed (1/s) */
  analyse_fps: number;
  /** which pictures are decoded: all; non-reference: all but those no other is predicted from; key-frames: only those that need no other; auto: key frames only while nothing moves, all once something does */
  decode: "all" | "non-reference" | "key-frames" | "auto";
  /** files only: start again at the end */
  loop: boolean;
  /** its zones */
  zones: Zone[];
  /** its lines */
  lines: Line[];
  /** what rules are told about the camera */
  rules: CameraRules;
  /** file: the server's settings say what it is, and the API does not change it; api: it was made there */
  managed_by: "file" | "api";
}

/** A part of a camera's picture. */
export interface Zone {
  /** unique among the camera's zones and lines */
  id: string;
  /** what people call it */
  name?: string;
  /** what the zone is for; area only counts, intrusion and restricted raise signals */
  kind: "area" | "intrusion" | "restricted" | "shelf" | "counter" | "queue" | "seat" | "privacy_mask" | "motion_mask";
  /** corners, 0..1 of the frame, x right, y down */
  polygon: [number, number][];
  /** object classes that count, as the model's labels have them (without a model all is motion); empty: every class */
  classes: string[];
  /** a stay this long gives one dwell event; 0: none (s) */
  dwell_seconds: number;
  /** more inside than this raises a signal; 0: no limit */
  occupancy_limit: number;
  /** occupancy, crowd and queue are told again only after there were this many fewer than what raised a signal */
  hysteresis: number;
  /** more inside than this for crowd_seconds raises a signal; 0: no limit */
  crowd_limit: number;
  /** how long it must be so full (s) */
  crowd_seconds: number;
  /** who was inside this long, short breaks left out, raises a signal; 0: nobody (s) */
  loitering_seconds: number;
  /** more waiting than this raises a signal; 0: no limit */
  queue_limit: number;
  /** who is inside this long waits (s) */
  queue_seconds: number;
  /** which way to go: 0 right, 90 down, 180 left, 270 up as seen; going another way raises a signal; absent: any (°) */
  allowed_heading?: number;
  /** how far off allowed_heading is still the allowed way (°) */
  heading_tolerance: number;
  /** faster raises a signal; m/s where the camera is calibrated, else frame widths a second; 0: no limit */
  speed_limit: number;
  /** something new that stands alone this long raises a signal; 0: not looked for (s) */
  left_seconds: number;
  /** something that is gone this long raises a signal; 0: not looked for (s) */
  taken_seconds: number;
  /** the point of a box that says where it is */
  anchor: "bottom" | "centre" | "top";
  /** when the zone raises signals; empty: always. It counts at all times */
  schedule: ScheduleWindow[];
}

/** A finite segment whose crossings are counted. */
export interface Line {
  /** unique among the camera's zones and lines */
  id: string;
  /** what people call it */
  name?: string;
  /** one end, 0..1 of the frame */
  a: [number, number];
  /** the other end; "in" is from the left side of a→b to its right side as seen */
  b: [number, number];
  /** what the page calls the direction in */
  in_name: string;
  /** what the page calls the direction out */
  out_name: string;
  /** object classes that count, as the model's labels have them (without a model all is motion); empty: every class */
  classes: string[];
  /** the directions that are allowed; the other raises a signal */
  allowed: "both" | "in" | "out";
  /** a track that crosses again the same way counts again only this long after; 0: each time it settled (s) */
  recount_seconds: number;
  /** the point of a box that says where it is */
  anchor: "bottom" | "centre" | "top";
  /** when the line raises signals; empty: always. It counts at all times */
  schedule: ScheduleWindow[];
}

/** The envelope in which everything that is stored travels. */
export interface AnalyticsEvent {
  /** UUIDv7, made by the worker */
  id: string;
  /** what the payload is */
  type: "signal" | "zone_hit" | "line_crossing" | "occupancy" | "track_chunk";
  /** set by the hub from the camera's registration */
  org_id?: string;
  /** set by the hub from the camera's registration */
  site_id?: string;
  /** the camera that saw it */
  camera_id: string;
  /** the line or zone it is about, where there is one */
  subject_id?: string;
  /** capture time */
  occurred_at: string;
  /** when the hub took it in */
  received_at?: string;
  /** W3C trace id, where there is one */
  trace_id?: string;
  /** 9 is the most urgent */
  priority: number;
  /** the record named by type */
  payload: Signal | ZoneHit | LineCrossing | OccupancyLog;
}

/** Something a rule found worth telling. */
export interface Signal {
  /** UUIDv7 */
  id: string;
  /** set by the hub */
  org_id?: string;
  /** set by the hub */
  site_id?: string;
  /** the camera that saw it */
  camera_id: string;
  /** school class, where there is one */
  class_id?: string;
  /** which service raised it */
  service: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system";
  /** what it is, e.g. intrusion */
  kind: string;
  /** how bad it is */
  severity: "info" | "low" | "medium" | "high" | "critical";
  /** how sure */
  confidence: number;
  /** capture time of the first frame */
  started_at: string;
  /** capture time of the last frame, once over */
  ended_at?: string;
  /** who was involved */
  track_ids: number[];
  /** the zone or line it is about, where there is one */
  zone_id?: string;
  /** where in the frame */
  box: [number, number, number, number];
  /** more, by kind */
  attributes?: unknown;
  /** its picture, where one was kept */
  snapshot_id?: string;
  /** the policy in force */
  policy_revision: number;
}

/** A track entered, left or stayed in a zone. */
export interface ZoneHit {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the zone */
  zone_id: string;
  /** who */
  track_id: number;
  /** what happened */
  event: "enter" | "exit" | "dwell";
  /** where it came from or went, where known */
  direction?: string;
  /** how long it stayed, of exits and dwells (s) */
  dwell_seconds?: number;
  /** what it is */
  object_class?: string;
  /** capture time */
  at: string;
  /** where in the frame */
  box: [number, number, number, number];
}

/** A track crossed a line. */
export interface LineCrossing {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the line */
  line_id: string;
  /** who */
  track_id: number;
  /** in: from the left side of a→b to its right side as seen */
  direction: "in" | "out";
  /** what it is */
  object_class?: string;
  /** capture time */
  at: string;
  /** where in the frame */
  box: [number, number, number, number];
}

/** How many stand in a zone: written on a change and at an interval. */
export interface OccupancyLog {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the zone */
  zone_id: string;
  /** capture time */
  at: string;
  /** how many are inside */
  count: number;
  /** entered since the zone's last record */
  entries: number;
  /** left since the zone's last record */
  exits: number;
}

/** The tracks of one frame, live and never stored. */
export interface TrackUpdate {
  /** the camera */
  camera_id: string;
  /** capture time of the frame */
  at: string;
  /** of the camera's stream; previews carry it too */
  frame_number: number;
  /** everyone in the frame */
  tracks: Track[];
}

/** What a client of /ws wants to be told from now on. */
export interface LiveSubscription {
  /** of tracks, event, health and incident; empty: all */
  types: string[];
  /** ids of cameras; empty: all */
  cameras: string[];
}

/** Where a client that came back stands. */
export interface LiveResumed {
  /** the event asked for with resume_from */
  from: string;
  /** how many events that came after it follow */
  events: number;
  /** these are all; false: that event is not known, or too much came since: read /api/v1/events */
  is_complete: boolean;
  /** how many messages of incidents that came after it follow, among the events */
  incidents: number;
  /** these are all, each message or how each incident stands; false: that event is not known, or too many changed: read /api/v1/incidents */
  has_all_incidents: boolean;
}

/** One object as it stands in a frame. */
export interface Track {
  /** unique per camera for ever */
  track_id: number;
  /** what it is */
  object_class?: string;
  /** where in the frame */
  box: [number, number, number, number];
  /** how sure */
  confidence: number;
  /** of the box centre, frame widths and heights per second */
  velocity: [number, number];
  /** analysed frames since the first */
  age_frames: number;
  /** whether it has stood in one place for tracker.still_seconds */
  is_stationary: boolean;
}

/** How a camera is; counts since its worker started. */
export interface CameraHealth {
  /** the camera */
  camera_id: string;
  /** starting, connecting, online, stalled, waiting, failed or ended; disabled or left_out where it is not watched */
  state?: string;
  /** the last thing that went wrong; empty when none since it came online */
  last_error?: string;
  /** of the video */
  codec?: string;
  /** what decodes the video: avdec_… is software; va…, nv… and v4l2… are hardware */
  decoder?: string;
  /** of the video (px) */
  width_px: number;
  /** of the video (px) */
  height_px: number;
  /** frames decoded a second, by the wall clock (1/s) */
  fps: number;
  /** frames analysed a second, by the wall clock (1/s) */
  analysed_fps: number;
  /** frames the decoder gave */
  frames_decoded: number;
  /** frames analysed */
  frames_processed: number;
  /** newest of the policies in force; 0: none */
  policy_revision: number;
  /** frames replaced by a newer one before they were analysed */
  frames_dropped: number;
  /** frames analyse_fps had no need of */
  frames_skipped: number;
  /** copies of a frame between decoder and model input */
  frame_copies: number;
  /** encoded pictures not decoded because no other is predicted from them (decode: non-reference) */
  packets_skipped_non_reference: number;
  /** encoded pictures not decoded because they are no key frames (decode: key-frames) */
  packets_skipped_delta: number;
  /** encoded pictures put aside because nothing moved (decode: auto) */
  packets_skipped_quiet: number;
  /** encoded pictures put aside that were decoded after all because something moved (decode: auto) */
  packets_caught_up: number;
  /** bytes of the stream (bytes) */
  bytes_received: number;
  /** times the camera was connected */
  connects: number;
  /** connections and decodings that failed */
  errors_count: number;
  /** decodings that failed */
  decode_errors: number;
  /** times no frame came for source.stall_timeout_ms */
  stalls: number;
  /** closed, open (left alone for a while, after breaker.failure_threshold failures in a row), half_open, forced_open, forced_closed or disabled */
  circuit_breaker_state?: string;
  /** the same: 1 closed, 2 open, 3 half open, 4 forced open, 5 forced closed, 6 disabled */
  circuit_breaker: number;
  /** failed connections that the breaker counts */
  circuit_breaker_failures: number;
  /** times the breaker opened */
  circuit_breaker_openings: number;
  /** while the breaker is open: until the camera is tried again (s) */
  circuit_breaker_retry_seconds: number;
  /** records that rules made */
  records_made: number;
  /** records sent to the hub */
  records_sent: number;
  /** records the hub has taken over */
  records_acknowledged: number;
  /** records shed because the hub did not acknowledge for too long */
  records_dropped: number;
  /** pictures made for those who look */
  previews_encoded: number;
  /** pictures not made because they could not be hidden */
  previews_refused: number;
  /** from arrival to the end of analysis, smoothed (ms) */
  avg_latency_ms: number;
  /** how long the frame that waits for analysis, or is being analysed, has done so; 0: there is none (ms) */
  frame_age_ms: number;
  /** CPU time of decoding (us) */
  decode_us: number;
  /** CPU time of motion detection (us) */
  motion_us: number;
  /** CPU time of the model (us) */
  detect_us: number;
  /** CPU time of tracking (us) */
  track_us: number;
  /** CPU time of the rules (us) */
  rules_us: number;
  /** sudden changes of the light, which are no movement */
  light_changes: number;
  /** times the picture shifted as a whole and its background was learnt anew */
  camera_moves: number;
  /** frames in which rain or snow was damped */
  frames_in_weather: number;
  /** share of the picture in which movement is ignored because something changes there all the time */
  restless_share: number;
  /** 1 while pictures are analysed further apart than rules.outage_seconds, or analyse_fps is so low: nothing is followed from one to the next, and nothing counted */
  frames_too_far_apart: number;
  /** times the model ran */
  detector_runs: number;
  /** frames in which nothing called for the model */
  detector_skips: number;
  /** 1 while the model fails and what moves is followed instead */
  detector_failing: number;
  /** times the model was loaded anew after failing */
  detector_restarts: number;
  /** what runs the model: TensorRT, CUDA, OpenVINO or CPU; empty where there is no model */
  detector_provider?: string;
  /** why that, and what became of the faster ones */
  detector_provider_reason?: string;
  /** tracks in the last frame */
  tracks_live: number;
  /** objects not followed, and things left or taken not looked at, because there were more than can be */
  objects_shed: number;
  /** times the model that knows tracks by their looks ran */
  reid_looks: number;
  /** 1 while the model that knows tracks by their looks fails: a track that was lost for long gets a new id */
  reid_failing: number;
  /** times the model that knows tracks by their looks was loaded anew after failing */
  reid_restarts: number;
  /** lost tracks found again by their looks */
  reid_found: number;
  /** looks left for a later frame: there were more than reid.looks_per_frame, or the model was busy or failed */
  reid_postponed: number;
  /** tracks whose looks are not kept because there were more than reid.tracks */
  reid_shed: number;
  /** traces of its frames that did not reach the hub because the link was full */
  traces_dropped: number;
  /** from the beginning of its first connection to the first picture; 0: none came yet (ms) */
  first_picture_ms: number;
  /** when the last frame came */
  last_frame_at?: string;
  /** between two pictures, where they are asked for one by one or are a folder's; 0: they come by themselves (s) */
  picture_interval_seconds: number;
  /** records of it that the spool took over, its worker's and others' */
  records_received: number;
  /** of these, those that left the spool: stored, refused by the store for good, or lost, which vedette_spool_* counts */
  records_stored: number;
  /** what stands still beyond its deadline: frames, analyses, records, deliveries; empty while all of it moves */
  stalled?: string;
  /** how long no frame has come, once that is longer than progress.frames_seconds and than four of picture_interval_seconds; else 0 (s) */
  frames_stalled_seconds: number;
  /** how long a frame has waited and none was analysed, once that is longer than progress.analyses_seconds (s) */
  analyses_stalled_seconds: number;
  /** how long its worker has had records and the hub took none over, once longer than progress.records_seconds (s) */
  records_stalled_seconds: number;
  /** how long the hub has had records and none reached the store, once longer than progress.deliveries_seconds (s) */
  deliveries_stalled_seconds: number;
  /** its addresses */
  streams: StreamHealth[];
}

/** How the hub is; counts since it started. */
export interface ServerHealth {
  /** when the hub started */
  started_at?: string;
  /** worker processes that are up */
  workers_running: number;
  /** worker processes started */
  worker_starts: number;
  /** worker processes that ended unasked */
  worker_exits: number;
  /** worker processes whose files are not closed off: the kernel lacks Landlock, or workers.sandbox is false */
  workers_uncaged: number;
  /** records taken in from workers */
  records_received: number;
  /** records that were not valid, and signals of the server beyond store.queue_records */
  records_rejected: number;
  /** records of worker processes that ended, shed because the spool did not take them for too long */
  records_dropped: number;
  /** records the spool took, to stay */
  records_spooled: number;
  /** records stored */
  records_stored: number;
  /** records that were stored already */
  records_duplicate: number;
  /** what became of incidents, handed over to notifications */
  incident_changes_told: number;
  /** orgs whose incidents have something to be handed over just now */
  incident_changes_orgs: number;
  /** records in the spool that are in memory too */
  spool_memory_records: number;
  /** records in the spool that are on disk alone */
  spool_disk_records: number;
  /** records of the spool that wait for the store to take their type again */
  spool_deferred: number;
  /** records of the spool handed to the store just now */
  spool_in_flight: number;
  /** records in the spool (bytes) */
  spool_queued_bytes: number;
  /** the spool's files, about (bytes) */
  spool_disk_bytes: number;
  /** the spool's files */
  spool_files: number;
  /** damaged files of the spool set aside */
  spool_bad_files: number;
  /** files of the spool that somebody removed while no server ran; their records count as spool_corrupt */
  spool_missing_files: number;
  /** commits of the spool */
  spool_commits: number;
  /** writes of the spool that failed */
  spool_write_errors: number;
  /** reads of the spool that failed; what was to be read stays and is tried again */
  spool_read_errors: number;
  /** records given up after spool.max_queue_seconds */
  spool_expired: number;
  /** records dropped to make room for others */
  spool_dropped: number;
  /** records the disk did not give back as they were */
  spool_corrupt: number;
  /** records the spool could not take, and that whoever put them in gave up */
  spool_rejected: number;
  /** records the spool could not take, each time they were tried */
  spool_refused: number;
  /** orgs that the spool counts apart (spool.max_tenants) */
  spool_tenants: number;
  /** orgs without a record in the spool whose counts made room for another's */
  spool_tenants_forgotten: number;
  /** age of the record that waits longest (ms) */
  spool_oldest_ms: number;
  /** 1 while the spool holds records and none was stored for spool.stalled_seconds */
  spool_stalled: number;
  /** 1 while the store fails and is left alone */
  store_breaker_open: number;
  /** transactions committed */
  store_commits: number;
  /** transactions that failed */
  store_errors: number;
  /** records waiting for the store */
  store_queue_records: number;
  /** free space where the store lies (bytes) */
  store_free_bytes: number;
  /** PostgreSQL: rows outside every day's partition, whose ids are of another time; at most 100000 are counted */
  store_stray_rows: number;
  /** SQLite: transactions that wait for their turn to write */
  store_writers_waiting: number;
  /** times the store was asked whether it is well */
  store_checks: number;
  /** so long the store has been asked whether it is well and has not answered (s) */
  store_silent_seconds: number;
  /** 1 while there is too much to do (settings governor.*) */
  overloaded: number;
  /** what is left out: 0 nothing, 1 analyses of quiet cameras, 2 analyses of all cameras, 3 previews too */
  overload_level: number;
  /** times there was too much to do */
  overloads: number;
  /** how many more cameras like these would fit; -1 while it is not known */
  room_cameras: number;
  /** cores that one camera takes, on average */
  camera_cores: number;
  /** memory that one camera takes, on average (bytes) */
  camera_bytes: number;
  /** share of the CPU that may be used and is */
  cpu_share: number;
  /** share of the memory that may be used and is */
  memory_share: number;
  /** share of frames replaced by newer ones before they were analysed */
  late_share: number;
  /** from arrival to the end of analysis, of the camera in the middle (ms) */
  frame_age_ms: number;
  /** records put aside because their time cannot be right */
  records_quarantined: number;
  /** records let go because their org was deleted meanwhile */
  records_of_deleted_orgs: number;
  /** stored incidents that could not be read when a signal came that may be theirs: it began another */
  incidents_unreadable: number;
  /** tasks of jobs that wait for a thread */
  jobs_waiting: number;
  /** jobs under way */
  jobs_running: number;
  /** runs of jobs that ended well */
  jobs_done: number;
  /** runs of jobs that failed or were cancelled */
  jobs_failed: number;
  /** times of jobs that were passed over */
  jobs_skipped: number;
  /** rows deleted because they were old enough */
  retention_deleted: number;
  /** 1: retention deletes nothing until someone looks at it; the job cleanup_old_data says why */
  retention_stopped: number;
  /** 1: the disk of a hub will be full within retention.alarm_days at the present rate, or cannot be looked at; the job watch_storage says which */
  storage_alarm: number;
  /** 1: hours, days or months cannot be counted, and what they are counted from is kept until they are; the job aggregate_hourly says which */
  rollups_failing: number;
  /** HTTP requests answered */
  http_requests: number;
  /** HTTP requests malformed, too large, too slow or too many */
  http_rejected: number;
  /** HTTP requests answered with 5xx */
  http_errors: number;
  /** HTTP requests refused because there were too many (429) */
  http_limited: number;
  /** what the bodies of HTTP requests take now (bytes) */
  http_body_bytes: number;
  /** HTTP requests whose body was not kept, as http.max_bodies_bytes were (503) */
  http_bodies_refused: number;
  /** HTTP requests that wait for one of http.handler_threads: all of them are busy, or wait for the store */
  http_queued: number;
  /** lines of POST /api/v1/events that were refused */
  intake_lines_refused: number;
  /** answers to Idempotency-Keys forgotten before http.idempotency_minutes were over, as their org had more than http.idempotency_max_keys or http.idempotency_max_bytes */
  kept_answers_forgotten: number;
  /** logins with a wrong name or password, and wrong scrape tokens */
  logins_failed: number;
  /** logins refused because there were too many */
  logins_limited: number;
  /** addresses, users and orgs that a rate limit forgot too early, to make room for others */
  limit_keys_forgotten: number;
  /** passwords hashed to look whether they are right */
  passwords_checked: number;
  /** requests whose token was checked a moment ago (auth.remembered_tokens) */
  tokens_remembered: number;
  /** refresh tokens that were used a second time: someone had a copy, and the session was ended */
  refresh_tokens_reused: number;
  /** pages connected */
  websocket_clients: number;
  /** clients of /api/v1/events/stream */
  event_stream_clients: number;
  /** pages and clients of /api/v1/events/stream refused: http.websocket_max_clients are connected, or as many as one user or org may have */
  live_clients_refused: number;
  /** pages and clients of /api/v1/events/stream whose connection was cut, as they did not read what was sent */
  live_clients_cut: number;
  /** track updates shed for slow pages */
  websocket_dropped: number;
  /** cameras that were made by the API */
  cameras_managed: number;
  /** of these, not watched: their logins cannot be read, the settings use their id, or there are more than managed_cameras.max_cameras; their health and the log say why */
  cameras_left_out: number;
  /** cameras that were not made: there are managed_cameras.max_cameras, or an org has max_cameras_of_org */
  cameras_refused: number;
  /** sources that were tried */
  camera_tests: number;
  /** sources that were not: managed_cameras.tests_at_once are being tried */
  camera_tests_refused: number;
  /** sources that are being tried */
  camera_tests_running: number;
  /** pictures sent to be looked at */
  detect_requests: number;
  /** of these, not looked at: no picture, too large, or too many waited (detect.queue) */
  detect_rejected: number;
  /** of these, not looked at within detect.timeout_seconds */
  detect_timeouts: number;
  /** pictures that wait or are being looked at */
  detect_waiting: number;
  /** processes that look at them */
  detect_helpers: number;
  /** number of the latest change of policies */
  policy_revision: number;
  /** times policies were read */
  policy_loads: number;
  /** times they could not be read */
  policy_load_failures: number;
  /** stored policies that were refused because they are not valid; their last good version stays */
  policies_refused: number;
  /** times they were read older than they are in force, and left */
  policy_loads_out_of_order: number;
  /** snapshots of the last run that were damaged or could not be opened at start */
  policy_snapshots_refused: number;
  /** times changes that belong together came into force in parts: storing all took longer than policies.hold_seconds */
  policy_holds_broken: number;
  /** 1 while the policies in force are the last good ones: the store's cannot be read, or went back to older ones */
  policies_stale: number;
  /** 1 while their snapshot, for a start without the store, cannot be written */
  policies_unsaved: number;
  /** cameras that cannot be told what their policies come to, and keep what they were told */
  policy_cameras_not_configured: number;
  /** stored policies and policy files that are refused now; what was in force before stays */
  policies_bad: number;
  /** notices of PostgreSQL that policies changed */
  policy_notices: number;
  /** times a connection to PostgreSQL began to listen for them; more than 1: it was lost */
  policy_listener_starts: number;
  /** policies that were tried on stored tracks */
  backtests: number;
  /** the same, refused because too many waited */
  backtests_refused: number;
  /** the same, ended by policies.backtest_seconds before everything was tried */
  backtests_cut: number;
  /** the same, that could not be tried, as with more signals than policies.backtest_signals */
  backtests_failed: number;
  /** spans that wait for the collector */
  trace_spans_waiting: number;
  /** spans the collector took */
  trace_spans_sent: number;
  /** spans for which there was no room (tracing.queue_spans) */
  trace_spans_dropped: number;
  /** spans the collector refused for good */
  trace_spans_refused: number;
  /** times spans could not be sent */
  trace_sends_failed: number;
}

/** Someone who may log in. */
export interface User {
  /** UUIDv7 */
  id: string;
  /** the organisation */
  org_id: string;
  /** unique in its org; who is not of the org `default` logs in as org/username */
  username: string;
  /** what the user may do */
  role: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform";
  /** refused at once */
  is_disabled: boolean;
  /** may only change the password, which someone else chose */
  must_change_password: boolean;
  /** when */
  created_at?: string;
  /** who it is at the OpenID Connect issuer (sub) */
  oidc_subject?: string;
  /** the issuer (auth.oidc.issuer) of when oidc_subject was set, by whose word alone it logs in; unset where there was none, or an earlier version set it */
  oidc_issuer?: string;
}

/** What POST /auth/login and /auth/refresh answer. */
export interface LoginResponse {
  /** send it as Authorization: Bearer; left out for browsers, whose cookie has it */
  access_token?: string;
  /** always bearer */
  token_type: string;
  /** life of the access token (s) */
  expires_in: number;
  /** what the user may do */
  role?: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform";
  /** browsers send it as X-CSRF-Token with all but GET */
  csrf_token?: string;
  /** nothing but POST /auth/password is allowed before */
  must_change_password: boolean;
}

/** A login that stands, as it is told. */
export interface SessionView {
  /** UUIDv7 */
  id: string;
  /** whose */
  user_id: string;
  /** api or browser */
  client?: "api" | "browser";
  /** where the login came from */
  address?: string;
  /** what the client calls itself */
  user_agent?: string;
  /** when */
  created_at?: string;
  /** when it was refreshed last */
  used_at?: string;
  /** until when */
  expires_at?: string;
  /** the one that asks */
  is_current: boolean;
}

/** What GET /auth/me answers. */
export interface Me extends User {
  /** browsers send it as X-CSRF-Token with all but GET */
  csrf_token?: string;
}

/** What making or changing a user answers. */
export interface UserAnswer extends User {
  /** the one made up; told this once and never again */
  password?: string;
}

/** A program's login. */
export interface ApiKey {
  /** UUIDv7 */
  id: string;
  /** whose */
  org_id: string;
  /** what people call it */
  name: string;
  /** what it may do, within its routes and cameras */
  role: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform";
  /** method and path as in the route list, like GET /api/v1/events; empty: all its role may */
  routes: string[];
  /** ids; it may use only what is about these; empty: all of the org */
  cameras: string[];
  /** until when; unset: until it is revoked */
  expires_at?: string;
  /** a user's id */
  created_by?: string;
  /** when */
  created_at?: string;
  /** when it was used last, to the minute */
  used_at?: string;
  /** when it was revoked */
  ended_at?: string;
}

/** What POST /api/v1/tokens answers. */
export interface ApiKeyAnswer extends ApiKey {
  /** send it as Authorization: Bearer; it is told this once and never again */
  token: string;
}

/** Lies beside a model and says how to use it. What it leaves out is its family's own (docs/models.md); the defaults here are YOLOX's. */
export interface ModelCard {
  /** what people call it */
  name: string;
  /** how its outputs are read, and how its picture is made where the card does not say (docs/models.md) */
  family: "yolox" | "yolov5" | "yolov8" | "nanodet" | "ssd" | "ultraface" | "yunet" | "lpd_yunet" | "classifier" | "embedder" | "plate_slots" | "plate_ctc" | "end_to_end" | "nanodet_plus";
  /** the input tensor; empty: the model's only one */
  input_name?: string;
  /** width the model takes (px) */
  input_width_px: number;
  /** height the model takes (px) */
  input_height_px: number;
  /** numbers of the input */
  input_type: "float" | "uint8" | "float16";
  /** order of the input's axes */
  layout: "nchw" | "nhwc";
  /** order of the colours */
  channels: "bgr" | "rgb" | "grey";
  /** how a frame is fitted into the input */
  fit: "top_left" | "centre" | "stretch";
  /** what fills the rest */
  pad_value: number;
  /** subtracted from the first channel */
  mean_0: number;
  /** subtracted from the second channel */
  mean_1: number;
  /** subtracted from the third channel */
  mean_2: number;
  /** multiplies the first channel after that */
  scale_0: number;
  /** multiplies the second channel after that */
  scale_1: number;
  /** multiplies the third channel after that */
  scale_2: number;
  /** what a model that reads one object is shown: its box, the square around it, or the face turned upright */
  crop: "box" | "square" | "face";
  /** added left and right of that box, as a share of its width */
  margin_x: number;
  /** added above and below, as a share of its height */
  margin_y: number;
  /** names of the classes, in the model's order, each of 64 bytes at most, but a classifier's; of plate readers the letters; of embedders none */
  labels: string[];
  /** the number the model gives the first of them (1 where 0 is background) */
  first_label: number;
  /** the letter that stands for none, of plate readers */
  blank?: string;
  /** whether scores come as they are before softmax */
  has_logits: boolean;
  /** whether a YOLOX model gives its boxes in input pixels (exported with decode_in_inference) */
  has_decoded_boxes: boolean;
  /** objects below it are not reported */
  confidence: number;
  /** boxes of a class that overlap more are one */
  nms_iou: number;
  /** of the weights */
  licence?: string;
  /** where they come from */
  source?: string;
  /** of the .onnx file, 64 hex digits; checked when given */
  sha256?: string;
}

/** What a worker proved about its own cage. */
export interface WorkerHello {
  /** of the link */
  protocol_version: number;
  /** as the hub named it */
  worker_id: string;
  /** of the process */
  pid: number;
  /** the cage is closed */
  is_sandboxed: boolean;
  /** tried to open the hub's files and was refused */
  cannot_read_hub_files: boolean;
  /** no-new-privileges is set */
  cannot_gain_privileges: boolean;
  /** no core dump, no ptrace */
  is_not_dumpable: boolean;
  /** what the kernel offered, or lacks */
  sandbox_detail?: string;
}

/** What rules are told about one camera. */
export interface CameraRules {
  /** of schedules, e.g. Europe/Berlin; empty: UTC, but that of its site is taken once the API gives it a schedule */
  time_zone?: string;
  /** four points of the ground as the picture shows them, in order around what they enclose; empty: speeds are in frame widths a second */
  calibration_image: [number, number][];
  /** where the same four points are on the ground (m) */
  calibration_ground: [number, number][];
  /** a camera that is covered, blurred, moved or dark this long raises a signal; 0: never (s) */
  tamper_seconds: number;
  /** covered: less than this share of the usual edges and of the usual contrast is seen */
  tamper_covered: number;
  /** blurred: less than this share of the usual edges is seen, while the contrast stays */
  tamper_blurred: number;
  /** moved: less than this share of the places looks as usual, while there are edges; the picture shifted as a whole is told at once, unless this is 0 */
  tamper_moved: number;
  /** dark: the picture's mean luma is below this; 0: never */
  tamper_dark: number;
  /** pictures that are the same to the last bit this long raise a signal; 0: never (s) */
  frozen_seconds: number;
  /** experimental: someone who was upright and lies this long raises a signal; 0: not looked for. It sees boxes only, misses falls towards the camera, and is no substitute for an alarm (s) */
  fall_seconds: number;
}

/** A part of a week. */
export interface ScheduleWindow {
  /** mon, tue, wed, thu, fri, sat, sun; empty: every day */
  days: string[];
  /** HH:MM in the camera's time zone */
  from: string;
  /** HH:MM; not after from: it ends on the next day, so that a window may cross midnight */
  to: string;
}

/** A camera as the API shows it. */
export interface CameraView extends Omit<Camera, "zones" | "lines"> {
  /** pictures come */
  online: boolean;
  /** its lines with their counts */
  lines: LineView[];
  /** its zones with their counts */
  zones: ZoneView[];
  /** as its worker last told; state is starting until it did */
  health: CameraHealth;
}

/** A line with its counts. */
export interface LineView extends Line {
  /** crossings in, today (UTC) */
  count_in: number;
  /** crossings out, today (UTC) */
  count_out: number;
}

/** A zone with its counts. */
export interface ZoneView extends Zone {
  /** how many are inside now; 0 while the camera is not online, for then nobody knows */
  inside: number;
  /** entered today (UTC) */
  entries: number;
  /** left today (UTC) */
  exits: number;
}

/** One address of a camera and what it is used for. */
export interface CameraStream {
  /** as a camera's source */
  source: string;
  /** detect: is analysed; record: is kept for recording, as it comes; live: is shown to who looks */
  roles: string[];
}

/** How one address of a camera is; counts since its worker started. */
export interface StreamHealth {
  /** the address, without secrets */
  source?: string;
  /** what it is used for: detect, record, live */
  roles: string[];
  /** starting, connecting, online, stalled, waiting, failed or ended */
  state?: string;
  /** the last thing that went wrong; empty when none since it came online. Of role live also why its pictures are not shown */
  last_error?: string;
  /** of the video */
  codec?: string;
  /** of the video (px) */
  width_px: number;
  /** of the video (px) */
  height_px: number;
  /** frames decoded a second, or received where none is decoded, by the wall clock (1/s) */
  fps: number;
  /** cameras that share the connection */
  cameras: number;
  /** bytes of the stream (bytes) */
  bytes_received: number;
  /** times it was connected */
  connects: number;
  /** connections and decodings that failed */
  errors_count: number;
  /** times nothing came for source.stall_timeout_ms */
  stalls: number;
  /** what becomes of the role record: off (there is no such role here, or source.record_seconds is 0), unread (pictures are kept for a while, and nothing records them) or read (a recorder takes them) */
  recording?: "off" | "unread" | "read";
  /** encoded pictures kept for the recorder */
  record_packets: number;
  /** encoded pictures the recorder has not read before they went: older than source.record_seconds, or over source.record_packets or record_bytes */
  record_packets_shed: number;
  /** encoded pictures kept for the recorder now */
  record_packets_kept: number;
  /** bytes of these (bytes) */
  record_bytes_kept: number;
  /** frames decoded for those who look */
  live_frames: number;
  /** encoded pictures not decoded for those who look because the decoder was behind */
  live_packets_shed: number;
  /** times the decoder for those who look failed */
  live_errors: number;
}

/** An organisation: nobody sees another's rows. */
export interface Org {
  /** unique, stays for ever */
  id: string;
  /** what people call it */
  name?: string;
  /** when */
  created_at?: string;
  /** when it was deleted: since then it is closed, and what it had is erased */
  deleted_at?: string;
  /** the org of the one who did it; there the audit tells of it */
  deleted_by?: string;
  /** when nothing of it was left */
  erased_at?: string;
  /** what went: rows by table, and the digest of the last entry of its audit */
  erased?: unknown;
}

/** A place that an organisation watches. */
export interface Site {
  /** whose */
  org_id: string;
  /** unique in its org */
  id: string;
  /** what people call it */
  name?: string;
  /** IANA name; empty: UTC */
  time_zone?: string;
  /** when */
  created_at?: string;
}

/** A school class. */
export interface Class {
  /** whose */
  org_id: string;
  /** unique in its org */
  id: string;
  /** where it is taught */
  site_id: string;
  /** what people call it */
  name?: string;
  /** when */
  created_at?: string;
}

/** A policy at one level. */
export interface ServicePolicy {
  /** UUIDv7 */
  id: string;
  /** whose; absent: everyone's default */
  org_id?: string;
  /** of this site alone */
  site_id?: string;
  /** of this school class alone */
  class_id?: string;
  /** of this camera alone */
  camera_id?: string;
  /** the service it steers */
  service_name: string;
  /** which of its documents */
  policy_type: string;
  /** the document */
  config: unknown;
  /** counts its changes */
  version: number;
  /** of the change it is from, counted over all policies */
  revision: number;
  /** when */
  created_at?: string;
  /** when last changed */
  updated_at?: string;
  /** who changed it last */
  updated_by?: string;
}

/** One change of a policy. */
export interface PolicyRevision {
  /** UUIDv7 */
  id: string;
  /** whose; absent: everyone's default */
  org_id?: string;
  /** the policy */
  policy_id: string;
  /** of the policy from here on */
  version: number;
  /** counted over all policies */
  revision: number;
  /** the document from here on; absent: the policy was deleted */
  config?: unknown;
  /** what changed */
  diff?: unknown;
  /** why */
  reason?: string;
  /** who */
  changed_by?: string;
  /** when */
  changed_at: string;
}

/** What someone did. */
export interface Audit {
  /** its place in the chain */
  sequence: number;
  /** when */
  at: string;
  /** who: a user's id, or system */
  actor_id: string;
  /** the name then */
  actor_name?: string;
  /** from where; absent: on the server's machine */
  address?: string;
  /** what kind of thing */
  subject_kind: "camera" | "user" | "login" | "job" | "policy" | "legal_hold" | "employee" | "material" | "retention" | "site" | "org" | "breaker" | "token" | "incident" | "violation" | "shift" | "vehicle" | "endpoint" | "server";
  /** which */
  subject_id?: string;
  /** what was done */
  action: string;
  /** as it was */
  before?: unknown;
  /** as it is from then on */
  after?: unknown;
  /** why */
  reason?: string;
  /** some of it was erased: its key was destroyed */
  is_erased: boolean;
  /** digest of the entry */
  sha256: string;
}

/** One link of an org's audit chain. */
export interface AuditEntry {
  /** whose chain */
  org_id: string;
  /** from 1, without gaps */
  sequence: number;
  /** UUIDv7 */
  id: string;
  /** when */
  at: string;
  /** who: a user's id, or system */
  actor_id: string;
  /** what kind of thing */
  subject_kind: "camera" | "user" | "login" | "job" | "policy" | "legal_hold" | "employee" | "material" | "retention" | "site" | "org" | "breaker" | "token" | "incident" | "violation" | "shift" | "vehicle" | "endpoint" | "server";
  /** which */
  subject_id?: string;
  /** what was done */
  action: string;
  /** digest of what is sealed beside it */
  values_sha256: string;
  /** digest of the entry before */
  previous_sha256: string;
  /** digest of all of the above */
  sha256: string;
}

/** A job of the server and how it stands. */
export interface Job {
  /** its name in addresses and commands */
  id: string;
  /** what it does */
  name?: string;
  /** cron expression */
  schedule?: string;
  /** in which the schedule is read; empty: the server's own */
  time_zone?: string;
  /** a run that is later is skipped (s) */
  grace_seconds: number;
  /** it begins up to so long after its time, always equally long (s) */
  jitter_seconds: number;
  /** runs at the same time */
  max_instances: number;
  /** which missed times are made up */
  misfire?: "none" | "latest" | "all";
  /** what is done when it is due and still running */
  overlap?: "skip" | "queue" | "cancel";
  /** it is not run by its schedule */
  is_paused: boolean;
  /** runs under way here */
  running: number;
  /** when it is due next; absent: never */
  next_at?: string;
  /** how its latest time went */
  last_state?: "running" | "done" | "failed" | "skipped" | "cancelled";
  /** its latest time */
  last_scheduled_at?: string;
  /** when that was over */
  last_ended_at?: string;
  /** what that did, or what failed */
  last_detail?: string;
}

/** One time of a job: run, or skipped and why. */
export interface JobRun {
  /** the job */
  job_id: string;
  /** the time it was due, or asked for by hand */
  scheduled_at: string;
  /** why it ran */
  cause: "schedule" | "manual";
  /** how it went */
  state: "running" | "done" | "failed" | "skipped" | "cancelled";
  /** why it was skipped: later than the grace, one run for several times, as many as may were running, paused, or edited */
  reason?: "missed" | "coalesced" | "overlap" | "paused" | "edited";
  /** of a skip: it stands for all times up to then */
  until?: string;
  /** what was done, or what failed and why */
  detail?: string;
  /** the hub that ran it */
  holder?: string;
  /** counts those who held it: the work of an earlier one is refused */
  fence: number;
  /** while running: when another hub may take it over */
  lease_until?: string;
  /** when it began, or was skipped */
  started_at?: string;
  /** when it was over */
  ended_at?: string;
  /** who asked for it, of a run by hand */
  requested_by?: string;
}

/** A zone or line in one hour. */
export interface OccupancyHourly {
  /** whose */
  org_id: string;
  /** by whose clocks; empty: UTC */
  site_id: string;
  /** its first moment */
  bucket: string;
  /** the camera */
  camera_id: string;
  /** the zone or line */
  subject_id: string;
  /** which of them it is */
  kind: "zone" | "line";
  /** in the zone when it was last told */
  count: number;
  /** entered the zone, or crossed the line inwards */
  entries: number;
  /** left the zone, or crossed the line outwards */
  exits: number;
  /** the most in the zone at once */
  peak: number;
  /** sum of what was told of how many are in the zone */
  count_sum: number;
  /** how often it was told; the average is their quotient */
  count_count: number;
  /** how long those who left had stayed, together (ms) */
  dwell_ms_sum: number;
  /** how many of them; the mean is their quotient */
  dwell_count: number;
}

/** A zone or line on one day of its site. */
export interface OccupancyDaily {
  /** whose */
  org_id: string;
  /** by whose clocks; empty: UTC */
  site_id: string;
  /** its first moment */
  bucket: string;
  /** the camera */
  camera_id: string;
  /** the zone or line */
  subject_id: string;
  /** which of them it is */
  kind: "zone" | "line";
  /** in the zone when it was last told */
  count: number;
  /** entered the zone, or crossed the line inwards */
  entries: number;
  /** left the zone, or crossed the line outwards */
  exits: number;
  /** the most in the zone at once */
  peak: number;
  /** sum of what was told of how many are in the zone */
  count_sum: number;
  /** how often it was told; the average is their quotient */
  count_count: number;
  /** how long those who left had stayed, together (ms) */
  dwell_ms_sum: number;
  /** how many of them; the mean is their quotient */
  dwell_count: number;
}

/** A zone or line in one month of its site. */
export interface OccupancyMonthly {
  /** whose */
  org_id: string;
  /** by whose clocks; empty: UTC */
  site_id: string;
  /** its first moment */
  bucket: string;
  /** the camera */
  camera_id: string;
  /** the zone or line */
  subject_id: string;
  /** which of them it is */
  kind: "zone" | "line";
  /** in the zone when it was last told */
  count: number;
  /** entered the zone, or crossed the line inwards */
  entries: number;
  /** left the zone, or crossed the line outwards */
  exits: number;
  /** the most in the zone at once */
  peak: number;
  /** sum of what was told of how many are in the zone */
  count_sum: number;
  /** how often it was told; the average is their quotient */
  count_count: number;
  /** how long those who left had stayed, together (ms) */
  dwell_ms_sum: number;
  /** how many of them; the mean is their quotient */
  dwell_count: number;
}

/** A record put aside because its time cannot be right. */
export interface QuarantinedEvent {
  /** whose */
  org_id: string;
  /** the camera */
  camera_id: string;
  /** UUIDv7 */
  id: string;
  /** why it was put aside */
  reason: "late" | "future";
  /** what the payload is */
  type: "signal" | "zone_hit" | "line_crossing" | "occupancy" | "track_chunk";
  /** the camera's */
  site_id?: string;
  /** the capture time it claims */
  occurred_at: string;
  /** when the hub took it in */
  received_at: string;
  /** the record named by type */
  payload: unknown;
}

/** Rows that retention must leave. */
export interface LegalHold {
  /** whose */
  org_id: string;
  /** UUIDv7 */
  id: string;
  /** of this camera alone; absent: of all */
  camera_id?: string;
  /** from then on; absent: from the beginning */
  from_at?: string;
  /** until then; absent: without an end */
  to_at?: string;
  /** why */
  reason: string;
  /** who set it */
  created_by?: string;
  /** when */
  created_at?: string;
  /** when it ended; absent: it stands */
  released_at?: string;
}

/** Signals of one kind that a camera raised shortly after one another, and what people made of them. */
export interface Incident {
  /** whose */
  org_id: string;
  /** made from its first signal */
  id: string;
  /** the camera's */
  site_id?: string;
  /** the camera where it began */
  camera_id: string;
  /** every camera that saw it */
  camera_ids: string[];
  /** the service of its signals */
  service: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system";
  /** their kind, e.g. intrusion */
  kind: string;
  /** the worst of its signals */
  severity: "info" | "low" | "medium" | "high" | "critical";
  /** what people made of it */
  status: "open" | "acknowledged" | "resolved" | "dismissed";
  /** for people */
  title: string;
  /** capture time of its first signal */
  started_at: string;
  /** and of its last */
  last_signal_at: string;
  /** when it was over, where a signal told so, as camera_recovered */
  ended_at?: string;
  /** its first signals, within store.fusion.max_signals */
  signal_ids: string[];
  /** how many they are in all */
  signal_count: number;
  /** their pictures, where some were kept */
  evidence: string[];
  /** whose work it is: a user's id */
  assignee?: string;
  /** what was said of it, oldest first */
  notes: IncidentNote[];
  /** the policy in force at its last signal */
  policy_revision: number;
  /** when a signal or somebody made it what it is; of one that was dismissed: when that was */
  changed_at?: string;
}

/** What someone said of an incident. */
export interface IncidentNote {
  /** when */
  at: string;
  /** who: a user's id */
  by?: string;
  /** what was said */
  text: string;
}

/** What became of an incident, until those who are notified of it have it in their queues. */
export interface IncidentChange {
  /** whose */
  org_id: string;
  /** UUIDv7; the notification's, by which receivers tell repetitions */
  id: string;
  /** the incident */
  incident_id: string;
  /** its camera */
  camera_id: string;
  /** what became of it */
  step: "opened" | "changed" | "ended" | "closed";
  /** when it was stored */
  at: string;
  /** as it was then, an Incident */
  incident: Incident;
  /** W3C Trace Context of the signal that did it */
  traceparent?: string;
}

/** A rule of safety that was broken. */
export interface Violation {
  /** whose */
  org_id: string;
  /** made from its signal */
  id: string;
  /** the camera's */
  site_id?: string;
  /** the camera that saw it */
  camera_id: string;
  /** what was violated */
  kind: "restricted_zone" | "no_helmet" | "no_vest";
  /** the signal that told of it */
  signal_id: string;
  /** who; 0: not told */
  track_id: number;
  /** the zone, where there is one */
  zone_id?: string;
  /** capture time */
  at: string;
  /** where in the frame */
  box: [number, number, number, number];
  /** its picture, where one was kept */
  snapshot_id?: string;
  /** what people made of it */
  status: "open" | "confirmed" | "dismissed";
  /** who gave it its status: a user's id */
  decided_by?: string;
  /** when */
  decided_at?: string;
}

/** A track that is stored. */
export interface TrackSummary {
  /** the camera */
  camera_id: string;
  /** unique for the camera for ever */
  track_id: number;
  /** what it is */
  object_class: string;
  /** first seen, within what was asked for */
  first_at: string;
  /** last seen, likewise */
  last_at: string;
  /** in so many pictures */
  observations: number;
  /** the best of them */
  confidence: number;
  /** where it was first */
  first_box: [number, number, number, number];
  /** and last */
  last_box: [number, number, number, number];
}

/** A track in one picture. */
export interface TrackPoint {
  /** capture time */
  at: string;
  /** where in the frame */
  box: [number, number, number, number];
  /** how sure */
  confidence: number;
}

/** The path of one track. */
export interface TrackPath {
  /** the camera */
  camera_id: string;
  /** unique for the camera for ever */
  track_id: number;
  /** what it is */
  object_class: string;
  /** where it was, oldest first */
  points: TrackPoint[];
  /** these are all of what was asked for; false: ask for what comes after the last */
  is_complete: boolean;
}

/** A line of a report. */
export interface ReportLine {
  /** what the line is about: signals by camera, kind and severity, incidents by kind, a line, a zone, a camera */
  section: "signals" | "incidents" | "line" | "zone" | "camera";
  /** the site */
  site_id: string;
  /** from then on: the period by the site's clocks */
  from: string;
  /** until before then */
  to: string;
  /** the camera, but of incidents */
  camera_id?: string;
  /** the line or zone */
  subject_id?: string;
  /** of signals and incidents */
  kind?: string;
  /** of signals, and the worst of incidents */
  severity?: string;
  /** how many signals or incidents */
  count?: number;
  /** entered the zone, or crossed the line inwards */
  entries?: number;
  /** left the zone, or crossed the line outwards */
  exits?: number;
  /** the most in the zone at once */
  peak?: number;
  /** in the zone, on average */
  average?: number;
  /** how long those who left had stayed, on average (s) */
  dwell_seconds_mean?: number;
  /** the share of the period, up to now and since the camera was made or last enabled, in which no incident camera_offline stood for it; absent: of the period there is none */
  uptime?: number;
}

/** Someone who works for the org. */
export interface Employee {
  /** whose */
  org_id: string;
  /** UUIDv7 */
  id: string;
  /** as another system knows them; no two of an org have the same */
  external_id?: string;
  /** their name */
  name: string;
  /** where they work */
  department?: string;
  /** the shift they work in */
  shift_id?: string;
  /** they work here now */
  active: boolean;
  /** when it was added */
  created_at?: string;
}

/** When people work. */
export interface Shift {
  /** whose */
  org_id: string;
  /** UUIDv7 */
  id: string;
  /** what people call it */
  name: string;
  /** when it begins: HH:MM */
  start_time: string;
  /** when it ends: HH:MM; not after its start: on the next day */
  end_time: string;
  /** so long after its start is not late (min) */
  grace_minutes: number;
  /** of it that are not worked (min) */
  break_minutes: number;
  /** on which it begins: mon, tue, …; empty: on each */
  days: string[];
  /** by whose clocks: an IANA name; absent: UTC */
  time_zone?: string;
  /** when it was added */
  created_at?: string;
}

/** A vehicle that the org knows. */
export interface Vehicle {
  /** whose */
  org_id: string;
  /** UUIDv7 */
  id: string;
  /** its plate, as capital letters and digits; no two have the same */
  plate: string;
  /** the same as people write it */
  plate_as_written?: string;
  /** of the plate: ISO 3166-1, two letters */
  country?: string;
  /** whose it is */
  owner?: string;
  /** whether it may pass */
  list: "allowed" | "blocked" | "visitor";
  /** when it was added */
  created_at?: string;
}

/** Someone who came to a door. */
export interface AccessLog {
  /** whose */
  org_id: string;
  /** the camera at the door */
  camera_id: string;
  /** UUIDv7 */
  id: string;
  /** the camera's */
  site_id?: string;
  /** who it was; unknown: nobody known */
  employee_id: string;
  /** which door, where a camera sees several */
  door?: string;
  /** which way; absent: not told */
  direction?: "in" | "out";
  /** how sure it is who it was */
  confidence: number;
  /** capture time */
  at: string;
  /** what recognised the face */
  source: "local" | "rekognition";
}

/** An employee's day at work. */
export interface AttendanceRecord {
  /** whose */
  org_id: string;
  /** who */
  employee_id: string;
  /** the day's first moment, by the clocks of the shift */
  day: string;
  /** first seen */
  check_in?: string;
  /** last seen */
  check_out?: string;
  /** without breaks (min) */
  worked_minutes: number;
  /** after the shift's beginning and its grace (min) */
  late_minutes: number;
  /** before the shift's end (min) */
  early_leave_minutes: number;
  /** after the shift's end (min) */
  overtime_minutes: number;
  /** what came of the day */
  status: "present" | "late" | "absent" | "half_day" | "on_leave";
  /** the user who set it right; absent: nobody */
  corrected_by?: string;
}

/** A vehicle that passed a gate. */
export interface VehicleLog {
  /** whose */
  org_id: string;
  /** the camera at the gate */
  camera_id: string;
  /** UUIDv7 */
  id: string;
  /** the camera's */
  site_id?: string;
  /** the plate, as capital letters and digits */
  plate: string;
  /** how sure the plate is */
  confidence: number;
  /** which gate, where a camera sees several */
  gate?: string;
  /** which way; absent: not told */
  direction?: "in" | "out";
  /** capture time */
  at: string;
  /** car, truck, … */
  vehicle_class?: string;
  /** as seen */
  colour?: string;
  /** the list that the plate is on; absent: none */
  list?: "allowed" | "blocked" | "visitor";
  /** the image of it, where there is one */
  snapshot_id?: string;
}

/** How long a table's rows of a camera are kept. */
export interface Retention {
  /** what is kept */
  table: string;
  /** of this camera; absent: of none */
  camera_id?: string;
  /** so long; 0: for ever (days) */
  days: number;
  /** the oldest that is kept; absent: there is none */
  oldest_at?: string;
  /** older ones go at the next run; absent: none do */
  cutoff_at?: string;
  /** older rows that go at the next run; -1: not counted */
  due_rows: number;
  /** older rows that stay; -1: not counted */
  held_rows: number;
  /** what keeps those: legal_hold, rollup, or legal_hold, rollup */
  held_by?: string;
  /** as many rows were looked at as may be (retention.status_rows): oldest_at may be missing, and there may be more of both counts */
  is_partial: boolean;
  /** when the first disk that has records will be full at the present rate; absent: not in sight, or not known yet */
  disk_full_at?: string;
}

/** Where time went, stage by stage. */
export interface ProfileReport {
  /** how long was looked (s) */
  seconds: number;
  /** what work was done */
  parts: ProfilePart[];
}

/** Where one kind of work spent its time. */
export interface ProfilePart {
  /** cameras: the frames of all; camera: of one; records: on their way to the store; route: requests; left_out: a camera of which nothing is told, as its worker did not answer in time */
  kind: "cameras" | "camera" | "records" | "route" | "left_out";
  /** the camera or the route */
  name: string;
  /** frames, batches of records or requests */
  count: number;
  /** in the order of the way */
  stages: ProfileStage[];
}

/** How long a stage took. */
export interface ProfileStage {
  /** its name */
  stage: string;
  /** how often */
  count: number;
  /** all of them together, by the clock on the wall (ms) */
  total_ms: number;
  /** on average (ms) */
  mean_ms: number;
  /** half of them took no longer; at most an eighth too large, as are the others (ms) */
  p50_ms: number;
  /** 95 of a hundred took no longer (ms) */
  p95_ms: number;
  /** 99 of a hundred took no longer (ms) */
  p99_ms: number;
  /** of the whole; absent where it is no part of it */
  share?: number;
}

/** What a policy says at some hours, above what every level says at the others. */
export interface PolicyOverlay {
  /** tells it from the document's others */
  name: string;
  /** when it is in force */
  schedule: ScheduleWindow[];
  /** of the schedule, e.g. Europe/Berlin; empty: UTC */
  time_zone?: string;
  /** the keys that it changes */
  config: unknown;
}

/** What the rules of one camera saw for a while, stored so that policies can be tried on it. */
export interface TrackChunk {
  /** UUIDv7 */
  id: string;
  /** set by the hub */
  org_id?: string;
  /** the camera that saw it */
  camera_id: string;
  /** of one life of the camera's rules */
  run_id: string;
  /** within the run */
  number: number;
  /** capture time of its first frame */
  from_at: string;
  /** capture time of its last frame */
  to_at: string;
  /** analysed frames */
  frames: number;
  /** of the data */
  codec_version: number;
  /** the policy in force */
  policy_revision: number;
  /** of its run, which ended in order */
  is_last: boolean;
  /** the observations, coded */
  data: string;
}

/** A signal that the proposed policy, the current one, or both raise. */
export interface BacktestFinding {
  /** kept: both policies raise it; new: only the proposed one; gone: only the current one */
  change: "kept" | "new" | "gone";
  /** the camera */
  camera_id: string;
  /** as of signals; dwell: the event of a zone's dwell_seconds */
  kind: string;
  /** the zone or line, where there is one */
  zone_id?: string;
  /** who was involved */
  track_ids: number[];
  /** how bad, of signals */
  severity?: "info" | "low" | "medium" | "high" | "critical";
  /** when the proposed policy raises it */
  at?: string;
  /** when the current policy raises it */
  current_at?: string;
  /** of the record that was stored then, where one was */
  signal_id?: string;
  /** its picture, where one was kept */
  snapshot_id?: string;
}

/** An incident that the proposed policy, the current one, or both open. */
export interface BacktestIncident {
  /** kept: both policies open it; changed: both do, with another severity, span or other signals; new: only the proposed one; gone: only the current one */
  change: "kept" | "new" | "gone" | "changed";
  /** the camera */
  camera_id: string;
  /** the service of its signals */
  service: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system";
  /** their kind */
  kind: string;
  /** how bad it is under the proposed policy */
  severity?: "info" | "low" | "medium" | "high" | "critical";
  /** its first signal under the proposed policy */
  started_at?: string;
  /** and its last */
  last_signal_at?: string;
  /** how many they are */
  signal_count: number;
  /** how bad under the current one */
  current_severity?: "info" | "low" | "medium" | "high" | "critical";
  /** its first signal under the current one */
  current_started_at?: string;
  /** and its last */
  current_last_signal_at?: string;
  /** how many they are there */
  current_signal_count: number;
  /** of the one that was stored then, where one was */
  incident_id?: string;
  /** those of its signals that were stored then */
  signal_ids: string[];
  /** their pictures, where some were kept */
  snapshot_ids: string[];
}

/** What came of trying a policy on stored tracks: the signals that it would have raised, and the incidents that these would have opened. */
export interface Backtest {
  /** UUIDv7 */
  id: string;
  /** whose */
  org_id?: string;
  /** cut: it ended by policies.backtest_seconds, and what was tried by then counts */
  state: "waiting" | "running" | "done" | "cut" | "failed";
  /** what was tried */
  policy_type: string;
  /** signals from this time on */
  from_at: string;
  /** and before this one */
  to_at: string;
  /** when */
  started_at?: string;
  /** when it was over */
  ended_at?: string;
  /** newest of the policies it was compared with */
  policy_revision: number;
  /** that the policy would touch */
  cameras: number;
  /** of which all was tried */
  cameras_tried: number;
  /** cameras of which nothing is stored for that time */
  without_tracks: string[];
  /** stored pieces that were read */
  chunks: number;
  /** analysed frames in them */
  frames: number;
  /** places where a piece is missing */
  gaps: number;
  /** pieces that could not be read */
  damaged: number;
  /** policies that a camera's rules go by were changed since some of it was seen: `reproduced` may be less than `stored` */
  has_older_policies: boolean;
  /** of all cameras (s) */
  replayed_seconds: number;
  /** of processor time that it took (s) */
  cpu_seconds: number;
  /** signals that both policies raise */
  kept: number;
  /** that only the proposed one raises */
  new_signals: number;
  /** that only the current one raises */
  gone: number;
  /** signals that were stored then, but for the server's own; those that others posted count */
  stored: number;
  /** of those, raised again by the current policy, the same in every member */
  reproduced: number;
  /** camera by camera: the current policy's by time, then those that only the proposed one raises */
  findings: BacktestFinding[];
  /** more than policies.backtest_findings; they are counted all the same */
  findings_left_out: number;
  /** incidents that both policies open alike */
  incidents_kept: number;
  /** that both open, with another severity, span or other signals */
  incidents_changed: number;
  /** that only the proposed one opens */
  incidents_new: number;
  /** that only the current one opens */
  incidents_gone: number;
  /** incidents that were stored then, whole in that time, but for those of the server's own signals */
  stored_incidents: number;
  /** of those, made again under the current policy, the same in every member but what people made of them */
  reproduced_incidents: number;
  /** camera by camera: the current policy's by time, then those that only the proposed one opens */
  incidents: BacktestIncident[];
  /** more than policies.backtest_findings; they are counted all the same */
  incidents_left_out: number;
  /** why it failed */
  error?: string;
}

/** A circuit breaker. */
export interface BreakerView {
  /** a camera's id, or upstream:NAME */
  name?: string;
  /** whether it is a camera's */
  is_camera: boolean;
  /** closed, open, half_open, forced_open, forced_closed or disabled; of a camera, as its worker last told */
  state?: string;
  /** failures within its window */
  failure_count: number;
  /** while open: until it is tried again (s) */
  retry_after_seconds: number;
}

/** Why a request was not done (RFC 9457). */
export interface Problem {
  /** about:blank: the code says what it is */
  type: string;
  /** the status in words */
  title: string;
  /** the HTTP status */
  status: number;
  /** what programs go by; never changes its meaning */
  code: string;
  /** what happened and what to do, for people */
  detail: string;
  /** each thing that is wrong with the request */
  errors: ProblemError[];
}

/** One thing that is wrong with a request. */
export interface ProblemError {
  /** where, as zones[0].polygon or limit; empty: the whole */
  path: string;
  /** what is wrong with it, for people */
  message: string;
}

/** How the server is. */
export interface Status {
  /** in one word */
  status: "healthy" | "degraded" | "unhealthy";
}

/** How the server is. Without a login, the status alone. */
export interface Health {
  /** in one word */
  status: "healthy" | "degraded" | "unhealthy";
  /** breakers and queues */
  resilience_stats?: ResilienceStats;
  /** by name */
  components?: Record<string, ComponentHealth>;
  /** of the login's org, by id */
  cameras?: Record<string, CameraEngines>;
}

/** Breakers and queues. */
export interface ResilienceStats {
  /** by the camera's id, or upstream:NAME */
  circuit_breakers: Record<string, BreakerState>;
  /** by name */
  queues: Record<string, QueueStats>;
}

/** How a part of the server is. */
export interface ComponentHealth {
  /** in one word */
  status: "healthy" | "degraded" | "unhealthy";
  /** why, where there is something to say */
  reason?: string;
}

/** What works on a camera's pictures. */
export interface CameraEngines {
  /** what decodes */
  decoder: string;
  /** what runs the model */
  detector_provider: string;
  /** why nothing faster does */
  detector_provider_reason: string;
}

/** A circuit breaker's state. */
export interface BreakerState {
  /** closed, open, half_open, forced_open, forced_closed or disabled */
  state: string;
  /** failures within its window */
  failure_count: number;
  /** while open: until it is tried again (s) */
  retry_after_seconds: number;
}

/** What waits to be stored. Without a login, the status alone. */
export interface QueueStats {
  /** degraded: what waits cannot be stored */
  status?: "healthy" | "degraded" | "unhealthy";
  /** records taken in and not yet on disk */
  memory_queue_size?: number;
  /** records on disk and not yet stored */
  disk_queue_size?: number;
  /** both */
  total_queued?: number;
  /** their size (bytes) */
  queued_bytes?: number;
  /** records ever taken in */
  enqueued?: number;
  /** records ever stored */
  acknowledged?: number;
  /** records that were given up, by reason */
  losses?: unknown;
  /** what waits is being stored */
  is_draining?: boolean;
  /** the store takes records */
  is_store_available?: boolean;
  /** files of the spool that cannot be read */
  files_unread?: number;
}

/** When a job is due. */
export interface Times {
  /** RFC 3339 UTC, soonest first */
  times: string[];
}

/** A run that was asked for. */
export interface Scheduled {
  /** the time its run goes by */
  scheduled_at: string;
}

/** Whether the audit is whole. */
export interface AuditVerification {
  /** how many were looked at */
  entries: number;
  /** of the last one: keep it somewhere else */
  sha256: string;
  /** no entry was edited, removed or moved */
  is_whole: boolean;
  /** which were, in words */
  problems: string[];
}

/** What is in force, defaults filled in. */
export interface PoliciesInForce {
  /** a policy of each type, by its name */
  policies: unknown;
  /** the number of the latest change */
  revision: number;
  /** they are the last good ones: the source cannot be read */
  is_stale: boolean;
  /** what is wrong with the source, if anything */
  error?: string;
  /** keys of them that are kept and that nothing reads yet: TYPE.KEY */
  not_in_force: string[];
}

/** A policy at one level. */
export interface PolicyAnswer extends ServicePolicy {
  /** keys of it that are kept and that nothing reads yet */
  not_in_force: string[];
}

/** What came of a change. */
export interface PolicyChange {
  /** of this policy; 0: it is gone, or was only looked at */
  version: number;
  /** counted over all policies */
  revision: number;
  /** as it is now; absent: gone */
  config?: unknown;
  /** what was changed */
  diff: unknown;
  /** keys of it that are kept and that nothing reads yet */
  not_in_force: string[];
}

/** A policy with its origins. */
export interface PolicyEffective {
  /** what the levels come to */
  config: unknown;
  /** of every key: level, revision and overlay it came from, or the place of the settings */
  origins: unknown;
  /** what the settings say of its keys, also of those that a document says otherwise */
  settings?: unknown;
  /** keys of it that are kept and that nothing reads yet */
  not_in_force: string[];
}

/** What became of events that were sent. */
export interface Intake {
  /** how many are kept now, to be stored */
  accepted: number;
  /** how many are not */
  rejected: number;
  /** of each line that is kept, and of the first hundred that are not, in order */
  results: IntakeResult[];
}

/** What became of a line. */
export interface IntakeResult {
  /** of the body, from 1 */
  line: number;
  /** the event's, where it could be read */
  id?: string;
  /** whether it is kept */
  status: "accepted" | "rejected";
  /** why not */
  errors: ProblemError[];
}

/** A line with its counts and its camera. */
export interface PlacedLine extends Omit<LineView, "line"> {
  /** the camera that sees it */
  camera_id: string;
}

/** A zone with its counts and its camera. */
export interface PlacedZone extends Omit<ZoneView, "zone"> {
  /** the camera that sees it */
  camera_id: string;
}

/** A receiver of signed webhooks (Standard Webhooks): docs/notify.md. */
export interface NotifyWebhook {
  /** its name in /health, metrics and logs, unique */
  id: string;
  /** whose events it is told, and no other's */
  org_id: string;
  /** whether it is told anything */
  enabled: boolean;
  /** where it is posted to: https://…; http:// only to an address of allowed_networks */
  url: string;
  /** a file that holds the secret */
  secret_file?: string;
  /** what it is told of: all, signals alone, or what becomes of incidents alone */
  about: "all" | "signals" | "incidents";
  /** it is told of what is at least so bad, of what the notify policy lets out */
  minimum_severity: "info" | "low" | "medium" | "high" | "critical";
  /** kinds of signals, and of incidents, it is told of; empty: every kind */
  kinds: string[];
}

/** An MQTT broker: docs/notify.md. */
export interface NotifyBroker {
  /** its name in /health, metrics and logs, unique */
  id: string;
  /** whose events it is told, and no other's */
  org_id: string;
  /** whether it is told anything */
  enabled: boolean;
  /** name or address of the broker */
  host: string;
  /** its port; 0: 8883 with tls, else 1883 */
  port: number;
  /** whether the connection is encrypted, and the broker proves who it is */
  tls: boolean;
  /** PEM file of who signed the broker's certificate; empty: the machine's own */
  ca_file?: string;
  /** PEM file of our own certificate, where the broker asks for one */
  certificate_file?: string;
  /** PEM file of its private key */
  key_file?: string;
  /** login; empty: none */
  username?: string;
  /** a file whose first line is the password */
  password_file?: string;
  /** what we call ourselves there; empty: vedette- and the id */
  client_id?: string;
  /** topics are PREFIX/ORG/SITE/CAMERA/KIND, of incidents with /incident behind */
  topic_prefix: string;
  /** of MQTT; with 3.1.1 a broker cannot say that its rights let it take nothing from us */
  version: "5" | "3.1.1";
  /** what it is told of: all, signals alone, or what becomes of incidents alone */
  about: "all" | "signals" | "incidents";
  /** it is told of what is at least so bad, of what the notify policy lets out */
  minimum_severity: "info" | "low" | "medium" | "high" | "critical";
  /** kinds of signals, and of incidents, it is told of; empty: every kind */
  kinds: string[];
}

/** What webhooks and MQTT brokers are told. */
export interface Notification {
  /** the same in every repetition: the signal's, or of what became of the incident */
  id: string;
  /** signal. and the signal's kind; incident.opened, incident.changed, incident.ended or incident.closed */
  type: string;
  /** when it happened */
  timestamp: string;
  /** the Signal, or the Incident as it was then */
  data: unknown;
  /** W3C Trace Context of what sent it, where MQTT 3.1.1 has no other place */
  traceparent?: string;
}

/** How an endpoint of notifications is; counts since the server started. */
export interface EndpointHealth {
  /** as in the settings */
  id: string;
  /** whose events it is told */
  org_id?: string;
  /** what it is */
  kind: "webhook" | "mqtt";
  /** ready; paused: it asked for time; left_alone: its circuit breaker is open; disconnected; gone: it said 410, and is told nothing until it is enabled again */
  state: "ready" | "paused" | "left_alone" | "disconnected" | "gone";
  /** the last thing that went wrong; empty when the last try was good */
  last_error?: string;
  /** notifications that wait or are on their way */
  queued: number;
  /** of these, on their way just now */
  in_flight: number;
  /** of these, waiting in memory for their next try */
  retrying: number;
  /** notifications taken over for delivery, to stay */
  accepted: number;
  /** tries */
  attempts: number;
  /** notifications delivered */
  delivered: number;
  /** tries that failed */
  failed: number;
  /** notifications given up after their last try */
  dead: number;
  /** notifications not taken over: the endpoint is gone, or the disk failed */
  refused: number;
  /** notifications dropped to make room for newer ones, or that the disk did not give back */
  dropped: number;
  /** tries again that were due and waited for the budget of them: notify.retry_permille, notify.retry_burst */
  put_off: number;
  /** 1 once it said 410 Gone, until it is enabled again */
  gone: number;
  /** 1 while the broker is connected; of webhooks: while the last try was good */
  connected: number;
  /** how long nothing could be delivered though something waits, once longer than notify.stalled_seconds; else 0 (s) */
  stalled_seconds: number;
  /** when something was delivered last */
  last_delivered_at?: string;
}

/** A notification that could not be delivered. */
export interface DeadLetter {
  /** of the notification */
  id: string;
  /** whose it is */
  org_id?: string;
  /** of the endpoint */
  kind: "webhook" | "mqtt";
  /** of the endpoint */
  endpoint_id: string;
  /** after its last try */
  given_up_at: string;
  /** how often it was tried */
  tries: number;
  /** what went wrong the last time */
  why?: string;
  /** what it told of, an AnalyticsEvent or an IncidentChange */
  event: AnalyticsEvent | IncidentChange;
}

/** What is hidden in pictures, and how. */
export interface PrivacyPolicy {
  /** people are hidden in every picture that leaves a worker; where it is not known who is one, whole figures are */
  face_blur_enabled: boolean;
  /** vehicles are hidden, and with them their plates; what is neither known as person nor vehicle stays hidden as long as one of the two says so */
  license_plate_blur_enabled: boolean;
  /** how coarse hidden people, animals and vehicles look; what else moves, or may be a face or plate by itself, is always at its coarsest */
  blur_strength: number;
}

/** How models look, and for what. */
export interface DetectionPolicy {
  /** frames a second that are analysed (1/s) */
  analyse_fps?: number;
  /** least confidence of what a model finds; 0: what its card says */
  confidence?: number;
  /** longest time between looks at the whole picture (s) */
  full_seconds?: number;
  /** between looks at objects that stand still (s) */
  stationary_seconds?: number;
  /** what moves is looked at by itself where it takes less of the frame */
  region_share?: number;
  /** object classes that are followed; empty: every class */
  classes: string[];
}

/** What counts as motion. */
export interface MotionPolicy {
  /** how small a change of brightness is motion */
  sensitivity?: number;
  /** smallest moving object, share of the frame */
  minimum_area?: number;
  /** until the background stands (s) */
  learn_seconds?: number;
}

/** What is recorded. */
export interface RecordingPolicy {
  /** clips are kept of what is told */
  recording_enabled: boolean;
  /** what a clip shows of before (s) */
  before_seconds: number;
  /** what a clip shows of after (s) */
  after_seconds: number;
}

/** How long what is stored is kept. */
export interface RetentionPolicy {
  /** how long access logs are kept (d) */
  access_log_days?: number;
  /** how long attendance records, by what is said for everyone or an org, are kept (d) */
  attendance_days?: number;
  /** how long vehicle logs are kept (d) */
  vehicle_log_days?: number;
  /** how long single crossings, zone hits and occupancy records are kept (d) */
  occupancy_raw_days?: number;
  /** how long signals are kept (d) */
  event_days?: number;
  /** how long tracks, which policies are tried on, are kept (d) */
  track_days?: number;
  /** nothing is deleted */
  legal_hold: boolean;
}

/** Who is told of what. */
export interface NotifyPolicy {
  /** others are told of signals, by webhook and MQTT */
  notify_enabled: boolean;
  /** of what is at least so bad */
  minimum_severity: "info" | "low" | "medium" | "high" | "critical";
}

/** What may be theft. */
export interface AntitheftPolicy {
  /** something new that stands alone in a zone this long raises a signal; 0: not looked for (s) */
  left_seconds?: number;
  /** something that is gone from a zone this long raises a signal; 0: not looked for (s) */
  taken_seconds?: number;
  /** how many more left a shelf than were sold is too many */
  shelf_out_delta: number;
}

/** What is dangerous. */
export interface SafetyPolicy {
  /** who was inside a zone this long, short breaks left out, raises a signal; 0: nobody (s) */
  loitering_seconds?: number;
  /** faster in a zone raises a signal; m/s where the camera is calibrated, else frame widths a second; 0: none */
  speed_limit?: number;
  /** a camera that is covered, blurred, moved or dark this long raises a signal; 0: never (s) */
  tamper_seconds?: number;
  /** pictures that are the same to the last bit this long raise a signal; 0: never (s) */
  frozen_seconds?: number;
  /** experimental: someone who lies this long raises a signal; 0: never (s) */
  fall_seconds?: number;
  /** between signals of one track and rule (s) */
  cooldown_seconds?: number;
}

/** How a class is looked at, as a whole. */
export interface EducationPolicy {
  /** over which a class is looked at as a whole (s) */
  window_seconds: number;
  /** with fewer nothing is told, so that nobody is told of alone */
  minimum_faces: number;
}

/** How many, where and how long. */
export interface OccupancyPolicy {
  /** a stay this long in a zone gives one dwell event; 0: none (s) */
  dwell_seconds?: number;
  /** more inside a zone than this raises a signal; 0: no limit */
  occupancy_limit?: number;
  /** so many fewer before a limit is told again */
  hysteresis?: number;
  /** more inside than this for crowd_seconds raises a signal; 0: none */
  crowd_limit?: number;
  /** how long it must be so full (s) */
  crowd_seconds?: number;
  /** more waiting than this raises a signal; 0: no limit */
  queue_limit?: number;
  /** who is inside this long waits (s) */
  queue_seconds?: number;
  /** between occupancy records while a zone's count does not change; 0: none (s) */
  occupancy_interval_seconds?: number;
}

/** Who is known. */
export interface IdentityPolicy {
  /** faces are compared with those of employees */
  identity_enabled: boolean;
  /** how alike is the same */
  match_threshold: number;
  /** how long an answer for a track is kept (s) */
  cache_seconds: number;
}

/** When who is at work. */
export interface AttendancePolicy {
  /** attendance is noted */
  attendance_enabled: boolean;
  /** so late is not late (min) */
  late_grace_minutes: number;
}

/** Which plates are read. */
export interface VehiclesPolicy {
  /** plates are read */
  plates_enabled: boolean;
  /** least confidence of a reading */
  plate_confidence: number;
}

/** What came of trying a source. */
export interface CameraTest {
  /** pictures came */
  works: boolean;
  /** why they did not; empty where they did */
  error: string;
  /** of the stream, as H264; empty: not known */
  codec: string;
  /** what decodes it; empty: nothing did */
  decoder: string;
  /** of its pictures; 0: not known (px) */
  width_px: number;
  /** of its pictures; 0: not known (px) */
  height_px: number;
  /** pictures a second, as they came in the first seconds (1/s) */
  fps: number;
  /** from the beginning of the connection to the first picture; 0: none came (ms) */
  first_picture_ms: number;
}

/** Counts. */
export interface DetectCounts {
  /** objects in the picture */
  objects: number;
  /** people among them */
  people: number;
  /** vehicles among them */
  vehicles: number;
  /** crossings from left to right since the stream began */
  line_in: number;
  /** crossings from right to left */
  line_out: number;
}

/** One object in the picture. */
export interface DetectObject {
  /** the same through a stream; 0 without one */
  track_id: number;
  /** what it is; motion where no model tells */
  object_class?: string;
  /** how sure */
  confidence: number;
  /** where in the picture */
  box: [number, number, number, number];
}

/** What is in a picture. */
export interface DetectResponse {
  /** of the request */
  stream_id?: string;
  /** nothing is remembered of this stream's earlier pictures */
  is_new_stream: boolean;
  /** of the picture (px) */
  width_px: number;
  /** of the picture (px) */
  height_px: number;
  /** model, motion (no model, or one that fails: what moves), or none */
  detector?: string;
  /** what is in the picture */
  objects: DetectObject[];
  /** counts */
  counts: DetectCounts;
  /** signals that this picture raised */
  violations: Signal[];
  /** crossings that this picture showed */
  crossings: LineCrossing[];
  /** how each feature went */
  features: DetectStates;
  /** from the decoder to the answer (ms) */
  processing_ms: number;
  /** a JPEG as base64, where it was asked for */
  annotated_image?: string;
}

/** How one feature went. */
export interface DetectState {
  /** whether it was looked for; off: not asked for */
  status: "ok" | "unavailable" | "off";
  /** why it is unavailable */
  reason?: string;
  /** what was found: people, vehicles, crossings, violations */
  count: number;
}

/** How each feature went. */
export interface DetectStates {
  /** how many people are in the picture */
  people_count: DetectState;
  /** how many vehicles are in the picture */
  vehicles: DetectState;
  /** who lacks protective equipment */
  ppe: DetectState;
  /** who crosses the line at line_x; needs a stream_id */
  line_crossing: DetectState;
  /** who enters a zone of kind intrusion or restricted; needs a stream_id */
  zone_intrusion: DetectState;
  /** who stays longer than loitering_seconds; needs a stream_id */
  loitering: DetectState;
  /** more than crowd_limit at once; needs a stream_id */
  crowd: DetectState;
  /** whose face it is */
  face_identity: DetectState;
  /** who comes and goes */
  attendance: DetectState;
  /** what stands on licence plates */
  plates: DetectState;
  /** what was left behind or taken away; needs a stream_id */
  object_left_taken: DetectState;
  /** a camera that was covered, blurred, turned or frozen; needs a stream_id */
  tampering: DetectState;
}

/** Errors of the log that are alike. */
export interface ErrorGroup {
  /** the part of the server that said it */
  module: string;
  /** what they have in common, with a mark for each value */
  words: string;
  /** a worker said it, and not the hub */
  is_of_worker: boolean;
  /** how often, since the server began */
  count: number;
  /** when for the first time */
  first_seen?: string;
  /** when last */
  last_seen?: string;
  /** what the latest was about: a camera, a worker */
  subject?: string;
  /** the latest, as it was logged */
  sample?: string;
}

/** What is logged. */
export interface LogLevels {
  /** as the setting log.levels: a level for all, then module=level, separated by commas */
  levels: string;
}

/** What GET /auth/ways answers. */
export interface LoginWays {
  /** a browser may log in by an OpenID Connect issuer: GET /auth/oidc/login */
  has_issuer: boolean;
}

/** A model as the API shows it. */
export interface ModelView {
  /** the name of its file without .onnx */
  id: string;
  /** the settings that name it: detector, reid; empty: it is not in use */
  used_for: string[];
  /** of its file; 0: there is none (bytes) */
  size_bytes: number;
  /** why nothing more is known of it */
  error?: string;
  /** what people call it */
  name?: string;
  /** how its outputs are read */
  family?: "yolox" | "yolov5" | "yolov8" | "nanodet" | "ssd" | "ultraface" | "yunet" | "lpd_yunet" | "classifier" | "embedder" | "plate_slots" | "plate_ctc" | "end_to_end" | "nanodet_plus";
  /** width the model takes; 0: not known (px) */
  input_width_px: number;
  /** height the model takes; 0: not known (px) */
  input_height_px: number;
  /** names of what it finds */
  labels: string[];
  /** of the weights */
  licence?: string;
  /** where they come from */
  source?: string;
  /** of the file, as its card has it */
  sha256?: string;
}

/** The envelope in which everything that is stored travels. */
export interface AnalyticsEventInput {
  /** UUIDv7, made by the worker */
  id: string;
  /** what the payload is */
  type: "signal" | "zone_hit" | "line_crossing" | "occupancy" | "track_chunk";
  /** set by the hub from the camera's registration */
  org_id?: string | null;
  /** set by the hub from the camera's registration */
  site_id?: string | null;
  /** the camera that saw it */
  camera_id: string;
  /** the line or zone it is about, where there is one */
  subject_id?: string | null;
  /** capture time */
  occurred_at: string;
  /** when the hub took it in */
  received_at?: string | null;
  /** W3C trace id, where there is one */
  trace_id?: string | null;
  /** 9 is the most urgent */
  priority?: number | null;
  /** the record named by type */
  payload: SignalInput | ZoneHitInput | LineCrossingInput | OccupancyLogInput;
}

/** What POST /api/v1/tokens takes. */
export interface ApiKeyRequest {
  /** what people call it */
  name: string;
  /** at most the role of who makes it */
  role: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform";
  /** method and path as in the route list, like GET /api/v1/events; empty: all its role may */
  routes?: string[] | null;
  /** ids; it may use only what is about these; empty: all of the org */
  cameras?: string[] | null;
  /** until when; unset: until it is revoked */
  expires_at?: string | null;
}

/** An operator's word to a breaker. */
export interface BreakerRequest {
  /** forced_open: nothing is asked of it; forced_closed: everything is, whatever fails; disabled: the same, uncounted; closed: the breaker decides again. Lasts until the server starts anew */
  state: "closed" | "forced_open" | "forced_closed" | "disabled";
  /** why, for the log */
  reason?: string | null;
}

/** What changes in a camera (RFC 7396): what is left out stays, lists are replaced whole, null is the default. */
export interface CameraChangeInput {
  /** the site it stands on */
  site_id?: string | null;
  /** the school class it looks at, where there is one */
  class_id?: string | null;
  /** what people call it */
  name?: string | null;
  /** rtsp://host/path, rtsps://…, http://… or https://… (MJPEG, or a JPEG for each request), v4l2:///dev/videoN, the path of a video, a picture or a folder of pictures, or scene://NAME; a login in it is taken out when loaded. Left out where streams are given */
  source?: string | null;
  /** login, apart from the source */
  username?: string | null;
  /** password, apart from the source */
  password?: string | null;
  /** several addresses of one camera with a role each, as a small picture to analyse and the main one to record; empty: source is analysed, recorded and shown */
  streams?: CameraStreamInput[] | null;
  /** false: known but not watched */
  enabled?: boolean | null;
  /** frames a second that are analysed (1/s) */
  analyse_fps?: number | null;
  /** which pictures are decoded: all; non-reference: all but those no other is predicted from; key-frames: only those that need no other; auto: key frames only while nothing moves, all once something does */
  decode?: "all" | "non-reference" | "key-frames" | "auto" | null;
  /** files only: start again at the end */
  loop?: boolean | null;
  /** its zones */
  zones?: ZoneInput[] | null;
  /** its lines */
  lines?: LineInput[] | null;
  /** what rules are told about the camera */
  rules?: CameraRulesInput;
}

/** A new camera; its id is given to it. */
export interface CameraRequest {
  /** the site it stands on */
  site_id?: string | null;
  /** the school class it looks at, where there is one */
  class_id?: string | null;
  /** what people call it */
  name?: string | null;
  /** rtsp://host/path, rtsps://…, http://… or https://… (MJPEG, or a JPEG for each request), v4l2:///dev/videoN, the path of a video, a picture or a folder of pictures, or scene://NAME; a login in it is taken out when loaded. Left out where streams are given */
  source?: string | null;
  /** login, apart from the source */
  username?: string | null;
  /** password, apart from the source */
  password?: string | null;
  /** several addresses of one camera with a role each, as a small picture to analyse and the main one to record; empty: source is analysed, recorded and shown */
  streams?: CameraStreamInput[] | null;
  /** false: known but not watched */
  enabled?: boolean | null;
  /** frames a second that are analysed (1/s) */
  analyse_fps?: number | null;
  /** which pictures are decoded: all; non-reference: all but those no other is predicted from; key-frames: only those that need no other; auto: key frames only while nothing moves, all once something does */
  decode?: "all" | "non-reference" | "key-frames" | "auto" | null;
  /** files only: start again at the end */
  loop?: boolean | null;
  /** its zones */
  zones?: ZoneInput[] | null;
  /** its lines */
  lines?: LineInput[] | null;
  /** what rules are told about the camera */
  rules?: CameraRulesInput;
}

/** What rules are told about one camera. */
export interface CameraRulesInput {
  /** of schedules, e.g. Europe/Berlin; empty: UTC, but that of its site is taken once the API gives it a schedule */
  time_zone?: string | null;
  /** four points of the ground as the picture shows them, in order around what they enclose; empty: speeds are in frame widths a second */
  calibration_image?: [number, number][] | null;
  /** where the same four points are on the ground (m) */
  calibration_ground?: [number, number][] | null;
  /** a camera that is covered, blurred, moved or dark this long raises a signal; 0: never (s) */
  tamper_seconds?: number | null;
  /** covered: less than this share of the usual edges and of the usual contrast is seen */
  tamper_covered?: number | null;
  /** blurred: less than this share of the usual edges is seen, while the contrast stays */
  tamper_blurred?: number | null;
  /** moved: less than this share of the places looks as usual, while there are edges; the picture shifted as a whole is told at once, unless this is 0 */
  tamper_moved?: number | null;
  /** dark: the picture's mean luma is below this; 0: never */
  tamper_dark?: number | null;
  /** pictures that are the same to the last bit this long raise a signal; 0: never (s) */
  frozen_seconds?: number | null;
  /** experimental: someone who was upright and lies this long raises a signal; 0: not looked for. It sees boxes only, misses falls towards the camera, and is no substitute for an alarm (s) */
  fall_seconds?: number | null;
}

/** One address of a camera and what it is used for. */
export interface CameraStreamInput {
  /** as a camera's source */
  source: string;
  /** detect: is analysed; record: is kept for recording, as it comes; live: is shown to who looks */
  roles: string[];
  /** login of this stream; absent: the camera's */
  username?: string | null;
  /** password of this stream; absent: the camera's */
  password?: string | null;
}

/** A source to be tried. */
export interface CameraTestRequest {
  /** as a camera's source */
  source: string;
  /** login, apart from the source */
  username?: string | null;
  /** password, apart from the source */
  password?: string | null;
}

/** What is looked for; where none is true, everything. */
export interface DetectFeaturesInput {
  /** how many people are in the picture */
  people_count?: boolean | null;
  /** how many vehicles are in the picture */
  vehicles?: boolean | null;
  /** who lacks protective equipment */
  ppe?: boolean | null;
  /** who crosses the line at line_x; needs a stream_id */
  line_crossing?: boolean | null;
  /** who enters a zone of kind intrusion or restricted; needs a stream_id */
  zone_intrusion?: boolean | null;
  /** who stays longer than loitering_seconds; needs a stream_id */
  loitering?: boolean | null;
  /** more than crowd_limit at once; needs a stream_id */
  crowd?: boolean | null;
  /** whose face it is */
  face_identity?: boolean | null;
  /** who comes and goes */
  attendance?: boolean | null;
  /** what stands on licence plates */
  plates?: boolean | null;
  /** what was left behind or taken away; needs a stream_id */
  object_left_taken?: boolean | null;
  /** a camera that was covered, blurred, turned or frozen; needs a stream_id */
  tampering?: boolean | null;
}

/** A picture to look at. */
export interface DetectRequest {
  /** the picture, JPEG or PNG: in JSON as base64, also as a data: URL; in multipart/form-data its bytes */
  frame: string;
  /** what to look for */
  enabled_features?: DetectFeaturesInput;
  /** where a line stands from top to bottom: up to 1 a share of the picture's width, above it pixels */
  line_x?: number | null;
  /** pictures with the same id are one camera's, one after the other */
  stream_id?: string | null;
  /** when the picture was taken; else when it arrived */
  captured_at?: string | null;
  /** zones of the stream */
  zones?: ZoneInput[] | null;
  /** of the whole picture where no zone has its own (s) */
  loitering_seconds?: number | null;
  /** of the whole picture where no zone has its own */
  crowd_limit?: number | null;
  /** after so long an object counts as left or taken, in the whole picture where no zone has its own (s) */
  object_seconds?: number | null;
  /** answer the picture too, figures hidden and boxes drawn */
  annotate?: boolean | null;
}

/** What is said of an employee. */
export interface EmployeeRequest {
  /** as another system knows them; no two of an org have the same */
  external_id?: string | null;
  /** their name */
  name: string;
  /** where they work */
  department?: string | null;
  /** the shift they work in */
  shift_id?: string | null;
  /** they work here now */
  active?: boolean | null;
}

/** Whose work an incident is. */
export interface IncidentAssignmentInput {
  /** a user's id; absent: nobody's work any more */
  assignee?: string | null;
  /** what there is to say of it */
  note?: string | null;
}

/** A note. */
export interface IncidentNoteRequest {
  /** what there is to say of it */
  note: string;
}

/** What may be said with a step. */
export interface IncidentStepInput {
  /** what there is to say of it */
  note?: string | null;
}

/** What POST /api/v1/legal-holds takes. */
export interface LegalHoldRequest {
  /** of this camera alone; absent: of all */
  camera_id?: string | null;
  /** from then on; absent: from the beginning */
  from_at?: string | null;
  /** until then; absent: without an end */
  to_at?: string | null;
  /** why */
  reason: string;
}

/** A finite segment whose crossings are counted. */
export interface LineInput {
  /** unique among the camera's zones and lines */
  id: string;
  /** what people call it */
  name?: string | null;
  /** one end, 0..1 of the frame */
  a: [number, number];
  /** the other end; "in" is from the left side of a→b to its right side as seen */
  b: [number, number];
  /** what the page calls the direction in */
  in_name?: string | null;
  /** what the page calls the direction out */
  out_name?: string | null;
  /** object classes that count, as the model's labels have them (without a model all is motion); empty: every class */
  classes?: string[] | null;
  /** the directions that are allowed; the other raises a signal */
  allowed?: "both" | "in" | "out" | null;
  /** a track that crosses again the same way counts again only this long after; 0: each time it settled (s) */
  recount_seconds?: number | null;
  /** the point of a box that says where it is */
  anchor?: "bottom" | "centre" | "top" | null;
  /** when the line raises signals; empty: always. It counts at all times */
  schedule?: ScheduleWindowInput[] | null;
}

/** A track crossed a line. */
export interface LineCrossingInput {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the line */
  line_id: string;
  /** who */
  track_id: number;
  /** in: from the left side of a→b to its right side as seen */
  direction: "in" | "out";
  /** what it is */
  object_class?: string | null;
  /** capture time */
  at: string;
  /** where in the frame */
  box?: [number, number, number, number] | null;
}

/** What is logged. */
export interface LogLevelsInput {
  /** as the setting log.levels: a level for all, then module=level, separated by commas */
  levels: string;
}

/** What POST /auth/login takes. */
export interface LoginRequest {
  /** the user's name; of another org than default: ORG/NAME */
  username: string;
  /** the password */
  password: string;
  /** api: answers a token that lives long; browser: sets cookies, refreshed by POST /auth/refresh */
  client?: "api" | "browser" | null;
}

/** What POST /api/v1/users takes. */
export interface NewUserRequest {
  /** unique in its org, without a slash; it stays */
  username: string;
  /** what the user may do: viewer or more */
  role: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform";
  /** to be changed at the first login; left out: one is made up */
  password?: string | null;
  /** who the user is at the OpenID Connect issuer (sub) */
  oidc_subject?: string | null;
  /** refused at once */
  is_disabled?: boolean | null;
}

/** How many stand in a zone: written on a change and at an interval. */
export interface OccupancyLogInput {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the zone */
  zone_id: string;
  /** capture time */
  at: string;
  /** how many are inside */
  count?: number | null;
  /** entered since the zone's last record */
  entries?: number | null;
  /** left since the zone's last record */
  exits?: number | null;
}

/** What of an org can change. */
export interface OrgChangeRequest {
  /** what people call it */
  name: string;
}

/** A new org. */
export interface OrgRequest {
  /** unique, stays for ever */
  id: string;
  /** what people call it */
  name?: string | null;
}

/** What POST /auth/password takes. */
export interface PasswordRequest {
  /** the one that counts now */
  current_password: string;
  /** the one that shall count */
  new_password: string;
}

/** A change of a policy by webhook. */
export interface PolicyWebhookInput {
  /** the type of policy */
  policy_type: string;
  /** for this service; absent: the type's own */
  service_name?: string | null;
  /** absent: what holds for everyone */
  org_id?: string | null;
  /** of this site */
  site_id?: string | null;
  /** of this school class */
  class_id?: string | null;
  /** of this camera */
  camera_id?: string | null;
  /** the whole policy */
  config?: unknown | null;
  /** keys that change (RFC 7396), not beside config; neither of them: it is removed */
  patch?: unknown | null;
  /** why */
  reason?: string | null;
}

/** What POST /auth/refresh takes. */
export interface RefreshRequest {
  /** left out by browsers, whose cookie has it */
  refresh_token?: string | null;
}

/** A part of a week. */
export interface ScheduleWindowInput {
  /** mon, tue, wed, thu, fri, sat, sun; empty: every day */
  days?: string[] | null;
  /** HH:MM in the camera's time zone */
  from?: string | null;
  /** HH:MM; not after from: it ends on the next day, so that a window may cross midnight */
  to?: string | null;
}

/** What is said of a shift. */
export interface ShiftRequest {
  /** what people call it */
  name: string;
  /** when it begins: HH:MM */
  start_time: string;
  /** when it ends: HH:MM; not after its start: on the next day */
  end_time: string;
  /** so long after its start is not late (min) */
  grace_minutes?: number | null;
  /** of it that are not worked (min) */
  break_minutes?: number | null;
  /** on which it begins: mon, tue, …; empty: on each */
  days?: string[] | null;
  /** by whose clocks: an IANA name; absent: UTC */
  time_zone?: string | null;
}

/** Something a rule found worth telling. */
export interface SignalInput {
  /** UUIDv7 */
  id: string;
  /** set by the hub */
  org_id?: string | null;
  /** set by the hub */
  site_id?: string | null;
  /** the camera that saw it */
  camera_id: string;
  /** school class, where there is one */
  class_id?: string | null;
  /** which service raised it */
  service: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system";
  /** what it is, e.g. intrusion */
  kind: string;
  /** how bad it is */
  severity: "info" | "low" | "medium" | "high" | "critical";
  /** how sure */
  confidence?: number | null;
  /** capture time of the first frame */
  started_at: string;
  /** capture time of the last frame, once over */
  ended_at?: string | null;
  /** who was involved */
  track_ids?: number[] | null;
  /** the zone or line it is about, where there is one */
  zone_id?: string | null;
  /** where in the frame */
  box?: [number, number, number, number] | null;
  /** more, by kind */
  attributes?: unknown | null;
  /** its picture, where one was kept */
  snapshot_id?: string | null;
  /** the policy in force */
  policy_revision?: number | null;
}

/** A site as it is to be. */
export interface SiteChangeRequest {
  /** what people call it */
  name?: string | null;
  /** IANA name, as Europe/Paris; absent: UTC */
  time_zone?: string | null;
}

/** A new site. */
export interface SiteRequest {
  /** unique in its org */
  id: string;
  /** what people call it */
  name?: string | null;
  /** IANA name, as Europe/Paris; absent: UTC */
  time_zone?: string | null;
}

/** What PATCH /api/v1/users/{id} takes. */
export interface UserRequest {
  /** unique in its org, without a slash; it stays */
  username?: string | null;
  /** what the user may do: viewer or more */
  role?: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform" | null;
  /** sets it, to be changed at the next login */
  password?: string | null;
  /** who the user is at the OpenID Connect issuer (sub) */
  oidc_subject?: string | null;
  /** refused at once */
  is_disabled?: boolean | null;
}

/** What is said of a vehicle. */
export interface VehicleRequest {
  /** its plate, as capital letters and digits; no two have the same */
  plate: string;
  /** the same as people write it */
  plate_as_written?: string | null;
  /** of the plate: ISO 3166-1, two letters */
  country?: string | null;
  /** whose it is */
  owner?: string | null;
  /** whether it may pass */
  list: "allowed" | "blocked" | "visitor";
}

/** What is made of a violation. */
export interface ViolationRequest {
  /** what is made of it */
  status: "open" | "confirmed" | "dismissed";
}

/** A part of a camera's picture. */
export interface ZoneInput {
  /** unique among the camera's zones and lines */
  id: string;
  /** what people call it */
  name?: string | null;
  /** what the zone is for; area only counts, intrusion and restricted raise signals */
  kind?: "area" | "intrusion" | "restricted" | "shelf" | "counter" | "queue" | "seat" | "privacy_mask" | "motion_mask" | null;
  /** corners, 0..1 of the frame, x right, y down */
  polygon: [number, number][];
  /** object classes that count, as the model's labels have them (without a model all is motion); empty: every class */
  classes?: string[] | null;
  /** a stay this long gives one dwell event; 0: none (s) */
  dwell_seconds?: number | null;
  /** more inside than this raises a signal; 0: no limit */
  occupancy_limit?: number | null;
  /** occupancy, crowd and queue are told again only after there were this many fewer than what raised a signal */
  hysteresis?: number | null;
  /** more inside than this for crowd_seconds raises a signal; 0: no limit */
  crowd_limit?: number | null;
  /** how long it must be so full (s) */
  crowd_seconds?: number | null;
  /** who was inside this long, short breaks left out, raises a signal; 0: nobody (s) */
  loitering_seconds?: number | null;
  /** more waiting than this raises a signal; 0: no limit */
  queue_limit?: number | null;
  /** who is inside this long waits (s) */
  queue_seconds?: number | null;
  /** which way to go: 0 right, 90 down, 180 left, 270 up as seen; going another way raises a signal; absent: any (°) */
  allowed_heading?: number | null;
  /** how far off allowed_heading is still the allowed way (°) */
  heading_tolerance?: number | null;
  /** faster raises a signal; m/s where the camera is calibrated, else frame widths a second; 0: no limit */
  speed_limit?: number | null;
  /** something new that stands alone this long raises a signal; 0: not looked for (s) */
  left_seconds?: number | null;
  /** something that is gone this long raises a signal; 0: not looked for (s) */
  taken_seconds?: number | null;
  /** the point of a box that says where it is */
  anchor?: "bottom" | "centre" | "top" | null;
  /** when the zone raises signals; empty: always. It counts at all times */
  schedule?: ScheduleWindowInput[] | null;
}

/** A track entered, left or stayed in a zone. */
export interface ZoneHitInput {
  /** UUIDv7 */
  id: string;
  /** the camera that saw it */
  camera_id: string;
  /** the zone */
  zone_id: string;
  /** who */
  track_id: number;
  /** what happened */
  event: "enter" | "exit" | "dwell";
  /** where it came from or went, where known */
  direction?: string | null;
  /** how long it stayed, of exits and dwells (s) */
  dwell_seconds?: number | null;
  /** what it is */
  object_class?: string | null;
  /** capture time */
  at: string;
  /** where in the frame */
  box?: [number, number, number, number] | null;
}

/** What an AnalyticsEvent carries, by its type. */
export interface EventPayloads {
  signal: Signal;
  zone_hit: ZoneHit;
  line_crossing: LineCrossing;
  occupancy: OccupancyLog;
}
