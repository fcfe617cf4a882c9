/**
 * Lines of text that comes in pieces.
 *
 * @module
 */

/**
 * Lines of UTF-8, however it is cut into chunks. Empty ones are left out. A chunk is not looked at any
 * more when the next one is asked for.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  // A long line comes in many chunks: it is put together once, at its end.
  let parts: string[] = [];
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    const last = lines.pop()!;
    for (const line of lines) {
      parts.push(line);
      const whole = parts.join("");
      parts = [];
      if (whole.trim() !== "") yield whole;
    }
    parts.push(last);
  }
  const rest = parts.join("") + decoder.decode();
  if (rest.trim() !== "") yield rest;
}
