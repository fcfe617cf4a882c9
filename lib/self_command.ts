/**
 * How the program starts itself again, for work that wants a process of its own.
 *
 * @module
 */

import { fromFileUrl } from "./file_url.ts";
import { installDirOf, installedCommand } from "./install_dir.ts";

/**
 * Deno's flags for every mode: all permissions (guests reach only what their imports give them),
 * ports shared between isolates, requests that are told apart from their connections, and `gc()`.
 */
export const DENO_FLAGS: readonly string[] = [
  "-A",
  "--quiet",
  "--unstable-net",
  "--unstable-no-legacy-abort",
  "--v8-flags=--expose-gc",
];

/**
 * The same for modes that run for long and do little: half the memory, a little slower. V8 takes it at
 * its start only.
 */
export const SMALL_DENO_FLAGS: readonly string[] = DENO_FLAGS.map((flag) =>
  flag.startsWith("--v8-flags=") ? `${flag},--optimize-for-size` : flag
);

/**
 * The command and first arguments that start this program: the compiled binary itself, or Deno with
 * the main module of source or bundle. The mode and its arguments follow.
 *
 * @param mainModule URL of `main.ts`; the running program's own by default.
 * @throws {Error} if the running program is another one, a test or a script: it would not know the
 * mode, and one that starts us at its beginning would start itself for ever.
 */
export function selfCommand(mainModule: string = Deno.mainModule): [string, ...string[]] {
  const program = Deno.execPath();
  if (Deno.build.standalone) return [program];
  // Started by the loader of an install directory, which then is what the kernel knows of.
  const directory = installDirOf(program);
  if (directory !== undefined) {
    const [first, ...rest] = installedCommand(directory, { denoFlags: DENO_FLAGS, args: [] });
    return [first!, ...rest];
  }
  const path = fromFileUrl(mainModule);
  if (!/[\\/]main\.(?:ts|js)$/.test(path)) {
    throw new Error(`Cannot start "${path}" as this program: it is not its main module`);
  }
  return [program, "run", ...DENO_FLAGS, path];
}
