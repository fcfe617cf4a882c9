/**
 * Lines of a stream.
 *
 * @module
 */

/** Splits UTF-8 into lines, however it is cut into chunks. Empty lines are left out. */
export class TextLineStream extends TransformStream<Uint8Array, string> {
  constructor() {
    const decoder = new TextDecoder();
    let parts: string[] = [];
    super({
      transform(chunk, controller) {
        const lines = decoder.decode(chunk, { stream: true }).split("\n");
        // A large object comes in many chunks: it is put together once, at its end.
        parts.push(lines[0]!);
        if (lines.length === 1) return;
        emit(parts.join(""), controller);
        for (const line of lines.slice(1, -1)) emit(line, controller);
        parts = [lines.at(-1)!];
      },
      flush(controller) {
        emit(parts.join("") + decoder.decode(), controller);
      },
    });
  }
}

function emit(line: string, controller: TransformStreamDefaultController<string>): void {
  if (line.trim() !== "") controller.enqueue(line);
}
