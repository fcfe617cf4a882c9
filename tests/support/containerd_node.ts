/**
 * A containerd of a test's own, with CRI and a network for pods: a node without Kubernetes. Nothing
 * of it is outside its directory but what shims share anyway.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { RUNTIME } from "../../crds/contract.ts";
import type { ContainerdVersion } from "./containerd_versions.ts";
import { CriClient } from "./cri_client.ts";
import { ociArchive, type OciImage } from "./oci_layout.ts";
import { run, type RunOptions, type RunResult } from "./run.ts";
import { baseImages, PAUSE_IMAGE } from "./test_images.ts";
import { waitUntil } from "./wait.ts";

/** How to start a node. */
export interface NodeOptions {
  readonly version: ContainerdVersion;
  /** The program that containerd starts as shim for {@link RUNTIME}. */
  readonly shim: string;
  /** Added to containerd's environment, which shims inherit. */
  readonly env?: Readonly<Record<string, string>>;
}

/** CRI's name of our runtime with one shim for all of its pods. */
export const SHIM_PER_NODE = "shim-per-node";

/** Lines of containerd's log that are shown if it does not start. */
const LOG_TAIL = 20;

/** A running containerd. Whoever started it disposes it. */
export class ContainerdNode {
  readonly version: ContainerdVersion;
  /** Names its bridge, network, cgroups and the namespace of `ctr`. */
  readonly name: string;
  readonly directory: string;
  readonly cri: CriClient;
  readonly #env: Record<string, string>;
  readonly #images = new Map<string, OciImage>();
  #child: ChildProcess | undefined;

  private constructor(options: NodeOptions & { name: string; directory: string }) {
    const { version, name, directory } = options;
    this.version = version;
    this.name = name;
    this.directory = directory;
    this.cri = new CriClient(this);
    const { NOTIFY_SOCKET: _, ...environment } = Deno.env.toObject();
    this.#env = {
      ...environment,
      SPINKUBE_STORE_DIR: this.storeDir,
      ...options.env,
      PATH: `${directory}/bin:${version.bin}:${environment.PATH ?? ""}`,
    };
  }

  /** Starts containerd, waits until it is ready for pods, and gives it the images of every test. */
  static async start(options: NodeOptions): Promise<ContainerdNode> {
    const directory = await Deno.makeTempDir({ prefix: "sk-" });
    const name = `sk${crypto.getRandomValues(new Uint8Array(2)).toHex()}`;
    const node = new ContainerdNode({ ...options, name, directory });
    try {
      for (const part of ["root", "state", "bin", "net.d", "ipam", "images", "pods"]) {
        await Deno.mkdir(`${directory}/${part}`);
      }
      await Deno.symlink(options.shim, `${directory}/bin/${RUNTIME.binary}`);
      await Deno.writeTextFile(`${directory}/config.toml`, node.#config());
      await Deno.writeTextFile(`${directory}/net.d/10-pods.conflist`, await node.#network());
      await node.launch();
      for (const image of baseImages()) await node.importImage(image);
      await waitUntil(() => node.cri.isReady(), {
        what: "containerd to be ready for pods",
        explain: () => node.log(LOG_TAIL),
      });
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** containerd's gRPC socket. */
  get socket(): string {
    return `${this.directory}/c.sock`;
  }

  /** Where its shims keep prepared apps. */
  get storeDir(): string {
    return `${this.directory}/store`;
  }

  /** Where containerd keeps the bundles of tasks. */
  get bundlesDir(): string {
    return `${this.directory}/state/io.containerd.runtime.v2.task`;
  }

  /** The pid of a container of CRI's. */
  initPid(containerId: string): number {
    return Number(Deno.readTextFileSync(`${this.bundlesDir}/k8s.io/${containerId}/init.pid`));
  }

  /** containerd's pid. @throws {Error} if it does not run. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("containerd does not run");
    return this.#child.pid;
  }

  /** The last lines of containerd's log. */
  log(lines = Infinity): string {
    const all = Deno.readTextFileSync(`${this.directory}/log`).trimEnd().split("\n");
    return all.slice(-lines).join("\n");
  }

  /** Starts containerd again, after {@link end}. */
  async launch(): Promise<void> {
    const log = openSync(`${this.directory}/log`, "a");
    const child = spawn(`${this.version.bin}/containerd`, [
      ...["--config", `${this.directory}/config.toml`],
    ], { env: this.#env, stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    this.#child = child;
    await waitUntil(async () => (await this.ctr(["version"])).code === 0, {
      what: `containerd ${this.version.line}`,
      explain: () => this.log(LOG_TAIL),
    });
  }

  /** Ends containerd; its shims and containers stay. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.cri.disconnect();
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }

  /** Ends containerd, starts it again and waits until it is ready for pods. */
  async restart(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.end(signal);
    await this.launch();
    await waitUntil(() => this.cri.isReady(), { what: "containerd to be ready again" });
  }

  /** Runs `ctr` with its own namespace, unless the arguments name another. */
  ctr(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(`${this.version.bin}/ctr`, this.ctrArguments(args), options);
  }

  /** The arguments of `ctr`, for whoever starts it himself. */
  ctrArguments(args: readonly string[]): string[] {
    const namespace = args.includes("-n") ? [] : ["-n", this.name];
    return ["-a", this.socket, ...namespace, ...args];
  }

  /** The program `ctr` of this version. */
  get ctrProgram(): string {
    return `${this.version.bin}/ctr`;
  }

  /** Imports an image into CRI's namespace and that of {@link ctr}. */
  async importImage(image: OciImage): Promise<void> {
    const file = `${this.directory}/images/${crypto.randomUUID()}.tar`;
    await Deno.writeFile(file, ociArchive(image));
    for (const namespace of ["k8s.io", this.name]) {
      const { code, stderr } = await this.ctr([
        ...["-n", namespace, "images", "import", "--all-platforms"],
        ...(image.isArtifact ? ["--no-unpack"] : []),
        file,
      ]);
      if (code !== 0) throw new Error(`Cannot import "${image.name}": ${stderr}`);
    }
    await Deno.remove(file);
    await this.cri.waitForImage(image.name);
    this.#images.set(image.name, image);
  }

  /** An image that was imported. */
  image(name: string): OciImage {
    const image = this.#images.get(name);
    if (!image) throw new Error(`The node has no image "${name}"`);
    return image;
  }

  /** Removes everything: pods, containers, processes, mounts, network, cgroups, the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { removeNode } = await import("./containerd_leftovers.ts");
    await removeNode(this);
  }

  #config(): string {
    const { directory } = this;
    return `version = 2
root = "${directory}/root"
state = "${directory}/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.nri.v1.nri"]
[grpc]
  address = "${this.socket}"
[ttrpc]
  address = "${this.socket}.ttrpc"
[debug]
  level = "info"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  # Not every machine lets even root lower a process's score below its own.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${RUNTIME.handler}]
      runtime_type = "${RUNTIME.type}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.with-options]
      runtime_type = "${RUNTIME.type}"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.with-options.options]
        SystemdCgroup = false
        Unknown = "value"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${SHIM_PER_NODE}]
      runtime_type = "${RUNTIME.type}"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${SHIM_PER_NODE}.options]
        ${this.#shimPerNode()}
`;
  }

  /** containerd 1.6 hands on nothing of such a table but the path of a file. */
  #shimPerNode(): string {
    const option = "ShimPerNode = true";
    if (this.version.line !== "1.6") return option;
    const file = `${this.directory}/shim-per-node.toml`;
    Deno.writeTextFileSync(file, `${option}\n`);
    return `ConfigPath = "${file}"`;
  }

  async #network(): Promise<string> {
    return JSON.stringify({
      cniVersion: "1.0.0",
      name: `${this.name}-net`,
      plugins: [{
        type: "bridge",
        bridge: this.name,
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: `${this.directory}/ipam`,
          ranges: [[{ subnet: await freeSubnet() }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      }],
    });
  }
}

/** A subnet that nothing of this machine is in. */
async function freeSubnet(): Promise<string> {
  const { stdout } = await run("ip", ["-4", "route"]);
  const [start = 0] = crypto.getRandomValues(new Uint8Array(1));
  for (let index = 0; index < 256; index++) {
    const subnet = `10.214.${(start + index) % 256}.0/24`;
    if (!stdout.includes(subnet)) return subnet;
  }
  throw new Error("There is no free subnet left in 10.214.0.0/16");
}
