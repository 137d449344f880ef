import { useEffect, useState } from "preact/hooks";
import { logout, wordsOf } from "./api";
import { AddCamera } from "./add_camera";
import { CameraCard } from "./camera_card";
import { mayCall } from "./client";
import { EventList } from "./event_list";
import { IncidentList } from "./incident_list";
import { Login } from "./login";
import { useLogin } from "./login_state";
import { Password } from "./password";
import type { Me } from "./records";
import { useServer } from "./server_state";

function Banner({ text }: { text: string }) {
  return (
    <p class="error banner" role="alert">
      {text}
    </p>
  );
}

interface DashboardProps {
  user: Me;
  notice: string;
  onPassword: () => void;
  onLogout: () => Promise<void>;
}

function Dashboard({ user, notice, onPassword, onLogout }: DashboardProps) {
  const { cameras, events, incidents, isConnected, live, error, refresh, noteIncident } = useServer();
  const mayAdd = mayCall(user.role, "createCamera");
  const mayRemove = mayCall(user.role, "deleteCamera");
  const [whyStillIn, setWhyStillIn] = useState("");
  const logOut = () => void onLogout().catch((failure) => setWhyStillIn(wordsOf(failure)));
  const open = incidents?.filter((incident) => incident.status === "open").length ?? 0;
  useEffect(() => {
    document.title = open > 0 ? `(${open}) Vedette` : "Vedette";
    return () => (document.title = "Vedette");
  }, [open]);
  return (
    <>
      <header class="bar">
        <img src="./vedette.svg" alt="" width="28" height="28" />
        <h1>Vedette</h1>
        <span class={`state ${isConnected ? "online" : "offline"}`} role="status">{isConnected ? "live" : "connecting…"}</span>
        {open > 0 && (
          <a class="to-incidents" href="#incidents">
            {open} open
          </a>
        )}
        <span class="spacer" />
        <span>{user.username}</span>
        <button onClick={onPassword}>Change password</button>
        <button onClick={logOut}>Log out</button>
      </header>
      {notice && (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      {whyStillIn && <Banner text={`You are still logged in: ${whyStillIn}`} />}
      {error && <Banner text={`${error} – trying again…`} />}
      <main class="dashboard">
        <section class="cameras">
          {live &&
            cameras?.map((camera) => (
              <CameraCard key={camera.id} camera={camera} live={live} mayRemove={mayRemove} onRemoved={refresh} />
            ))}
          {cameras?.length === 0 && <p class="hint">There is no camera yet.{!mayAdd && " An administrator can add one."}</p>}
          {cameras && mayAdd && <AddCamera isFirst={cameras.length === 0} onAdded={refresh} />}
        </section>
        <aside class="news">
          <IncidentList cameras={cameras ?? []} incidents={incidents} mayAct={mayCall(user.role, "acknowledgeIncident")} onChanged={noteIncident} />
          <EventList cameras={cameras ?? []} events={events} />
        </aside>
      </main>
    </>
  );
}

/** What a person who is logged in sees. */
function Home({ user, onPasswordChanged, onLogout }: { user: Me; onPasswordChanged: () => void; onLogout: () => void }) {
  const [isAtPassword, setAtPassword] = useState(false);
  const [notice, setNotice] = useState("");
  const logOut = () => logout().then(onLogout);
  if (user.must_change_password) {
    const why = "This password was chosen for you. Choose one of your own.";
    const wayOut = { text: "Log out", onTaken: logOut };
    return <Password key="forced" username={user.username} why={why} wayOut={wayOut} onDone={onPasswordChanged} />;
  }
  const back = () => setAtPassword(false);
  if (isAtPassword) {
    const why = "Other browsers and programs that are logged in as you will be logged out.";
    const done = () => {
      setNotice("Your password is changed.");
      back();
    };
    return <Password username={user.username} why={why} wayOut={{ text: "Back", onTaken: async () => back() }} onDone={done} />;
  }
  const toPassword = () => {
    setNotice("");
    setAtPassword(true);
  };
  return <Dashboard user={user} notice={notice} onPassword={toPassword} onLogout={logOut} />;
}

export function App() {
  const login = useLogin();
  const { user } = login;
  if (user === undefined) return login.error ? <Banner text={`${login.error} – trying again…`} /> : null;
  if (user === null) return <Login hasEnded={login.hasEnded} onDone={login.logIn} />;
  return <Home key={user.id} user={user} onPasswordChanged={login.askAgain} onLogout={login.logOut} />;
}
