import { login } from "./api";
import { ApiError } from "./client";
import { FormPage } from "./form_page";

export function Login({ onDone }: { onDone: () => void }) {
  async function submit(form: FormData) {
    try {
      await login(String(form.get("username")), String(form.get("password")));
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) throw new Error("Name or password is wrong.");
      throw new Error(`The server could not log you in: ${(failure as Error).message}`);
    }
    onDone();
  }

  return (
    <FormPage action="Log in" onSubmit={submit}>
      <label>
        Name
        <input name="username" autocomplete="username" value="admin" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" autofocus required />
      </label>
      <p class="hint">The first password was printed where Vedette was started.</p>
    </FormPage>
  );
}
