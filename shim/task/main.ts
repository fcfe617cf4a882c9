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
      writeStdout(await start(args));
      return 0;
    case "delete": {
      const { deleteContainer } = await import("./delete.ts");
      writeStdout(await deleteContainer(args.id, args.bundle || Deno.cwd()));
      return 0;
    }
    case "serve": {
      const { serve } = await import("./serve.ts");
      const containerd = containerdFacts(args, { environment: Deno.env.toObject() });
      await serve({
        namespace: args.namespace,
        socket: args.socket,
        bundle: args.bundle,
        containerd,
        path: Deno.env.get("PATH") ?? "",
      });
      return 0;
    }
  }
}

async function start(args: ShimArguments): Promise<Uint8Array> {
  const { startServer } = await import("./start.ts");
  const { params } = readStartStdin(readStdin(), args);
  const containerd = containerdFacts(args, { environment: Deno.env.toObject(), params });
  return formatBootstrap(await startServer(args, { containerd, bundle: Deno.cwd() }));
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
