import assert from "node:assert/strict";
import { join } from "node:path";
import { hasRegistryServer, RegistryServer } from "../support/registry_server.ts";
import { waitUntil } from "../support/wait.ts";
import { runProgram, SAMPLE, startProgram } from "./_program.ts";

Deno.test("inspect shows an app as text and as JSON", async () => {
  const text = await runProgram(["inspect", SAMPLE]);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^Triggers:\n {2}http {2}\/\.\.\. {2}hello$/m);
  assert.match(text.stdout, /^This program offers all that the app needs\.$/m);
  const { stdout } = await runProgram(["inspect", "--from", SAMPLE, "-o", "json"]);
  const app = JSON.parse(stdout);
  assert.equal(app.runnable, true);
  assert.equal(app.components[0].wasm.kind, "component");
  assert.deepEqual(app.components[0].wasm.missing, []);
});

Deno.test("inspect refuses what it cannot read", async (t) => {
  const cases: readonly (readonly [what: string, args: string[], code: number, text: RegExp])[] = [
    ["a directory that is not there", ["./nowhere"], 1, /'\.\/nowhere' not found/],
    ["two apps", ["a", "b"], 2, /One app is inspected at a time, but there are 2: a, b/],
    ["another form", ["-o", "xml"], 2, /give "text" or "json"/],
  ];
  for (const [what, args, code, text] of cases) {
    await t.step(what, async () => {
      const outcome = await runProgram(["inspect", ...args]);
      assert.match(outcome.stderr, text);
      assert.equal(outcome.code, code);
    });
  }
});

Deno.test({
  name: "inspect shows an image, and up -f of a manifest serves it",
  ignore: !hasRegistryServer(),
  async fn() {
    await using registry = await RegistryServer.start();
    const directory = await Deno.makeTempDir();
    try {
      const image = `${registry.host}/hello:v1`;
      const options = { cwd: directory };
      const shared = ["-k", "--cache-dir", "cache"];
      const pushed = await runProgram(
        ["registry", "push", image, "-f", SAMPLE, ...shared],
        options,
      );
      assert.equal(pushed.code, 0, pushed.stderr);
      const shown = await runProgram(["inspect", image, "-o", "json", ...shared], options);
      const app = JSON.parse(shown.stdout);
      assert.equal(app.runnable, true);
      assert.equal(app.source, image);
      assert.ok(pushed.stdout.includes(app.digest) || pushed.stderr.includes(app.digest));
      await Deno.writeTextFile(
        join(directory, "app.yaml"),
        "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\nmetadata: {name: hello}\n" +
          `spec: {image: "${image}", executor: containerd-shim-spin, replicas: 1}\n`,
      );
      let stdout = "";
      await using program = startProgram(
        ["up", "-f", "app.yaml", "--listen", "127.0.0.1:0", ...shared],
        { ...options, onStdout: (text) => stdout += text },
      );
      const url = await waitUntil(() => /Serving (http:\S+)/.exec(stdout)?.[1], {
        what: "the app",
        timeoutMs: 60_000,
      });
      assert.equal((await fetch(url)).status, 200);
      program.kill("SIGTERM");
      assert.equal((await program.outcome()).code, 0);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("doctor finds problems, mends them, and is content", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      join(directory, "spin.toml"),
      `spin_version = "1"
name = "old"
version = "1"
trigger = { type = "http" }
[[component]]
id = "a"
source = "a.wasm"
[component.trigger]
route = "/"
[component.build]
command = "cp ${SAMPLE}/hello.wasm a.wasm"
`,
    );
    const options = { cwd: directory };
    const found = await runProgram(["doctor"], options);
    assert.match(found.stdout, /^spin\.toml: the key spin_version is an old one\n {2}Fix: Rename/);
    assert.equal(found.code, 1);
    const forPrograms = await runProgram(["doctor", "-o", "json"], options);
    assert.deepEqual([forPrograms.code, JSON.parse(forPrograms.stdout)], [1, {
      problems: [{
        problem: "spin.toml: the key spin_version is an old one",
        fix: "Rename spin_version to spin_manifest_version",
      }],
    }]);
    const mended = await runProgram(["doctor", "--fix"], options);
    assert.equal(mended.code, 0, mended.stderr);
    assert.match(mended.stdout, /Upgrade it to version 2[^]*Build component "a"/);
    assert.match(mended.stdout, /No problems found any more\.\n$/);
    assert.match(
      await Deno.readTextFile(join(directory, "spin.toml.v1_backup")),
      /^spin_manifest_version = "1"\n/,
    );
    const clean = await runProgram(["doctor"], options);
    assert.deepEqual([clean.code, clean.stdout], [0, "No problems found.\n"]);
    await Deno.mkdir(join(directory, "below"));
    const below = await runProgram(["doctor"], { cwd: join(directory, "below") });
    assert.match(
      below.stderr,
      /No spin\.toml in current directory - did you mean '--from \.\.\/spin\.toml'\?/,
    );
    assert.equal(below.code, 1);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
