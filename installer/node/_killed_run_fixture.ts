/**
 * Runs the installer on a {@link FakeNode} and ends without warning after a step:
 * `_killed_run_fixture.ts ROOT install|uninstall STAGE SOURCE`.
 *
 * @module
 */

import { FakeNode } from "./_node_fixture.ts";
import { findAssets } from "./assets.ts";
import { installShims } from "./install.ts";
import { DEFAULT_TIMEOUTS, type NodeOptions } from "./session.ts";
import { uninstallShims } from "./uninstall.ts";

const [root = "", operation, stage, source = ""] = Deno.args;
const { host } = FakeNode.open(root);
const options: NodeOptions = {
  rcmPath: "/opt/rcm",
  restarts: true,
  timeouts: DEFAULT_TIMEOUTS,
  log: { info: () => {}, warn: () => {} },
  onStage: (name) => {
    if (name === stage) Deno.kill(Deno.pid, "SIGKILL");
  },
};
if (operation === "install") {
  await installShims(host, {
    ...options,
    assets: await findAssets(source),
    handlers: [],
    hasAliases: true,
    runtimeOptions: { SystemdCgroup: "true" },
    forcesOptions: false,
    arch: "x86_64",
    isDryRun: false,
  });
} else await uninstallShims(host, { ...options, shims: ["spin-v2"], isDryRun: false });
