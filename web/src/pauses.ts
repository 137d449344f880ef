// When to ask the server again: soon while it answers, less and less often while it does not.
const RETRY_FIRST_MS = 1000;
const RETRY_MOST_MS = 10_000;

/** The pauses between tries that fail: each twice the one before, up to a bound, and shortened by chance, so that not all pages come at once. */
export class Pauses {
  private followingMs = RETRY_FIRST_MS;

  reset(): void {
    this.followingMs = RETRY_FIRST_MS;
  }

  next(): number {
    const pauseMs = this.followingMs * (0.5 + Math.random() / 2);
    this.followingMs = Math.min(this.followingMs * 2, RETRY_MOST_MS);
    return pauseMs;
  }
}

export interface Repeated {
  /** The step is done without waiting any longer; once more, where it is under way. */
  wake: () => void;
  stop: () => void;
}

/** Does `step` again and again, never twice at once: after the milliseconds that it resolves to, after growing pauses where it fails. */
export function repeat(step: () => Promise<number>): Repeated {
  const pauses = new Pauses();
  let timer: number | undefined;
  let isUnderWay = false;
  let isAsked = false;
  let isStopped = false;

  async function run() {
    isUnderWay = true;
    isAsked = false;
    let pauseMs: number;
    try {
      pauseMs = await step();
      pauses.reset();
    } catch {
      pauseMs = pauses.next();
    }
    isUnderWay = false;
    if (!isStopped) timer = window.setTimeout(run, isAsked ? 0 : pauseMs);
  }

  function wake() {
    window.clearTimeout(timer);
    if (isUnderWay) isAsked = true;
    else if (!isStopped) void run();
  }

  function stop() {
    isStopped = true;
    window.clearTimeout(timer);
  }

  wake();
  return { wake, stop };
}
