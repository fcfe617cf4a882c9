/**
 * What the database servers of tests have in common: they refuse to run as root.
 *
 * @module
 */

/** Options of a child process that make it run as `user` if this program is root's. */
export interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

/** Whether `file` is there to be run. */
export function isInstalled(file: string | undefined): file is string {
  if (file === undefined) return false;
  try {
    return Deno.statSync(file).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How to run as `user`; undefined if this program is root's and there is no such user. */
export function runAs(user: string): RunAs | undefined {
  if (Deno.uid() !== 0) return {};
  const line = Deno.readTextFileSync("/etc/passwd").split("\n")
    .find((candidate) => candidate.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** A new directory that belongs to `user`. The caller removes it. */
export function makeOwnedDir(user: RunAs, prefix: string): string {
  const directory = Deno.makeTempDirSync({ prefix });
  if (user.uid !== undefined) Deno.chownSync(directory, user.uid, user.gid ?? null);
  return directory;
}

/** Writes a file that only `user` may read, as servers demand of their keys. */
export function writeOwned(path: string, { user, text }: { user: RunAs; text: string }): void {
  Deno.writeTextFileSync(path, text, { mode: 0o600 });
  if (user.uid !== undefined) Deno.chownSync(path, user.uid, user.gid ?? null);
}

/** Runs a command to its end. @throws {Error} with what it printed, if it fails. */
export async function runToEnd(
  file: string,
  { args, user }: { args: readonly string[]; user: RunAs },
): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(file, {
    ...user,
    args: [...args],
    cwd: "/",
    stdin: "null",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(`${file} has failed: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
}

/** A port that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Whether something listens on a port of 127.0.0.1. */
export async function canConnect(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    // Not yet.
    return false;
  }
}

/** Ends a child process and waits for it. */
export async function endProcess(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
}
