/**
 * What is measured of a shim.
 *
 * @module
 */

import { removeIfThere } from "../../../lib/remove_if_there.ts";
import { shimProcesses } from "../../support/containerd_leftovers.ts";
import type { Pod } from "../../support/cri_pod.ts";
import type { OciImage } from "../../support/oci_layout.ts";
import type { LoadGenerator } from "../load.ts";
import { kilobyteField } from "../process_memory.ts";
import { podProcesses, type ShimSubject, startPod } from "./subject.ts";

/** Memory of one of several pods at once: of its shim and of what it runs, without its sandbox. */
export interface PodMemory {
  readonly pods: number;
  /** Bytes that are no other process's. */
  readonly privateBytes: number;
  /** Bytes with its share of what several processes have. */
  readonly proportionalBytes: number;
}

/** The figures of a subject. */
export interface ShimFigures {
  readonly subject: ShimSubject;
  /** Milliseconds of the shim's `start`, one for each try. */
  readonly starts: readonly number[];
  /** Milliseconds from the call that makes the sandbox to the first answer: of an app's first pod. */
  readonly firstPods: readonly number[];
  /** The same of later ones. */
  readonly laterPods: readonly number[];
  readonly memory: readonly PodMemory[];
}

/** How often something is measured. */
export interface ShimPlan {
  readonly starts: number;
  readonly firstPods: number;
  readonly laterPods: number;
  /** Pods at once, for the memory of each. */
  readonly pods: readonly number[];
  /** Milliseconds that they idle before. */
  readonly settleMs: number;
}

/** Measures a subject, whose node has nothing else to do. */
export async function measureShim(
  subject: ShimSubject,
  { plan, image, signal }: {
    plan: ShimPlan;
    /** The app's image, for subjects that prepare it. */
    image: OciImage;
    signal: AbortSignal;
  },
): Promise<ShimFigures> {
  const repeat = async (times: number, measure: () => Promise<number>): Promise<number[]> => {
    const values: number[] = [];
    for (let index = 0; index < times; index++) {
      signal.throwIfAborted();
      values.push(await measure());
    }
    return values;
  };
  const starts = await repeat(plan.starts, () => timeStart(subject));
  const firstPods = subject.isServing
    ? await repeat(plan.firstPods, async () => {
      await forgetApp(subject, image);
      return await timePod(subject);
    })
    : [];
  const laterPods = await repeat(plan.laterPods, () => timePod(subject));
  const memory: PodMemory[] = [];
  for (const pods of plan.pods) {
    signal.throwIfAborted();
    memory.push(await measureMemory(subject, { pods, settleMs: plan.settleMs }));
  }
  return { subject, starts, firstPods, laterPods, memory };
}

/** `start` as containerd calls it, in a bundle of its own; the server that it leaves is ended. */
async function timeStart({ node, shim }: ShimSubject): Promise<number> {
  const id = `start-${crypto.randomUUID()}`;
  const bundle = await Deno.makeTempDir({ dir: node.directory });
  await Deno.writeTextFile(`${bundle}/config.json`, '{"ociVersion":"1.0.2","annotations":{}}');
  const before = new Set(shimProcesses(node));
  const startedAt = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(shim, {
    args: [
      ...["-namespace", node.name, "-address", node.socket],
      ...["-publish-binary", `${node.version.bin}/containerd`],
      ...["-id", id, "-bundle", bundle, "start"],
    ],
    cwd: bundle,
    env: { TTRPC_ADDRESS: `${node.socket}.ttrpc`, MAX_SHIM_VERSION: "2", GOMAXPROCS: "2" },
    stdin: "null",
  }).output();
  const milliseconds = performance.now() - startedAt;
  for (const pid of shimProcesses(node).filter((pid) => !before.has(pid))) {
    Deno.kill(pid, "SIGKILL");
  }
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`"${shim} start" fails: ${decoder.decode(stderr)}`);
  // Its socket is nobody's any more.
  const socket = /unix:\/\/([^"\s]+)/.exec(decoder.decode(stdout))?.[1];
  if (socket !== undefined) await Deno.remove(socket);
  return milliseconds;
}

/** Whatever a node has prepared of an app is gone, and its image is as it was pulled. */
async function forgetApp({ node }: ShimSubject, image: OciImage): Promise<void> {
  await node.ctr(["-n", "k8s.io", "images", "rm", "--sync", image.name]);
  await node.ctr(["images", "rm", "--sync", image.name]);
  await removeIfThere(node.storeDir, { recursive: true });
  await node.importImage(image);
}

async function timePod(subject: ShimSubject): Promise<number> {
  const startedAt = performance.now();
  await using _ = await startPod(subject);
  return performance.now() - startedAt;
}

async function measureMemory(
  subject: ShimSubject,
  { pods, settleMs }: { pods: number; settleMs: number },
): Promise<PodMemory> {
  const running: Pod[] = [];
  try {
    for (let index = 0; index < pods; index++) running.push(await startPod(subject));
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const sums = { privateBytes: 0, proportionalBytes: 0 };
    for (const pid of podProcesses(subject.node)) {
      const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
      sums.proportionalBytes += kilobyteField(rollup, "Pss");
      sums.privateBytes += kilobyteField(rollup, "Private_Clean") +
        kilobyteField(rollup, "Private_Dirty");
    }
    return {
      pods,
      privateBytes: sums.privateBytes / pods,
      proportionalBytes: sums.proportionalBytes / pods,
    };
  } finally {
    for (const pod of running) await pod.remove();
  }
}

/** Requests a second, round by round. */
export interface Throughput {
  readonly name: string;
  readonly perSecond: readonly number[];
  readonly failed: number;
}

/** A place to send requests to. */
export interface LoadTarget {
  readonly name: string;
  readonly url: string;
}

/** Loads the targets in turn, so that what disturbs the machine disturbs all of them. */
export async function measureThroughput(
  targets: readonly LoadTarget[],
  { load, rounds, seconds, connections, signal }: {
    load: LoadGenerator;
    rounds: number;
    seconds: number;
    connections: number;
    signal: AbortSignal;
  },
): Promise<Throughput[]> {
  const results = targets.map(({ name }) => ({ name, perSecond: [] as number[], failed: 0 }));
  for (const { url } of targets) await load.run({ url, connections, seconds: 1, signal });
  for (let round = 0; round < rounds; round++) {
    for (const [index, { url }] of targets.entries()) {
      const result = await load.run({ url, connections, seconds, signal });
      results[index]!.perSecond.push(result.requestsPerSecond);
      results[index]!.failed += result.badStatuses + result.socketErrors;
    }
  }
  return results;
}
