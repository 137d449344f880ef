import { useCallback, useEffect, useState } from "preact/hooks";
import { keepLogin, listEvents, server, whoAmI } from "./api";
import { AddCamera } from "./add_camera";
import { CameraCard } from "./camera_card";
import { mayCall } from "./client";
import { EventList } from "./event_list";
import { IncidentList, readIncidents, withIncidents } from "./incident_list";
import { Live } from "./live";
import { Login } from "./login";
import { Password } from "./password";
import type { CameraHealth, CameraView, Incident, Me } from "./records";
import type { StoredEvent } from "./stored_event";

const EVENTS_SHOWN = 50;
const INCIDENTS_SHOWN = 30;
const CAMERAS_REFRESH_MS = 2000;

function withHealth(cameras: CameraView[], health: CameraHealth): CameraView[] {
  return cameras.map((camera) =>
    camera.id === health.camera_id ? { ...camera, health, online: health.state === "online" } : camera,
  );
}

/** Cameras, incidents and events: read once, then kept up by the live messages; counts are read again from the store's truth. */
function useServer() {
  const [cameras, setCameras] = useState<CameraView[]>([]);
  const [events, setEvents] = useState<StoredEvent[]>([]);
  const [incidents, setIncidents] = useState<Incident[]>([]);
  const [isConnected, setConnected] = useState(false);
  const [live, setLive] = useState<Live | null>(null);
  const [error, setError] = useState("");

  const refresh = useCallback(async () => {
    try {
      setCameras((await server.listCameras()).items);
      setError("");
    } catch (failure) {
      setError((failure as Error).message);
    }
  }, []);

  const noteIncident = useCallback((incident: Incident) => setIncidents((list) => withIncidents(list, [incident], INCIDENTS_SHOWN)), []);

  useEffect(() => {
    const connection = new Live((connected) => {
      setConnected(connected);
      if (!connected) return;
      void refresh();
      listEvents(EVENTS_SHOWN).then(setEvents, (failure) => setError((failure as Error).message));
      readIncidents(INCIDENTS_SHOWN).then(setIncidents, (failure) => setError((failure as Error).message));
    });
    const unlisten = connection.listen((message) => {
      if (message.type === "event" && message.data.type !== "occupancy")
        setEvents((list) => [message.data, ...list.filter((known) => known.id !== message.data.id)].slice(0, EVENTS_SHOWN));
      else if (message.type === "incident") noteIncident(message.data);
      else if (message.type === "health") setCameras((list) => withHealth(list, message.data));
    });
    setLive(connection);
    void refresh();
    const timer = window.setInterval(refresh, CAMERAS_REFRESH_MS);
    return () => {
      window.clearInterval(timer);
      unlisten();
      connection.close();
    };
  }, [refresh, noteIncident]);
  return { cameras, events, incidents, isConnected, live, error, refresh, noteIncident };
}

function Dashboard({ user, onLogout }: { user: Me; onLogout: () => void }) {
  const { cameras, events, incidents, isConnected, live, error, refresh, noteIncident } = useServer();
  const mayAdd = mayCall(user.role, "createCamera");
  useEffect(keepLogin, []);
  return (
    <>
      <header class="bar">
        <img src="./vedette.svg" alt="" width="28" height="28" />
        <h1>Vedette</h1>
        <span class={`state ${isConnected ? "online" : "offline"}`}>{isConnected ? "live" : "connecting…"}</span>
        <span class="spacer" />
        <span>{user.username}</span>
        <button onClick={() => void server.logout().then(onLogout, onLogout)}>Log out</button>
      </header>
      {error && (
        <p class="error banner" role="alert">
          {error}
        </p>
      )}
      <main class="dashboard">
        <section class="cameras">
          {live && cameras.map((camera) => <CameraCard key={camera.id} camera={camera} live={live} />)}
          {cameras.length === 0 && <p class="hint">There is no camera yet.</p>}
          {mayAdd && <AddCamera onAdded={() => void refresh()} />}
        </section>
        <aside class="news">
          <IncidentList cameras={cameras} incidents={incidents} mayAct={mayCall(user.role, "acknowledgeIncident")} onChanged={noteIncident} />
          <EventList cameras={cameras} events={events} />
        </aside>
      </main>
    </>
  );
}

export function App() {
  const [user, setUser] = useState<Me | null | undefined>(undefined);
  const check = useCallback(() => {
    whoAmI().then(setUser, () => setUser(null));
  }, []);
  useEffect(check, [check]);
  if (user === undefined) return null;
  if (user === null) return <Login onDone={check} />;
  if (user.must_change_password) return <Password onDone={check} />;
  return <Dashboard user={user} onLogout={() => setUser(null)} />;
}
