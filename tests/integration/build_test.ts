import assert from "node:assert/strict";
import { join } from "node:path";
import { runProgram } from "./_program.ts";

function component(id: string, build: string): string {
  return [
    "[[trigger.http]]",
    `route = "/${id}"`,
    `component = "${id}"`,
    `[component.${id}]`,
    `source = "${id}.wasm"`,
    build === "" ? "" : `[component.${id}.build]\n${build}`,
  ].join("\n");
}

async function build(
  components: string[],
  args: string[] = [],
): Promise<{ code: number; stderr: string; stdout: string; files: string[] }> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    const manifest = ["spin_manifest_version = 2", "[application]", 'name = "app"', ...components];
    await Deno.writeTextFile(join(directory, "spin.toml"), manifest.join("\n"));
    await Deno.mkdir(join(directory, "sub"));
    const outcome = await runProgram(["build", ...args], { cwd: directory });
    const files = [...Deno.readDirSync(directory)].map(({ name }) => name);
    return { ...outcome, stderr: outcome.stderr.replaceAll(directory, "DIR"), files };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("build runs every command in its directory", async () => {
  const { code, stderr, stdout, files } = await build([
    component("one", 'command = "pwd > one.txt"'),
    component("two", 'command = "pwd > ../two.txt; echo done"\nworkdir = "sub"'),
  ]);
  assert.equal(
    stderr,
    "Building component one with `pwd > one.txt`\n" +
      "Building component two with `pwd > ../two.txt; echo done`\n" +
      'Working directory: "DIR/sub"\n' +
      "Finished building all Spin components\n",
  );
  assert.equal(stdout, "done\n");
  assert.equal(code, 0);
  assert.deepEqual(files.filter((name) => name.endsWith(".txt")).sort(), ["one.txt", "two.txt"]);
});

Deno.test("build -c builds the selected component only", async () => {
  const { code, files } = await build([
    component("one", 'command = "touch one.txt"'),
    component("two", 'command = "touch two.txt"'),
  ], ["-c", "two"]);
  assert.equal(code, 0);
  assert.deepEqual(files.filter((name) => name.endsWith(".txt")), ["two.txt"]);
});

for (
  const { name, components, args, stderr } of [
    {
      name: "a command that fails",
      components: [component("one", 'command = "exit 3"')],
      args: [],
      stderr: /\nError: Build command for component one failed with status Exited\(3\)\n$/,
    },
    {
      name: "a command that is killed",
      components: [component("one", 'command = "kill -9 $$"')],
      args: [],
      stderr: /failed with status Signaled\(9\)\n$/,
    },
    {
      name: "a directory that does not exist",
      components: [component("one", 'command = "true"\nworkdir = "none"')],
      args: [],
      stderr:
        /Cannot spawn build process 'Single\("true"\)' for component one: No such file or directory \(os error 2\)\n$/,
    },
    {
      name: "components that do not exist",
      components: [component("one", 'command = "true"'), component("bare", "")],
      args: ["-c", "x", "-c", "bare", "-c", "y"],
      stderr: /^Error: Unknown component\(s\) x, y\n$/,
    },
  ]
) {
  Deno.test(`build explains ${name}`, async () => {
    const outcome = await build(components, args);
    assert.match(outcome.stderr, stderr);
    assert.equal(outcome.code, 1);
  });
}

Deno.test("build succeeds when there is nothing to build", async () => {
  const { code, stderr } = await build([component("bare", "")]);
  assert.match(stderr, /^None of the components have a build command\.\n/);
  assert.equal(code, 0);
});
