/**
 * A pod that runs, and what tests do with it.
 *
 * @module
 */

import type { CriClient, CriNode } from "./cri_client.ts";
import type { ContainerStats, ContainerStatus, PodSandboxConfig } from "./cri_messages.ts";
import { waitUntil } from "./wait.ts";

/** A pod without its containers. */
export interface PodSpec {
  /** Default: a name of its own. */
  readonly name?: string;
  /** The runtime's handler; default: `spin`. */
  readonly handler?: string;
  /** Uses the node's network; default: a network of its own. */
  readonly isHostNetwork?: boolean;
}

/** One container. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Default: `["/"]`, as the operator writes it; give an empty list for the image's own. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Path in the container → path on the node, writable; `ro:` before the latter: not. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Thousandths of a CPU. */
  readonly milliCpu?: number;
  readonly memoryBytes?: number;
  readonly user?: number;
  readonly isRootReadOnly?: boolean;
  /** No capabilities, and no way to get any. */
  readonly isRestricted?: boolean;
  readonly hasTerminal?: boolean;
}

const CPU_PERIOD = 100_000;
/** What kubelet asks for by default. */
const MASKED = [
  "/proc/kcore",
  "/proc/keys",
  "/proc/timer_list",
  "/proc/sched_debug",
  "/sys/firmware",
];
const READ_ONLY = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];

/** What kubelet says of a pod. */
export function sandboxConfig(spec: PodSpec, node: CriNode): PodSandboxConfig {
  const uid = crypto.randomUUID();
  const name = spec.name ?? `pod-${uid.slice(0, 8)}`;
  return {
    metadata: { name, uid, namespace: "default", attempt: 0 },
    // A pod of the node's network has the node's name.
    ...(spec.isHostNetwork ? {} : { hostname: name }),
    logDirectory: `${node.directory}/pods/default_${name}_${uid}`,
    labels: new Map([["io.kubernetes.pod.name", name]]),
    linux: {
      cgroupParent: `/${node.name}`,
      securityContext: {
        namespaceOptions: namespaces(spec.isHostNetwork ?? false),
        seccomp: { profileType: "runtimeDefault" },
      },
    },
  };
}

function namespaces(isHostNetwork: boolean) {
  return { network: isHostNetwork ? "node" : "pod", pid: "container", ipc: "pod" } as const;
}

/** A pod. Whoever ran it disposes it. */
export class Pod {
  readonly id: string;
  /** Empty for one of the node's network. */
  readonly ip: string;
  readonly #cri: CriClient;
  readonly #config: PodSandboxConfig;
  readonly #containers = new Map<string, string>();
  #isRemoved = false;

  constructor(cri: CriClient, options: { id: string; ip: string; config: PodSandboxConfig }) {
    this.#cri = cri;
    this.id = options.id;
    this.ip = options.ip;
    this.#config = options.config;
  }

  /** The id of a container. */
  idOf(name: string): string {
    const id = this.#containers.get(name);
    if (id === undefined) throw new Error(`The pod has no container "${name}"`);
    return id;
  }

  /** Creates and starts a container. */
  async run(spec: ContainerSpec): Promise<void> {
    await this.create(spec);
    await this.start(spec.name);
  }

  /** Creates a container; the name may have been used before by one that was removed. */
  async create(spec: ContainerSpec): Promise<string> {
    const { containerId } = await this.#cri.call("createContainer", {
      podSandboxId: this.id,
      sandboxConfig: this.#config,
      config: containerConfig(spec, this.#config),
    });
    this.#containers.set(spec.name, containerId);
    this.#cri.made.add(containerId);
    return containerId;
  }

  async start(name: string): Promise<void> {
    await this.#cri.call("startContainer", { containerId: this.idOf(name) });
  }

  async status(name: string): Promise<ContainerStatus> {
    const { status } = await this.#cri.call("containerStatus", { containerId: this.idOf(name) });
    if (!status) throw new Error(`CRI has no status of "${name}"`);
    return status;
  }

  /** The state of its sandbox. */
  async sandboxState(): Promise<string | number | undefined> {
    return (await this.#cri.call("podSandboxStatus", { podSandboxId: this.id })).status?.state;
  }

  async stats(name: string): Promise<ContainerStats> {
    const { stats } = await this.#cri.call("containerStats", { containerId: this.idOf(name) });
    if (!stats) throw new Error(`CRI has no stats of "${name}"`);
    return stats;
  }

  /** Waits until a container has ended. */
  async ended(name: string, timeoutMs = 20_000): Promise<ContainerStatus> {
    return await waitUntil(async () => {
      const status = await this.status(name);
      return status.state === "exited" ? status : undefined;
    }, { what: `container "${name}" to end`, timeoutMs, explain: () => this.log(name).all });
  }

  /** Runs a command in a container. */
  async exec(
    name: string,
    cmd: readonly string[],
    { timeoutSeconds = 10 }: { timeoutSeconds?: number } = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const { exitCode, stdout, stderr } = await this.#cri.call("execSync", {
      containerId: this.idOf(name),
      cmd,
      timeout: timeoutSeconds,
    });
    const decoder = new TextDecoder();
    return { code: exitCode, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** The container's log, as kubelet reads it: by stream, and all of it. */
  log(name: string): { stdout: string; stderr: string; all: string } {
    const log = { stdout: "", stderr: "", all: "" };
    let text: string;
    try {
      text = Deno.readTextFileSync(`${this.#config.logDirectory}/${name}.log`);
    } catch (error) {
      // Nothing was written, or it was never created.
      if (error instanceof Deno.errors.NotFound) return log;
      throw error;
    }
    for (const [, stream, tag, line] of text.matchAll(/^\S+ (stdout|stderr) ([FP]) ?(.*)$/gm)) {
      const written = tag === "F" ? `${line}\n` : line!;
      log[stream as "stdout" | "stderr"] += written;
      log.all += written;
    }
    return log;
  }

  /** Waits until the log matches. @returns The match. */
  async waitForLog(name: string, pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    return await waitUntil(() => pattern.exec(this.log(name).all) ?? undefined, {
      what: `the log of "${name}" to match ${pattern}`,
      timeoutMs,
      explain: () => this.log(name).all.slice(-2_000),
    });
  }

  /** Asks a container to stop, and kills it after the time. */
  async stop(name: string, timeoutSeconds = 10): Promise<void> {
    const containerId = this.idOf(name);
    await this.#cri.call("stopContainer", { containerId, timeout: timeoutSeconds });
  }

  async removeContainer(name: string): Promise<void> {
    await this.#cri.call("removeContainer", { containerId: this.idOf(name) });
    this.#containers.delete(name);
  }

  /** Changes the limits of a container, in place. */
  async update(name: string, limits: Pick<ContainerSpec, "milliCpu" | "memoryBytes">) {
    const containerId = this.idOf(name);
    await this.#cri.call("updateContainerResources", { containerId, linux: resources(limits) });
  }

  /** A request to a port of the pod. The caller reads or cancels the body. */
  fetch(path: string, { port = 80, ...init }: RequestInit & { port?: number } = {}) {
    return fetch(`http://${this.ip || "127.0.0.1"}:${port}${path}`, init);
  }

  /** Status and body of a path. */
  async get(
    path: string,
    init?: RequestInit & { port?: number },
  ): Promise<{ status: number; body: string }> {
    const response = await this.fetch(path, init);
    return { status: response.status, body: await response.text() };
  }

  /** Waits until a path is answered at all. */
  async answer(path = "/", { port = 80, timeoutMs = 20_000 } = {}) {
    return await waitUntil(async () => {
      try {
        return await this.get(path, { port });
      } catch {
        // Nobody listens yet.
        return undefined;
      }
    }, {
      what: `the pod to answer on port ${port}`,
      timeoutMs,
      explain: () => [...this.#containers.keys()].map((name) => this.log(name).all).join("\n"),
    });
  }

  /** Stops and removes it, as kubelet removes a pod. If that fails, it may be tried again. */
  async remove(): Promise<void> {
    if (this.#isRemoved) return;
    const podSandboxId = this.id;
    await this.#cri.call("stopPodSandbox", { podSandboxId });
    await this.#cri.call("removePodSandbox", { podSandboxId });
    this.#isRemoved = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

function containerConfig(spec: ContainerSpec, sandbox: PodSandboxConfig) {
  return {
    metadata: { name: spec.name, attempt: 0 },
    image: { image: spec.image },
    command: spec.command ?? ["/"],
    args: spec.args ?? [],
    envs: Object.entries(spec.env ?? {}).map(([key, value]) => ({ key, value })),
    mounts: Object.entries(spec.mounts ?? {}).map(([containerPath, hostPath]) => ({
      containerPath,
      hostPath: hostPath.replace(/^ro:/, ""),
      readonly: hostPath.startsWith("ro:"),
    })),
    labels: new Map([["io.kubernetes.container.name", spec.name]]),
    logPath: `${spec.name}.log`,
    tty: spec.hasTerminal ?? false,
    linux: {
      resources: resources(spec),
      securityContext: {
        namespaceOptions: sandbox.linux!.securityContext!.namespaceOptions!,
        ...(spec.user === undefined
          ? {}
          : { runAsUser: { value: spec.user }, runAsGroup: { value: spec.user } }),
        readonlyRootfs: spec.isRootReadOnly ?? false,
        noNewPrivs: spec.isRestricted ?? false,
        ...(spec.isRestricted ? { capabilities: { dropCapabilities: ["ALL"] } } : {}),
        maskedPaths: MASKED,
        readonlyPaths: READ_ONLY,
        seccomp: { profileType: "runtimeDefault" as const },
      },
    },
  };
}

function resources({ milliCpu = 0, memoryBytes = 0 }: Partial<ContainerSpec>) {
  return {
    cpuPeriod: CPU_PERIOD,
    cpuQuota: milliCpu * CPU_PERIOD / 1000,
    // kubelet gives 2 to pods without a request; tests would wait for the rest of the machine.
    cpuShares: milliCpu === 0 ? 1024 : Math.max(2, Math.trunc(milliCpu * 1024 / 1000)),
    memoryLimitInBytes: memoryBytes,
    oomScoreAdj: 1000,
  };
}
