// The server, by its own client; what the page asks in its own words.
import { apiAddress } from "./addresses";
import { ApiError, Client } from "./client";
import type { Me, Problem } from "./records";
import type { StoredEvent } from "./stored_event";

// A browser's login: cookies that scripts cannot read, and a token that shows that it is this page that asks.
let csrfToken = "";
let renewing: Promise<void> | null = null;
let isLoginOver = false;
let generation = 0; // of the login, counted by login and logout: what was asked in an older one says nothing of this one
let tellLoginOver = () => {};

const READ_TIMEOUT_MS = 30_000; // longer than the server takes for the slowest of what is read here

function isUnauthenticated(failure: unknown): boolean {
  return failure instanceof ApiError && failure.status === 401;
}

/** The signal of who asks, and for what is only read a bound: a connection that died in silence would be waited for for minutes. */
function signalFor(init: RequestInit): AbortSignal | null {
  if (init.method !== "GET") return init.signal ?? null;
  const timeout = AbortSignal.timeout(READ_TIMEOUT_MS);
  return init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
}

function send(address: URL, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method !== "GET") headers.set("X-CSRF-Token", csrfToken);
  return fetch(address, { ...init, headers, credentials: "include", signal: signalFor(init) }); // also from a page that is served elsewhere
}

/** Which field is wrong, and why: what the server says of a whole request is no help with it. */
function wordsOfFields(problem: Partial<Problem> | null): string {
  const fields = problem?.errors ?? []; // a proxy before the server has none
  return fields.map(({ path, message }) => (path ? `${path.replaceAll("_", " ")}: ${message}` : message)).join("; ");
}

/** Why something failed, for people: the server's own words, or that there were none. */
export function wordsOf(failure: unknown): string {
  if (failure instanceof DOMException && failure.name === "TimeoutError") return "The server does not answer";
  if (failure instanceof TypeError) return "The server cannot be reached"; // what fetch() throws then
  const fields = failure instanceof ApiError ? wordsOfFields(failure.problem) : "";
  return fields || (failure as Error).message;
}

/** Renews the login, once for all who wait for it. Where the server says that there is none to renew, it is over until the next one. */
function renewLogin(): Promise<void> {
  const asked = generation;
  renewing ??= server
    .refresh({})
    .then(
      (response) => {
        csrfToken = response.csrf_token ?? "";
      },
      (failure) => {
        if (isUnauthenticated(failure) && asked === generation) {
          isLoginOver = true;
          tellLoginOver();
        }
        throw failure;
      },
    )
    .finally(() => (renewing = null));
  return renewing;
}

/** What is answered 401 is asked once more with a renewed login; a 401 that is left means that the login is over. */
async function sendLoggedIn(address: URL, init: RequestInit): Promise<Response> {
  const response = await send(address, init);
  const isLogin = /\/auth\/(login|refresh)$/.test(address.pathname);
  if (response.status !== 401 || isLogin || isLoginOver) return response;
  await renewLogin();
  return send(address, init);
}

export const server = new Client({ baseUrl: apiAddress, fetch: sendLoggedIn });

/** Calls `listener`, the only one, whenever the server says that the login is over. */
export function listenLoginOver(listener: () => void): () => void {
  tellLoginOver = listener;
  return () => (tellLoginOver = () => {});
}

export async function login(username: string, password: string): Promise<void> {
  const response = await server.login({ username, password, client: "browser" });
  csrfToken = response.csrf_token ?? "";
  isLoginOver = false;
  generation++;
}

export async function logout(): Promise<void> {
  await server.logout();
  generation++;
}

/** Whose login this is; null: nobody's; undefined: it was asked before a login or logout that is done. Throws where the server cannot tell. */
export async function whoAmI(): Promise<Me | null | undefined> {
  const asked = generation;
  let me: Me | null = null;
  try {
    me = await server.getMe();
  } catch (failure) {
    if (!isUnauthenticated(failure)) throw failure;
  }
  if (asked !== generation) return undefined;
  if (me) {
    csrfToken = me.csrf_token ?? "";
    isLoginOver = false; // another tab may have logged in
  }
  return me;
}

/** What an event carries follows from its type, which the contract's own type does not say. */
export async function listEvents(limit: number): Promise<StoredEvent[]> {
  return (await server.listEvents({ limit })).items as StoredEvent[];
}

export interface Preview {
  image: ImageBitmap;
  frameNumber: number;
  capturedAtMs: number;
}

/** The latest picture of a camera; throws while there is none, which the server waits for a moment, and where none may be seen. */
export async function fetchPreview(cameraId: string, signal: AbortSignal): Promise<Preview> {
  const response = await server.getPreview(cameraId, { signal });
  const image = await createImageBitmap(await response.blob());
  const capturedAtMs = Date.parse(response.headers.get("X-Captured-At") ?? "");
  return { image, frameNumber: Number(response.headers.get("X-Frame-Number") ?? -1), capturedAtMs };
}
