// The server, by its own client; what the page asks in its own words. Addresses are relative to the page.
import { ApiError, Client } from "./client";
import type { User } from "./records";
import type { StoredEvent } from "./stored_event";

export const server = new Client({ baseUrl: document.baseURI });

export async function whoAmI(): Promise<User | null> {
  try {
    return await server.getMe();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
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
