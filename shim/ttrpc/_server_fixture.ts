/**
 * For tests: a server on a socket of its own, and clients of it.
 *
 * @module
 */

import { bytes, message, string } from "../proto/schema.ts";
import { connect, listen } from "./address.ts";
import { type RemoteMethod, TtrpcClient } from "./client.ts";
import { encodeFrame, type Frame, FrameDecoder, type FrameInit } from "./frame.ts";
import { type Method, type ServerFault, TtrpcServer, unary } from "./server.ts";

/** Request and response of every method here. */
export const TEXT = message("test.Text", { text: string(1), raw: bytes(2) });

/** The messages of every method here. */
export const TEXT_METHOD = { request: TEXT, response: TEXT } as const;

/** `test.Service/NAME`. */
export function remote(
  method: string,
  service = "test.Service",
): RemoteMethod<typeof TEXT_METHOD> {
  return { service, method, type: TEXT_METHOD };
}

/** A running server. */
export interface TestServer extends AsyncDisposable {
  readonly address: string;
  readonly server: TtrpcServer;
  readonly faults: readonly ServerFault[];
  /** A client, closed with the server. */
  client(): Promise<TtrpcClient>;
  /** A bare connection, closed with the server. */
  connection(): Promise<RawConnection>;
  /** Resolves when the server has no connection. */
  idle(): Promise<void>;
}

/** A connection whose frames the test writes itself. */
export class RawConnection {
  readonly #conn: Deno.Conn;
  readonly #decoder = new FrameDecoder();
  readonly #frames: Frame[] = [];

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async send(frame: FrameInit): Promise<void> {
    await this.write(encodeFrame(frame));
  }

  /** The next frame, or undefined at the end of the connection. */
  async next(): Promise<Frame | undefined> {
    const buffer = new Uint8Array(65_536);
    while (this.#frames.length === 0) {
      const count = await this.#conn.read(buffer);
      if (count === null) return undefined;
      this.#frames.push(...this.#decoder.push(buffer.subarray(0, count)));
    }
    return this.#frames.shift();
  }

  close(): void {
    try {
      this.#conn.close();
    } catch (error) {
      // The test has closed it already.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/** Starts a server with `test.Service`, and `echo` in it. */
export async function startServer(
  methods: Readonly<Record<string, Method>> = {},
): Promise<TestServer> {
  const directory = await Deno.makeTempDir();
  const address = `unix://${directory}/s`;
  const faults: ServerFault[] = [];
  const server = new TtrpcServer({ report: (fault) => faults.push(fault) });
  server.register("test.Service", { echo: unary(TEXT_METHOD, (request) => request), ...methods });
  const serving = server.serve(listen(address));
  const closing: { close(): void }[] = [];
  return {
    address,
    server,
    faults,
    async client() {
      const client = await TtrpcClient.connect(address);
      closing.push(client);
      return client;
    },
    async connection() {
      const connection = new RawConnection(await connect(address));
      closing.push(connection);
      return connection;
    },
    async idle() {
      while (server.connectionCount > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    async [Symbol.asyncDispose]() {
      for (const one of closing) one.close();
      await server.shutdown({ graceMs: 0 });
      await serving;
      await Deno.remove(directory, { recursive: true });
    },
  };
}
