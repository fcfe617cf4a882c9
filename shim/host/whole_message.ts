/**
 * Requests and responses that are passed whole, not as streams: of Spin's first HTTP interface and
 * of WAGI.
 *
 * @module
 */

import { BodyBuffer } from "../imports/http_body.ts";
import { type FieldEntry, latin1Bytes } from "../imports/http_fields.ts";
import { Exchange } from "./exchange.ts";

/** The most that one request or response of this kind may hold, in bytes: 128 MiB. */
export const MAX_WHOLE_BYTES = 128 << 20;

/** Fields of the connection, which is the server's and not the guest's. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Reads a request's body to its end.
 * @param options.maxBytes Default: {@link MAX_WHOLE_BYTES}.
 * @returns undefined if it is longer; the rest is then not read.
 * @throws what reading the body throws: the client is gone.
 */
export async function readRequestBody(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes = MAX_WHOLE_BYTES }: { maxBytes?: number } = {},
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : joinBytes(chunks);
}

/** All chunks as one. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The answer to a request whose body is too long. */
export function bodyTooLong(): Response {
  return new Response(null, { status: 413, headers: { connection: "close" } });
}

/** The text of a header value of a request; undefined if its bytes are no UTF-8. */
export function headerText(value: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(latin1Bytes(value));
  } catch {
    // Told above.
    return undefined;
  }
}

/** A response as a guest gives it. */
export interface WholeResponse {
  readonly status: number;
  /** Repeated names stay apart where HTTP permits it. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
}

/**
 * The response to send.
 * @param options.isHead Whether the request's method is HEAD: the body is not sent.
 * @throws {UnusableResponse} by rejection, if it cannot be sent.
 */
export function sendWhole(
  response: WholeResponse,
  { component, isHead }: { component: string; isHead: boolean },
): Promise<Response> {
  const encoder = new TextEncoder();
  const entries = response.headers
    .filter(([name]) => !CONNECTION_FIELDS.has(name.toLowerCase()))
    .map(([name, value]): FieldEntry => [name, encoder.encode(value)]);
  let buffer: BodyBuffer | undefined;
  if (response.body) {
    buffer = new BodyBuffer();
    buffer.push(response.body);
    buffer.end();
  }
  const exchange = new Exchange({ component, isHead, onSlow() {}, onCancel() {} });
  exchange.set({
    tag: "ok",
    val: { status: response.status, fields: { entries: () => entries }, buffer },
  });
  return exchange.response;
}
