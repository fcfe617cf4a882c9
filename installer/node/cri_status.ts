/**
 * Asks a running containerd which runtimes it has, as kubelet asks for its status: one gRPC call over
 * its socket.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { LoadedRuntime, LoadedRuntimes } from "./host.ts";

const METHOD = "/runtime.v1.RuntimeService/Status";
/** `StatusRequest { verbose: true }` behind gRPC's prefix: not compressed, two bytes long. */
const VERBOSE_REQUEST = Uint8Array.of(0, 0, 0, 0, 2, 0x08, 0x01);
const PREFIX_BYTES = 5;
const DEADLINE_MS = 5_000;

/** Field numbers of `StatusResponse`. */
const INFO = 2;
/** Field numbers of an entry of a map. */
const KEY = 1;
const VALUE = 2;

/**
 * The runtimes of the containerd that serves on a socket. Undefined if it does not answer, or says
 * nothing of its runtimes: before 1.6 it does not.
 *
 * @param socket Path of the socket for this process.
 */
export async function queryRuntimes(socket: string): Promise<LoadedRuntimes | undefined> {
  try {
    return readRuntimes(await callStatus(socket));
  } catch {
    // Nobody listens, it breaks off, or what it says is nothing of CRI: it does not serve.
    return undefined;
  }
}

async function callStatus(socket: string): Promise<Uint8Array> {
  const session = connectHttp2("http://localhost", { createConnection: () => connect(socket) });
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const timer = setTimeout(() => reject(new Error("no answer")), DEADLINE_MS);
  try {
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": METHOD,
      "content-type": "application/grpc",
      "te": "trailers",
    });
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES)));
    stream.on("error", reject);
    stream.end(Buffer.from(VERBOSE_REQUEST));
    return await promise;
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

/** Reads `StatusResponse`. Undefined if the runtimes are not in it. */
export function readRuntimes(response: Uint8Array): LoadedRuntimes | undefined {
  const decoder = new TextDecoder();
  for (const { number, bytes } of readFields(response)) {
    if (number !== INFO) continue;
    const entry = new Map([...readFields(bytes)].map((field) => [field.number, field.bytes]));
    if (decoder.decode(entry.get(KEY)) !== "config") continue;
    return runtimesOfConfig(JSON.parse(decoder.decode(entry.get(VALUE))));
  }
  return undefined;
}

function runtimesOfConfig(config: unknown): LoadedRuntimes | undefined {
  const runtimes = (config as { containerd?: { runtimes?: unknown } } | null)?.containerd?.runtimes;
  if (typeof runtimes !== "object" || runtimes === null) return undefined;
  return new Map(
    Object.entries(runtimes).map(([name, value]) => {
      const { runtimeType, options } = (value ?? {}) as Record<string, unknown>;
      const runtime: LoadedRuntime = {
        runtimeType: typeof runtimeType === "string" ? runtimeType : undefined,
        options: typeof options === "object" && options !== null
          ? options as Record<string, unknown>
          : undefined,
      };
      return [name, runtime];
    }),
  );
}

/** The fields of a protobuf message that hold bytes; the others are skipped. */
function* readFields(message: Uint8Array): Generator<{ number: number; bytes: Uint8Array }> {
  let at = 0;
  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new Error("the message ends too early");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error("a number has too many bytes");
  }
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (at + length > message.length) throw new Error("the message ends too early");
      yield { number, bytes: message.subarray(at, at + length) };
      at += length;
    } else throw new Error(`no such wire type: ${type}`);
  }
}
