/**
 * `deno task install-dir`: the install directory in `dist/install`, made of the bundle, the running
 * Deno, and the loader and libraries that Deno needs. See `lib/install_dir.ts` for what is in it.
 *
 * It may be moved, mounted read-only, and runs on nodes and in containers that have no C library.
 *
 * @module
 */

import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIME } from "../../crds/contract.ts";
import {
  INSTALL_DIR,
  installedCommand,
  installedEnvironment,
  type InstallVersion,
} from "../../lib/install_dir.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { buildBundle } from "./bundle.ts";
import { buildPodCache } from "./pod_cache.ts";

/**
 * Builds an install directory. An older one in its place is replaced when the new one is complete.
 * @throws {Error} if a step fails, with what it said.
 */
export async function buildInstallDir(outDir: string, version: string): Promise<void> {
  const unfinished = `${outDir}.new`;
  await removeIfThere(unfinished, { recursive: true });
  await buildBundle(unfinished);
  await Deno.mkdir(join(unfinished, "bin"));
  await Deno.copyFile(Deno.execPath(), join(unfinished, INSTALL_DIR.runtime));
  await copyLibraries(Deno.execPath(), unfinished);
  for (const [name, mode] of [[INSTALL_DIR.launcher, ""], [INSTALL_DIR.shim, "shim"]] as const) {
    await Deno.writeTextFile(join(unfinished, name), launcher(mode), { mode: 0o755 });
  }
  const about: InstallVersion = { version, deno: Deno.version.deno, arch: Deno.build.arch };
  await Deno.writeTextFile(join(unfinished, INSTALL_DIR.version), `${JSON.stringify(about)}\n`);
  await warmCache(unfinished);
  await buildPodCache(unfinished);
  await removeIfThere(outDir, { recursive: true });
  await Deno.rename(unfinished, outDir);
}

/** The loader and the libraries that `ldd` lists, by the names they are looked for under. */
async function copyLibraries(program: string, directory: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("ldd", { args: [program] }).output();
  if (!success) throw new Error(`Cannot list the libraries: ${new TextDecoder().decode(stderr)}`);
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const [, name, path] = /^\s*(\S+)(?: => (\S+))? \(0x/.exec(line) ?? [];
    if (name?.startsWith("/") && path === undefined) {
      await Deno.copyFile(name, join(directory, INSTALL_DIR.loader));
    } else if (name && path) {
      await Deno.copyFile(path, join(directory, INSTALL_DIR.libraries, basename(name)));
    }
  }
}

/** Works from any directory, through links, and with an empty environment. */
function launcher(mode: string): string {
  const environment = Object.entries(installedEnvironment("$here"))
    .map(([name, value]) => `${name}="${value}"`);
  return `#!/bin/sh
here=$0
while [ -L "$here" ]; do
  link=$(readlink "$here")
  case $link in /*) here=$link ;; *) here=\${here%/*}/$link ;; esac
done
here=$(cd "\${here%/*}" && pwd)
export ${environment.join(" ")}
${mode === "shim" ? START : ""}exec ${command(mode === "" ? [] : [mode])} "$@"
`;
}

function command(args: readonly string[]): string {
  return installedCommand("$here", { denoFlags: DENO_FLAGS, args })
    .map((word) => word.includes("$") ? `"${word}"` : word).join(" ");
}

/**
 * `start` leaves a server behind that holds nothing of containerd's: what it says goes through a pipe,
 * and its failure into a file of the bundle. One start of the runtime is enough so; a shell takes two
 * milliseconds. See `shim/task/start.ts`.
 */
const START = `for last; do :; done
if [ "$last" = start ] && [ -f config.json ]; then
  exec 3<&0
  { ${command(["shim", "-stay"])} "$@" <&3 3<&- 2>>${RUNTIME.serverLog} & } | {
    IFS= read -r address && printf %s "$address"
  } && exit
  last="The shim's server ended and did not say why"
  while IFS= read -r line; do last=$line; done <${RUNTIME.serverLog}
  printf '%s\\n' "$last" >&2
  exit 1
fi
`;

/** Runs what nodes and pods run, once, so that the code they load is compiled already. */
async function warmCache(directory: string): Promise<void> {
  for (const args of [["version"], ["shim", "-v"]]) {
    const { success, stderr } = await new Deno.Command(join(directory, INSTALL_DIR.launcher), {
      args,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      throw new Error(`"${args.join(" ")}" fails: ${new TextDecoder().decode(stderr).trim()}`);
    }
  }
}

if (import.meta.main) {
  const outDir = fileURLToPath(new URL("../../dist/install", import.meta.url));
  await buildInstallDir(outDir, "0.1.0");
  console.error(`The install directory is dist/install.`);
}
