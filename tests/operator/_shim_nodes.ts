/**
 * Nodes of an API server without machines, and what kubelets and the Job controller would write.
 *
 * @module
 */

import { type Job, JOBS, type Node, NODES } from "../../controllers/shim/node_types.ts";
import type { ShimSettings } from "../../controllers/shim/shim_settings.ts";
import { outcomeOf } from "../../controllers/shim/job_state.ts";
import { type Shim, SHIM_CONTRACT, SHIMS, type ShimSpec } from "../../crds/shim.ts";
import { isConflict, isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Informer } from "../../lib/kube/informer.ts";
import { apiVersion } from "../../lib/kube/types.ts";

/** What becomes of a Job: it ends well or not, or goes on. */
export type JobFate = "succeed" | "fail" | "hang";

/** Settings for Jobs in a namespace. */
export function shimSettings(namespace: string): ShimSettings {
  return {
    namespace,
    downloaderImage: "registry.example/spinkube:1",
    installerImage: "registry.example/spinkube:1",
    jobTtlSeconds: 3_600,
    downloaderConfigMap: "",
    imagePullSecrets: [],
    imagePullPolicy: "",
  };
}

/** A Shim with an archive for all nodes. */
export function shim(name: string, spec: Partial<ShimSpec> = {}): Shim {
  return {
    apiVersion: apiVersion(SHIMS),
    kind: SHIMS.kind,
    metadata: { name },
    spec: {
      nodeSelector: { pool: name },
      fetchStrategy: { anonHttp: { location: "https://example.com/shim-1.tar.gz" } },
      runtimeClass: { name: `class-${name}`, handler: name },
      rolloutStrategy: { type: "recreate" },
      ...spec,
    },
  };
}

/** A node's part of a test. */
export interface NodeInit {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  /** Default: true. */
  readonly isReady?: boolean;
  /** Default: `linux`. */
  readonly os?: string;
  /** Default: `amd64`. */
  readonly arch?: string;
  /** Default: `machine-<name>`. */
  readonly machineID?: string;
}

/** Creates a node as a kubelet does. */
export async function createNode(client: KubeClient, init: NodeInit): Promise<Node> {
  const { name, labels = {}, annotations = {} } = init;
  await client.create<Node>(NODES, { metadata: { name, labels, annotations } });
  return await setNodeStatus(client, init);
}

/** Writes what a kubelet tells of itself. */
export async function setNodeStatus(
  client: KubeClient,
  { name, isReady = true, os = "linux", arch = "amd64", machineID = `machine-${name}` }: NodeInit,
): Promise<Node> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return await client.mergePatch(NODES, { name }, {
    subresource: "status",
    patch: {
      status: {
        conditions: [{
          type: "Ready",
          status: isReady ? "True" : "Unknown",
          reason: "Kubelet",
          message: "",
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        }],
        nodeInfo: {
          machineID,
          systemUUID: machineID,
          bootID: "b",
          kernelVersion: "6",
          osImage: "Linux",
          containerRuntimeVersion: "containerd://1.7.2",
          kubeletVersion: "v1.34.0",
          kubeProxyVersion: "",
          operatingSystem: os,
          architecture: arch,
        },
      },
    },
  });
}

/** Ends Jobs as the Job controller does. Whoever started it disposes it. */
export class FakeKubelets {
  /** What becomes of a Job. It is asked again for those that go on, see {@link look}. */
  fate: (job: Job) => JobFate;
  /** The most Jobs that were running at the same time. */
  peak = 0;
  /** Nodes of the Jobs that were made, in their order. */
  readonly made: string[] = [];
  readonly #client: KubeClient;
  readonly #jobs: Informer<Job>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #ending = new Set<string>();
  readonly #writes = new Set<Promise<void>>();

  constructor(
    client: KubeClient,
    { namespace, fate = () => "succeed" }: { namespace: string; fate?: (job: Job) => JobFate },
  ) {
    this.#client = client;
    this.fate = fate;
    this.#jobs = new Informer(JOBS, { namespace });
    this.#jobs.onChange(({ before, after }) => {
      if (!before && after) this.made.push(nodeNameOf(after));
      const running = [...this.#jobs.all()].filter((job) => outcomeOf(job) === undefined);
      this.peak = Math.max(this.peak, running.length);
      if (after) this.#settle(after);
    });
    this.#running = this.#jobs.run(client, this.#stop.signal);
  }

  /** Asks for the fate of all Jobs that go on. */
  look(): void {
    for (const job of this.#jobs.all()) this.#settle(job);
  }

  #settle(job: Job): void {
    const uid = job.metadata.uid!;
    if (outcomeOf(job) !== undefined || this.#ending.has(uid)) return;
    const fate = this.fate(job);
    if (fate === "hang") return;
    this.#ending.add(uid);
    const write = endJob(this.#client, job, fate).catch((error) => {
      // It was deleted meanwhile.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }).finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#writes);
  }
}

/** The node that a Job is for. */
export function nodeNameOf({ metadata }: Job): string {
  return metadata.annotations![SHIM_CONTRACT.nodeName]!;
}

/** Writes the end of a Job. */
export async function endJob(
  client: KubeClient,
  { metadata }: Job,
  fate: "succeed" | "fail",
): Promise<void> {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: "True",
    reason,
    message,
    lastProbeTime: time,
    lastTransitionTime: time,
  });
  const text = "Job has reached the specified backoff limit";
  const status = fate === "succeed"
    ? {
      startTime: time,
      completionTime: time,
      succeeded: 1,
      conditions: [
        condition("SuccessCriteriaMet", "CompletionsReached", ""),
        condition("Complete", "CompletionsReached", ""),
      ],
    }
    : {
      startTime: time,
      failed: 1,
      conditions: [
        condition("FailureTarget", "BackoffLimitExceeded", text),
        condition("Failed", "BackoffLimitExceeded", text),
      ],
    };
  await client.mergePatch(JOBS, metadata, { subresource: "status", patch: { status } });
}
