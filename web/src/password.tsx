import { server } from "./api";
import { FormPage, type WayOut } from "./form_page";

/** Asks for a password of one's own in place of the one that counts now; `why` says what for. */
export function Password({ username, why, wayOut, onDone }: {
  username: string;
  why: string;
  wayOut: WayOut;
  onDone: () => void;
}) {
  async function submit(form: FormData) {
    if (form.get("next") !== form.get("again")) throw new Error("The new password was not typed the same twice.");
    await server.changePassword({
      current_password: String(form.get("current")),
      new_password: String(form.get("next")),
    });
    onDone();
  }

  return (
    <FormPage action="Change password" onSubmit={submit} wayOut={wayOut}>
      <p class="hint">{why}</p>
      <input name="username" autocomplete="username" value={username} readOnly hidden /> {/* for password managers */}
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
    </FormPage>
  );
}
