// Events as the page reads them: what an event carries follows from its type.
import type { AnalyticsEvent, EventPayloads } from "./records";

export type StoredEvent = {
  [Type in keyof EventPayloads]: Omit<AnalyticsEvent, "type" | "payload"> & { type: Type; payload: EventPayloads[Type] };
}[keyof EventPayloads];

/** The line or zone an event is about, if any. */
export function subjectOf(event: StoredEvent): string | undefined {
  return event.type === "line_crossing" ? event.payload.line_id : event.payload.zone_id;
}
