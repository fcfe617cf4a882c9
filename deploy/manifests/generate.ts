/**
 * `deno task manifests`: renders the chart, which is the only source, into `install.yaml`: all that
 * a cluster needs besides a runtime on its nodes, for `kubectl apply -f`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type Document, isMap, parseAllDocuments, stringify } from "yaml";
import { definitionFiles } from "../../crds/schema/generate.ts";

const CHART = fileURLToPath(new URL("../chart", import.meta.url));

const INSTALL = new URL("install.yaml", import.meta.url);

/** Where `install.yaml` puts the operator, and the name it gives it, as SpinKube's own does. */
const NAME = "spin-operator";

const HEADER = `# Written by "deno task manifests" from deploy/chart.
#   kubectl apply -f install.yaml
`;

/** What Helm says of objects that it has installed, which these are not. */
const HELM_LABELS = ["app.kubernetes.io/managed-by", "helm.sh/chart"] as const;

/** What Helm is told to do when it uninstalls; an annotation that stands alone. */
const HELM_POLICY = "helm.sh/resource-policy";

const NAMESPACE = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: NAME,
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
};

/** Options of {@link renderChart}. */
export interface RenderOptions {
  /** The program; default: `helm`. */
  readonly helm?: string;
  /** `path=value`, as of `--set`. */
  readonly values?: readonly string[];
  /** `path=JSON`, as of `--set-json`. */
  readonly jsonValues?: readonly string[];
}

/**
 * The chart's objects as YAML.
 * @throws {Error} with what Helm said, if it refuses.
 */
export async function renderChart(options: RenderOptions = {}): Promise<string> {
  const { helm = "helm", values = [], jsonValues = [] } = options;
  const { success, stdout, stderr } = await new Deno.Command(helm, {
    // Without a cluster, Helm has to be told which version it renders for.
    args: [
      ...["template", NAME, CHART, "--namespace", NAME, "--kube-version", "1.34.0"],
      ...values.flatMap((value) => ["--set", value]),
      ...jsonValues.flatMap((value) => ["--set-json", value]),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new Error(`Cannot render the chart: ${text.decode(stderr).trim()}`);
}

/** The text of `install.yaml`. @param helm The program. */
export async function renderInstall(helm: string): Promise<string> {
  // The definitions as "deno task crds" writes them: Helm's YAML would be the same, worse to read.
  const definitions = [...definitionFiles()]
    .flatMap(([url, text]) => url.includes("/chart/") ? [] : [text]);
  const rendered = await renderChart({
    helm,
    values: [
      "crds.install=false",
      "runtimeClass.keep=false",
      // The operator's own namespace admits no pods with rights.
      `rcm.namespace=${NAME}-nodes`,
      "rcm.createNamespace=true",
    ],
  });
  // Helm says which template an object is from; what the templates say themselves stays.
  const documents = parseAllDocuments(rendered.replace(/^# Source: .*\n/gm, ""));
  const objects = (documents as Document.Parsed[]).flatMap((document) => {
    for (const label of HELM_LABELS) document.deleteIn(["metadata", "labels", label]);
    if (document.hasIn(["metadata", "annotations", HELM_POLICY])) {
      document.deleteIn(["metadata", "annotations"]);
    }
    document.directives.docStart = null;
    return isMap(document.contents) ? [document.toString(STYLE)] : [];
  });
  return HEADER + ["", stringify(NAMESPACE), ...definitions, ...objects].join("---\n");
}

/** As Deno formats YAML. */
const STYLE = { lineWidth: 100, indentSeq: true, flowCollectionPadding: false } as const;

if (import.meta.main) {
  await Deno.writeTextFile(INSTALL, await renderInstall(Deno.env.get("HELM") ?? "helm"));
  console.error(`Written: ${fileURLToPath(INSTALL)}`);
}
