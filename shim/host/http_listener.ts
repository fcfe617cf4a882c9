/**
 * Listening: one port shared by all isolates, kept open through a shortage of file descriptors, and
 * drained on request.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { readTextFile } from "./cpu_limit.ts";
import { isPortTaken } from "./taken_port.ts";

/** Ports tried by `--find-free-port`. */
const PORTS_TO_TRY = 10;
/** Milliseconds between two tries to listen again. */
const RETRY_MS = 50;
/** Milliseconds without a new request after which nobody is expected to come any more. */
const QUIET_MS = 1_000;

/** Where and how to listen. */
export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Other isolates listen on the same port. */
  readonly isShared: boolean;
  /** See `HostOptions.lingerMs`. Default: 0. */
  readonly lingerMs?: number;
}

/** Answers requests. */
export type Handler = (
  request: Request,
  info: { remoteAddr: Deno.Addr },
) => Response | Promise<Response>;

/**
 * Chooses the port and makes sure that nobody else has it: sockets that share a port would take
 * part of another program's requests.
 * @throws {TerminalError} if it is taken, or none of the next ten is free.
 */
export function findPort(
  options: { hostname: string; port: number; findFreePort: boolean },
): number {
  const { hostname, port } = options;
  const tries = options.findFreePort && port !== 0 ? PORTS_TO_TRY : 1;
  for (let candidate = port; candidate < port + tries && candidate < 65536; candidate++) {
    try {
      using listener = Deno.listen({ hostname, port: candidate });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) {
        throw cannotListen(error, { hostname, port: candidate });
      }
    }
  }
  if (!options.findFreePort) throw cannotListen(new Deno.errors.AddrInUse(), options);
  throw new TerminalError(
    "AddressInUse",
    `Couldn't find a free port in the range ${port}-${port + PORTS_TO_TRY}. Consider retrying ` +
      "with a different base port.",
  );
}

/**
 * Makes sure that nobody else has a port that isolates are going to share. In a pod clients come as
 * soon as they can connect, and those that connect to {@link findPort} are cut off; so Linux is asked.
 * @throws {TerminalError} if it is taken.
 */
export function checkPort(options: { hostname: string; port: number }): void {
  const isTaken = isPortTaken(options, readTextFile);
  if (isTaken === undefined) findPort({ ...options, findFreePort: false });
  else if (isTaken) throw cannotListen(new Deno.errors.AddrInUse(), options);
}

function cannotListen(
  error: unknown,
  { hostname, port }: { hostname: string; port: number },
): TerminalError {
  if (error instanceof Deno.errors.AddrInUse) {
    return new TerminalError(
      "AddressInUse",
      `${hostname}:${port} is already in use. To have Spin search for a free port, use the ` +
        "--find-free-port option.",
    );
  }
  const message = `Cannot listen on ${hostname}:${port}: ${errorText(error)}`;
  return new TerminalError("CannotListen", message, { cause: error });
}

/** What a listener works with. */
export interface ListenerEdge {
  readonly handler: Handler;
  /** Writes a line for the user. */
  readonly report: (line: string) => void;
  /** `Deno.serve` by default. */
  readonly serve?: (
    options: Deno.ServeTcpOptions | (Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem),
    handler: Deno.ServeHandler<Deno.NetAddr>,
  ) => Deno.HttpServer;
}

/** A running listener. */
export class HttpListener {
  readonly #options: ListenOptions;
  readonly #edge: ListenerEdge;
  #server: Deno.HttpServer;
  #isStopping = false;
  #isLeaving = false;
  #lastRequest = 0;
  /** Settles when the listener has stopped. */
  readonly finished: Promise<void>;

  /**
   * Starts to listen. The caller stops it.
   * @throws {TerminalError} if it cannot.
   */
  constructor(options: ListenOptions, edge: ListenerEdge) {
    this.#options = options;
    this.#edge = edge;
    try {
      this.#server = this.#listen();
    } catch (error) {
      throw cannotListen(error, options);
    }
    this.finished = this.#keepListening();
  }

  /**
   * Stops accepting, after `lingerMs` at the latest, and waits for the requests in flight.
   * @param graceMs After so many milliseconds it returns all the same. What is left then is cut off
   * by the end of the process or worker.
   */
  async stop(graceMs: number): Promise<void> {
    const { promise: cut, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await this.#linger(Math.min(this.#options.lingerMs ?? 0, graceMs));
    this.#isStopping = true;
    await Promise.race([this.#drain(), cut]);
    clearTimeout(timer);
  }

  /** Goes on serving until nobody comes any more, and sends away who holds a connection. */
  async #linger(limitMs: number): Promise<void> {
    this.#isLeaving = true;
    const start = performance.now();
    for (;;) {
      const now = performance.now();
      const quiet = Math.max(start, this.#lastRequest) + QUIET_MS;
      const left = Math.min(start + limitMs, quiet) - now;
      if (left <= 0) return;
      await new Promise((resolve) => setTimeout(resolve, left));
    }
  }

  async #drain(): Promise<void> {
    try {
      await this.#server.shutdown();
    } catch {
      // The server had given up and was about to be replaced: there is nothing to drain.
    }
    await this.finished;
  }

  #listen(): Deno.HttpServer {
    const { hostname, port, tls, isShared, lingerMs = 0 } = this.#options;
    const handler = lingerMs > 0 ? this.#watched(this.#edge.handler) : this.#edge.handler;
    const shared = { hostname, port, reusePort: isShared, onListen() {} };
    const options = tls ? { ...shared, cert: tls.cert, key: tls.key } : shared;
    return (this.#edge.serve ?? Deno.serve)(
      { ...options, onError: (error) => this.#failed(error) },
      (request, info) => handler(request, info as { remoteAddr: Deno.Addr }),
    );
  }

  /** Knows when requests come. */
  #watched(handler: Handler): Handler {
    return (request, info) => {
      this.#lastRequest = performance.now();
      const response = handler(request, info);
      return this.#isLeaving ? withoutKeepAlive(response) : response;
    };
  }

  /** The handler answers its own failures; what arrives here broke off while it was sent. */
  #failed(error: unknown): Response {
    if ((error as Error)?.name !== "IncompleteBody") {
      this.#edge.report(`Response broken off: ${errorText(error)}`);
    }
    return new Response(null, { status: 500 });
  }

  async #keepListening(): Promise<void> {
    for (;;) {
      try {
        return await this.#server.finished;
      } catch (error) {
        if (this.#isStopping) return;
        // Deno gives the listener up when accept() fails, as it does without file descriptors.
        this.#edge.report(`Cannot accept connections: ${errorText(error)}. Trying again.`);
      }
      while (!this.#isStopping && !await this.#listenAgain());
      if (this.#isStopping) return;
      this.#edge.report("Accepting connections again.");
    }
  }

  /** @returns whether it listens. */
  async #listenAgain(): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (this.#isStopping) return false;
    try {
      this.#server = this.#listen();
      return true;
    } catch {
      // Still none; the next try comes soon, and the user has been told.
      return false;
    }
  }
}

/** The client asks for its next connection elsewhere. HTTP/2 has other means, and ignores it. */
export async function withoutKeepAlive(answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  response.headers.set("connection", "close");
  return response;
}
