/**
 * A real Redis server for tests.
 *
 * @module
 */

import { waitUntil } from "./wait.ts";

/** Whether `redis-server` is installed; tests that need it are ignored without. */
export function hasRedisServer(): boolean {
  try {
    return new Deno.Command("redis-server", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A running server, without persistence. Whoever started it disposes it. */
export class RedisServer {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(child: Deno.ChildProcess, options: { port: number; directory: string }) {
    this.#child = child;
    this.port = options.port;
    this.#directory = options.directory;
  }

  /**
   * Starts a server on 127.0.0.1 and waits until it answers.
   * @param options.port Default: a free one.
   * @param options.args Further settings: `["--requirepass", "x"]`.
   */
  static async start(
    options: { port?: number; args?: readonly string[] } = {},
  ): Promise<RedisServer> {
    const port = options.port ?? freePort();
    const directory = Deno.makeTempDirSync({ prefix: "spinkube-redis-" });
    const child = new Deno.Command("redis-server", {
      args: [
        ...["--bind", "127.0.0.1", "--port", String(port), "--dir", directory],
        ...["--save", "", "--appendonly", "no", "--loglevel", "warning"],
        ...options.args ?? [],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new RedisServer(child, { port, directory });
    try {
      await waitUntil(() => canConnect(port), { what: `a Redis server on port ${port}` });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `redis://127.0.0.1:<port>`. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Runs a command through `redis-cli` and returns what it prints. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await new Deno.Command("redis-cli", {
      args: ["-p", String(this.port), ...args],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trimEnd();
  }

  /** Sends a signal: `SIGSTOP` makes a server that is there and does not answer. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function canConnect(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    // Not yet.
    return false;
  }
}
