import assert from "node:assert/strict";
import { RUNTIME_OPTIONS } from "../proto/options.ts";
import { packAny } from "../proto/well_known.ts";
import { readRuntimeOptions, wantsShimPerNode } from "./runtime_options.ts";

function options({ body = "", path = "" }) {
  return packAny(RUNTIME_OPTIONS, {
    typeUrl: "",
    configPath: path,
    configBody: new TextEncoder().encode(body),
  });
}

function noFile(path: string): string {
  throw new Error(`"${path}" is read`);
}

Deno.test("wantsShimPerNode() reads the option from containerd's table, or from the file it names", async () => {
  const cases: [body: string, expected: boolean][] = [
    ["", false],
    ["SystemdCgroup = true\n", false],
    ["ShimPerNode = true\nSystemdCgroup = true\n", true],
    ["ShimPerNode = false\n", false],
    ['ShimPerNode = "true"\n', false],
    ["# ShimPerNode = true\n", false],
  ];
  assert.equal(await wantsShimPerNode(undefined, noFile), false);
  for (const [body, expected] of cases) {
    assert.equal(await wantsShimPerNode(options({ body }), noFile), expected, body);
    const path = "/etc/shim.toml";
    const read = (asked: string) => asked === path ? body : noFile(asked);
    assert.equal(await wantsShimPerNode(options({ path }), read), expected, body);
  }
});

Deno.test("readRuntimeOptions() takes what it knows and ignores the rest", async () => {
  const body = [
    "SystemdCgroup = true",
    'RuncBinary = "crun"',
    'RuncRoot = "/run/x"',
    "ShimPerNode = true",
    'BinaryName = "/usr/bin/containerd-shim-spin-v2"',
  ].join("\n");
  assert.deepEqual(await readRuntimeOptions(options({ body }), noFile), {
    runcBinary: "crun",
    runcRoot: "/run/x",
    isSystemdCgroup: true,
    isShimPerNode: true,
  });
});
