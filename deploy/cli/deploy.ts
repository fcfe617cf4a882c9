/**
 * `kube deploy` and `deploy`.
 *
 * @module
 */

import { TerminalError, UsageError } from "../../lib/errors.ts";
import { formatOciReference, type OciReference } from "../../lib/oci/reference.ts";
import type { AppOutline } from "../../shim/loader/mod.ts";
import { untilStopped } from "../../shim/local/until_stopped.ts";
import { abortable } from "./abortable.ts";
import { applyDocument, diffDocument } from "./apply_documents.ts";
import { type Cluster, explainCluster, namespaceOf, openCluster } from "./cluster.ts";
import type { DeployValues } from "./deploy_options.ts";
import { formatDryRun } from "./dry_run.ts";
import type { KubeContext } from "./kube_main.ts";
import { buildManifest, type ManifestDocument, scaffoldName } from "./scaffold.ts";
import { findProblems, findWarnings, readImage } from "./scaffold_checks.ts";
import { compareWithApp } from "./scaffold_main.ts";
import type { ScaffoldValues } from "./scaffold_options.ts";
import { readInput } from "./text_files.ts";
import { waitUntilReady } from "./wait_ready.ts";

/** What happens without being asked for. */
export interface DeployDefaults {
  readonly build: boolean;
  readonly push: boolean;
  readonly wait: boolean;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * Runs `deploy`.
 * @param context.given Names of the options that were given.
 * @returns The exit code.
 */
export async function deploy(
  values: DeployValues,
  context: DeployContext,
): Promise<number> {
  return await untilStopped((signal) => runDeploy(values, { ...context, signal }));
}

/** What a deployment is told beside its options. */
interface DeployContext extends KubeContext {
  /** As typed: `spinkube deploy`. */
  readonly command: string;
  readonly given: ReadonlySet<string>;
  readonly defaults: DeployDefaults;
}

async function runDeploy(
  values: DeployValues,
  { given, defaults, signal, ...context }: DeployContext & { readonly signal: AbortSignal },
): Promise<number> {
  const isOn = (name: keyof DeployDefaults) => given.has(name) ? values[name] : defaults[name];
  if (values.from === undefined) {
    throw new UsageError('required flag(s) "from" not set', `See "${context.command} --help".`);
  }
  const mode = values.diff ? "diff" : values["dry-run"] ?? "none";
  const plan = toScaffold(values);
  const problems = findProblems(plan);
  if (problems.length > 0) throw new TerminalError("InvalidScaffold", problems.join("\n"));
  const name = scaffoldName(plan);
  const { app, warnings } = await compareWithApp(plan, { name, signal });
  for (const warning of [...findWarnings(plan, name), ...warnings]) {
    console.error(`Warning: ${warning}`);
  }
  if (mode === "client") {
    const documents = await documentsOf({ ...plan, namespace: await namespaceOf(values) }, app);
    console.log(formatDryRun(documents).trimEnd());
    return 0;
  }
  using cluster = await openCluster(values, context);
  const { namespace } = cluster;
  if (mode !== "none") {
    const documents = await documentsOf({ ...plan, namespace }, app);
    if (mode === "diff") return await abortable(printDiff(cluster, documents), signal);
    await abortable(applyAll(cluster, { documents, isDryRun: true }), signal);
    return 0;
  }
  const from = await pushFirst(values, { build: isOn("build"), push: isOn("push"), signal });
  const documents = await documentsOf({ ...plan, from, namespace }, app);
  signal.throwIfAborted();
  await abortable(applyAll(cluster, { documents, isDryRun: false }), signal);
  if (!isOn("wait")) return 0;
  const timeoutMs = values.timeout ?? DEFAULT_TIMEOUT_MS;
  return await abortable(waitUntilReady(cluster, { name, timeoutMs, signal }), signal);
}

function toScaffold(values: DeployValues): ScaffoldValues {
  return { ...values, out: undefined, output: "yaml" };
}

async function documentsOf(
  values: ScaffoldValues,
  app: AppOutline | undefined,
): Promise<ManifestDocument[]> {
  const file = values["runtime-config-file"];
  const documents = buildManifest({
    values,
    runtimeConfig: file ? await readInput(file) : undefined,
    app,
  });
  // What others refer to comes first.
  const isSecret = ({ kind }: ManifestDocument) => kind === "Secret";
  return [...documents.filter(isSecret), ...documents.filter((document) => !isSecret(document))];
}

/** @returns What to deploy: with its digest, if it was pushed. */
async function pushFirst(
  values: DeployValues,
  { build, push, signal }: { build: boolean; push: boolean; signal: AbortSignal },
): Promise<string> {
  const from = values.from!;
  const source = values.app || undefined;
  if (push) {
    const { push: pushApp } = await import("../../shim/local/registry/push_app.ts");
    const { digest } = await pushApp({
      from: source,
      profile: undefined,
      build,
      annotation: [],
      insecure: values["insecure-registry"],
      "cache-dir": undefined,
      output: "text",
      compose: true,
      signal,
    }, from);
    if (digest === undefined) return from;
    console.error(`Pushed with digest ${digest}`);
    return withDigest(readImage(from)!, digest);
  }
  if (build) {
    const { findAppSource } = await import("../../shim/loader/mod.ts");
    const { buildApp } = await import("../../shim/local/build.ts");
    const cwd = Deno.cwd();
    await buildApp(await findAppSource(source, cwd), {
      cwd,
      componentIds: [],
      isStdoutReserved: true,
      report: (line) => console.error(line),
    });
  }
  return from;
}

function withDigest(reference: OciReference, digest: string): string {
  return formatOciReference({ ...reference, digest });
}

async function applyAll(
  cluster: Cluster,
  { documents, isDryRun }: { documents: readonly ManifestDocument[]; isDryRun: boolean },
): Promise<void> {
  const note = isDryRun ? " (server dry run)" : "";
  for (const document of documents) {
    const { name, outcome } = await explainCluster(
      cluster,
      () => applyDocument(cluster.client, document, { isDryRun }),
    );
    console.log(`${name} ${outcome}${note}`);
  }
}

/** As kubectl does, 1 stands for a difference. */
async function printDiff(
  cluster: Cluster,
  documents: readonly ManifestDocument[],
): Promise<number> {
  let code = 0;
  for (const document of documents) {
    const text = await explainCluster(cluster, () => diffDocument(cluster.client, document));
    if (text === "") continue;
    code = 1;
    console.log(text.trimEnd());
  }
  return code;
}
