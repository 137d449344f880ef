// The server's HTTP interface. Addresses are relative to the page.
import type { CameraView } from "./records";
import type { StoredEvent } from "./stored_event";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, { credentials: "same-origin", ...init });
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    const problem = await response.json();
    message = problem.detail ?? problem.title ?? message;
  } catch {
    // Not a problem document: the status line says what is known.
  }
  throw new ApiError(response.status, message);
}

export async function login(username: string, password: string): Promise<void> {
  await request("auth/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
}

export async function logout(): Promise<void> {
  await request("auth/logout", { method: "POST" });
}

export async function whoAmI(): Promise<{ username: string; role: string } | null> {
  try {
    return await (await request("auth/me")).json();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export async function listCameras(): Promise<CameraView[]> {
  return (await (await request("api/v1/cameras")).json()).items;
}

export async function listEvents(limit: number): Promise<StoredEvent[]> {
  return (await (await request(`api/v1/events?limit=${limit}`)).json()).items;
}

export interface Preview {
  image: ImageBitmap;
  frameNumber: number;
}

/** The latest picture of a camera, or null while there is none that may be shown. */
export async function fetchPreview(cameraId: string, signal: AbortSignal): Promise<Preview | null> {
  try {
    const response = await request(`api/v1/cameras/${encodeURIComponent(cameraId)}/preview.jpg`, { signal });
    const image = await createImageBitmap(await response.blob());
    return { image, frameNumber: Number(response.headers.get("X-Frame-Number") ?? -1) };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 503 || error.status === 404)) return null;
    throw error;
  }
}
