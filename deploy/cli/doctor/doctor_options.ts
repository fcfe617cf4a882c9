/**
 * The options of `doctor --cluster`.
 *
 * @module
 */

import { defineCommand } from "../../../lib/command_line.ts";
import { OUTPUT_OPTION } from "../../../lib/output_option.ts";
import { CONNECTION } from "../connection_options.ts";

/** The command `doctor --cluster`. */
export const CLUSTER_DOCTOR = defineCommand({
  name: "spinkube doctor --cluster",
  summary: "Finds out what keeps apps from running on a cluster. Nothing is changed there.",
  usage: "[OPTIONS]",
  details: [
    "It looks at the API server, the definitions of SpinKube's objects, the operator and its webhooks, executors, RuntimeClasses and the nodes that they lead to, Shims, the apps of the namespace, your permissions, and at what older installations have left. What may not be looked at is said, and is no problem.",
    "kubectl's `--cluster NAME` is not available here; choose a context.",
  ],
  exits: { 1: "There is at least one problem; warnings are none." },
  options: {
    cluster: { kind: "boolean", help: "Look at the cluster, not at the app here", hidden: true },
    output: OUTPUT_OPTION,
    fix: { kind: "boolean", help: "Nothing is changed", hidden: true, conflicts: ["cluster"] },
    from: {
      kind: "value",
      short: "f",
      value: "APP",
      help: "Of `doctor` alone",
      hidden: true,
      conflicts: ["cluster"],
    },
    ...withoutCluster(),
  },
  examples: [
    "spinkube doctor --cluster",
    "spinkube doctor --cluster -n shop --context prod -o json",
  ],
});

/** `--cluster NAME` of kubectl would take the next word. */
function withoutCluster(): Omit<typeof CONNECTION, "cluster"> {
  const { cluster: _otherMeaning, ...others } = CONNECTION;
  return others;
}
