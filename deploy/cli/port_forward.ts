/**
 * One connection to a port of a pod, through the API server: `portforward` over a WebSocket, as
 * `v4.channel.k8s.io` has it. The first byte of a message names its channel.
 *
 * @module
 */

import { ConnectionError } from "../../lib/kube/api_error.ts";
import type { Cluster } from "./cluster.ts";

/** What is carried. */
const DATA = 0;
/** Why it is not carried; a text. */
const ERROR = 1;

/** Both channels begin with the port, in two bytes. */
const PORT_BYTES = 2;

/** Bytes that may wait to be sent before no more are read. */
const MAX_WAITING_BYTES = 1 << 20;
/** Bytes of one message; others fit in between. */
const MAX_MESSAGE_BYTES = 32 << 10;
/** Milliseconds between two looks whether they have been sent. */
const SEND_PAUSE_MS = 5;

/**
 * Whoever has said everything may still listen, which the protocol cannot say: the way stays open until
 * the pod has been silent for so many milliseconds.
 */
const HALF_CLOSED_MS = 2_000;

/** The end of a connection that somebody made to this machine. */
export interface LocalConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** A way to a port of a pod. */
export interface PodPort {
  readonly pod: string;
  readonly port: number;
}

/** An open way to a port. */
export interface PodSocket {
  readonly socket: WebSocket;
  /** Hands over every message, those that have come already first. To be called once. */
  readonly listen: (handler: (data: ArrayBuffer) => void) => void;
}

/**
 * Opens a way to the port.
 * @throws {ConnectionError} if the API server or the node refuses it.
 */
export async function openPodPort(
  { client, namespace }: Cluster,
  { pod, port }: PodPort,
): Promise<PodSocket> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${
    encodeURIComponent(pod)
  }/portforward`;
  const socket = await client.transport.webSocket(path, {
    query: { ports: port },
    protocols: ["v4.channel.k8s.io"],
  });
  socket.binaryType = "arraybuffer";
  // The node speaks first, perhaps before anybody has asked for it.
  const early: ArrayBuffer[] = [];
  let take = (data: ArrayBuffer): void => void early.push(data);
  socket.addEventListener("message", ({ data }) => take(data));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve(), { once: true });
  socket.addEventListener("error", (event) => {
    const { message = "" } = event as ErrorEvent;
    reject(new ConnectionError(`Cannot connect to pod "${pod}": ${message}`));
  }, { once: true });
  await promise;
  return {
    socket,
    listen(handler) {
      for (const data of early) handler(data);
      take = handler;
    },
  };
}

/**
 * Carries bytes both ways until one side ends, and closes both.
 * @throws {ConnectionError} with what the node says, if it cannot reach the port.
 */
export async function carry(
  { socket, listen }: PodSocket,
  local: LocalConnection,
): Promise<void> {
  const refusal = Promise.withResolvers<never>();
  // It may come when nobody waits any more.
  refusal.promise.catch(() => {});
  const ended = new Promise<void>((resolve) => {
    socket.addEventListener("close", () => resolve(), { once: true });
  });
  const seen = [0, 0];
  let heardAt = performance.now();
  let writing = Promise.resolve();
  listen((data) => {
    heardAt = performance.now();
    const [channel = DATA] = new Uint8Array(data, 0, 1);
    const skip = Math.max(0, PORT_BYTES - (seen[channel] ?? 0));
    const bytes = new Uint8Array(data, 1);
    seen[channel] = (seen[channel] ?? 0) + bytes.length;
    const content = bytes.subarray(Math.min(skip, bytes.length));
    if (content.length === 0) return;
    if (channel === ERROR) {
      refusal.reject(new ConnectionError(new TextDecoder().decode(content)));
    } else {
      writing = writing.then(() => writeAll(local, content));
      // Whoever made the connection has gone: that ends it, and is no failure.
      writing.catch(() => socket.close());
    }
  });
  async function sendThenListen(): Promise<void> {
    await sendAll(socket, local);
    for (let silent = 0; silent < HALF_CLOSED_MS; silent = performance.now() - heardAt) {
      if (socket.readyState !== WebSocket.OPEN) return;
      await new Promise((resolve) => setTimeout(resolve, HALF_CLOSED_MS - silent));
    }
  }
  try {
    await Promise.race([sendThenListen(), ended, refusal.promise]);
    if (socket.readyState === WebSocket.OPEN) socket.close();
    await ended;
    await writing.catch(() => {});
  } finally {
    if (socket.readyState !== WebSocket.CLOSED) socket.close();
    close(local);
  }
}

async function sendAll(socket: WebSocket, local: LocalConnection): Promise<void> {
  const message = new Uint8Array(MAX_MESSAGE_BYTES);
  message[0] = DATA;
  for (;;) {
    const count = await local.read(message.subarray(1)).catch(() => null);
    if (count === null || socket.readyState !== WebSocket.OPEN) break;
    socket.send(message.slice(0, count + 1));
    while (socket.bufferedAmount > MAX_WAITING_BYTES) {
      await new Promise((resolve) => setTimeout(resolve, SEND_PAUSE_MS));
    }
  }
}

async function writeAll(local: LocalConnection, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await local.write(rest));
}

function close(local: LocalConnection): void {
  try {
    local.close();
  } catch (error) {
    // The other side was faster.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
