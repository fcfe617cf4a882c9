/**
 * The mode `build`.
 *
 * @module
 */

import { formatHelp } from "../../lib/command_help.ts";
import { parseCommandLine } from "../../lib/command_line.ts";
import { BUILD, buildApp } from "./build.ts";
import { findManifest } from "./find_manifest.ts";

/** Runs `build` with the arguments that follow it. @returns The exit code. */
export async function runBuild(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(BUILD, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    console.log(formatHelp(BUILD));
    return 0;
  }
  const { values, rest } = parsed;
  if (values.up) {
    const { runUp } = await import("./up_main.ts");
    return await runUp(["--build", ...sharedArguments(values), ...rest]);
  }
  const cwd = Deno.cwd();
  const report = (line: string): void => console.error(line);
  await buildApp(await findManifest(values.from, { cwd, report }), {
    cwd,
    componentIds: values["component-id"],
    isStdoutReserved: false,
    report,
    ...(values.profile === undefined ? {} : { profile: values.profile }),
  });
  return 0;
}

/** What `build --up` hands on, so that the same app is built and served. */
function sharedArguments(
  values: { from: string | undefined; profile: string | undefined; "component-id": string[] },
): string[] {
  return [
    ...(values.from === undefined ? [] : [`--from=${values.from}`]),
    ...(values.profile === undefined ? [] : [`--profile=${values.profile}`]),
    ...values["component-id"].map((id) => `--component-id=${id}`),
  ];
}
