// Whose login this is, asked again and again: another tab, an administrator or time may end it, or change what it may.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { listenLoginOver, whoAmI, wordsOf } from "./api";
import { type Repeated, repeat } from "./pauses";
import type { Me } from "./records";

const ASKED_EVERY_MS = 60_000; // keeps the login alive, too, while nothing else is asked, as a socket alone would not

export interface LoginState {
  /** undefined: not known yet; null: nobody is logged in */
  user: Me | null | undefined;
  /** why it is not known yet */
  error: string;
  /** somebody was logged in, who did not log out here */
  hasEnded: boolean;
}

const UNKNOWN: LoginState = { user: undefined, error: "", hasEnded: false };

function withoutLogin(was: LoginState): LoginState {
  if (was.user === null) return was; // the form stays as it is, with what is typed there
  return { user: null, error: "", hasEnded: !!was.user };
}

export function useLogin() {
  const [state, setState] = useState(UNKNOWN);
  const check = useCallback(async () => {
    try {
      const user = await whoAmI();
      if (user !== undefined) setState(user ? { ...UNKNOWN, user } : withoutLogin);
    } catch (failure) {
      setState((was) => (was.user === undefined ? { ...was, error: wordsOf(failure) } : was));
      throw failure;
    }
    return ASKED_EVERY_MS;
  }, []);

  const asking = useRef<Repeated | null>(null);
  const isAsked = state.user !== null;
  useEffect(() => listenLoginOver(() => setState(withoutLogin)), []);
  useEffect(() => {
    const repeated = (asking.current = isAsked ? repeat(check) : null);
    const askOnce = () => (repeated ? repeated.wake() : void check().catch(() => {})); // at the form the next return asks again
    const noteReturn = () => document.hidden || askOnce(); // somebody may have logged in in another tab meanwhile
    document.addEventListener("visibilitychange", noteReturn);
    return () => {
      document.removeEventListener("visibilitychange", noteReturn);
      repeated?.stop();
    };
  }, [isAsked, check]);

  const logIn = useCallback((user: Me) => setState({ ...UNKNOWN, user }), []);
  const logOut = useCallback(() => setState({ ...UNKNOWN, user: null }), []);
  const askAgain = useCallback(() => asking.current?.wake(), []);
  return { ...state, logIn, logOut, askAgain };
}
