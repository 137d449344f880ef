// The server, by its own client; what the page asks in its own words.
import { apiAddress } from "./addresses";
import { ApiError, Client } from "./client";
import type { LoginResponse, Me } from "./records";
import type { StoredEvent } from "./stored_event";

// A browser's login: cookies that scripts cannot read, and a token that shows that it is this page that asks.
let csrfToken = "";
let refreshing: Promise<boolean> | null = null;

function send(address: URL, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method !== "GET") headers.set("X-CSRF-Token", csrfToken);
  return fetch(address, { ...init, headers, credentials: "include" }); // also from a page that is served elsewhere
}

/** Renews the login, once for all who wait for it; false when there is none to renew. */
function refresh(): Promise<boolean> {
  refreshing ??= server
    .refresh({})
    .then(
      (response) => {
        csrfToken = response.csrf_token ?? "";
        return true;
      },
      () => false,
    )
    .finally(() => (refreshing = null));
  return refreshing;
}

async function sendLoggedIn(address: URL, init: RequestInit): Promise<Response> {
  const response = await send(address, init);
  const isLogin = /\/auth\/(login|refresh)$/.test(address.pathname);
  return response.status === 401 && !isLogin && (await refresh()) ? send(address, init) : response;
}

export const server = new Client({ baseUrl: apiAddress, fetch: sendLoggedIn });

export async function login(username: string, password: string): Promise<LoginResponse> {
  const response = await server.login({ username, password, client: "browser" });
  csrfToken = response.csrf_token ?? "";
  return response;
}

export async function whoAmI(): Promise<Me | null> {
  try {
    const me = await server.getMe();
    csrfToken = me.csrf_token ?? "";
    return me;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** Keeps the login alive while nothing else is asked, as a socket alone would not. */
export function keepLogin(): () => void {
  const timer = window.setInterval(() => void whoAmI().catch(() => undefined), 60_000);
  return () => window.clearInterval(timer);
}

/** What an event carries follows from its type, which the contract's own type does not say. */
export async function listEvents(limit: number): Promise<StoredEvent[]> {
  return (await server.listEvents({ limit })).items as StoredEvent[];
}

export interface Preview {
  image: ImageBitmap;
  frameNumber: number;
}

/** The latest picture of a camera, or null while there is none that may be shown. */
export async function fetchPreview(cameraId: string, signal: AbortSignal): Promise<Preview | null> {
  try {
    const response = await server.getPreview(cameraId, { signal });
    const image = await createImageBitmap(await response.blob());
    return { image, frameNumber: Number(response.headers.get("X-Frame-Number") ?? -1) };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 503 || error.status === 404)) return null;
    throw error;
  }
}
