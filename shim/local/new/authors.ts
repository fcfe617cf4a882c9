/**
 * Who writes a new app.
 *
 * @module
 */

/** Runs a program. @returns its output; undefined if it fails or is not there. */
export type RunProgram = (
  program: string,
  args: readonly string[],
) => Promise<string | undefined>;

/** The author as git knows him or her, else the user of this machine; nobody if that is unknown. */
export async function findAuthors(
  { run, user }: { run: RunProgram; user: string | undefined },
): Promise<string[]> {
  const [name, email] = await Promise.all(
    ["user.name", "user.email"].map((key) => run("git", ["config", "--get", key])),
  );
  const author = name?.trim() || user || "";
  const address = email?.trim() ?? "";
  if (author === "") return address === "" ? [] : [address];
  return [address === "" ? author : `${author} <${address}>`];
}
