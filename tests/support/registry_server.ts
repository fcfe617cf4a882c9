/**
 * A real registry of images for tests: `docker-registry`, the reference implementation.
 *
 * @module
 */

import { join } from "node:path";
import { waitUntil } from "./wait.ts";

/** Whether `docker-registry` is installed; tests that need it are ignored without. */
export function hasRegistryServer(): boolean {
  try {
    return new Deno.Command("docker-registry", {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The user of a registry that wants a login, with the password `secret`. */
export const REGISTRY_LOGIN = { username: "ann", password: "secret" } as const;

/** `ann:secret` as htpasswd has it (bcrypt, cost 4). */
const HTPASSWD = "ann:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/** A running registry that speaks plain HTTP. Whoever started it disposes it. */
export class RegistryServer {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(child: Deno.ChildProcess, options: { host: string; directory: string }) {
    this.#child = child;
    this.host = options.host;
    this.#directory = options.directory;
  }

  /**
   * Starts a registry on a free port of 127.0.0.1 and waits until it answers.
   * @param options.wantsLogin Whether it wants {@link REGISTRY_LOGIN}. Default: false.
   */
  static async start(options: { wantsLogin?: boolean } = {}): Promise<RegistryServer> {
    const directory = await Deno.makeTempDir({ prefix: "spinkube-registry-" });
    const host = `127.0.0.1:${freePort()}`;
    const passwords = join(directory, "htpasswd");
    await Deno.writeTextFile(passwords, HTPASSWD);
    const config = join(directory, "config.json");
    await Deno.writeTextFile(
      config,
      JSON.stringify({
        version: "0.1",
        log: { level: "error", accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: join(directory, "data") } },
        http: { addr: host },
        ...(options.wantsLogin ? { auth: { htpasswd: { realm: "test", path: passwords } } } : {}),
      }),
    );
    const child = new Deno.Command("docker-registry", {
      args: ["serve", config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new RegistryServer(child, { host, directory });
    try {
      await waitUntil(() => answers(host), { what: `a registry at ${host}` });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Repositories that have something. */
  async repositories(): Promise<string[]> {
    return (await (await fetch(`http://${this.host}/v2/_catalog`)).json()).repositories;
  }

  /** The manifest of an image, as the registry has it. */
  async manifest(repository: string, tag: string): Promise<{ text: string; type: string | null }> {
    const answer = await fetch(`http://${this.host}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    return { text: await answer.text(), type: answer.headers.get("content-type") };
  }

  /** The content of a blob. */
  async blob(repository: string, digest: string): Promise<string> {
    return await (await fetch(`http://${this.host}/v2/${repository}/blobs/${digest}`)).text();
  }

  /** Stops the registry and removes what it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
    await this.#child.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

async function answers(host: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${host}/v2/`);
    await answer.body?.cancel();
    return true;
  } catch {
    // Not yet.
    return false;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
