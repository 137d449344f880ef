// Draws what is known of a picture over it: lines, zones, boxes with track ids. Coordinates are 0..1 of the frame.
import type { CameraView, Line, TrackUpdate, Zone } from "./records";

const PALETTE = ["#5fe0b8", "#ffb454", "#7aa8ff", "#ff7a90", "#c792ea", "#f2e86d", "#6be3ff", "#a5e075"];
const ID_COLOURS = PALETTE.length;

/** Ids are large and grow for ever; the page shows their last digits, the full id is in the event. */
export function shortTrackId(id: number): string {
  return `#${id % 10_000}`;
}

function path(context: CanvasRenderingContext2D, points: [number, number][], width: number, height: number) {
  context.beginPath();
  points.forEach(([x, y], index) =>
    index === 0 ? context.moveTo(x * width, y * height) : context.lineTo(x * width, y * height),
  );
}

/** How many of the picture's own pixels are one of the page's: what is drawn over it can be read however small it is shown. */
function scaleOf({ canvas }: CanvasRenderingContext2D): number {
  return canvas.clientWidth > 0 ? canvas.width / canvas.clientWidth : 1;
}

/** `x` and `y` are of the picture, before `right` and `down` of the page. */
function label(context: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, right = 0, down = 0) {
  const scale = scaleOf(context);
  const height = 16 * scale;
  const margin = 4 * scale;
  context.font = `600 ${12 * scale}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 2 * margin;
  const left = Math.max(0, Math.min(x + right * scale, context.canvas.width - width));
  const top = Math.max(height, y + down * scale);
  context.fillStyle = "rgb(8 20 18 / 80%)";
  context.fillRect(left, top - height, width, height);
  context.fillStyle = colour;
  context.fillText(text, left + margin, top - margin);
}

/** Outline and ground: red where somebody should not be, grey where nothing is looked for. */
function zoneColours(kind: Zone["kind"]): [string, string] {
  if (kind === "intrusion" || kind === "restricted") return ["#ff7a90", "rgb(255 122 144 / 14%)"];
  if (kind === "privacy_mask" || kind === "motion_mask") return ["#8fa8a0", "transparent"];
  return ["#7aa8ff", "rgb(122 168 255 / 12%)"];
}

function drawZone(context: CanvasRenderingContext2D, zone: Zone, width: number, height: number) {
  const [colour, ground] = zoneColours(zone.kind);
  path(context, zone.polygon, width, height);
  context.closePath();
  context.fillStyle = ground;
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = 1.5 * scaleOf(context);
  context.stroke();
  const first = zone.polygon[0];
  if (first) label(context, zone.name || zone.id, first[0] * width, first[1] * height, colour, 4, 18);
}

function drawLine(context: CanvasRenderingContext2D, line: Line, width: number, height: number) {
  path(context, [line.a, line.b], width, height);
  context.strokeStyle = "#ffb454";
  const scale = scaleOf(context);
  context.lineWidth = 3 * scale;
  context.stroke();
  // The arrow points the way that counts as "in": from the left side of a→b to its right side.
  const middleX = ((line.a[0] + line.b[0]) / 2) * width;
  const middleY = ((line.a[1] + line.b[1]) / 2) * height;
  const alongX = (line.b[0] - line.a[0]) * width;
  const alongY = (line.b[1] - line.a[1]) * height;
  const length = Math.hypot(alongX, alongY) || 1;
  const inX = -alongY / length;
  const inY = alongX / length;
  context.beginPath();
  context.moveTo(middleX, middleY);
  context.lineTo(middleX + inX * 18 * scale, middleY + inY * 18 * scale);
  context.stroke();
  label(context, line.name || line.id, line.a[0] * width, line.a[1] * height, "#ffb454", 4, -4);
}

export function drawPicture(
  context: CanvasRenderingContext2D,
  image: CanvasImageSource | null,
  camera: CameraView,
  update: TrackUpdate | undefined,
) {
  const { width, height } = context.canvas;
  if (image) context.drawImage(image, 0, 0, width, height);
  for (const zone of camera.zones) drawZone(context, zone, width, height);
  for (const line of camera.lines) drawLine(context, line, width, height);
  for (const track of update?.tracks ?? []) {
    const [x, y, w, h] = track.box;
    const colour = PALETTE[track.track_id % ID_COLOURS] ?? "#5fe0b8";
    context.strokeStyle = colour;
    context.lineWidth = 2 * scaleOf(context);
    context.strokeRect(x * width, y * height, w * width, h * height);
    label(context, `${track.object_class} ${shortTrackId(track.track_id)}`, x * width, y * height, colour);
  }
}
