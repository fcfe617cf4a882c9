/**
 * The shim under real containerds: 1.6, 1.7 and 2, each on a node of its own.
 *
 * They need root, runc, CNI's plugins and a static busybox. `tests/shim/install_containerd.sh`
 * unpacks the containerds that are not installed. With `SPINKUBE_TEST_REQUIRE` set, what is missing
 * is a failure; `SPINKUBE_TEST_CASES` is a pattern of the cases to run, for work on one of them.
 *
 * @module
 */

import { Nodes } from "./_nodes.ts";
import type { Case } from "./_case.ts";
import { CRASHES } from "./_crashes.ts";
import { FAULTS } from "./_faults.ts";
import { LINUX_PODS } from "./_linux_pods.ts";
import { LINUX_TASKS } from "./_linux_tasks.ts";
import { manyPods } from "./_many_pods.ts";
import { ONE_SHIM } from "./_shim_per_node.ts";
import { SPIN_PODS } from "./_spin_pods.ts";

const SUITES: Readonly<Record<string, readonly Case[]>> = {
  "ordinary containers": LINUX_TASKS,
  "ordinary containers in pods": LINUX_PODS,
  "pods of Spin apps": SPIN_PODS,
  "faults of images and apps": FAULTS,
  "crashes of containerd and shim": CRASHES,
  "one shim for all pods": ONE_SHIM,
  "many pods": manyPods(
    Deno.env.get("SPINKUBE_TEST_MANY")
      ? { inRow: 300, sideBySide: 40 }
      : { inRow: 10, sideBySide: 20 },
  ),
};

const only = new RegExp(Deno.env.get("SPINKUBE_TEST_CASES") ?? "");
const nodes = new Nodes((name) => Deno.env.get(name));
Deno.test.afterAll(() => nodes.close());

for (const version of nodes.versions) {
  for (const [suite, cases] of Object.entries(SUITES)) {
    const why = version.missing === undefined ? "" : ` (skipped: ${version.missing})`;
    Deno.test({
      name: `containerd ${version.line}: ${suite}${why}`,
      ignore: version.missing !== undefined && !nodes.isRequired,
      // The nodes and their connections outlive a single test.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async (t) => {
        const node = await nodes.start(version);
        for (const { name, run } of cases.filter(({ name }) => only.test(name))) {
          await t.step(name, () => run(node));
        }
      },
    });
  }
}
