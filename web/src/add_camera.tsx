import { useState } from "preact/hooks";
import { server, wordsOf } from "./api";
import type { CameraTest, ZoneInput } from "./records";

/** So that something is counted from the first moment, as of a camera that `vedette run` is given by its address. */
const WHOLE_PICTURE: ZoneInput = { id: "picture", name: "Whole picture", polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] };

function textOf(form: FormData, name: string): string {
  return String(form.get(name) ?? "").trim();
}

function describe(told: CameraTest): string {
  if (!told.works) return `It does not work: ${told.error}`;
  const seconds = (told.first_picture_ms / 1000).toFixed(1);
  return `It works: ${told.codec}, ${told.width_px} × ${told.height_px}, first picture after ${seconds} s.`;
}

/** A camera more: tried first where one likes, watched from then on. */
export function AddCamera({ isFirst, onAdded }: { isFirst: boolean; onAdded: () => void }) {
  const [told, setTold] = useState("");
  const [hasFailed, setFailed] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [beginsOpen] = useState(isFirst); // and stays so, with what it says, once there is one

  function tell(text: string, isFailure: boolean) {
    setTold(text);
    setFailed(isFailure);
  }

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const isTrial = (event.submitter as HTMLButtonElement | null)?.value === "try";
    const source = textOf(form, "source");
    const login = { username: textOf(form, "username") || undefined, password: textOf(form, "password") || undefined };
    setBusy(true);
    tell(isTrial ? "Looking…" : "", false);
    try {
      if (isTrial) {
        const result = await server.testSource({ source, ...login });
        tell(describe(result), !result.works);
      } else {
        await server.createCamera({ name: textOf(form, "name"), source, ...login, zones: [WHOLE_PICTURE] });
        element.reset();
        tell("It is watched from now on.", false);
        onAdded();
      }
    } catch (failure) {
      tell(wordsOf(failure), true);
    } finally {
      setBusy(false);
    }
  }

  return (
    <details class="add-camera" open={beginsOpen}>
      <summary>Add a camera</summary>
      <form onSubmit={submit}>
        <label>
          Name
          <input name="name" required maxLength={128} />
        </label>
        <label>
          Address
          <input name="source" required maxLength={2048} placeholder="rtsp://192.168.1.20:554/stream1" />
        </label>
        <label>
          Username
          <input name="username" autocomplete="off" />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="off" />
        </label>
        <span>
          <button value="try" formNoValidate disabled={isBusy}>
            Try it
          </button>{" "}
          <button value="add" disabled={isBusy}>
            Add
          </button>
        </span>
        {told && (
          <p class={hasFailed ? "error" : "hint"} role="status">
            {told}
          </p>
        )}
      </form>
    </details>
  );
}
