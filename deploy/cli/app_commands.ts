/**
 * `kube list`, `get`, `delete` and `version`.
 *
 * @module
 */

import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import type { OptionValues } from "../../lib/command_line.ts";
import { TerminalError, UsageError } from "../../lib/errors.ts";
import { isNotFound } from "../../lib/kube/api_error.ts";
import type { DELETE, GET, KUBE_VERSION, LIST } from "./app_commands_options.ts";
import { requireAppName } from "./app_name.ts";
import { formatApps } from "./app_objects.ts";
import { type Cluster, explainCluster, openCluster } from "./cluster.ts";
import { CONNECTION, type ConnectionValues } from "./connection_options.ts";
import { EXIT_NOT_FOUND } from "./exit_codes.ts";
import type { KubeContext } from "./kube_main.ts";

/** Runs `kube list`. @returns The exit code. */
export async function list(
  values: OptionValues<typeof LIST.options>,
  context: KubeContext,
): Promise<number> {
  using cluster = await openCluster(values, context);
  const apps = await explainCluster(cluster, () =>
    cluster.client.list<SpinApp>(SPIN_APPS, {
      namespace: values["all-namespaces"] ? undefined : cluster.namespace,
      labelSelector: values.selector || undefined,
    }));
  await print(
    await formatApps(apps, {
      output: values.output ?? "table",
      hasHeadings: !values["no-headers"],
      isSingle: false,
    }),
  );
  return 0;
}

/** Runs `kube get`. @returns The exit code. */
export async function get(
  values: OptionValues<typeof GET.options>,
  { words, ...context }: KubeContext & { readonly words: readonly string[] },
): Promise<number> {
  const name = await requireAppName(words);
  using cluster = await openCluster(values, context);
  const app = await findApp(cluster, name);
  if (!app) {
    console.error(`Error: ${SPIN_APPS.plural}.${SPIN_APPS.group} "${name}" not found`);
    return EXIT_NOT_FOUND;
  }
  await print(
    await formatApps([app], {
      output: values.output ?? "table",
      hasHeadings: !values["no-headers"],
      isSingle: true,
    }),
  );
  return 0;
}

/** Runs `kube delete`. @returns The exit code. */
export async function remove(
  values: OptionValues<typeof DELETE.options>,
  { words, ...context }: KubeContext & { readonly words: readonly string[] },
): Promise<number> {
  const [name, ...others] = words;
  if (!name) throw new UsageError("no application name specified to delete");
  if (others.length > 0) {
    throw new UsageError(others.map((word) => `Unexpected argument "${word}"`).join("\n"));
  }
  using cluster = await openCluster(values, context);
  const app = await findApp(cluster, name);
  if (!app) {
    console.log(`Could not find application with name ${name}`);
    return EXIT_NOT_FOUND;
  }
  if (!values.yes && !await confirm()) return 0;
  const { namespace } = cluster;
  const { uid } = app.metadata;
  // The one that was asked about, not another one that has come in its place.
  await explainCluster(
    cluster,
    () => cluster.client.delete(SPIN_APPS, { name, namespace }, uid === undefined ? {} : { uid }),
  );
  // Spelled as scripts have always had it.
  console.log(`Succesfully deleted ${name}`);
  return 0;
}

/** Runs `kube version`. @returns The exit code. */
export async function version(
  values: OptionValues<typeof KUBE_VERSION.options>,
  context: KubeContext,
): Promise<number> {
  if (values.short) {
    console.log(context.version);
    return 0;
  }
  const spin = Deno.env.get("SPIN_VERSION");
  const rows: (readonly [string, string])[] = [
    ["Plugin Version", context.version],
    ...(spin ? [["Spin Version", `v${spin}`] as const] : []),
    ...await clusterVersions(values, context),
  ];
  for (const [label, value] of rows) console.log(`${label.padEnd(LABEL_WIDTH)}: ${value}`);
  return 0;
}

const LABEL_WIDTH = 14;

/** A cluster that does not answer at once is left out. */
const VERSION_TIMEOUT_MS = 3_000;

async function clusterVersions(
  values: OptionValues<typeof KUBE_VERSION.options>,
  context: KubeContext,
): Promise<[string, string][]> {
  try {
    using cluster = await openCluster({ ...NO_CONNECTION, ...values }, context);
    const { transport } = cluster.client;
    const signal = AbortSignal.timeout(VERSION_TIMEOUT_MS);
    const server = await transport.json<{ gitVersion: string }>({
      method: "GET",
      path: "/version",
      signal,
    });
    const spinkube = await transport.json<ApiGroup>({
      method: "GET",
      path: `/apis/${SPIN_APPS.group}`,
      signal,
    }).catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const versions = spinkube?.versions.map((each) => each.version).join(", ");
    return [
      ["Kubernetes Version", server.gitVersion],
      ["SpinApp Version", versions ?? "SpinKube is not installed"],
    ];
  } catch (error) {
    if (values.kubeconfig !== undefined || values.context !== undefined) throw error;
    // Nobody asked for a cluster.
    return [];
  }
}

interface ApiGroup {
  readonly versions: readonly { readonly version: string }[];
}

/** The options of a command without them. */
const NO_CONNECTION = Object.fromEntries(
  Object.entries(CONNECTION).map(([name, { kind }]) => [
    name,
    kind === "boolean" ? false : kind === "list" ? [] : undefined,
  ]),
) as unknown as ConnectionValues;

async function findApp(cluster: Cluster, name: string): Promise<SpinApp | undefined> {
  const { client, namespace } = cluster;
  return await explainCluster(cluster, async () => {
    const app = await client.find<SpinApp>(SPIN_APPS, { name, namespace });
    // Without the CRD there is no app either, but that is another matter.
    if (!app) await client.listPage(SPIN_APPS, { namespace });
    return app;
  });
}

/** @throws {TerminalError} if the input ends before there is an answer. */
async function confirm(): Promise<boolean> {
  const question = "This action is irreversible. Are you sure? (y/N): ";
  await print(question);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256);
  let text = "";
  while (!text.includes("\n")) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) {
      throw new TerminalError("NoAnswer", "There was no answer: the input has ended. Give --yes");
    }
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return ["y", "yes"].includes(text.trim().toLowerCase());
}

async function print(text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await Deno.stdout.write(bytes));
}
