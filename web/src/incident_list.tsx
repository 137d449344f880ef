import { useEffect, useRef, useState } from "preact/hooks";
import { server, wordsOf } from "./api";
import type { CameraView, Incident } from "./records";
import { spanOf } from "./when";

/** Where an incident stands in the list: what nobody has looked at comes first. */
const ORDER: Record<Incident["status"], number> = { open: 0, acknowledged: 1, resolved: 2, dismissed: 2 };
const STATUS_WORDS: Record<Incident["status"], string> = { open: "open", acknowledged: "acknowledged", resolved: "closed", dismissed: "dismissed" };

export const INCIDENTS_SHOWN = 30;

function compare(a: Incident, b: Incident): number {
  return ORDER[a.status] - ORDER[b.status] || b.last_signal_at.localeCompare(a.last_signal_at);
}

/** The list with these in it, as they were told just now; the most pressing are kept. */
export function withIncidents(list: Incident[], told: Incident[]): Incident[] {
  const fresh = new Map(told.map((incident) => [incident.id, incident]));
  return [...fresh.values(), ...list.filter((known) => !fresh.has(known.id))].sort(compare).slice(0, INCIDENTS_SHOWN);
}

/** The same with what was read, which may be older than what is known. */
export function withReadIncidents(list: Incident[], read: Incident[]): Incident[] {
  const known = new Map(list.map((incident) => [incident.id, incident.changed_at ?? ""]));
  const isNews = (incident: Incident) => (incident.changed_at ?? "") >= (known.get(incident.id) ?? "");
  return withIncidents(list, read.filter(isNews));
}

/** Those that are open, those that somebody looks after, and the latest of all. */
export async function readIncidents(): Promise<Incident[]> {
  const limit = INCIDENTS_SHOWN;
  const pages = await Promise.all([
    server.listIncidents({ status: "open", limit }),
    server.listIncidents({ status: "acknowledged", limit }),
    server.listIncidents({ limit }),
  ]);
  return pages.reduce<Incident[]>((list, page) => withReadIncidents(list, page.items), []);
}

interface RowProperties {
  incident: Incident;
  camera: string;
  mayAct: boolean;
  onChanged: (incident: Incident) => void;
}

function Row({ incident, camera, mayAct, onChanged }: RowProperties) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const isStanding = ORDER[incident.status] < ORDER.resolved;
  const when = spanOf(incident.started_at, incident.last_signal_at);
  const title = incident.title.replace(/: camera [^,]*/, "");
  const isAbout = `${title}, ${camera}, ${when}`; // for who hears the buttons without seeing where they stand

  // Whoever goes by the keyboard stays where they are, though the button they pressed is gone and the row elsewhere.
  const row = useRef<HTMLLIElement>(null);
  const hadFocus = useRef(false);
  useEffect(() => {
    if (isBusy || !hadFocus.current) return;
    hadFocus.current = false;
    if (document.activeElement === document.body) (row.current?.querySelector("button") ?? row.current)?.focus();
  });

  async function act(step: () => Promise<Incident>) {
    hadFocus.current = row.current?.contains(document.activeElement) ?? false;
    setBusy(true);
    try {
      onChanged(await step());
      setError("");
    } catch (failure) {
      setError(wordsOf(failure));
    } finally {
      setBusy(false);
    }
  }

  return (
    <li ref={row} tabIndex={-1} class={`incident ${incident.status} severity-${incident.severity}`} data-id={incident.id}>
      <time dateTime={incident.last_signal_at}>{when}</time>
      <span class="where">{camera}</span>
      <span class="status">{STATUS_WORDS[incident.status]}</span>
      <span class="what">
        {title} <small>{incident.severity}, {incident.signal_count}×{incident.ended_at ? ", over" : ""}</small>
      </span>
      {mayAct && isStanding && (
        <span class="steps">
          {incident.status === "open" && (
            <button
              aria-label={`Acknowledge: ${isAbout}`}
              disabled={isBusy}
              onClick={() => void act(() => server.acknowledgeIncident(incident.id, {}))}
            >
              Acknowledge
            </button>
          )}
          <button
            aria-label={`Close: ${isAbout}`}
            disabled={isBusy}
            onClick={() => void act(() => server.resolveIncident(incident.id, {}))}
          >
            Close
          </button>
        </span>
      )}
      {error && (
        <span class="error" role="alert">
          {error}
        </span>
      )}
    </li>
  );
}

interface ListProperties {
  cameras: CameraView[];
  incidents: Incident[] | null; // null: not read yet
  mayAct: boolean;
  onChanged: (incident: Incident) => void;
}

export function IncidentList({ cameras, incidents, mayAct, onChanged }: ListProperties) {
  const open = incidents?.filter((incident) => incident.status === "open").length ?? 0;
  const openCount = open === INCIDENTS_SHOWN ? `${open} or more` : String(open);
  const nameOf = (id: string) => cameras.find((camera) => camera.id === id)?.name || id;
  return (
    <section class="incidents" id="incidents">
      <h2>
        Incidents
        <b class="open-count" role="status">
          {open > 0 && ` ${openCount} open`}
        </b>
      </h2>
      {incidents?.length === 0 && <p class="hint">There are none.</p>}
      <ol>
        {incidents?.map((incident) => (
          <Row key={incident.id} incident={incident} camera={nameOf(incident.camera_id)} mayAct={mayAct} onChanged={onChanged} />
        ))}
      </ol>
    </section>
  );
}
