export type Point = [number, number];
export type Box = [number, number, number, number];

export interface Line {
  id: string;
  name: string;
  a: Point;
  b: Point;
  in_name?: string;
  out_name?: string;
  count_in: number;
  count_out: number;
}
export interface Zone {
  id: string;
  name: string;
  kind: string;
  polygon: Point[];
  inside: number;
  entries: number;
  exits: number;
}
export interface CameraHealth {
  camera_id: string;
  state: string;
  last_error?: string;
  fps: number;
}
export interface CameraView {
  id: string;
  name: string;
  online: boolean;
  lines: Line[];
  zones: Zone[];
  health?: CameraHealth;
}
export interface Track {
  track_id: number;
  object_class: string;
  box: Box;
  confidence: number;
}
export interface TrackUpdate {
  camera_id: string;
  at: string;
  frame_number: number;
  tracks: Track[];
}
export interface EventPayload {
  line_id?: string;
  zone_id?: string;
  track_id?: number;
  direction?: string;
  event?: string;
  object_class?: string;
  dwell_seconds?: number;
  count?: number;
  kind?: string;
  severity?: string;
}
export interface AnalyticsEvent {
  id: string;
  type: string;
  camera_id: string;
  occurred_at: string;
  payload: EventPayload;
}
