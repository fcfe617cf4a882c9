/**
 * `start` as containerd runs it, without a containerd: what it answers, and the server behind it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { BOOTSTRAP_PARAMS } from "../../shim/proto/bootstrap.ts";
import { encodeMessage } from "../../shim/proto/encode.ts";
import { RUNTIME_OPTIONS } from "../../shim/proto/options.ts";
import { packAny } from "../../shim/proto/well_known.ts";
import { TASK_METHODS } from "../../shim/task/register.ts";
import { TtrpcClient } from "../../shim/ttrpc/client.ts";
import { waitUntil } from "../support/wait.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const NAMESPACE = "ns";

interface Started {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with bundles and sockets, whose servers end with it. */
class Surroundings {
  readonly #root = Deno.makeTempDirSync({ prefix: "sk-" });
  readonly #pids = new Set<number>();

  get socketDir(): string {
    return `${this.#root}/s`;
  }

  /** Makes a container's bundle, and runs `start` in it. */
  async start(
    id: string,
    { options = "", sandbox = id, config = true } = {},
  ): Promise<Started> {
    const bundle = `${this.#root}/${id}`;
    Deno.mkdirSync(bundle, { recursive: true });
    const annotations = { "io.kubernetes.cri.sandbox-id": sandbox };
    if (config) Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify({ annotations }));
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", ...DENO_FLAGS, MAIN, "shim"],
        ...["-namespace", NAMESPACE, "-address", `${this.#root}/c.sock`],
        ...["-publish-binary", "/bin/true", "-id", id, "start"],
      ],
      cwd: bundle,
      env: { TTRPC_ADDRESS: `${this.#root}/c.sock.ttrpc` },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(this.#params(id, options)).then(() => writer.close());
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** As containerd 2.3 and later; it may say where sockets belong. */
  #params(id: string, options: string): Uint8Array {
    const value = packAny(RUNTIME_OPTIONS, {
      typeUrl: "",
      configPath: "",
      configBody: new TextEncoder().encode(options),
    });
    return encodeMessage(BOOTSTRAP_PARAMS, {
      instanceId: id,
      namespace: NAMESPACE,
      containerdGrpcAddress: `${this.#root}/c.sock`,
      containerdTtrpcAddress: `${this.#root}/c.sock.ttrpc`,
      socketDir: this.socketDir,
      extensions: options === "" ? [] : [{ value }],
    });
  }

  /** Starts a container whose start has to succeed. @returns Its server's socket. */
  async startWell(id: string, options?: Parameters<Surroundings["start"]>[1]): Promise<string> {
    const { code, stdout, stderr } = await this.start(id, options);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const socket = stdout.replace(/^unix:\/\//, "");
    assert.match(socket, RegExp(`^${this.socketDir}/[0-9a-f]{64}$`), stdout);
    assert.equal(Deno.readTextFileSync(`${this.#root}/${id}/address`), stdout);
    this.#pids.add(await this.pidOf(socket));
    return socket;
  }

  async pidOf(socket: string): Promise<number> {
    using client = await TtrpcClient.connect(socket);
    const method = { service: "containerd.task.v2.Task", method: "Connect" };
    return (await client.call({ ...method, type: TASK_METHODS.Connect }, { id: "" })).shimPid;
  }

  async shutDown(socket: string): Promise<void> {
    using client = await TtrpcClient.connect(socket);
    const method = { service: "containerd.task.v2.Task", method: "Shutdown" };
    await client.call({ ...method, type: TASK_METHODS.Shutdown }, { id: "", now: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#pids) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await Deno.remove(this.#root, { recursive: true });
  }
}

const isLinux = Deno.build.os === "linux";
const PER_NODE = { options: "ShimPerNode = true\n" };

Deno.test("start leaves a server behind, in a session and a directory of its own", {
  ignore: !isLinux,
}, async () => {
  await using surroundings = new Surroundings();
  const socket = await surroundings.startWell("a");
  const pid = await surroundings.pidOf(socket);
  await waitUntil(() => Deno.readLinkSync(`/proc/${pid}/cwd`) === "/", {
    what: "the server to leave the bundle",
  });
  await waitUntil(() => sessionOf(pid) === pid, { what: "the server to have its own session" });
  assert.equal(Deno.statSync(socket).mode! & 0o777, 0o600);
});

/** The third word behind the name is the session. */
function sessionOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

Deno.test("start finds the pod's server, and one of another pod is another one", {
  ignore: !isLinux,
}, async () => {
  await using surroundings = new Surroundings();
  const pod = await surroundings.startWell("a");
  assert.equal(await surroundings.startWell("of-a", { sandbox: "a" }), pod);
  assert.notEqual(await surroundings.startWell("b"), pod);
});

Deno.test("several starts at once have one server", { ignore: !isLinux }, async () => {
  for (const options of [{ sandbox: "a" }, PER_NODE]) {
    await using surroundings = new Surroundings();
    const ids = ["a", "b", "c", "d"];
    const sockets = await Promise.all(ids.map((id) => surroundings.startWell(id, options)));
    assert.equal(new Set(sockets).size, 1);
    const pids = await Promise.all(sockets.map((socket) => surroundings.pidOf(socket)));
    assert.equal(new Set(pids).size, 1);
  }
});

Deno.test("a server of the node stays as long as a container is announced", {
  ignore: !isLinux,
}, async () => {
  await using surroundings = new Surroundings();
  const socket = await surroundings.startWell("a", PER_NODE);
  const pid = await surroundings.pidOf(socket);
  assert.equal(await surroundings.startWell("b", PER_NODE), socket);
  // What containerd says after another container has gone.
  await surroundings.shutDown(socket);
  assert.equal(await surroundings.startWell("c", PER_NODE), socket);
  assert.equal(await surroundings.pidOf(socket), pid);
});

Deno.test("start replaces a server that has died", { ignore: !isLinux }, async () => {
  for (const options of [{}, PER_NODE]) {
    await using surroundings = new Surroundings();
    const socket = await surroundings.startWell("a", options);
    const pid = await surroundings.pidOf(socket);
    Deno.kill(pid, "SIGKILL");
    assert.equal(await surroundings.startWell("a", options), socket);
    assert.notEqual(await surroundings.pidOf(socket), pid);
  }
});

Deno.test("start that fails says why in one sentence, and leaves nothing", {
  ignore: !isLinux,
}, async () => {
  await using surroundings = new Surroundings();
  const { code, stdout, stderr } = await surroundings.start("a", { config: false });
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  assert.match(stderr, /^Cannot read "[^"]+\/config\.json": [^\n]+\n$/);
  assert.throws(() => Deno.statSync(surroundings.socketDir), Deno.errors.NotFound);
});
