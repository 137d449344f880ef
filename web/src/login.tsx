import { useEffect, useState } from "preact/hooks";
import { apiAddress } from "./addresses";
import { login, server, whoAmI, wordsOf } from "./api";
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

// What became of a login by the issuer, as the server says it with the page's address (src/api/oidc.c).
const OUTCOMES: Record<string, string> = {
  "#login=refused": "You were not let in by single sign-on. An administrator can tell whether you may come in by it.",
  "#login=later": "Single sign-on does not work just now. Try again in a moment.",
};

/** Once: a reload, or the next login, has nothing to do with it. */
function takeOutcome(): string | undefined {
  const outcome = OUTCOMES[location.hash];
  if (outcome) history.replaceState(null, "", location.pathname + location.search);
  return outcome;
}

/** A link to the issuer where the server has one; while it cannot tell there is the password alone. */
function WayByIssuer() {
  const [hasIssuer, setHasIssuer] = useState(false);
  useEffect(() => void server.getLoginWays().then((ways) => setHasIssuer(!!ways.has_issuer), () => {}), []);
  return hasIssuer ? <a href={new URL("auth/oidc/login", apiAddress).href}>Log in with single sign-on</a> : null;
}

export function Login({ hasEnded, onDone }: { hasEnded: boolean; onDone: (user: Me) => void }) {
  const [outcome] = useState(takeOutcome);

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
      {outcome && (
        <p class="error" role="alert">
          {outcome}
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
      <WayByIssuer />
      {!hasEnded && <p class="hint">The first password of admin was printed where Vedette was started, unless its settings gave one.</p>}
    </FormPage>
  );
}
