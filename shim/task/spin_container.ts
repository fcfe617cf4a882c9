/**
 * Which containers are those of Spin apps. Everything else goes to runc as it came.
 *
 * @module
 */

import { type FileLooker, NODE_FILES, resolveInRoot } from "../../lib/rootfs_path.ts";
import { CRI_ANNOTATIONS, type Spec } from "./spec.ts";

/** What a container is, as far as its specification and its files tell. */
export type ContainerKind =
  /** For runc, as it is. */
  | "linux"
  /** Nothing in it can be executed: its image may hold a Spin app. */
  | "candidate";

/** Where processes look for programs if the container does not say. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Looks at what the container would execute. A pod sandbox, and a container whose command is a
 * program or a script, is an ordinary one; the images of Spin apps hold nothing that could be
 * executed.
 * @param root The root file system on the node.
 */
export function classifyContainer(
  spec: Spec,
  { root, files = NODE_FILES, readStart = readFirstBytes }: {
    root: string;
    files?: FileLooker;
    readStart?: (path: string) => Uint8Array;
  },
): ContainerKind {
  if (spec.annotations?.[CRI_ANNOTATIONS.containerType] === "sandbox") return "linux";
  const command = spec.process?.args?.[0];
  if (command === undefined || command === "") return "candidate";
  const bind = new Map(
    (spec.mounts ?? []).filter(({ type, source }) => type === "bind" && source)
      .map(({ destination, source }) => [destination.replace(/\/+$/, ""), source!]),
  );
  for (const path of candidatePaths(command, spec)) {
    const found = resolveInRoot(path, { root, bind, files });
    if (found !== undefined && isProgram(found, { files, readStart })) return "linux";
  }
  return "candidate";
}

/** The paths that a command may mean: with a slash one, else one in each directory of `PATH`. */
function candidatePaths(command: string, spec: Spec): string[] {
  const cwd = spec.process?.cwd ?? "/";
  if (command.includes("/")) return [command.startsWith("/") ? command : `${cwd}/${command}`];
  const path = spec.process?.env?.find((entry) => entry.startsWith("PATH="))?.slice(5);
  return (path || DEFAULT_PATH).split(":").map((directory) => `${directory || cwd}/${command}`);
}

/** An executable file that is a Linux program, or a script that names its interpreter. */
function isProgram(
  path: string,
  { files, readStart }: { files: FileLooker; readStart: (path: string) => Uint8Array },
): boolean {
  const found = files.look(path);
  if (found?.kind !== "file" || (found.mode & 0o111) === 0) return false;
  const [a, b, c, d] = readStart(path);
  const isElf = a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46;
  const isScript = a === 0x23 && b === 0x21;
  return isElf || isScript;
}

function readFirstBytes(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(4);
  return bytes.subarray(0, file.readSync(bytes) ?? 0);
}

/**
 * Whether a container without an app was meant to run one: SpinKube gives the command `/`, others the
 * name of a module or a manifest. It then gets our host, which says what is missing.
 */
export function isMeantForSpin(spec: Spec): boolean {
  const command = spec.process?.args?.[0] ?? "";
  return command === "" || command === "/" || /\.(?:wasm|wat|toml)$/.test(command);
}
