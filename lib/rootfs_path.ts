/**
 * Paths as a process in a container sees them.
 *
 * @module
 */

/** Looks at files without following links. */
export interface FileLooker {
  /** Undefined if there is nothing at the path. */
  look(path: string): { kind: "file" | "directory" | "link" | "other"; mode: number } | undefined;
  readLink(path: string): string;
}

/** As many links as the kernel follows. */
const MAX_LINKS = 40;

/**
 * Where `path` is on the node, for a container with this root: links are followed inside the root,
 * and lead nowhere else.
 * @param bind Mounts: destination → where it is on the node. The longest that fits counts.
 * @returns Undefined if there is nothing.
 */
export function resolveInRoot(
  path: string,
  options: { root: string; bind: ReadonlyMap<string, string>; files: FileLooker },
): string | undefined {
  const { root, bind, files } = options;
  let rest = split(path);
  let seen: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const [part, ...after] = rest as [string, ...string[]];
    rest = after;
    if (part === "..") {
      seen = seen.slice(0, -1);
      continue;
    }
    const next = [...seen, part];
    const found = files.look(onNode(next, { root, bind }));
    if (!found) return undefined;
    if (found.kind !== "link") {
      seen = next;
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    const target = files.readLink(onNode(next, { root, bind }));
    if (target.startsWith("/")) seen = [];
    rest = [...split(target), ...rest];
  }
  return onNode(seen, { root, bind });
}

function split(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function onNode(
  parts: readonly string[],
  { root, bind }: { root: string; bind: ReadonlyMap<string, string> },
): string {
  for (let length = parts.length; length > 0; length--) {
    const source = bind.get(`/${parts.slice(0, length).join("/")}`);
    if (source !== undefined) return [source, ...parts.slice(length)].join("/");
  }
  return [root, ...parts].join("/");
}

/** The node's files. */
export const NODE_FILES: FileLooker = {
  look(path) {
    try {
      const { isFile, isDirectory, isSymlink, mode } = Deno.lstatSync(path);
      const kind = isFile ? "file" : isDirectory ? "directory" : isSymlink ? "link" : "other";
      return { kind, mode: mode ?? 0 };
    } catch (error) {
      const isAbsent = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      if (isAbsent) return undefined;
      throw error;
    }
  },
  readLink: (path) => Deno.readLinkSync(path),
};
