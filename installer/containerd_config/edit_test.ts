import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { editRuntimes, type RuntimeEdit } from "./edit.ts";
import type { RuntimeSetting } from "./runtime_block.ts";

const BIN = "/opt/rcm/bin";
const SPIN: RuntimeSetting = {
  name: "spin-v2",
  runtimeType: `${BIN}/containerd-shim-spin-v2`,
  options: {},
};
const WITH_OPTION: RuntimeSetting = { ...SPIN, options: { SystemdCgroup: "true" } };
const WASMTIME: RuntimeSetting = {
  name: "wasmtime-v1",
  runtimeType: `${BIN}/containerd-shim-wasmtime-v1`,
  options: {},
};

function edit(text: string, { set = [], remove = [] }: Partial<RuntimeEdit>, bareVersion?: number) {
  return editRuntimes(text, { set, remove }, { binDir: BIN, bareVersion });
}

function install(text: string, setting = SPIN): string {
  return edit(text, { set: [setting] }).text;
}

Deno.test("editRuntimes() appends byte for byte what runtime-class-manager does", () => {
  const v2 = `version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "runc"
`;
  assert.equal(
    install(v2),
    `${v2}
# RCM runtime config for spin-v2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.spin-v2]
runtime_type = "/opt/rcm/bin/containerd-shim-spin-v2"
`,
  );
  const v3 = `version = 3

# RCM runtime config for spin-v2
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.spin-v2]
runtime_type = "/opt/rcm/bin/containerd-shim-spin-v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.spin-v2.options]
SystemdCgroup = true`;
  assert.equal(install("version = 3\n", WITH_OPTION), v3);
  assert.equal(install("version = 3", WITH_OPTION), v3.replace("\n\n", "\n"));
  assert.equal(
    install(v3, WASMTIME),
    `${v3}
# RCM runtime config for wasmtime-v1
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.wasmtime-v1]
runtime_type = "/opt/rcm/bin/containerd-shim-wasmtime-v1"
`,
  );
});

Deno.test("editRuntimes() takes runtimes out in any order, whatever surrounds them", () => {
  const settings = [SPIN, WITH_OPTION, WASMTIME].map((one, index) => ({
    ...one,
    name: `r${index}`,
  }));
  const orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]];
  for (const start of ["version = 2\n", "version = 2", "version = 2\n\n", "version = 2\r\n"]) {
    for (const added of orders) {
      for (const removed of orders) {
        let text = start;
        for (const index of added) text = install(text, settings[index]);
        for (const index of removed) text = edit(text, { remove: [`r${index}`] }).text;
        assert.equal(text, start, JSON.stringify({ added, removed }));
      }
    }
  }
});

Deno.test("editRuntimes() does not join lines when others appended to a file without a last line end", () => {
  const text = `${install("version = 3")}[metrics]\n  address = "x"\n`;
  assert.equal(
    edit(text, { remove: ["spin-v2"] }).text,
    'version = 3\n[metrics]\n  address = "x"\n',
  );
});

Deno.test("editRuntimes() replaces a runtime whose options changed and keeps what others added", () => {
  const text = `${install("version = 3\n")}pod_annotations = ["a/*"]\n`;
  const result = edit(text, { set: [WITH_OPTION] });
  assert.deepEqual(result.changes, [{ name: "spin-v2", kind: "updated" }]);
  assert.match(
    result.text,
    /shim-spin-v2"\npod_annotations = \["a\/\*"\]\n\[.*options\]\nSystemdCgroup = true$/,
  );
  assert.equal(edit(result.text, { remove: ["spin-v2"] }).text, "version = 3\n");
});

Deno.test("editRuntimes() leaves the definitions of others alone and tells them", () => {
  const text = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.spin-v2]\n' +
    'runtime_type = "io.containerd.spin.v2"\n';
  const foreign = { name: "spin-v2", kind: "foreign", runtimeType: "io.containerd.spin.v2" };
  assert.deepEqual(edit(text, { set: [SPIN] }), { text, changes: [foreign] });
  assert.deepEqual(edit(text, { remove: ["spin-v2"] }), { text, changes: [foreign] });
});

Deno.test("editRuntimes() tells that nothing was there", () => {
  assert.deepEqual(edit("", { remove: ["spin-v2"] }), {
    text: "",
    changes: [{ name: "spin-v2", kind: "absent" }],
  });
});

Deno.test("editRuntimes() gives a bare file a version, and takes it back with the last runtime", () => {
  for (
    const text of ["", "# containerd's defaults\n", 'root = "/x"', "disabled_plugins = []\r\n"]
  ) {
    const one = edit(text, { set: [SPIN] }, 3).text;
    assert.match(
      one,
      /version = 3\r?\n# RCM runtime config for spin-v2\r?\n\[plugins."io.containerd.cri.v1/,
    );
    const two = edit(one, { set: [WASMTIME] }, 3).text;
    assert.equal(two.match(/^version/gm)?.length, 1);
    const back = edit(two, { remove: ["spin-v2"] }).text;
    assert.match(back, /^version = 3/m);
    assert.equal(edit(back, { remove: ["wasmtime-v1"] }).text, text);
  }
  assert.doesNotMatch(edit("[plugins.cri]\n", { set: [SPIN] }, 3).text, /version/);
});

Deno.test("editRuntimes() refuses what is no TOML", () => {
  for (const text of ["<html>", "version = 2\nversion = 3\n", "[a\n", 'a = "', "a = 1 b = 2\n"]) {
    assert.throws(() => install(text), TerminalError, text);
  }
});

Deno.test("editRuntimes() leaves braces in texts alone", () => {
  const text = 'version = 2\nformat = "{{ .Name }}"\n';
  const installed = install(text);
  assert.ok(installed.startsWith(text));
  assert.equal(edit(installed, { remove: ["spin-v2"] }).text, text);
});

Deno.test("editRuntimes() refuses options that are more than one value", () => {
  const bad: Record<string, string>[] = [
    { SystemdCgroup: "true\n[plugins]" },
    { SystemdCgroup: "cgroupfs" },
    { SystemdCgroup: "true # always" },
    { SystemdCgroup: "" },
    { "a.b": "true" },
    { value: '"{{ .X }}"' },
    { "a = 1\nb": "true" },
  ];
  for (const options of bad) {
    assert.throws(
      () => install("version = 2\n", { ...SPIN, options }),
      (error) => error instanceof TerminalError && error.reason === "InvalidRuntimeOptions",
      JSON.stringify(options),
    );
  }
  for (const value of ["true", '"# text"', "[1, 2]", "{ a = 1 }", "1979-05-27"]) {
    install("version = 2\n", { ...SPIN, options: { value } });
  }
});

Deno.test("editRuntimes() refuses names that are none", () => {
  for (const name of ["", "a b", "a\n[x]", 'a"', "{{x}}", "-a", "a/b"]) {
    assert.throws(
      () => install("version = 2\n", { ...SPIN, name }),
      (error) => error instanceof TerminalError && error.reason === "InvalidRuntimeName",
      JSON.stringify(name),
    );
  }
  install("version = 2\n", { ...SPIN, name: "spin.v2_x-1" });
});

Deno.test("editRuntimes() never hangs or crashes on random text", () => {
  const words = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "\n",
    "=",
    ".",
    "#",
    "a",
    "plugins",
    "runtimes",
    "{{",
    "}}",
    "\\",
    ",",
    " ",
  ];
  let seed = 7;
  function next(limit: number): number {
    seed = (seed * 48271) % 2147483647;
    return seed % limit;
  }
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: next(40) }, () => words[next(words.length)]).join("");
    try {
      install(text);
    } catch (error) {
      assert.ok(error instanceof TerminalError, `${JSON.stringify(text)}: ${error}`);
    }
  }
});
