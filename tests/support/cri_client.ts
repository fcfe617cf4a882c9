/**
 * Drives containerd as kubelet does.
 *
 * @module
 */

import { CRI_METHODS, type PodSandboxConfig } from "./cri_messages.ts";
import { GrpcClient, type GrpcMethod } from "./grpc_client.ts";
import type { MessageInit, MessageOf } from "../../shim/proto/schema.ts";
import { waitUntil } from "./wait.ts";
import { type ContainerSpec, Pod, type PodSpec, sandboxConfig } from "./cri_pod.ts";

type Methods = typeof CRI_METHODS;
type RequestOf<Name extends keyof Methods> = MessageInit<Methods[Name]["request"]>;
type ResponseOf<Name extends keyof Methods> = MessageOf<Methods[Name]["response"]>;

/** The node that is driven. */
export interface CriNode {
  readonly name: string;
  readonly directory: string;
  readonly socket: string;
}

/** CRI of one containerd. */
export class CriClient {
  readonly #node: CriNode;
  readonly #grpc: GrpcClient;
  /** Ids of every sandbox and container that was made, for whoever looks for what is left. */
  readonly made = new Set<string>();

  constructor(node: CriNode) {
    this.#node = node;
    this.#grpc = new GrpcClient(node.socket);
  }

  /** Calls a method. @throws {GrpcError} with containerd's message. */
  async call<Name extends keyof Methods>(
    name: Name,
    request: RequestOf<Name>,
    options: { timeoutMs?: number } = {},
  ): Promise<ResponseOf<Name>> {
    const method = CRI_METHODS[name] as unknown as GrpcMethod<
      Methods[Name]["request"],
      Methods[Name]["response"]
    >;
    return await this.#grpc.call(method, request, options);
  }

  /** Whether the runtime and the network are ready. */
  async isReady(): Promise<boolean> {
    try {
      const { status } = await this.call("status", {}, { timeoutMs: 5_000 });
      const conditions = status?.conditions ?? [];
      return conditions.length > 0 && conditions.every(({ status }) => status);
    } catch {
      // It does not serve yet.
      return false;
    }
  }

  /** Waits until CRI knows an image: it learns of imported ones by events. */
  async waitForImage(name: string): Promise<void> {
    await waitUntil(async () => {
      const { image } = await this.call("imageStatus", { image: { image: name } });
      return image !== undefined;
    }, { what: `CRI to know the image "${name}"` });
  }

  /**
   * Runs a pod with its containers. The caller disposes it.
   * @throws {GrpcError} if something of it cannot be made; then nothing of it is left.
   */
  async runPod(
    { containers = [], ...spec }: PodSpec & { containers?: readonly ContainerSpec[] },
  ): Promise<Pod> {
    const pod = await this.runSandbox(spec);
    try {
      for (const container of containers) await pod.run(container);
      return pod;
    } catch (error) {
      await pod.remove();
      throw error;
    }
  }

  /** Runs the sandbox of a pod alone. The caller disposes it. */
  async runSandbox(spec: PodSpec): Promise<Pod> {
    const config: PodSandboxConfig = sandboxConfig(spec, this.#node);
    await Deno.mkdir(config.logDirectory!, { recursive: true });
    const { podSandboxId } = await this.call("runPodSandbox", {
      config,
      runtimeHandler: spec.handler ?? "spin",
    });
    this.made.add(podSandboxId);
    const { status } = await this.call("podSandboxStatus", { podSandboxId });
    return new Pod(this, { id: podSandboxId, config, ip: status?.network?.ip ?? "" });
  }

  /** Removes every pod; those that resist are told in the end. */
  async removeAll(): Promise<void> {
    const { items } = await this.call("listPodSandbox", {});
    for (const { id: podSandboxId } of items) {
      await this.call("stopPodSandbox", { podSandboxId });
      await this.call("removePodSandbox", { podSandboxId });
    }
  }

  /** Closes the connection; the next call makes a new one. */
  disconnect(): void {
    this.#grpc.close();
  }
}
