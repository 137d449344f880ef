import { shortTrackId } from "./drawing";
import type { CameraView, LineCrossing } from "./records";
import { type StoredEvent, subjectOf } from "./stored_event";
import { timeOf } from "./when";

function compare(a: StoredEvent, b: StoredEvent): number {
  return b.occurred_at.localeCompare(a.occurred_at) || b.id.localeCompare(a.id);
}

/** Occupancies say again what zone hits said: with them half of the list would be of the one visitor. */
function isShown(event: StoredEvent): boolean {
  return event.type !== "occupancy";
}

/** The list with these in it, the latest first, and as many kept. Events do not change, so that it is the same which of two is taken. */
export function withEvents(list: StoredEvent[], news: StoredEvent[], most: number): StoredEvent[] {
  const all = new Map([...list, ...news].filter(isShown).map((event) => [event.id, event]));
  return [...all.values()].sort(compare).slice(0, most);
}

function subjectName(camera: CameraView | undefined, event: StoredEvent): string {
  const id = subjectOf(event);
  if (!id) return "";
  const subject = [...(camera?.lines ?? []), ...(camera?.zones ?? [])].find((candidate) => candidate.id === id);
  return subject?.name || id;
}

/** What the line's own words for its two ways are, else in and out. */
function directionName(camera: CameraView | undefined, { line_id, direction }: LineCrossing): string {
  const line = camera?.lines.find((candidate) => candidate.id === line_id);
  return (direction === "in" ? line?.in_name : line?.out_name) || direction;
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
function describe(camera: CameraView | undefined, event: StoredEvent): string {
  const subject = subjectName(camera, event);
  switch (event.type) {
    case "line_crossing": {
      const { payload } = event;
      return `${who(payload)} crossed ${subject} (${directionName(camera, payload)})`;
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

function Row({ event, camera }: { event: StoredEvent; camera: CameraView | undefined }) {
  return (
    <li class={`event ${event.type}`}>
      <time dateTime={event.occurred_at}>{timeOf(event.occurred_at)}</time>
      <span class="where">{camera?.name || event.camera_id}</span>
      <span class="what">{describe(camera, event)}</span>
    </li>
  );
}

export function EventList({ cameras, events }: { cameras: CameraView[]; events: StoredEvent[] | null }) {
  const cameraOf = (event: StoredEvent) => cameras.find((candidate) => candidate.id === event.camera_id);
  return (
    <section class="events">
      <h2>Latest events</h2>
      {events?.length === 0 && <p class="hint">Nothing has happened yet.</p>}
      <ol>
        {events?.map((event) => (
          <Row key={event.id} event={event} camera={cameraOf(event)} />
        ))}
      </ol>
    </section>
  );
}
