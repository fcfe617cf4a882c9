/**
 * The mode `shim`: what containerd starts as `containerd-shim-spin-v2`.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { readStdin, writeStdout } from "./_stdio.ts";
import { RUNTIME } from "../../crds/contract.ts";
import {
  encodeInfo,
  formatBootstrap,
  formatVersion,
  type ProgramVersion,
} from "./command_output.ts";
import { findRunc, Runc } from "./runc.ts";
import { wantsShimPerNode } from "./runtime_options.ts";
import { containerdFacts, parseShimArguments, type ShimArguments } from "./start_args.ts";
import { readStartStdin } from "./start_stdin.ts";

/**
 * Runs the shim with containerd's arguments. Nothing but the answer is written to stdout, and to
 * stderr nothing but one sentence if it fails, which containerd shows to users.
 * @returns The exit code.
 */
export async function runShim(
  words: readonly string[],
  version: ProgramVersion,
): Promise<number> {
  try {
    return await run(words, version);
  } catch (error) {
    console.error(errorText(error));
    return 1;
  }
}

async function run(words: readonly string[], version: ProgramVersion): Promise<number> {
  const args = parseShimArguments(words);
  if (args.wantsVersion) {
    writeStdout(new TextEncoder().encode(formatVersion(RUNTIME.binary, version)));
    return 0;
  }
  if (args.wantsInfo) {
    writeStdout(await info(args, version));
    return 0;
  }
  switch (args.action) {
    case "start":
      await start(args, words);
      return 0;
    default: {
      const { deleteContainer } = await import("./delete.ts");
      writeStdout(await deleteContainer(args.id, args.bundle || Deno.cwd()));
      return 0;
    }
  }
}

/** Answers, and stays as the server if it is to and there was none. */
async function start(args: ShimArguments, words: readonly string[]): Promise<void> {
  const { findOrListen, startInBackground } = await import("./start.ts");
  const bundle = Deno.cwd();
  if (!args.stays) {
    writeStdout(formatBootstrap(await startInBackground(words, { bundle })));
    return;
  }
  const { params, options } = readStartStdin(readStdin(), args);
  const containerd = containerdFacts(args, { environment: Deno.env.toObject(), params });
  const isPerNode = await wantsShimPerNode(options, (path) => Deno.readTextFileSync(path));
  const { id, namespace } = args;
  const place = { id, namespace, bundle, isPerNode, containerd };
  const { address, socket, listener } = await findOrListen(place);
  writeStdout(new TextEncoder().encode(`${address}\n`));
  if (!listener) return;
  // containerd calls from now on, and is answered as soon as the rest is loaded.
  const { serve } = await import("./serve.ts");
  // Neither the first container's bundle nor what systemd told containerd is the server's.
  Deno.chdir("/");
  Deno.env.delete("NOTIFY_SOCKET");
  const path = Deno.env.get("PATH") ?? "";
  await serve({ namespace, socket, listener, id, bundle, containerd, path });
}

async function info(args: ShimArguments, version: ProgramVersion): Promise<Uint8Array> {
  const { options } = readStartStdin(readStdin(), args);
  const program = findRunc(undefined, {
    path: Deno.env.get("PATH") ?? "",
    isExecutable: (path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        // It is looked for elsewhere.
        return false;
      }
    },
    list: () => [],
  });
  const runc = new Runc({ program, root: "/run/containerd/runc", isSystemdCgroup: false });
  return encodeInfo({ ...version, name: RUNTIME.type, options, features: await runc.features() });
}
