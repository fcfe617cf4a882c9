import assert from "node:assert/strict";
import { join } from "node:path";
import { manifest, writeManifest } from "../support/fixtures.ts";
import { waitUntil } from "../support/wait.ts";
import { runProgram, SAMPLE, startProgram } from "./_program.ts";

/** An app with a variable from a Secret, another one beside it, and what a laptop does not do. */
const MANIFEST = `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: greeter}
spec:
  image: ghcr.io/example/greeter:1
  executor: containerd-shim-spin
  replicas: 3
  variables:
  - name: greeting
    valueFrom: {secretKeyRef: {name: words, key: hello}}
  runtimeConfig:
    keyValueStores:
    - name: default
      type: spin
      options: [{name: path, value: visits.db}]
---
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: fixed}
spec: {image: ghcr.io/example/fixed:1, executor: containerd-shim-spin, replicas: 1}
---
apiVersion: v1
kind: Secret
metadata: {name: words}
data: {hello: ${btoa("Greetings from a Secret")}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
`;

const FIXED = `spin_manifest_version = 2
[application]
name = "fixed"
[[trigger.http]]
route = "/..."
static_response = { status_code = 200, body = "fixed" }
`;

async function inDirectory(
  files: Readonly<Record<string, string>>,
  action: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-manifest-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(directory, name), text);
    }
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function body(url: string): Promise<string> {
  return await waitUntil(async () => {
    try {
      return await (await fetch(url)).text();
    } catch {
      // It does not listen yet.
      return undefined;
    }
  }, { what: `an answer of ${url}`, timeoutMs: 60_000 });
}

Deno.test("up -f of a manifest serves its apps side by side", async () => {
  await inDirectory({ "app.yaml": MANIFEST, "spin.toml": FIXED }, async (directory) => {
    let stdout = "";
    await using program = startProgram(
      [
        ...["up", "-f", "app.yaml", "--app", `greeter=${SAMPLE}`, "--app", "fixed=."],
        ...["--listen", "127.0.0.1:0", "--cache-dir", "cache"],
      ],
      { cwd: directory, onStdout: (text) => stdout += text },
    );
    await waitUntil(() => /^fixed /m.test(stdout) ? true : undefined, {
      what: "the table",
      timeoutMs: 30_000,
    });
    const address = (name: string) => new RegExp(`^${name} +(http://\\S+)`, "m").exec(stdout)![1]!;
    assert.match(await body(`${address("greeter")}/`), /Greetings from a Secret/);
    assert.equal(await body(`${address("fixed")}/`), "fixed");
    const state = join(directory, ".spin", "greeter");
    assert.ok((await Deno.stat(join(state, "visits.db"))).isFile);
    assert.equal((await Deno.stat(join(state, "runtime-config.toml"))).mode! & 0o777, 0o600);
    program.kill("SIGINT");
    const outcome = await program.outcome();
    assert.equal(outcome.code, 130, outcome.stderr);
    assert.match(outcome.stderr, /^Note: greeter: one process serves it instead of 3 pods$/m);
    assert.match(outcome.stderr, /^Note: ignored: Service "other"$/m);
    assert.match(outcome.stdout, /^greeter \| Serving http:\/\/127\.0\.0\.1:\d+$/m);
    await assert.rejects(Deno.stat(join(state, "runtime-config.toml")), Deno.errors.NotFound);
  });
});

Deno.test("up -f of a manifest lets apps reach each other by the names of their Services", async () => {
  const caller = MANIFEST.split("---")[1]!.replaceAll("fixed", "caller");
  const text = [MANIFEST.split("---")[1], caller].join("---");
  await inDirectory({ "app.yaml": text, "spin.toml": FIXED }, async (directory) => {
    await Deno.mkdir(join(directory, "caller"));
    writeManifest(
      join(directory, "caller"),
      manifest([{
        id: "torture",
        route: "/...",
        allowedOutboundHosts: ["http://fixed", "http://*.default.svc.cluster.local"],
      }]),
    );
    let stdout = "";
    await using program = startProgram(
      [
        ...["up", "-f", "app.yaml", "--app", "caller=caller", "--app", "fixed=."],
        ...["--listen", "127.0.0.1:0", "--cache-dir", "cache"],
      ],
      { cwd: directory, onStdout: (text) => stdout += text },
    );
    await waitUntil(
      () =>
        /^caller \| Serving[^]*^fixed {2}\| Serving|^fixed {2}\| Serving[^]*^caller \| Serving/m
            .test(stdout)
          ? true
          : undefined,
      {
        what: "both apps",
        timeoutMs: 60_000,
      },
    );
    const address = /^caller +(http:\/\/\S+)/m.exec(stdout)![1]!;
    for (const host of ["fixed", "fixed:80", "fixed.default.svc.cluster.local"]) {
      assert.equal(
        await body(`${address}/outbound?authority=${host}&path=/`),
        "status 200\nfixed",
        host,
      );
    }
    const other = await body(`${address}/outbound?authority=fixed.default&path=/`);
    assert.match(other, /^failed/, "the manifest of the app decides");
    program.kill("SIGTERM");
    assert.equal((await program.outcome()).code, 0);
  });
});

Deno.test("up -f of a manifest ends with the app that fails", async () => {
  await inDirectory({ "app.yaml": MANIFEST, "spin.toml": FIXED }, async (directory) => {
    const { code, stderr } = await runProgram([
      ...["up", "-f", "app.yaml", "--app", "greeter=./nowhere", "--app", "fixed=."],
      ...["--listen", "127.0.0.1:0", "--cache-dir", "cache"],
    ], { cwd: directory });
    assert.equal(code, 1);
    assert.match(stderr, /^greeter \| Error: File or directory '.*nowhere' not found/m);
  });
});

const REFUSED: readonly (readonly [what: string, args: string[], code: number, text: RegExp])[] = [
  [
    "a field that is wrong",
    ["-f", "wrong.yaml"],
    1,
    /^Error: wrong\.yaml:4:\d+: SpinApp "a": spec/,
  ],
  ["a file that is not there", ["-f", "no.yaml"], 1, /Cannot read the manifest "no\.yaml"/],
  ["options of one app", ["-f", "app.yaml", "--format", "json"], 2, /--format cannot be used with/],
  ["--app without a manifest", ["--app", "a=."], 2, /--app is for a YAML file with SpinApps/],
  ["--app without a name", ["-f", "app.yaml", "--app", "x"], 2, /give NAME=APP/],
];

Deno.test("up -f of a manifest refuses", async (t) => {
  const wrong = "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\nmetadata: {name: a}\n" +
    "spec: {image: 1}\n";
  const files = { "app.yaml": MANIFEST, "spin.toml": FIXED, "wrong.yaml": wrong };
  await inDirectory(files, async (cwd) => {
    for (const [what, args, code, text] of REFUSED) {
      await t.step(what, async () => {
        const outcome = await runProgram(["up", ...args], { cwd });
        assert.match(outcome.stderr, text);
        assert.equal(outcome.code, code);
      });
    }
  });
});
