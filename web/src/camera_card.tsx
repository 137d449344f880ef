import { useEffect, useRef, useState } from "preact/hooks";
import { fetchPreview } from "./api";
import { ApiError } from "./client";
import { drawPicture } from "./drawing";
import type { Live } from "./live";
import { type Repeated, repeat } from "./pauses";
import type { CameraView, TrackUpdate } from "./records";

const UPDATES_KEPT = 64;
const PAUSE_BETWEEN_PICTURES_MS = 60;
const PAUSE_UNSEEN_MS = 1000;

/** The tracks that belong to a picture: those of its own frame, else of the frame before it. */
function updateFor(updates: TrackUpdate[], frameNumber: number): TrackUpdate | undefined {
  return updates.findLast((update) => update.frame_number <= frameNumber) ?? updates.at(-1);
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
          drawPicture(context, preview.image, latest.current, updateFor(updates, preview.frameNumber));
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
  if (camera.lines.length + camera.zones.length === 0) return <p class="hint">No lines or zones yet.</p>;
  return (
    <table class="counts">
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
                <b class="inside">{zone.inside}</b> inside
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

export function CameraCard({ camera, live }: { camera: CameraView; live: Live }) {
  const { canvas, hasPicture, refusal } = usePictures(camera, live);
  const health = camera.health;
  return (
    <article class="camera" data-camera={camera.id}>
      <header>
        <span class={`dot ${camera.online ? "online" : "offline"}`} />
        <h2>{camera.name || camera.id}</h2>
        <span class="rate">{camera.online ? `${(health?.fps ?? 0).toFixed(1)} fps` : (health?.state ?? "starting")}</span>
      </header>
      <div class="picture">
        <canvas ref={canvas} width={640} height={360} />
        {!hasPicture && <p class="veil">{refusal || (camera.online ? "Waiting for a picture…" : health?.last_error || "Connecting…")}</p>}
      </div>
      <Counts camera={camera} />
    </article>
  );
}
