/**
 * A server of no protocol: it is away, hangs up, talks nonsense, or says nothing.
 *
 * @module
 */

import { freePort } from "./database_process.ts";

/** What it does with a connection; `absent`: nobody listens. */
export type Badness = "absent" | "hangs up" | "garbage" | "silent" | "breaks off";

/** A port on which something is wrong. Whoever made it disposes it. */
export class BadServer implements AsyncDisposable {
  readonly port = freePort();
  #listener: Deno.Listener | undefined;
  #accepting: Promise<void> = Promise.resolve();
  readonly #connections = new Set<Deno.Conn>();

  /** From now on. Connections of before are closed. */
  async become(badness: Badness): Promise<void> {
    this.#close();
    await this.#accepting;
    if (badness === "absent") return;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#accepting = this.#accept(this.#listener, badness);
  }

  async #accept(listener: Deno.Listener, badness: Badness): Promise<void> {
    for await (const connection of listener) {
      this.#connections.add(connection);
      // The client may leave at any time.
      this.#treat(connection, badness).catch(() => this.#drop(connection));
    }
  }

  async #treat(connection: Deno.Conn, badness: Badness): Promise<void> {
    const buffer = new Uint8Array(65_536);
    if (badness === "garbage") {
      await connection.write(crypto.getRandomValues(new Uint8Array(4_096)).fill(0x80, 0, 8));
    }
    if (badness === "breaks off") {
      await connection.read(buffer);
      await connection.write(
        new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"),
      );
    }
    if (badness === "hangs up" || badness === "breaks off") return this.#drop(connection);
    while (await connection.read(buffer) !== null) {
      // What the client says makes no difference.
    }
    this.#drop(connection);
  }

  #drop(connection: Deno.Conn): void {
    if (!this.#connections.delete(connection)) return;
    connection.close();
  }

  #close(): void {
    this.#listener?.close();
    this.#listener = undefined;
    for (const connection of this.#connections) this.#drop(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await this.#accepting;
  }
}
