/**
 * Remembers with which profile an app was built last, so that `up` can tell that it is about to
 * serve another build than the user thinks.
 *
 * @module
 */

import { dirname, join } from "../../lib/path.ts";

/** Stands for a build without a profile. */
const ANONYMOUS = "<anonymous>";

function fileOf(appDir: string): string {
  return join(appDir, ".spin", "last-build.txt");
}

/** Remembers the profile. An app that never used one gets no file. */
export async function saveBuildProfile(appDir: string, profile: string | undefined): Promise<void> {
  const file = fileOf(appDir);
  if (profile === undefined && await readProfile(file) === undefined) return;
  await Deno.mkdir(dirname(file), { recursive: true });
  await Deno.writeTextFile(file, profile ?? ANONYMOUS);
}

/** The warning for a user who serves another profile than was built last, if that is so. */
export async function describeStaleBuild(
  appDir: string,
  profile: string | undefined,
): Promise<string | undefined> {
  const built = await readProfile(fileOf(appDir));
  if (built === undefined || built === (profile ?? ANONYMOUS)) return undefined;
  return "You built a different profile more recently than the one you are running. If the app " +
    "appears to be behaving like an older version then run `spin up --build`.";
}

async function readProfile(file: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(file)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
