import assert from "node:assert/strict";
import { join } from "node:path";
import { type Outcome, type ProgramOptions, runProgram } from "./_program.ts";

const FROM = ["--from", "ghcr.io/foo/shop:v1"];

const MANIFEST = `spin_manifest_version = 2
[application]
name = "shop"
[variables]
greeting = { required = true }
[[trigger.http]]
route = "/..."
component = "front"
[component.front]
source = "front.wasm"
`;

interface Ran extends Outcome {
  readonly directory: string;
}

/** Runs in a directory of its own, which `check` may look into. */
async function scaffold(
  args: readonly string[],
  { files = {}, check, ...options }: ProgramOptions & {
    readonly files?: Readonly<Record<string, string>>;
    readonly check?: (ran: Ran) => Promise<void> | void;
  } = {},
): Promise<Outcome> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(directory, name), text);
    }
    const outcome = await runProgram(["kube", "scaffold", ...args], { cwd: directory, ...options });
    await check?.({ ...outcome, directory });
    return outcome;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("scaffold needs no kubeconfig that can be read", async () => {
  const { code, stdout, stderr } = await scaffold(FROM, {
    files: { config: "{broken" },
    env: { KUBECONFIG: "config" },
  });
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^apiVersion: core\.spinkube\.dev\/v1alpha1\nkind: SpinApp\n/);
});

Deno.test("scaffold --out replaces a file for its owner only, and says so", async () => {
  await scaffold([...FROM, "-o", "app.yaml"], {
    files: { "app.yaml": "x".repeat(10_000) },
    async check({ code, stdout, stderr, directory }) {
      assert.equal(code, 0);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \nApplication manifest saved to app\.yaml\n$/,
      );
      const path = join(directory, "app.yaml");
      assert.ok((await Deno.readTextFile(path)).endsWith("  replicas: 2\n"));
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["app.yaml"]);
    },
  });
});

Deno.test("scaffold --out writes through a link", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(directory, "real.yaml"), "old");
    await Deno.symlink("real.yaml", join(directory, "link.yaml"));
    const { code } = await runProgram(["scaffold", ...FROM, "-o", "link.yaml"], {
      cwd: directory,
    });
    assert.equal(code, 0);
    assert.match(await Deno.readTextFile(join(directory, "real.yaml")), /kind: SpinApp/);
    assert.ok((await Deno.lstat(join(directory, "link.yaml"))).isSymlink);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

const FAILURES: readonly (readonly [args: readonly string[], code: number, stderr: string])[] = [
  [
    [],
    2,
    'Error: required flag(s) "from" not set\nSee "spinkube kube scaffold --help".\n',
  ],
  [["--from", "not a name"], 1, "Error: invalid image reference provided: 'not a name'\n"],
  [
    [...FROM, "-r", "-1", "--autoscaler", "no"],
    1,
    "Error: the minimum replica count (-1) must be greater than 0\n" +
    "invalid autoscaler type 'no'; the autoscaler type must be either 'hpa' or 'keda'\n" +
    "cpu limits must be set when autoscaling is enabled\n" +
    "memory limits must be set when autoscaling is enabled\n",
  ],
  [[...FROM, "-c", "none.toml"], 1, "Error: open none.toml: no such file or directory\n"],
  [[...FROM, "-o", "no/app.yaml"], 1, "Error: open no/app.yaml: no such file or directory\n"],
  [
    [...FROM, "--replica", "1"],
    2,
    'Error: Unknown option "--replica"; did you mean "--replicas"?\n' +
    'Unexpected argument "1"\nSee "spinkube kube scaffold --help".\n',
  ],
  [[...FROM, "--app", "none"], 1, "Error: File or directory 'none' not found."],
];

for (const [args, code, stderr] of FAILURES) {
  Deno.test(`scaffold ${args.slice(2).join(" ") || args[0] || ""} fails with ${code}`, async () => {
    const outcome = await scaffold(args);
    assert.equal(outcome.stderr.slice(0, stderr.length), stderr);
    assert.equal(outcome.stdout, "");
    assert.equal(outcome.code, code);
  });
}

Deno.test("scaffold compares with the spin.toml of the same name beside it, on stderr only", async () => {
  const { stdout, stderr } = await scaffold([...FROM, "--component", "frnt"], {
    files: { "spin.toml": MANIFEST },
  });
  assert.match(stderr, /Warning: .*"frnt" not found in application; did you mean "front"\?/);
  assert.match(stderr, /Warning: .*variable "greeting"; give --variable greeting=VALUE/);
  assert.match(stdout, /components:\n {2}- frnt\n$/);
});

Deno.test("scaffold does not mind other or broken apps beside it", async () => {
  const other = { "spin.toml": MANIFEST.replace('"shop"', '"other"') };
  assert.equal((await scaffold(FROM, { files: other })).stderr, "");
  const disabled = await scaffold(FROM, {
    files: { "spin.toml": MANIFEST },
    env: { SPIN_KUBE_DISABLE_DIR_CONTEXT: "TRUE" },
  });
  assert.equal(disabled.stderr, "");
  const broken = await scaffold(FROM, { files: { "spin.toml": "= nothing" } });
  assert.equal(broken.code, 0);
  assert.match(broken.stderr, /^Warning: spin\.toml was not compared with: spin\.toml:1:1: /);
});

Deno.test("scaffold --app lists required variables and refuses unknown components", async () => {
  const files = { "spin.toml": MANIFEST };
  const listed = await scaffold([...FROM, "--app", ".", "-c", "spin.toml"], { files });
  assert.equal(listed.code, 0);
  assert.match(
    listed.stdout,
    /\n {2}# - name: greeting\n {2}# {3}value: ""\n---\napiVersion: v1\n/,
  );
  const refused = await scaffold([...FROM, "--app", "spin.toml", "--component", "back"], { files });
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
});

Deno.test("kube names the nearest command", async () => {
  const { code, stderr } = await runProgram(["kube", "scafold"]);
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'Error: unknown command "scafold" for "kube"\nDid you mean "spinkube kube scaffold"?\n',
  );
});
