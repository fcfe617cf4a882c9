/**
 * Progress of transfers, for people who watch.
 *
 * @module
 */

/** How a transfer goes on. */
export interface Progress extends Disposable {
  /** More bytes have arrived; negative if some were lost. */
  readonly add: (count: number) => void;
}

/** Milliseconds between two pictures. */
const INTERVAL_MS = 100;

/**
 * Shows one line that is drawn again and again, and removed at the end; nothing without a terminal.
 *
 * @param label `Pushing app to the Registry`
 */
export function showProgress(
  label: string,
  { total, isTerminal, write }: {
    /** Bytes. */
    readonly total: number;
    readonly isTerminal: boolean;
    readonly write: (text: string) => void;
  },
): Progress {
  let done = 0;
  if (!isTerminal) return { add() {}, [Symbol.dispose]() {} };
  function draw(): void {
    write(`\r\x1b[K${label}… ${formatBytes(done)} of ${formatBytes(total)}`);
  }
  draw();
  const timer = setInterval(draw, INTERVAL_MS);
  return {
    add(count) {
      done += count;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      write("\r\x1b[K");
    },
  };
}

/** `12.3 MB`; kilobytes of 1000 bytes, as registries show them. */
export function formatBytes(count: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
