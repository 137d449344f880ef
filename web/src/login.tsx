import { login, whoAmI, wordsOf } from "./api";
import { ApiError } from "./client";
import { FormPage } from "./form_page";
import type { Me } from "./records";

async function logInAndAsk(form: FormData): Promise<Me | null | undefined> {
  try {
    await login(String(form.get("username")), String(form.get("password")));
    return await whoAmI();
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 401) throw new Error("Name or password is wrong.");
    throw new Error(`The server could not log you in: ${wordsOf(failure)}`);
  }
}

export function Login({ hasEnded, onDone }: { hasEnded: boolean; onDone: (user: Me) => void }) {
  async function submit(form: FormData) {
    const user = await logInAndAsk(form);
    if (!user) throw new Error("The server let you in, but this browser kept no cookie of it: allow cookies for this page.");
    onDone(user);
  }

  return (
    <FormPage action="Log in" onSubmit={submit}>
      {hasEnded && (
        <p class="notice" role="status">
          Your session has ended. Log in again.
        </p>
      )}
      <label>
        Name
        <input name="username" autocomplete="username" value="admin" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" autofocus required />
      </label>
      {!hasEnded && <p class="hint">The first password was printed where Vedette was started.</p>}
    </FormPage>
  );
}
