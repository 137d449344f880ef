// What the dashboard shows of the server: read now and then, and kept up by what is told live.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { listEvents, server, wordsOf } from "./api";
import { withEvents } from "./event_list";
import { readIncidents, withIncidents, withReadIncidents } from "./incident_list";
import { Live } from "./live";
import { type Repeated, repeat } from "./pauses";
import type { CameraHealth, CameraView, Incident } from "./records";
import type { StoredEvent } from "./stored_event";

const EVENTS_SHOWN = 50;
const EVENTS_READ = 2 * EVENTS_SHOWN; // about half are occupancies, which are not shown
const CAMERAS_READ_EVERY_MS = 2000;
const NEWS_READ_EVERY_MS = 10_000; // while no socket tells them

function withHealth(cameras: CameraView[], health: CameraHealth): CameraView[] {
  return cameras.map((camera) =>
    camera.id === health.camera_id ? { ...camera, health, online: health.state === "online" } : camera,
  );
}

/** Events and incidents; null: not read yet. */
function useNews() {
  const [events, setEvents] = useState<StoredEvent[] | null>(null);
  const [incidents, setIncidents] = useState<Incident[] | null>(null);
  const toldSinceRead = useRef(new Set<string>()); // incidents that the read under way may not know yet

  const noteEvent = useCallback((event: StoredEvent) => setEvents((list) => withEvents(list ?? [], [event], EVENTS_SHOWN)), []);
  const noteIncident = useCallback((incident: Incident) => {
    toldSinceRead.current.add(incident.id);
    setIncidents((list) => withIncidents(list ?? [], [incident]));
  }, []);

  /* An incident is told once it is stored: one that was told before the read began, and is not in it, is there no more. Events are
   * told before they are stored, so that they stay. */
  const readNews = useCallback(async () => {
    const told = (toldSinceRead.current = new Set<string>());
    const [readEvents, read] = await Promise.all([listEvents(EVENTS_READ), readIncidents()]);
    setEvents((list) => withEvents(list ?? [], readEvents, EVENTS_SHOWN));
    setIncidents((list) => {
      const newer = (list ?? []).filter((known) => told.has(known.id));
      return withReadIncidents(newer, read);
    });
  }, []);
  return { events, incidents, noteEvent, noteIncident, readNews };
}

export function useServer() {
  const { events, incidents, noteEvent, noteIncident, readNews } = useNews();
  const [cameras, setCameras] = useState<CameraView[] | null>(null); // null: not read yet
  const [isConnected, setConnected] = useState(false);
  const [live, setLive] = useState<Live | null>(null);
  const [error, setError] = useState("");
  const reading = useRef<Repeated | null>(null);
  const refresh = useCallback(() => reading.current?.wake(), []);

  useEffect(() => {
    let newsDueAtMs = 0; // by performance.now()
    let isTold = false;

    async function readWhatIsDue() {
      setCameras((await server.listCameras()).items);
      if (performance.now() < newsDueAtMs) return;
      newsDueAtMs = isTold ? Infinity : performance.now() + NEWS_READ_EVERY_MS; // a socket that opens meanwhile makes them due again
      await readNews();
    }
    reading.current = repeat(async () => {
      try {
        await readWhatIsDue();
        setError("");
      } catch (failure) {
        newsDueAtMs = 0;
        setError(wordsOf(failure));
        throw failure;
      }
      return CAMERAS_READ_EVERY_MS;
    });

    const connection = new Live((connected) => {
      setConnected(connected);
      isTold = connected;
      newsDueAtMs = connected ? 0 : performance.now() + NEWS_READ_EVERY_MS;
      if (connected) refresh();
    });
    const unlisten = connection.listen((message) => {
      if (message.type === "event") noteEvent(message.data);
      else if (message.type === "incident") noteIncident(message.data);
      else if (message.type === "health") setCameras((list) => list && withHealth(list, message.data));
    });
    setLive(connection);
    return () => {
      reading.current?.stop();
      unlisten();
      connection.close();
    };
  }, [noteEvent, noteIncident, readNews, refresh]);
  return { cameras, events, incidents, isConnected, live, error, refresh, noteIncident };
}
