/**
 * Logs of several writers in one.
 *
 * @module
 */

const NEWLINE = 10;

/**
 * Begins every line with a prefix. A line is passed on when it is whole, so that lines of several
 * streams do not mix; one that does not end is given its end.
 */
export function prefixLines(prefix: string): TransformStream<Uint8Array, Uint8Array> {
  const start = new TextEncoder().encode(prefix);
  let parts: Uint8Array[] = [];
  function joined(): Uint8Array {
    const length = parts.reduce((sum, part) => sum + part.length, start.length + 1);
    const line = new Uint8Array(length);
    line.set(start);
    let offset = start.length;
    for (const part of parts) {
      line.set(part, offset);
      offset += part.length;
    }
    line[length - 1] = NEWLINE;
    parts = [];
    return line;
  }
  return new TransformStream({
    transform(chunk, controller) {
      let rest = chunk;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
        parts.push(rest.subarray(0, end));
        controller.enqueue(joined());
        rest = rest.subarray(end + 1);
      }
      if (rest.length > 0) parts.push(rest.slice());
    },
    flush(controller) {
      if (parts.length > 0) controller.enqueue(joined());
    },
  });
}
