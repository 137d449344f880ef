import { useEffect, useRef, useState } from "preact/hooks";
import { apiAddress } from "./addresses";
import { fetchPreview, type Preview, server, wordsOf } from "./api";
import { ApiError } from "./client";
import { drawPicture } from "./drawing";
import type { Live } from "./live";
import { type Repeated, repeat } from "./pauses";
import type { CameraView, TrackUpdate } from "./records";
import { countsBeganAt } from "./when";

const UPDATES_KEPT = 64;
const TRACKS_GOOD_MS = 1000;
const PAUSE_BETWEEN_PICTURES_MS = 60;
const PAUSE_UNSEEN_MS = 1000;

/** The tracks that belong to a picture: those of its own frame, else of the nearest, but none where they have walked on since. */
function updateFor(updates: TrackUpdate[], { frameNumber, capturedAtMs }: Preview): TrackUpdate | undefined {
  const nearest = updates.findLast((update) => update.frame_number <= frameNumber) ?? updates[0];
  return nearest && Math.abs(Date.parse(nearest.at) - capturedAtMs) <= TRACKS_GOOD_MS ? nearest : undefined;
}

/** Fetches picture after picture while the card can be seen. */
function usePictures(camera: CameraView, live: Live) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hasPicture, setHasPicture] = useState(false);
  const [refusal, setRefusal] = useState("");
  const fetching = useRef<Repeated | null>(null);
  const latest = useRef(camera);
  latest.current = camera;

  useEffect(() => {
    const updates: TrackUpdate[] = [];
    const unlisten = live.listen((message) => {
      if (message.type !== "tracks" || message.data.camera_id !== camera.id) return;
      updates.push(message.data);
      if (updates.length > UPDATES_KEPT) updates.shift();
    });
    const stop = new AbortController();
    let isSeen = true;
    const observer = new IntersectionObserver((entries) => (isSeen = entries.some((entry) => entry.isIntersecting)));
    if (canvas.current) observer.observe(canvas.current);

    let lastFrame = -1;
    fetching.current = repeat(async () => {
      if (!isSeen || document.hidden) return PAUSE_UNSEEN_MS;
      try {
        const preview = await fetchPreview(camera.id, stop.signal);
        setHasPicture(true);
        setRefusal("");
        const context = canvas.current?.getContext("2d");
        if (context && preview.frameNumber !== lastFrame) {
          lastFrame = preview.frameNumber;
          context.canvas.width = preview.image.width;
          context.canvas.height = preview.image.height;
          drawPicture(context, preview.image, latest.current, updateFor(updates, preview));
          context.canvas.dataset["frame"] = String(preview.frameNumber);
        }
        preview.image.close();
        return PAUSE_BETWEEN_PICTURES_MS;
      } catch (failure) {
        setHasPicture(false);
        setRefusal(failure instanceof ApiError && failure.status === 403 ? failure.message : "");
        throw failure;
      }
    });
    return () => {
      fetching.current?.stop();
      stop.abort();
      observer.disconnect();
      unlisten();
    };
  }, [camera.id, live]);
  useEffect(() => fetching.current?.wake(), [camera.online]); // the pauses grew while it was away
  return { canvas, hasPicture, refusal };
}

function Counts({ camera }: { camera: CameraView }) {
  if (camera.lines.length + camera.zones.length === 0) {
    return (
      <p class="hint">
        Nothing is counted here: it has no lines or zones. They are made by <a href={new URL("docs", apiAddress).href}>the API</a>, or in
        the settings file.
      </p>
    );
  }
  return (
    <table class="counts">
      <caption>Counted since {countsBeganAt()}</caption>
      <tbody>
        {camera.lines.map((line) => (
          <tr key={`line-${line.id}`} data-line={line.id}>
            <th scope="row">{line.name || line.id}</th>
            <td>
              <b class="in">{line.count_in}</b> {line.in_name || "in"}
            </td>
            <td>
              <b class="out">{line.count_out}</b> {line.out_name || "out"}
            </td>
          </tr>
        ))}
        {camera.zones
          .filter((zone) => zone.kind !== "privacy_mask" && zone.kind !== "motion_mask")
          .map((zone) => (
            <tr key={`zone-${zone.id}`} data-zone={zone.id}>
              <th scope="row">{zone.name || zone.id}</th>
              <td>
                <b class="inside">{camera.online ? zone.inside : "–"}</b> inside
              </td>
              <td>
                <b class="entered">{zone.entries}</b> entered
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

/** What a camera's state means to who looks; the keys are the server's. */
const STATE_WORDS: Record<string, string> = {
  connecting: "connecting…",
  waiting: "no connection, trying again…",
  stalled: "no pictures come",
  ended: "the video is over",
  disabled: "switched off",
  left_out: "not watched",
};

function RemoveButton({ camera, onRemoved }: { camera: CameraView; onRemoved: () => void }) {
  const [error, setError] = useState("");
  const name = camera.name || camera.id;

  function remove() {
    if (!window.confirm(`Remove the camera ${name}? What it saw stays for as long as it is kept.`)) return;
    server.deleteCamera(camera.id).then(onRemoved, (failure) => setError(wordsOf(failure)));
  }

  return (
    <footer>
      {error && (
        <span class="error" role="alert">
          {error}
        </span>
      )}
      <button aria-label={`Remove the camera ${name}`} onClick={remove}>
        Remove
      </button>
    </footer>
  );
}

interface CardProperties {
  camera: CameraView;
  live: Live;
  mayRemove: boolean;
  onRemoved: () => void;
}

export function CameraCard({ camera, live, mayRemove, onRemoved }: CardProperties) {
  const { canvas, hasPicture, refusal } = usePictures(camera, live);
  const { health } = camera;
  const name = camera.name || camera.id;
  const state = STATE_WORDS[health.state ?? ""] ?? health.state ?? "starting";
  return (
    <article class="camera" data-camera={camera.id}>
      <header>
        <span class={`dot ${camera.online ? "online" : "offline"}`} />
        <h2>{name}</h2>
        <span class="rate">{camera.online ? `${health.fps.toFixed(1)} fps` : state}</span>
      </header>
      <div class="picture">
        <canvas ref={canvas} width={640} height={360} role="img" aria-label={`The latest picture of ${name}`} />
        {!hasPicture && <p class="veil">{refusal || (camera.online ? "Waiting for a picture…" : health.last_error || state)}</p>}
      </div>
      <Counts camera={camera} />
      {mayRemove && camera.managed_by === "api" && <RemoveButton camera={camera} onRemoved={onRemoved} />}
    </article>
  );
}
