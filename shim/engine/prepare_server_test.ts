import assert from "node:assert/strict";
import type { PrepareFailure } from "./prepare_main.ts";
import { type PrepareRequest, servePrepare } from "./prepare_server.ts";

const FAILURE: PrepareFailure = { reason: "UnusableWasm", message: "no\nWasm", isReadOnly: false };

/** A server in this process, and what it did. */
class Server {
  readonly events: string[] = [];
  memory = 0;
  readonly ended: Promise<void>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #changed = Promise.withResolvers<void>();

  constructor() {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#input = writable.getWriter();
    this.ended = servePrepare({
      requests: readable,
      prepare: (args) => {
        this.#add(`prepare ${args.join(" ")}`);
        return Promise.resolve(args[0] === "bad.wasm" ? FAILURE : undefined);
      },
      rehearse: (source) => Promise.resolve(this.#add(`rehearse ${source}`)),
      reply: (line) => this.#add(line),
      memory: () => this.memory,
      pauseMs: 1,
    });
  }

  /** Sends the text in pieces, as pipes may. */
  async send(...requests: PrepareRequest[]): Promise<void> {
    const bytes = new TextEncoder().encode(
      requests.map((it) => `${JSON.stringify(it)}\n`).join(""),
    );
    await this.#input.write(bytes.subarray(0, 5));
    await this.#input.write(bytes.subarray(5));
  }

  async until(count: number): Promise<void> {
    while (this.events.length < count) await this.#changed.promise;
  }

  async close(): Promise<void> {
    await this.#input.close();
    await this.ended;
  }

  #add(event: string): void {
    this.events.push(event);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

Deno.test("servePrepare() replies to one request after the other", async () => {
  const server = new Server();
  await server.send({ args: ["a.wasm", "/a"] }, { args: ["bad.wasm", "/b", "{}"] });
  await server.until(4);
  await server.close();
  assert.deepEqual(server.events, [
    "prepare a.wasm /a",
    "{}",
    "prepare bad.wasm /b {}",
    JSON.stringify({ failure: FAILURE }),
  ]);
});

Deno.test("servePrepare() prepares the first source for nothing while nobody asks, not for ever", async () => {
  const server = new Server();
  await server.send({ warm: "a.wasm" });
  await server.until(3);
  // A fourth round would be done before the clock gets here.
  await new Promise((resolve) => setTimeout(resolve, 10));
  await server.send({ args: ["b.wasm", "/b"] });
  await server.until(5);
  await server.close();
  assert.deepEqual(server.events, [
    "rehearse a.wasm",
    "rehearse a.wasm",
    "rehearse a.wasm",
    "prepare b.wasm /b",
    "{}",
  ]);
});

Deno.test("servePrepare() ends when it takes much memory, after its reply", async () => {
  const server = new Server();
  server.memory = 1 << 30;
  await server.send({ args: ["a.wasm", "/a"] });
  await server.ended;
  assert.deepEqual(server.events, ["prepare a.wasm /a", "{}"]);
});
