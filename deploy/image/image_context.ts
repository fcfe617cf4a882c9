/**
 * `deno task image`: what the operator's image is built from, in `dist/image`:
 *
 * ```
 * Containerfile
 * root/manager             the operator, as SpinKube's chart starts it
 * root/usr/bin/spinkube    the program in all its modes
 * root/usr/bin/nsenter     runs programs of the node for the installer
 * root/spinkube/           the install directory
 * root/tmp/
 * ```
 *
 * @module
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { INSTALL_DIR, installedCommand, type InstallVersion } from "../../lib/install_dir.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { DENO_FLAGS, SMALL_DENO_FLAGS } from "../../lib/self_command.ts";
import { VERSION } from "../../lib/version.ts";
import { buildEnterProgram } from "./enter_program.ts";
import { type Architecture, buildExecProgram } from "./exec_program.ts";
import { buildInstallDir } from "./install_dir.ts";

/** Where the install directory is in the image. */
const INSTALLED = "spinkube";

/** Programs of the image → the arguments they put before the user's. */
const PROGRAMS: Readonly<Record<string, ProgramInit>> = {
  "manager": { args: ["controller"], denoFlags: SMALL_DENO_FLAGS },
  "usr/bin/spinkube": { args: [], denoFlags: DENO_FLAGS },
};

interface ProgramInit {
  readonly args: readonly string[];
  readonly denoFlags: readonly string[];
}

/** Everybody's rights: the image's user owns nothing. */
const READABLE = 0o644;
const EXECUTABLE = 0o755;

/**
 * Builds the directory. An older one in its place is replaced.
 * @param install An install directory to take; default: a new one.
 * @throws {Error} if a step fails, with what it said.
 */
export async function buildImageContext(outDir: string, install?: string): Promise<void> {
  await Deno.mkdir(outDir, { recursive: true });
  const root = join(outDir, "root");
  await removeIfThere(root, { recursive: true });
  await Deno.mkdir(root);
  const installed = join(root, INSTALLED);
  if (install === undefined) await buildInstallDir(installed, VERSION);
  else await copyDirectory(install, installed);
  const about = JSON.parse(
    await Deno.readTextFile(join(installed, INSTALL_DIR.version)),
  ) as InstallVersion;
  for (const [path, init] of Object.entries(PROGRAMS)) {
    await Deno.mkdir(dirname(join(root, path)), { recursive: true });
    await Deno.writeFile(join(root, path), programOf(init, about.arch as Architecture), {
      mode: EXECUTABLE,
    });
  }
  await Deno.writeFile(
    join(root, "usr/bin/nsenter"),
    buildEnterProgram(about.arch as Architecture),
    { mode: EXECUTABLE },
  );
  await allowAll(root);
  await Deno.mkdir(join(root, "tmp"));
  // As everywhere: whoever writes a file there owns it.
  await Deno.chmod(join(root, "tmp"), 0o1777);
  await Deno.copyFile(new URL("Containerfile", import.meta.url), join(outDir, "Containerfile"));
}

function programOf(init: ProgramInit, arch: Architecture): Uint8Array<ArrayBuffer> {
  const [program, ...rest] = installedCommand(`/${INSTALLED}`, init);
  return buildExecProgram([program!, ...rest], arch);
}

async function copyDirectory(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyDirectory(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** Lets everybody read everything below a directory, and run what its owner may run. */
async function allowAll(directory: string): Promise<void> {
  await Deno.chmod(directory, EXECUTABLE);
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) {
      await allowAll(path);
    } else {
      const { mode } = await Deno.stat(path);
      await Deno.chmod(path, (mode ?? 0) & 0o100 ? EXECUTABLE : READABLE);
    }
  }
}

if (import.meta.main) {
  const outDir = fileURLToPath(new URL("../../dist/image", import.meta.url));
  await buildImageContext(outDir);
  console.error(`Build the image from dist/image, for example: podman build dist/image`);
}
