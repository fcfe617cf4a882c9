/**
 * A call of our own webhooks, made as the API server makes it.
 *
 * @module
 */

import { SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import { SELF_CALL_PATH } from "./webhooks.ts";

/** Whom to call, and whom to trust. */
export interface SelfCallTarget {
  /** Where the server listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** The name that its certificate has to be for. */
  readonly hostname: string;
  /** The authorities to trust (PEM). */
  readonly caBundle: string;
}

/** Milliseconds that it may take. */
const TIMEOUT_MS = 5_000;

const REVIEW = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "self-call",
    operation: "CREATE",
    name: "self-call",
    namespace: "default",
    object: {
      apiVersion: apiVersion(SPIN_APP_EXECUTORS),
      kind: SPIN_APP_EXECUTORS.kind,
      metadata: { name: "self-call", namespace: "default" },
      spec: { createDeployment: false },
    },
  },
});

/**
 * Has a webhook allow an executor that nothing is wrong with.
 * @throws {Error} if there is no connection, the certificate is not trusted, or the answer is wrong.
 */
export async function callSelf({ address, hostname, caBundle }: SelfCallTarget): Promise<void> {
  const connection = await Deno.connect({ ...address, hostname: reachable(address.hostname) });
  let open: Deno.Conn = connection;
  const timer = setTimeout(() => open.close(), TIMEOUT_MS);
  try {
    open = await Deno.startTls(connection, { hostname, caCerts: [caBundle] });
    const answer = await post(open, hostname);
    if (!/^HTTP\/1\.1 200 /.test(answer) || !answer.includes('"allowed":true')) {
      throw new Error(`The webhook answers ${JSON.stringify(answer.slice(0, 200))}`);
    }
  } finally {
    clearTimeout(timer);
    try {
      open.close();
    } catch {
      // The time-out, or a failed handshake, has closed it.
    }
  }
}

async function post(connection: Deno.Conn, hostname: string): Promise<string> {
  const body = new TextEncoder().encode(REVIEW);
  const head = new TextEncoder().encode(
    `POST ${SELF_CALL_PATH} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const writer = connection.writable.getWriter();
  await writer.write(head);
  await writer.write(body);
  writer.releaseLock();
  return await new Response(connection.readable).text();
}

/** An address that a server can be reached at which listens on all of them. */
function reachable(hostname: string): string {
  if (hostname === "::" || hostname === "[::]") return "localhost";
  return hostname === "0.0.0.0" || hostname === "" ? "127.0.0.1" : hostname;
}
