/**
 * The program's own streams, as a whole and without a detour: to load Deno's streams takes ten
 * milliseconds of the start of every pod.
 *
 * @module
 */

/** Everything that stdin has. */
export function readStdin(): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = new Uint8Array(4096);
    const size = Deno.stdin.readSync(part);
    if (size === null) break;
    parts.push(part.subarray(0, size));
  }
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Writes all of `bytes` to stdout. */
export function writeStdout(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
