import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { wordsOf } from "./api";

/** A way off a page that does not do what the page is for. */
export interface WayOut {
  text: string;
  onTaken: () => Promise<void>;
}

/**
 * A page of one form. What `onSubmit` or the way out throws is shown above its button, `action`. It begins in the field that has
 * `autofocus`, which browsers by themselves heed once alone.
 */
export function FormPage({ action, children, onSubmit, wayOut }: {
  action: string;
  children: ComponentChildren;
  onSubmit: (form: FormData) => Promise<void>;
  wayOut?: WayOut;
}) {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);

  const element = useRef<HTMLFormElement>(null);
  useEffect(() => element.current?.querySelector<HTMLElement>("[autofocus]")?.focus(), []);

  async function attempt(what: () => Promise<void>) {
    setBusy(true);
    setError("");
    try {
      await what();
    } catch (failure) {
      setError(wordsOf(failure));
      setBusy(false);
    }
  }

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    void attempt(() => onSubmit(form));
  }

  return (
    <main class="login">
      <form ref={element} onSubmit={submit}>
        <h1>
          <img src="./vedette.svg" alt="" width="36" height="36" /> Vedette
        </h1>
        {children}
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button disabled={isBusy}>{action}</button>
        {wayOut && (
          <button type="button" disabled={isBusy} onClick={() => void attempt(wayOut.onTaken)}>
            {wayOut.text}
          </button>
        )}
      </form>
    </main>
  );
}
