/**
 * The part of the Kubernetes API that nodes answer: logs of pods and ways to their ports. The real API
 * server of the tests has no nodes.
 *
 * `portforward` is that of `v4.channel.k8s.io`: every message begins with its channel, 0 for bytes and
 * 1 for an error, and the first message of each holds the port.
 *
 * @module
 */

import type { Pod } from "../../lib/kube/workload_types.ts";

/** A pod of {@link PodApi}. */
export interface FakePod {
  readonly name: string;
  /** Where its port leads on this machine; undefined: nothing listens there. */
  readonly port: number | undefined;
  /** Its log; a stream that goes on while the pod is there. */
  readonly log: string;
}

/** One Deployment and its pods. Whoever started it disposes it. */
export class PodApi {
  /** Pods by name; may be changed at any time. */
  readonly pods = new Map<string, FakePod>();
  /** Paths and queries of the logs that were asked for. */
  readonly logRequests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #directory: string;
  readonly #app: string;

  private constructor(app: string, directory: string) {
    this.#app = app;
    this.#directory = directory;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    ) as Deno.HttpServer<Deno.NetAddr>;
  }

  /** @param app Name of the Deployment, in the namespace `default`. */
  static async start(app: string): Promise<PodApi> {
    const directory = await Deno.makeTempDir({ prefix: "spinkube-pods-" });
    const api = new PodApi(app, directory);
    await Deno.writeTextFile(
      api.kubeconfig,
      JSON.stringify({
        "current-context": "test",
        contexts: [{ name: "test", context: { cluster: "test" } }],
        clusters: [{
          name: "test",
          cluster: { server: `http://127.0.0.1:${api.#server.addr.port}` },
        }],
      }),
    );
    return api;
  }

  /** Path of a kubeconfig. */
  get kubeconfig(): string {
    return `${this.#directory}/kubeconfig`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#directory, { recursive: true });
  }

  #answer(request: Request): Response | Promise<Response> {
    const { pathname, search } = new URL(request.url);
    if (pathname === `/apis/apps/v1/namespaces/default/deployments/${this.#app}`) {
      return Response.json(this.#deployment());
    }
    if (pathname === "/apis/apps/v1/namespaces/default/deployments") {
      return Response.json({ metadata: {}, items: [this.#deployment()] });
    }
    if (pathname === "/api/v1/namespaces/default/pods") {
      return Response.json({ metadata: {}, items: [...this.pods.values()].map(toPod) });
    }
    const [, name, what] =
      /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)\/(\w+)$/.exec(pathname) ??
        [];
    const pod = name === undefined ? undefined : this.pods.get(name);
    if (pod && what === "portforward") return forward(request, pod);
    if (pod && what === "log") {
      this.logRequests.push(`${name}${search}`);
      return new Response(pod.log);
    }
    return Response.json(
      { kind: "Status", code: 404, reason: "NotFound", message: "not found", details: { name } },
      { status: 404 },
    );
  }

  #deployment(): unknown {
    const labels = { app: this.#app };
    return {
      metadata: { name: this.#app, namespace: "default" },
      spec: {
        selector: { matchLabels: labels },
        template: {
          spec: {
            containers: [{
              name: this.#app,
              ports: [{ name: "http-app", containerPort: 8099 }],
            }],
          },
        },
      },
    };
  }
}

function toPod({ name }: FakePod): Pod {
  return {
    metadata: { name, namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { containers: [{ name: "main" }, { name: "side" }] },
    status: {
      phase: "Running",
      conditions: [{
        type: "Ready",
        status: "True",
        reason: "",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      }],
    },
  };
}

function forward(request: Request, { port }: FakePod): Response {
  const wanted = Number(new URL(request.url).searchParams.get("ports"));
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "v4.channel.k8s.io" });
  socket.binaryType = "arraybuffer";
  const target = port === undefined ? undefined : Deno.connect({ hostname: "127.0.0.1", port });
  socket.onopen = async () => {
    for (const channel of [0, 1]) {
      socket.send(new Uint8Array([channel, wanted & 255, wanted >> 8]));
    }
    if (!target) {
      socket.send(new Uint8Array([1, ...new TextEncoder().encode("nothing listens on the port")]));
      return;
    }
    try {
      for await (const chunk of (await target).readable) {
        if (socket.readyState !== WebSocket.OPEN) break;
        // In small parts, so that messages and reads do not coincide.
        for (let at = 0; at < chunk.length; at += 1000) {
          socket.send(new Uint8Array([0, ...chunk.subarray(at, at + 1000)]));
        }
      }
    } catch (error) {
      // The client has gone, and the connection was closed below.
      if (!isClosed(error)) throw error;
    }
    socket.close();
  };
  let writing = Promise.resolve();
  socket.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    if (bytes[0] !== 0 || !target) return;
    writing = writing.then(async () => {
      const connection = await target;
      for (let rest = bytes.subarray(1); rest.length > 0;) {
        rest = rest.subarray(await connection.write(rest));
      }
    });
  };
  socket.onclose = async () => {
    try {
      (await target)?.close();
    } catch (error) {
      // The other side was faster.
      if (!isClosed(error)) throw error;
    }
  };
  return response;
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}
