import { shortTrackId } from "./drawing";
import type { CameraView } from "./records";
import { type StoredEvent, subjectOf } from "./stored_event";

function compare(a: StoredEvent, b: StoredEvent): number {
  return b.occurred_at.localeCompare(a.occurred_at) || b.id.localeCompare(a.id);
}

/** The list with these in it, the latest first, and as many kept. Events do not change, so that it is the same which of two is taken. */
export function withEvents(list: StoredEvent[], news: StoredEvent[], most: number): StoredEvent[] {
  const all = new Map([...list, ...news].map((event) => [event.id, event]));
  return [...all.values()].sort(compare).slice(0, most);
}

function subjectName(cameras: CameraView[], event: StoredEvent): string {
  const camera = cameras.find((candidate) => candidate.id === event.camera_id);
  const id = subjectOf(event);
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
  camera_offline: "the camera is offline",
  camera_recovered: "the camera is back",
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

function who({ object_class, track_id }: { object_class?: string; track_id: number }): string {
  return `${object_class ?? "object"} ${shortTrackId(track_id)}`;
}

/** One sentence a person can read. */
function describe(cameras: CameraView[], event: StoredEvent): string {
  const subject = subjectName(cameras, event);
  switch (event.type) {
    case "line_crossing": {
      const { payload } = event;
      return `${who(payload)} crossed ${subject} (${payload.direction})`;
    }
    case "zone_hit": {
      const { payload } = event;
      if (payload.event === "dwell") return `${who(payload)} stays in ${subject} (${(payload.dwell_seconds ?? 0).toFixed(0)} s)`;
      return `${who(payload)} ${payload.event === "enter" ? "entered" : "left"} ${subject}`;
    }
    case "occupancy":
      return `${subject}: ${event.payload.count} inside`;
    case "signal":
      return `${signalWords(event.payload.kind, subject)} (${event.payload.severity})`;
  }
}

export function EventList({ cameras, events }: { cameras: CameraView[]; events: StoredEvent[] | null }) {
  return (
    <section class="events">
      <h2>Latest events</h2>
      {events?.length === 0 && <p class="hint">Nothing has happened yet.</p>}
      <ol>
        {events?.map((event) => (
          <li key={event.id} class={`event ${event.type}`}>
            <time dateTime={event.occurred_at}>{new Date(event.occurred_at).toLocaleTimeString()}</time>
            <span class="where">{cameras.find((camera) => camera.id === event.camera_id)?.name || event.camera_id}</span>
            <span class="what">{describe(cameras, event)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
