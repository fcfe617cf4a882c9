/**
 * The mode `kube scaffold`.
 *
 * @module
 */

import { parseCommandLine } from "../../lib/command_line.ts";
import { TerminalError, UsageError } from "../../lib/errors.ts";
import type { AppOutline } from "../../shim/loader/mod.ts";
import { buildManifest, formatManifest, formatManifestJson, scaffoldName } from "./scaffold.ts";
import { findProblems, findWarnings, withoutScheme } from "./scaffold_checks.ts";
import { SCAFFOLD, type ScaffoldValues } from "./scaffold_options.ts";
import { readInput, writeOutput } from "./text_files.ts";

/**
 * Runs `kube scaffold` with the arguments that follow it. Neither a cluster nor a registry is asked.
 * @returns The exit code.
 */
export async function runScaffold(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(SCAFFOLD, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    const { formatHelp } = await import("../../lib/command_help.ts");
    console.log(formatHelp(SCAFFOLD));
    return 0;
  }
  const { values } = parsed;
  if (values.from === undefined) {
    throw new UsageError('required flag(s) "from" not set', `See "${SCAFFOLD.name} --help".`);
  }
  if (!values.inspect) return await scaffold(values, undefined);
  // There is a registry to wait for.
  const { untilStopped } = await import("../../shim/local/until_stopped.ts");
  return await untilStopped((signal) => scaffold(values, signal));
}

async function scaffold(
  values: ScaffoldValues,
  signal: AbortSignal | undefined,
): Promise<number> {
  const problems = findProblems(values);
  if (problems.length > 0) throw new TerminalError("InvalidScaffold", problems.join("\n"));
  const config = values["runtime-config-file"];
  const runtimeConfig = config ? await readInput(config) : undefined;
  const name = scaffoldName(values);
  const { app, warnings, comments } = await compareWithApp(values, { name, signal });
  const documents = buildManifest({ values, runtimeConfig, app });
  for (const warning of [...findWarnings(values, name), ...warnings]) {
    console.error(`Warning: ${warning}`);
  }
  const text = values.output === "json"
    ? formatManifestJson(documents)
    : formatManifest([documents[0]!]) + comments +
      documents.slice(1).map((document) => `---\n${formatManifest([document])}`).join("");
  await writeOutput(values.out || undefined, text);
  return 0;
}

/** What the app says about the options. */
export interface Comparison {
  /** The app, if it was told. */
  readonly app: AppOutline | undefined;
  readonly warnings: readonly string[];
  /** Lines for the end of the SpinApp. */
  readonly comments: string;
}

/**
 * Compares the options with the app that they are for, if it is told, or is the one in this directory.
 * @throws {TerminalError} if it was told, and they do not fit.
 */
export async function compareWithApp(
  values: ScaffoldValues,
  { name, signal }: { readonly name: string; readonly signal?: AbortSignal | undefined },
): Promise<Comparison> {
  if (!values.app && !values.inspect) return await compareWithDirectory(values, name);
  const { compareOptions, missingVariables } = await import("./scaffold_app.ts");
  const app = values.inspect
    ? await readFromRegistry(values, signal)
    : await readLocal(values.app!);
  const { problems, warnings } = compareOptions(values, app);
  if (problems.length > 0) throw new TerminalError("InvalidScaffold", problems.join("\n"));
  return { app, warnings, comments: missingVariables(values, { app, name }) };
}

async function readFromRegistry(
  values: ScaffoldValues,
  signal: AbortSignal | undefined,
): Promise<AppOutline> {
  const { readRemoteOutline } = await import("../../shim/local/registry/remote_outline.ts");
  return await readRemoteOutline(withoutScheme(values.from!), {
    isPlainHttp: values["insecure-registry"],
    signal,
  });
}

async function readLocal(path: string): Promise<AppOutline> {
  const { findAppSource, readAppOutline } = await import("../../shim/loader/mod.ts");
  const cwd = Deno.cwd();
  return await readAppOutline(await findAppSource(path, cwd), { cwd });
}

/** With an app that nobody named: what does not fit is only told. */
async function compareWithDirectory(values: ScaffoldValues, name: string): Promise<Comparison> {
  const nothing = { app: undefined, warnings: [], comments: "" };
  const path = `${Deno.cwd()}/spin.toml`;
  const isDisabled = Deno.env.get("SPIN_KUBE_DISABLE_DIR_CONTEXT")?.toLowerCase() === "true";
  if (isDisabled || !await isFile(path)) return nothing;
  const { compareOptions } = await import("./scaffold_app.ts");
  const { readAppOutline } = await import("../../shim/loader/mod.ts");
  try {
    const app = await readAppOutline({ kind: "manifest", path }, { cwd: Deno.cwd() });
    // An image of another name is likely that of another app.
    if (app.name !== name) return nothing;
    const { problems, warnings } = compareOptions(values, app);
    return { ...nothing, warnings: [...problems, ...warnings] };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { ...nothing, warnings: [`spin.toml was not compared with: ${error.message}`] };
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
