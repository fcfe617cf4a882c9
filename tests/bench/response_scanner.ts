/**
 * Finds the ends of HTTP/1.1 responses in what a connection delivers.
 *
 * @module
 */

type State =
  | { readonly part: "head" }
  | { readonly part: "body"; left: number }
  | { readonly part: "chunk-size" }
  | { readonly part: "chunk"; left: number; readonly isLast: boolean };

/** Reads the responses of one connection. Understands `content-length` and chunked bodies. */
export class ResponseScanner {
  #state: State = { part: "head" };
  #status = 0;
  /** Bytes of a head or a chunk size that has not ended yet, one character each. */
  #text = "";

  /**
   * Takes the next bytes.
   * @returns the status of every response that ended within them.
   * @throws {SyntaxError} if it is not HTTP, or the body's length is not announced.
   */
  take(bytes: Uint8Array): number[] {
    const ended: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      const state = this.#state;
      if (state.part === "head" || state.part === "chunk-size") {
        at = this.#takeText(bytes, at);
        if (this.#state.part === "body" && this.#state.left === 0) this.#end(ended);
        continue;
      }
      const taken = Math.min(state.left, bytes.length - at);
      at += taken;
      state.left -= taken;
      if (state.left > 0) continue;
      if (state.part === "body" || state.isLast) this.#end(ended);
      else this.#state = { part: "chunk-size" };
    }
    return ended;
  }

  #end(ended: number[]): void {
    ended.push(this.#status);
    this.#state = { part: "head" };
  }

  /** Takes what belongs to the current head or chunk size; returns where the rest begins. */
  #takeText(bytes: Uint8Array, from: number): number {
    const terminator = this.#state.part === "head" ? "\r\n\r\n" : "\r\n";
    for (let at = from; at < bytes.length; at++) {
      this.#text += String.fromCharCode(bytes[at]!);
      if (bytes[at] !== 10 || !this.#text.endsWith(terminator)) continue;
      const text = this.#text;
      this.#text = "";
      if (this.#state.part === "head") this.#takeHead(text);
      else this.#takeChunkSize(text);
      return at + 1;
    }
    return bytes.length;
  }

  #takeHead(head: string): void {
    this.#status = Number(/^HTTP\/1\.1 (\d{3})[ \r]/.exec(head)?.[1]);
    if (!this.#status) throw new SyntaxError(`Not a response: ${JSON.stringify(head)}`);
    const length = /^content-length: *(\d+) *\r$/im.exec(head)?.[1];
    if (length !== undefined) this.#state = { part: "body", left: Number(length) };
    else if (/^transfer-encoding: *chunked *\r$/im.test(head)) this.#state = { part: "chunk-size" };
    else throw new SyntaxError(`A response of unknown length: ${JSON.stringify(head)}`);
  }

  #takeChunkSize(line: string): void {
    const size = parseInt(line, 16);
    if (!(size >= 0)) throw new SyntaxError(`Not a chunk size: ${JSON.stringify(line)}`);
    // The line end after the data is taken with it; the servers here send no trailers.
    this.#state = { part: "chunk", left: size + 2, isLast: size === 0 };
  }
}
