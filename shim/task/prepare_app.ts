/**
 * Finds the app of a container in the node's store. If it is not there, a process of its own puts it
 * there: the shim itself stays small.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import type { PrepareAppResult } from "../../crds/contract.ts";
import { errorText } from "../../lib/errors.ts";
import { selfCommand } from "../../lib/self_command.ts";

/** Which container, and where to ask. */
export interface PrepareAppRequest {
  /** containerd's gRPC socket. */
  readonly address: string;
  readonly namespace: string;
  readonly container: string;
  /** The container's root file system on the node. */
  readonly rootfs: string;
  /** The node's store. */
  readonly store: string;
  readonly signal?: AbortSignal;
}

/** Milliseconds that the first start of an image may take. */
const TIMEOUT_MS = 110_000;

/**
 * Finds or prepares the app, and notes in the store that the container uses it.
 * @returns What became of it; a failure of the process itself is a `failure` too.
 */
export async function prepareApp(
  request: PrepareAppRequest,
  log: (line: string) => void,
): Promise<PrepareAppResult> {
  return await findApp(request, log) ?? await runPrepareApp(request, log);
}

/** Here, because a process would take longer to start than this takes. */
async function findApp(
  { address, store, ...container }: PrepareAppRequest,
  log: (line: string) => void,
): Promise<PrepareAppResult | undefined> {
  // Ordinary containers never come here: their shims do not load any of it.
  const [{ AppStore }, { ContainerdClient }, { findStoredApp, identifyApp }] = await Promise.all([
    import("../store/app_store.ts"),
    import("../store/containerd_client.ts"),
    import("../store/find_app.ts"),
  ]);
  try {
    using client = new ContainerdClient(address, container);
    const identity = await identifyApp({ client, ...container });
    return findStoredApp(new AppStore(store), identity, container);
  } catch (error) {
    log(`cannot look for the app in "${store}": ${errorText(error)}`);
    return undefined;
  }
}

async function runPrepareApp(
  request: PrepareAppRequest,
  log: (line: string) => void,
): Promise<PrepareAppResult> {
  const [program, ...before] = selfCommand();
  const child = new Deno.Command(program, {
    args: [
      ...before,
      "prepare-app",
      ...["--address", request.address, "--namespace", request.namespace],
      ...["--container", request.container, "--rootfs", request.rootfs, "--store", request.store],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const kill = (): void => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const cancel = callLater(kill, TIMEOUT_MS);
  request.signal?.addEventListener("abort", kill, { once: true });
  try {
    const { code, stdout, stderr } = await child.output();
    const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => line !== "");
    for (const line of lines) log(line);
    return parseResult(new TextDecoder().decode(stdout)) ??
      { kind: "failure", message: `Preparing the app failed with ${code}: ${lines.at(-1) ?? ""}` };
  } finally {
    cancel();
    request.signal?.removeEventListener("abort", kill);
  }
}

function parseResult(text: string): PrepareAppResult | undefined {
  try {
    return JSON.parse(text);
  } catch {
    // It ended before it had a result.
    return undefined;
  }
}
