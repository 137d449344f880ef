import { useState } from "preact/hooks";
import { server } from "./api";

/** Asks for a password of one's own in place of the one that someone else chose. */
export function Password({ onDone }: { onDone: () => void }) {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    if (form.get("next") !== form.get("again")) {
      setError("The new password was not typed the same twice.");
      return;
    }
    setBusy(true);
    try {
      await server.changePassword({
        current_password: String(form.get("current")),
        new_password: String(form.get("next")),
      });
      onDone();
    } catch (failure) {
      setError((failure as Error).message);
      setBusy(false);
    }
  }

  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>
          <img src="./vedette.svg" alt="" width="36" height="36" /> Vedette
        </h1>
        <p class="hint">This password was chosen for you. Choose one of your own.</p>
        <label>
          Present password
          <input name="current" type="password" autocomplete="current-password" autofocus required />
        </label>
        <label>
          New password
          <input name="next" type="password" autocomplete="new-password" required />
        </label>
        <label>
          New password again
          <input name="again" type="password" autocomplete="new-password" required />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button disabled={isBusy}>Change password</button>
      </form>
    </main>
  );
}
