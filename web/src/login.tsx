import { useState } from "preact/hooks";
import { login } from "./api";
import { ApiError } from "./client";

export function Login({ onDone }: { onDone: () => void }) {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      await login(String(form.get("username")), String(form.get("password")));
      onDone();
    } catch (failure) {
      setError(
        failure instanceof ApiError && failure.status === 401
          ? "Name or password is wrong."
          : `The server could not log you in: ${(failure as Error).message}`,
      );
      setBusy(false);
    }
  }

  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>
          <img src="./vedette.svg" alt="" width="36" height="36" /> Vedette
        </h1>
        <label>
          Name
          <input name="username" autocomplete="username" value="admin" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" autofocus required />
        </label>
        <p class="hint">The first password was printed where Vedette was started.</p>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button disabled={isBusy}>Log in</button>
      </form>
    </main>
  );
}
