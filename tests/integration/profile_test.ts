import assert from "node:assert/strict";
import { join } from "node:path";
import { sampleWasm, writeManifest } from "../support/fixtures.ts";
import { TestSuite } from "../support/test_suite.ts";
import { runProgram } from "./_program.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** An app whose Wasm is what was built last, with or without the profile. */
function writeApp(): { directory: string; from: string } {
  const directory = suite.directory();
  const built = JSON.stringify(sampleWasm("torture"));
  const from = writeManifest(
    directory,
    `
spin_manifest_version = 2
[application]
name = "profiled"
targets = ["spin-up:3.3", { path = "target.wit" }]
[[trigger.http]]
route = "/..."
component = "main"
[component.main]
source = "main.wasm"
targets = ["spin-up:3.2"]
environment = { COLOR = "green", SIZE = "small" }
[component.main.build]
command = 'cp ${built} main.wasm'
[component.main.profile.debug]
source = "debug.wasm"
environment = { COLOR = "red" }
build = { command = 'cp ${built} debug.wasm' }
[component.other]
source = ${built}
build = { command = "touch other.txt" }
`,
  );
  return { directory, from };
}

Deno.test("build and up take a profile", async () => {
  const { directory, from } = writeApp();
  const built = await runProgram(["build", "-f", from, "--profile", "debug"], { cwd: directory });
  assert.equal(built.code, 0, built.stderr);
  assert.match(built.stderr, /^Building component main with `cp .* debug\.wasm`$/m);
  const files = [...Deno.readDirSync(directory)].map(({ name }) => name);
  // A component without the profile is built as ever.
  assert.ok(files.includes("debug.wasm") && files.includes("other.txt"), files.join());
  assert.ok(!files.includes("main.wasm"), files.join());
  assert.equal(Deno.readTextFileSync(join(directory, ".spin/last-build.txt")), "debug");
  await using app = await suite.start({ from, args: ["--profile", "debug", "--workers", "1"] });
  assert.equal((await app.get("/env")).body, "COLOR=red\nSIZE=small\n");
  assert.doesNotMatch(app.stderr, /different profile/);
});

Deno.test("up --build builds the profile that it serves, and up tells if it serves another", async () => {
  const { from } = writeApp();
  {
    await using app = await suite.start({ from, args: ["--build", "--profile", "debug"] });
    assert.equal((await app.get("/env")).body, "COLOR=red\nSIZE=small\n");
  }
  {
    await using app = await suite.start({ from, args: ["--build"] });
    assert.equal((await app.get("/env")).body, "COLOR=green\nSIZE=small\n");
    assert.doesNotMatch(app.stderr, /different profile/);
  }
  await using app = await suite.start({ from, args: ["--profile", "debug"] });
  await app.waitForStderr(
    /^Warning: You built a different profile more recently than the one you are running/m,
  );
});

Deno.test("build and up refuse a profile that no component has", async () => {
  const { directory, from } = writeApp();
  const message =
    /^Error: Profile debgu is not defined in this application; did you mean "debug"\?$/m;
  const built = await runProgram(["build", "-f", from, "--profile", "debgu"], { cwd: directory });
  assert.equal(built.code, 1);
  assert.match(built.stderr, message);
  const { code, stderr } = await suite.refuse({ from, args: ["--profile", "debgu"] });
  assert.equal(code, 1);
  assert.match(stderr, message);
});
