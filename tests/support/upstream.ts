/**
 * An HTTP server of the test's own, for guests to call.
 *
 * @module
 */

/** A server on a loopback port. The caller disposes it. */
export interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly authority: string;
}

/** Starts a server. */
export function startUpstream(
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
): Upstream {
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, handler);
  return {
    port: server.addr.port,
    authority: `127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
