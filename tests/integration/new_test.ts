import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { sampleWasm } from "../support/fixtures.ts";
import { hasComponentizePy, pythonEnvironment } from "../support/python_guest.ts";
import { runProgram, startProgram } from "./_program.ts";

/** Building installs packages of npm. */
const BUILD_MS = 300_000;

/** Packages that apps in JavaScript are built with can be had here. */
const hasPackages = await isThere("npm", ["view", "@spinframework/build-tools", "version"]);
const hasCargo = await isThere("cargo", ["--version"]) &&
  (await outputOf("rustc", ["--print", "target-libdir", "--target", "wasm32-wasip1"]))
    .split("\n").some((line) => isDirectory(line.trim()));

async function outputOf(program: string, args: string[]): Promise<string> {
  try {
    const { stdout, success } = await new Deno.Command(program, {
      args,
      stderr: "null",
      signal: AbortSignal.timeout(BUILD_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout) : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

async function isThere(program: string, args: string[]): Promise<boolean> {
  return await outputOf(program, args) !== "";
}

function isDirectory(path: string): boolean {
  try {
    return path !== "" && Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function inTempDir(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Serves the app of a directory, and returns its answer to one request. */
async function answerOf(app: string, path: string): Promise<{ status: number; text: string }> {
  await using program = startProgram(
    ["up", "--listen", "127.0.0.1:0", "--format", "json", "--cache-dir", join(app, "..", "cache")],
    { cwd: app },
  );
  const { base_url: baseUrl } = await program.listing();
  const answer = await fetch(baseUrl + path);
  const result = { status: answer.status, text: await answer.text() };
  program.kill("SIGTERM");
  await program.outcome();
  return result;
}

async function makeAndBuild(
  directory: string,
  template: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const made = await runProgram(["new", "my-app", "-t", template, "-o", template], {
    cwd: directory,
  });
  assert.equal(made.code, 0, made.stderr);
  const app = join(directory, template);
  const built = await runProgram(["build"], { cwd: app, timeoutMs: BUILD_MS, env });
  assert.equal(built.code, 0, built.stdout + built.stderr);
  return app;
}

Deno.test({
  name: "new http-ts and http-js make apps that are built and served",
  ignore: !hasPackages,
  async fn() {
    await inTempDir(async (directory) => {
      const typed = await makeAndBuild(directory, "http-ts");
      assert.deepEqual(await answerOf(typed, "/a/b"), {
        status: 200,
        text: "Hello from TypeScript! You asked for /a/b\n",
      });
      // The packages are those of the other app, less one: they are not installed a second time.
      const made = await runProgram(["new", "my-app", "-t", "http-js", "-o", "http-js"], {
        cwd: directory,
      });
      assert.equal(made.code, 0, made.stderr);
      const other = join(directory, "http-js");
      await Deno.rename(join(typed, "node_modules"), join(other, "node_modules"));
      assert.match(
        await outputOf("npm", ["run", "build", "--prefix", other]),
        /successfully written/,
      );
      assert.deepEqual(await answerOf(other, "/"), {
        status: 200,
        text: "Hello from JavaScript! You asked for /\n",
      });
    });
  },
});

Deno.test({
  name: "new http-rust makes an app that is built and served",
  ignore: !hasCargo,
  async fn() {
    await inTempDir(async (directory) => {
      const app = await makeAndBuild(directory, "http-rust");
      assert.deepEqual(await answerOf(app, "/a"), {
        status: 200,
        text: "Hello from Rust! You asked for /a\n",
      });
    });
  },
});

Deno.test({
  name: "new http-py makes an app that is built and served",
  ignore: !hasComponentizePy(),
  async fn() {
    await inTempDir(async (directory) => {
      const app = await makeAndBuild(directory, "http-py", pythonEnvironment());
      assert.deepEqual(await answerOf(app, "/a"), {
        status: 200,
        text: "Hello from Python! You asked for /a\n",
      });
    });
  },
});

Deno.test("new static-fileserver makes an app whose component comes by its URL and digest", async () => {
  // The released component cannot be had without the internet; another one shows the files as well.
  const wasm = await Deno.readFile(sampleWasm("torture"));
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(wasm),
  );
  await inTempDir(async (directory) => {
    const made = await runProgram(
      ["new", "static-fileserver", "my-site", "--value", "http-path=/"],
      { cwd: directory },
    );
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /^Next: cd my-site && spinkube up$/m);
    const app = join(directory, "my-site");
    const path = join(app, "spin.toml");
    const manifest = await Deno.readTextFile(path);
    const digest = createHash("sha256").update(wasm).digest("hex");
    const changed = manifest
      .replace(/url = "[^"]+"/, `url = "http://127.0.0.1:${server.addr.port}/fs.wasm"`)
      .replace(/sha256:[0-9a-f]{64}/, `sha256:${digest}`);
    assert.notEqual(changed, manifest);
    await Deno.writeTextFile(path, changed);
    assert.deepEqual(await answerOf(app, "/file?path=/index.html"), {
      status: 200,
      text: await Deno.readTextFile(join(app, "assets", "index.html")),
    });
  });
});

Deno.test("new lists its templates", async () => {
  const { code, stdout } = await runProgram(["new", "--list"]);
  assert.equal(code, 0);
  assert.deepEqual(
    stdout.trim().split("\n").map((line) => line.split(" ")[0]),
    ["http-js", "http-py", "http-rust", "http-ts", "static-fileserver"],
  );
});

Deno.test("new writes nothing when something is wrong", async (t) => {
  const cases: readonly (readonly [what: string, args: string[], code: number, text: RegExp])[] = [
    [
      "nothing is given",
      [],
      2,
      /^Error: The template is missing.*\nThe name of the app is missing/,
    ],
    ["there is no such template", ["a", "-t", "http-x"], 2, /There is no template "http-x"/],
    ["a value is wrong", ["http-js", "a", "-v", "http-path=x"], 2, /- http-path: Input 'x' does/],
    [
      "the values file is not there",
      ["http-js", "a", "--values-file", "none.toml"],
      1,
      /^Error: Failed to read text from values file none\.toml: No such file/,
    ],
  ];
  for (const [what, args, code, text] of cases) {
    await t.step(what, async () => {
      await inTempDir(async (directory) => {
        const outcome = await runProgram(["new", ...args], { cwd: directory });
        assert.match(outcome.stderr, text);
        assert.equal(outcome.code, code);
        assert.deepEqual([...Deno.readDirSync(directory)], []);
      });
    });
  }
});
