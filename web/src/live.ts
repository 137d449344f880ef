// The WebSocket: tracks, events, health and incidents as they come; it reconnects by itself and asks for the events it missed.
import { webSocketAddress } from "./addresses";
import { Pauses } from "./pauses";
import type { CameraHealth, Incident, LiveResumed, TrackUpdate } from "./records";
import type { StoredEvent } from "./stored_event";

export type LiveMessage =
  | { type: "tracks"; data: TrackUpdate }
  | { type: "event"; data: StoredEvent }
  | { type: "health"; data: CameraHealth }
  | { type: "incident"; data: Incident }
  | { type: "resumed"; data: LiveResumed };

// The health of each camera is told each second: where some came, and then nothing, the connection died without a word.
const SILENT_MOST_MS = 30_000;
const LISTENED_EVERY_MS = 5000;

export class Live {
  private socket: WebSocket | null = null;
  private readonly listeners = new Set<(message: LiveMessage) => void>();
  private readonly pauses = new Pauses();
  private timer: number | undefined; // until the next try
  private listening: number | undefined; // whether the connection is still alive
  private heardAtMs = Infinity; // by performance.now()
  private isClosed = false;
  private lastEvent: string | null = null;

  constructor(private readonly onState: (isConnected: boolean) => void) {
    this.connect();
  }

  listen(listener: (message: LiveMessage) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.timer);
    this.socket?.close();
  }

  private connect(): void {
    const address = webSocketAddress();
    if (this.lastEvent) address.searchParams.set("resume_from", this.lastEvent);
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onopen = () => this.onState(true);
    socket.onmessage = (message) => {
      this.pauses.reset(); // not when it opens: one that is ended at once each time is not to be opened twice a second
      const parsed = JSON.parse(message.data as string) as LiveMessage;
      // Cameras tell their health each second; where all are off, silence says nothing.
      if (parsed.type === "health" || this.heardAtMs < Infinity) this.heardAtMs = performance.now();
      if (parsed.type === "event") this.lastEvent = parsed.data.id;
      for (const listener of this.listeners) listener(parsed);
    };
    socket.onclose = () => this.noteClosed();
    this.heardAtMs = Infinity;
    this.listening = window.setInterval(() => {
      if (performance.now() - this.heardAtMs > SILENT_MOST_MS) this.giveUp(socket);
    }, LISTENED_EVERY_MS);
  }

  /** The browser would wait for the other end's goodbye, which does not come. */
  private giveUp(socket: WebSocket): void {
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.noteClosed();
  }

  private noteClosed(): void {
    window.clearInterval(this.listening);
    this.onState(false);
    if (this.isClosed) return;
    this.timer = window.setTimeout(() => this.connect(), this.pauses.next());
  }
}
