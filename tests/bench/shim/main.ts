/**
 * `deno task bench:shim`: measures the shim under a real containerd, beside containerd's own shim
 * and, if it is given, the original one, in one run on one machine.
 *
 * @module
 */

import { join } from "node:path";
import { buildInstallDir } from "../../../deploy/image/install_dir.ts";
import { UsageError } from "../../../lib/errors.ts";
import { INSTALL_DIR } from "../../../lib/install_dir.ts";
import { userCacheDir } from "../../../shim/local/cache_dir.ts";
import { ContainerdNode, SHIM_PER_NODE } from "../../support/containerd_node.ts";
import {
  type ContainerdVersion,
  findContainerds,
  unpackedDir,
} from "../../support/containerd_versions.ts";
import type { OciImage } from "../../support/oci_layout.ts";
import { registryImage } from "../../support/spin_images.ts";
import { checkFiles, isInstalled } from "../find_program.ts";
import { type Guest, placeCGuest, placeJsGuest } from "../guest.ts";
import { buildJsGuest } from "../js_guest.ts";
import { createLoadGenerator } from "../load.ts";
import { freePort, ServerProcess } from "../server_process.ts";
import {
  type LoadTarget,
  measureShim,
  measureThroughput,
  type ShimFigures,
  type ShimPlan,
} from "./measure.ts";
import { parseShimBenchOptions, type ShimBenchOptions, USAGE } from "./options.ts";
import { formatFigures, formatThroughput } from "./report.ts";
import { idleSubject, type ShimSubject, spinSubject, startPod } from "./subject.ts";

const PLAN: Omit<ShimPlan, "pods"> = { starts: 15, firstPods: 3, laterPods: 15, settleMs: 3_000 };
const LOAD = { rounds: 5, seconds: 3, connections: 32 } as const;
/** Milliseconds that `up` may take; it prepares the component. */
const UP_MS = 60_000;

/** Runs the benchmark. @returns The exit code: 1 if a request failed. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseShimBenchOptions(args);
  if (options.isHelp) {
    console.log(USAGE);
    return 0;
  }
  await checkFiles({ "--original": options.original, "--js-guest": options.jsGuest });
  const version = findVersion(options);
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => controller.abort(new UsageError("Interrupted")));
  }
  const { signal } = controller;
  const workDir = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  try {
    const installDir = options.installDir ?? join(workDir, "install");
    if (options.installDir === undefined) await buildInstallDir(installDir, "0.0.0-bench");
    return await bench(options, { version, installDir, workDir, signal });
  } finally {
    await Deno.remove(workDir, { recursive: true });
  }
}

/** @throws {UsageError} if there is no containerd to run. */
function findVersion({ containerd }: ShimBenchOptions): ContainerdVersion {
  const versions = findContainerds(unpackedDir((name) => Deno.env.get(name)))
    .filter(({ line }) => containerd === undefined || line === containerd);
  const usable = versions.findLast(({ missing }) => missing === undefined);
  if (usable) return usable;
  throw new UsageError(`No containerd can be run: ${versions.at(-1)?.missing}`);
}

interface Surroundings {
  readonly version: ContainerdVersion;
  readonly installDir: string;
  readonly workDir: string;
  readonly signal: AbortSignal;
}

async function bench(options: ShimBenchOptions, surroundings: Surroundings): Promise<number> {
  const { version, installDir } = surroundings;
  const shim = join(installDir, INSTALL_DIR.shim);
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await ContainerdNode.start({ version, shim }));
  const other = options.original === undefined
    ? undefined
    : stack.use(await ContainerdNode.start({ version, shim: options.original }));
  let failed = 0;
  for (const guest of await placeGuests(options, surroundings)) {
    const name = `example.test/bench-${guest.id}:1`;
    const image = await registryImage(name, { manifest: join(guest.appDir, "spin.toml") });
    const subjects = [spinSubject("spinkube", { node, shim, image: name }), idleSubject(node)];
    if (options.isPerNode) {
      const handler = SHIM_PER_NODE;
      subjects.push(spinSubject("one for all pods", { node, shim, image: name, handler }));
    }
    if (other) {
      const original = { node: other, shim: options.original!, image: name };
      subjects.push(spinSubject("original", original));
    }
    for (const each of [node, other]) await each?.importImage(image);
    const figures = await measureAll(subjects, { options, image, surroundings });
    console.log(`\n## ${guest.title}\n\n${formatFigures(figures)}\n`);
    const throughput = await loadAll(subjects, { guest, surroundings });
    console.log(`${formatThroughput(throughput)}\n`);
    failed += throughput.reduce((sum, result) => sum + result.failed, 0);
  }
  return failed > 0 ? 1 : 0;
}

async function measureAll(
  subjects: readonly ShimSubject[],
  { options, image, surroundings: { signal } }: {
    options: ShimBenchOptions;
    image: OciImage;
    surroundings: Surroundings;
  },
): Promise<ShimFigures[]> {
  const figures: ShimFigures[] = [];
  for (const subject of subjects) {
    console.error(`${subject.name} …`);
    const plan = { ...PLAN, pods: options.pods };
    figures.push(await measureShim(subject, { plan, image, signal }));
  }
  return figures;
}

/** The app under `up`, and in a pod of each subject that serves. */
async function loadAll(
  subjects: readonly ShimSubject[],
  { guest, surroundings: { installDir, workDir, signal } }: {
    guest: Guest;
    surroundings: Surroundings;
  },
) {
  await using stack = new AsyncDisposableStack();
  const port = freePort();
  const up = stack.use(
    await ServerProcess.start({
      command: [
        ...[join(installDir, INSTALL_DIR.launcher), "up", "--from", guest.appDir, "--quiet"],
        ...["--listen", `127.0.0.1:${port}`, "--cache-dir", join(workDir, "up")],
      ],
      port,
      timeoutMs: UP_MS,
    }, signal),
  );
  const targets: LoadTarget[] = [{ name: "up", url: up.url }];
  for (const subject of subjects.filter(({ isServing }) => isServing)) {
    const pod = stack.use(await startPod(subject));
    targets.push({ name: `pod, ${subject.name}`, url: `http://${pod.ip}/` });
  }
  const hasWrk = await isInstalled("wrk", Deno.env.get("PATH") ?? "");
  const load = createLoadGenerator({ hasWrk, prefix: [] });
  return await measureThroughput(targets, { ...LOAD, load, signal });
}

async function placeGuests(
  { guests, jsGuest }: ShimBenchOptions,
  { workDir, signal }: Surroundings,
): Promise<Guest[]> {
  const placed: Guest[] = [];
  if (guests.includes("c")) placed.push(await placeCGuest(workDir));
  if (!guests.includes("js")) return placed;
  const cache = userCacheDir({ os: Deno.build.os, environment: (name) => Deno.env.get(name) });
  const wasm = jsGuest ?? await buildJsGuest({
    cacheDir: join(cache ?? workDir, "bench"),
    report: (line) => console.error(line),
    signal,
  });
  placed.push(await placeJsGuest(wasm, workDir));
  return placed;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error([error.message, error.hint].filter(Boolean).join("\n"));
  Deno.exit(2);
}
