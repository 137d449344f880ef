// Moments as people read them, by the clock and the habits of whoever looks.

function dayOf(date: Date): string {
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

function isSameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}

function toMinutes(date: Date): string {
  return date.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
}

/** The time of day, to the second, and the day before it where that is not today. */
export function timeOf(moment: string): string {
  const date = new Date(moment);
  return `${isSameDay(date, new Date()) ? "" : `${dayOf(date)}, `}${date.toLocaleTimeString()}`;
}

/** From when to when, to the minute; each day is named once, and today not at all. */
export function spanOf(first: string, last: string): string {
  const [from, to] = [new Date(first), new Date(last)];
  const begin = `${isSameDay(from, new Date()) ? "" : `${dayOf(from)}, `}${toMinutes(from)}`;
  const end = `${isSameDay(from, to) ? "" : `${dayOf(to)}, `}${toMinutes(to)}`;
  return end === toMinutes(from) ? begin : `${begin} – ${end}`;
}

/** The time of day here at which the counts of today began: they are of the UTC day. */
export function countsBeganAt(): string {
  return toMinutes(new Date(new Date().setUTCHours(0, 0, 0, 0)));
}
