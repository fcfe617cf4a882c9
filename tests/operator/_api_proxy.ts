/**
 * A proxy before an API server that cuts, delays and rewrites.
 *
 * @module
 */

/** What a test does to a request: answers it, or undefined to let it through. */
export type Interception = (
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/** A running proxy. Whoever started it disposes it. */
export class ApiProxy {
  /** Path of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** Default: everything is let through. */
  intercept: Interception = () => undefined;
  /** Requests so far, as `METHOD path`. */
  readonly requests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #client: Deno.HttpClient;
  readonly #target: string;
  readonly #streams = new Set<ProxyStream>();
  #isFrozen = false;

  /** @param kubeconfig Of the API server, in JSON. */
  constructor(kubeconfig: string) {
    const config = JSON.parse(Deno.readTextFileSync(kubeconfig));
    const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
    this.#target = server;
    const caText = new TextDecoder().decode(Uint8Array.fromBase64(ca));
    this.#client = Deno.createHttpClient({ caCerts: [caText] });
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen() {},
      },
      (request) => this.#answer(request),
    );
    config.clusters[0].cluster = { server: `http://127.0.0.1:${this.#server.addr.port}` };
    this.kubeconfig = Deno.makeTempFileSync({ prefix: "spinkube-proxy-" });
    Deno.writeTextFileSync(this.kubeconfig, JSON.stringify(config));
  }

  /** Breaks all watches that are open. */
  cutWatches(): void {
    for (const stream of [...this.#streams]) stream.cut();
  }

  /** Lets nothing through open watches any more, or again: a half-open connection. */
  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    if (!isFrozen) { for (const stream of [...this.#streams]) stream.cut(); }
  }

  /** Puts a line into all open watches of a resource. */
  send(plural: string, event: unknown): void {
    for (const stream of this.#streams) {
      if (stream.path.endsWith(`/${plural}`)) stream.send(`${JSON.stringify(event)}\n`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of [...this.#streams]) stream.close();
    await this.#server.shutdown();
    this.#client.close();
    await Deno.remove(this.kubeconfig);
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    const own = await this.intercept(request);
    if (own) return own;
    const headers = new Headers(request.headers);
    headers.delete("host");
    headers.delete("accept-encoding");
    const response = await fetch(`${this.#target}${url.pathname}${url.search}`, {
      client: this.#client,
      method: request.method,
      headers,
      ...(request.body ? { body: await request.bytes() } : {}),
    });
    const isWatch = url.searchParams.get("watch") === "true" && response.ok;
    if (!isWatch) return new Response(response.body, response);
    const stream = new ProxyStream(url.pathname, {
      isFrozen: () => this.#isFrozen,
      onEnd: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    void stream.pump(response.body!);
    return new Response(stream.body, { headers: { "content-type": "application/json" } });
  }
}

/** One watch on its way. */
class ProxyStream {
  readonly path: string;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #options: { isFrozen: () => boolean; onEnd: () => void };
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  #isOver = false;

  constructor(path: string, options: { isFrozen: () => boolean; onEnd: () => void }) {
    this.path = path;
    this.#options = options;
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      cancel: () => this.#end(),
    });
  }

  async pump(source: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    this.#reader = source.getReader();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done || this.#isOver) break;
      if (!this.#options.isFrozen()) this.#controller.enqueue(value);
    }
    this.close();
  }

  close(): void {
    if (this.#isOver) return;
    this.#end();
    this.#controller.close();
  }

  send(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  /** Ends in the middle of a line. */
  cut(): void {
    if (this.#isOver) return;
    this.#controller.enqueue(new TextEncoder().encode('{"type":"MODI'));
    this.#end();
    this.#controller.error(new Error("cut"));
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onEnd();
    void this.#reader?.cancel();
  }
}

/** An answer of the API server that is no success. */
export function refusal(code: number, reason: string, headers?: HeadersInit): Response {
  const body = {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    message: `${reason} (test)`,
    reason,
    code,
  };
  return Response.json(body, { status: code, ...(headers ? { headers } : {}) });
}
