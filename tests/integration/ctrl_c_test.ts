/**
 * Ctrl-C in the middle of commands: they end with 130, at once, and leave nothing half-written.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { SAMPLE, startProgram } from "./_program.ts";

/** A server that takes requests and never answers. */
class SilentServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #asked = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<Response>();

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      this.#asked.resolve();
      return this.#end.promise;
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** Resolves with the first request. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.resolve(new Response(null, { status: 503 }));
    await this.#server.shutdown();
  }
}

/** Commands that wait for the server, which is a registry or a cluster to them. */
const WAITING: readonly ((host: string) => readonly string[])[] = [
  (host) => ["registry", "push", "-k", "-f", SAMPLE, `${host}/a/b:1`],
  (host) => ["registry", "pull", "-k", `${host}/a/b:1`],
  (host) => ["registry", "login", "-k", host, "-u", "ann", "-p", "secret"],
  (host) => ["up", "-k", "--from-registry", `${host}/a/b:1`],
  (host) => ["inspect", "-k", `${host}/a/b:1`],
  (host) => [
    ...["kube", "scaffold", "--from", `${host}/a/b:1`, "--inspect", "--insecure-registry"],
    ...["--out", "app.yaml"],
  ],
  (host) => [
    ...["deploy", "--from", `${host}/a/b:1`, "--app", SAMPLE, "--insecure-registry"],
    "--build=false",
  ],
  () => ["kube", "deploy", "--from", "registry.example.com/shop:v1"],
  () => ["kube", "deploy", "--from", "registry.example.com/shop:v1", "--diff"],
  () => ["kube", "list"],
  () => ["kube", "get", "shop"],
  () => ["kube", "delete", "shop", "--yes"],
  () => ["kube", "logs", "shop", "--follow"],
  () => ["kube", "connect", "shop"],
  () => ["kube", "version"],
  () => ["doctor", "--cluster"],
];

function kubeconfig(host: string): string {
  return JSON.stringify({
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a" } }],
    clusters: [{ name: "a", cluster: { server: `http://${host}` } }],
  });
}

/** Every file below the directory. */
async function filesOf(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) files.push(...await filesOf(path));
    else files.push(path);
  }
  return files.sort();
}

for (const command of WAITING) {
  Deno.test(`Ctrl-C ends ${command("HOST").join(" ").replaceAll(SAMPLE, "APP")}`, async () => {
    await using server = new SilentServer();
    const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "spinkube-ctrl-c-" }));
    try {
      const config = join(directory, "kubeconfig");
      await Deno.writeTextFile(config, kubeconfig(server.host));
      await Deno.mkdir(join(directory, "tmp"));
      await using program = startProgram(command(server.host), {
        cwd: directory,
        env: {
          KUBECONFIG: config,
          TMPDIR: join(directory, "tmp"),
          XDG_CONFIG_HOME: join(directory, "config"),
          DOCKER_CONFIG: join(directory, "docker"),
          SPINKUBE_CACHE_DIR: join(directory, "cache"),
        },
      });
      await Promise.race([server.asked, program.outcome()]);
      program.kill("SIGINT");
      const { code, stdout, stderr } = await program.outcome();
      assert.equal(code, 130, stderr);
      assert.equal(stdout, "");
      assert.deepEqual(await filesOf(directory), [config]);
      assert.deepEqual([...Deno.readDirSync(join(directory, "tmp"))], []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
