/**
 * HTTP by hand, for what no client library would send or show.
 *
 * @module
 */

import { within } from "./wait.ts";

/** A connection whose bytes a test decides about. The caller closes it. */
export class RawConnection {
  readonly #socket: Deno.TcpConn;
  #text = "";
  #isOver = false;

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Bytes as code points below 256. */
  async send(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    for (let sent = 0; sent < bytes.length;) sent += await this.#socket.write(bytes.subarray(sent));
  }

  /** Reads on until what was received matches, or the peer closes. @returns all received. */
  async readUntil(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    await within(this.#read(pattern), {
      what: `${pattern} in ${JSON.stringify(this.#text.slice(0, 500))}`,
      timeoutMs,
    });
    return this.#text;
  }

  /** Reads until the peer closes. @returns all received. */
  readToEnd(timeoutMs = 10_000): Promise<string> {
    return this.readUntil(/$.^/, timeoutMs);
  }

  /** Whether the peer has closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  async #read(pattern: RegExp): Promise<void> {
    const buffer = new Uint8Array(65_536);
    const decoder = new TextDecoder("latin1");
    while (!this.#isOver && !pattern.test(this.#text)) {
      try {
        const count = await this.#socket.read(buffer);
        if (count === null) this.#isOver = true;
        else this.#text += decoder.decode(buffer.subarray(0, count));
      } catch (error) {
        // A reset connection has ended too.
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
        this.#isOver = true;
      }
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#socket.close();
    } catch {
      // Closed before, as a test of its own wanted.
    }
  }
}

/** Sends one message and reads until the server closes the connection. */
export async function rawExchange(port: number, message: string): Promise<string> {
  using connection = await RawConnection.open(port);
  await connection.send(message);
  return await connection.readToEnd();
}

/** The parts of a response that was read to the end. */
export interface RawResponse {
  readonly statusLine: string;
  readonly status: number;
  /** Lower-case names, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Splits a response. */
export function parseRaw(text: string): RawResponse {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, end < 0 ? text.length : end).split("\r\n");
  return {
    statusLine,
    status: Number(statusLine.split(" ")[1]),
    headers: lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
    body: end < 0 ? "" : text.slice(end + 4),
  };
}
