import { shortTrackId } from "./drawing";
import type { AnalyticsEvent, CameraView } from "./records";

function subjectName(cameras: CameraView[], event: AnalyticsEvent): string {
  const camera = cameras.find((candidate) => candidate.id === event.camera_id);
  const id = event.payload.line_id ?? event.payload.zone_id;
  if (!id) return "";
  const subject = [...(camera?.lines ?? []), ...(camera?.zones ?? [])].find((candidate) => candidate.id === id);
  return subject?.name || id;
}

/** What signals are called. Kinds that are not here are shown as they are named. */
const SIGNAL_WORDS: Record<string, string> = {
  intrusion: "intrusion",
  restricted_zone: "someone is in a restricted zone:",
  loitering: "someone stays around",
  occupancy_exceeded: "too many people",
  crowd: "a crowd has gathered",
  queue_long: "the queue is long",
  wrong_direction: "wrong direction",
  speeding: "too fast",
  object_left: "something was left",
  object_taken: "something was taken",
  camera_covered: "the camera is covered",
  camera_blurred: "the camera is blurred",
  camera_moved: "the camera was moved",
  camera_dark: "the camera sees only darkness",
  camera_frozen: "the picture is frozen",
  fall: "someone may have fallen (experimental)",
};

function signalWords(kind: string, subject: string): string {
  const words = SIGNAL_WORDS[kind] ?? kind.replaceAll("_", " ");
  if (!subject) return words;
  return words.endsWith(":") ? `${words} ${subject}` : `${words} in ${subject}`;
}

/** One sentence a person can read. */
function describe(cameras: CameraView[], event: AnalyticsEvent): string {
  const subject = subjectName(cameras, event);
  const { payload } = event;
  const who = `${payload.object_class ?? "object"} ${payload.track_id ? shortTrackId(payload.track_id) : ""}`;
  switch (event.type) {
    case "line_crossing":
      return `${who} crossed ${subject} (${payload.direction})`;
    case "zone_hit": {
      if (payload.event === "dwell") return `${who} stays in ${subject} (${(payload.dwell_seconds ?? 0).toFixed(0)} s)`;
      return `${who} ${payload.event === "enter" ? "entered" : "left"} ${subject}`;
    }
    case "occupancy":
      return `${subject}: ${payload.count} inside`;
    case "signal":
      return `${signalWords(payload.kind ?? "signal", subject)} (${payload.severity})`;
    default:
      return event.type;
  }
}

export function EventList({ cameras, events }: { cameras: CameraView[]; events: AnalyticsEvent[] }) {
  return (
    <aside class="events">
      <h2>Latest events</h2>
      {events.length === 0 && <p class="hint">Nothing has happened yet.</p>}
      <ol>
        {events.map((event) => (
          <li key={event.id} class={`event ${event.type}`}>
            <time dateTime={event.occurred_at}>{new Date(event.occurred_at).toLocaleTimeString()}</time>
            <span class="where">{cameras.find((camera) => camera.id === event.camera_id)?.name || event.camera_id}</span>
            <span class="what">{describe(cameras, event)}</span>
          </li>
        ))}
      </ol>
    </aside>
  );
}
