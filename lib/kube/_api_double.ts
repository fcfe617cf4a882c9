/**
 * An API server for tests of what a real one cannot be made to do: it answers as the test says.
 *
 * @module
 */

import type { KubeClient as Client } from "./client.ts";
import { KubeClient } from "./client.ts";
import { KubeTransport } from "./transport.ts";
import type { KubeObject, ResourceType } from "./types.ts";

/** The objects that the tests are about. */
export const CONFIG_MAPS: ResourceType<KubeObject & { data?: Record<string, string> }> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
};

/** A ConfigMap in the namespace `default`. */
export function configMap(
  name: string,
  resourceVersion: number,
  data: Record<string, string> = {},
): KubeObject & { data: Record<string, string> } {
  return {
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      resourceVersion: `${resourceVersion}`,
    },
    data,
  };
}

/** A server and a client of it. Whoever made it disposes it. */
export interface ApiDouble extends AsyncDisposable {
  readonly client: Client;
  /** `METHOD path?query` of each request, in order. */
  readonly requests: string[];
}

/** Starts a server that answers each request with what `handle` says. */
export function startApiDouble(
  handle: (request: Request, url: URL) => Response | Promise<Response>,
): ApiDouble {
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const url = new URL(request.url);
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    return handle(request, url);
  });
  const transport = new KubeTransport({
    server: `http://127.0.0.1:${server.addr.port}`,
    ca: undefined,
    isInsecure: false,
    tlsServerName: undefined,
    proxyUrl: undefined,
    credentials: { kind: "none" },
    namespace: "default",
    context: "test",
  }, { userAgent: "test" });
  return {
    client: new KubeClient(transport, { fieldManager: "test" }),
    requests,
    async [Symbol.asyncDispose]() {
      transport.close();
      await server.shutdown();
    },
  };
}

/** A failure as the API server tells it. */
export function failure(
  code: number,
  parts: { reason?: string; message?: string; headers?: Record<string, string> } = {},
): Response {
  const { headers, ...rest } = parts;
  return Response.json({ kind: "Status", status: "Failure", code, ...rest }, {
    status: code,
    ...(headers ? { headers } : {}),
  });
}

/** A list with its version. */
export function listOf(items: readonly KubeObject[], resourceVersion: number): Response {
  return Response.json({ metadata: { resourceVersion: `${resourceVersion}` }, items });
}
