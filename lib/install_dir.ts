/**
 * The install directory: everything that runs on a node and in its pods, in one directory that may
 * be anywhere.
 *
 * ```
 * VERSION                     version, Deno's version, architecture, as JSON
 * containerd-shim-spin-v2     launcher of the shim
 * spinkube                    launcher of every mode
 * bin/deno                    the runtime
 * lib/ld.so, lib/*.so*        the loader and the libraries that the runtime needs
 * app/main.js, app/…          the program
 * cache/                      compiled code; written while the program runs on the node
 * cache/pod/                  compiled code for pods; never written again
 * ```
 *
 * @module
 */

/** Names in an install directory. */
export const INSTALL_DIR = {
  version: "VERSION",
  runtime: "bin/deno",
  libraries: "lib",
  loader: "lib/ld.so",
  program: "app/main.js",
  cache: "cache",
  podCache: "cache/pod",
  shim: "containerd-shim-spin-v2",
  launcher: "spinkube",
} as const;

/** `VERSION` of an install directory. */
export interface InstallVersion {
  readonly version: string;
  readonly deno: string;
  /** `x86_64` or `aarch64`. */
  readonly arch: string;
}

/**
 * The command line that runs a mode from an install directory, wherever it is mounted: by its own
 * loader, so that it needs nothing from the root file system it runs in.
 *
 * @param directory The install directory as the process will see it.
 * @param options.denoFlags Flags of `deno run`.
 */
export function installedCommand(
  directory: string,
  options: { denoFlags: readonly string[]; args: readonly string[] },
): string[] {
  return [
    `${directory}/${INSTALL_DIR.loader}`,
    ...["--library-path", `${directory}/${INSTALL_DIR.libraries}`],
    `${directory}/${INSTALL_DIR.runtime}`,
    ...["run", "--no-config", "--cached-only", ...options.denoFlags],
    `${directory}/${INSTALL_DIR.program}`,
    ...options.args,
  ];
}

/** The install directory whose loader is the running program; undefined if it is something else. */
export function installDirOf(program: string): string | undefined {
  const end = `/${INSTALL_DIR.loader}`;
  return program.endsWith(end) ? program.slice(0, -end.length) : undefined;
}

/**
 * The environment that the runtime needs for that; everything else is up to the caller. Deno starts
 * with many threads for a moment: with a heap for each the C library would keep 16 MB more.
 *
 * @param cache Where compiled code is, in the directory.
 */
export function installedEnvironment(
  directory: string,
  cache: string = INSTALL_DIR.cache,
): Record<string, string> {
  return {
    DENO_DIR: `${directory}/${cache}`,
    DENO_NO_UPDATE_CHECK: "1",
    MALLOC_ARENA_MAX: "2",
  };
}
