import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { wordsOf } from "./api";

/**
 * A page of one form. What `onSubmit` throws is shown above its button, `action`. It begins in the field that has `autofocus`, which
 * browsers by themselves heed once alone.
 */
export function FormPage({ action, children, onSubmit }: {
  action: string;
  children: ComponentChildren;
  onSubmit: (form: FormData) => Promise<void>;
}) {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);

  const element = useRef<HTMLFormElement>(null);
  useEffect(() => element.current?.querySelector<HTMLElement>("[autofocus]")?.focus(), []);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await onSubmit(new FormData(event.currentTarget as HTMLFormElement));
    } catch (failure) {
      setError(wordsOf(failure));
      setBusy(false);
    }
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
      </form>
    </main>
  );
}
