import assert from "node:assert/strict";
import {
  addressOf,
  isCriDisabled,
  isSameConfig,
  otherDifferences,
  parseConfig,
  runtimesOf,
  systemdCgroupOf,
} from "./effective.ts";

const V3 = 'plugins."io.containerd.cri.v1.runtime".containerd.runtimes';

Deno.test("isSameConfig() sees through comments, order and spelling", () => {
  const text = "version = 2\n[a]\nb = 1\nc = 'x'\n";
  assert.ok(isSameConfig(text, '# new\nversion=2\n[a]\nc = "x"\nb = 0x1\n'));
  assert.ok(!isSameConfig(text, "version = 2\n[a]\nb = 1\n"));
  assert.ok(isSameConfig('{{ template "base" . }}\n', '# note\n{{ template "base" . }}'));
  assert.ok(!isSameConfig('{{ template "base" . }}\n', '{{ template "base" . }}\na = 1\n'));
});

Deno.test("otherDifferences() names what changed beside the runtimes", () => {
  const before = parseConfig(
    `imports = ["a"]\nroot = "/x"\n[${V3}.runc]\nruntime_type = "r"\n`,
    "a",
  );
  const after = parseConfig(`imports = ["b"]\n[${V3}.spin]\nruntime_type = "s"\n`, "b");
  assert.deepEqual(otherDifferences(before, after, { except: ["spin"] }), [
    "root",
    `${V3}.runc.runtime_type`,
  ]);
  assert.deepEqual(otherDifferences(before, before, { except: [] }), []);
});

Deno.test("runtimesOf() finds the runtimes of every version", () => {
  for (const plugin of ['"io.containerd.cri.v1.runtime"', '"io.containerd.grpc.v1.cri"', "cri"]) {
    const config = parseConfig(
      `[plugins.${plugin}.containerd.runtimes.a]\nruntime_type = "t"\n`,
      "it",
    );
    assert.deepEqual(Object.keys(runtimesOf(config)), ["a"]);
  }
  assert.deepEqual(runtimesOf({}), {});
});

Deno.test("isCriDisabled() knows all names of the plugin", () => {
  for (const name of ["cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"]) {
    assert.ok(isCriDisabled({ disabled_plugins: ["aufs", name] }));
  }
  assert.ok(!isCriDisabled({ disabled_plugins: ["aufs"] }));
  assert.ok(!isCriDisabled({}));
});

Deno.test("systemdCgroupOf() and addressOf() read what is there", () => {
  const config = parseConfig(
    `[grpc]\naddress = "/s"\n[${V3}.runc.options]\nSystemdCgroup = true\n`,
    "it",
  );
  assert.equal(systemdCgroupOf(config), true);
  assert.equal(addressOf(config), "/s");
  assert.equal(systemdCgroupOf({}), undefined);
  assert.equal(addressOf({}), undefined);
});
