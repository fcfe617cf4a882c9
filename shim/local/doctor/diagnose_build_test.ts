import assert from "node:assert/strict";
import { join } from "node:path";
import { readNormalManifest } from "../../loader/load_app.ts";
import { type BuildMachine, diagnoseBuild } from "./diagnose_build.ts";
import type { Diagnosis } from "./diagnosis.ts";

/** Runs the diagnosis of an app whose only component has these lines. */
async function diagnose(
  lines: string,
  { programs = [], installed = "" }: { programs?: string[]; installed?: string } = {},
): Promise<{ found: Diagnosis[]; calls: string[]; directory: string }> {
  const directory = await Deno.makeTempDir();
  for (const program of programs) await Deno.writeTextFile(join(directory, program), "");
  const path = join(directory, "spin.toml");
  await Deno.writeTextFile(
    path,
    `spin_manifest_version = 2\n[application]\nname = "a"\n[[trigger.http]]\nroute = "/"\n` +
      `component = "a"\n[component.a]\n${lines}\n`,
  );
  const calls: string[] = [];
  const machine: BuildMachine = {
    path: directory,
    isWindows: false,
    report: () => {},
    run: (program, args) => {
      calls.push([program, ...args].join(" "));
      return Promise.resolve(args.includes("list") ? installed : "");
    },
  };
  const source = { kind: "manifest", path } as const;
  const manifest = await readNormalManifest(source, { cwd: directory });
  const found = await diagnoseBuild(manifest, { source, cwd: directory, machine });
  return { found, calls, directory };
}

const CARGO = `source = "spin.toml"
[component.a.build]
command = "cargo build --target wasm32-wasip1 --release && npm test"`;

Deno.test("diagnoseBuild() finds tools that are not on the PATH", async () => {
  const { found, directory } = await diagnose(CARGO);
  assert.deepEqual(found.map(({ problem }) => problem.split(",")[0]), [
    "cargo is not on the PATH",
    "npm is not on the PATH",
  ]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("diagnoseBuild() installs a Rust target that is missing", async () => {
  const programs = ["cargo", "npm"];
  const { found, calls, directory } = await diagnose(CARGO, { programs, installed: "x86\n" });
  assert.deepEqual(found.map(({ problem }) => problem), [
    "The Rust target wasm32-wasip1 is not installed",
  ]);
  await found[0]!.treatment!.apply();
  assert.equal(calls.at(-1), "rustup target add wasm32-wasip1");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("diagnoseBuild() is content with what is there", async () => {
  const programs = ["cargo", "npm"];
  const { found, directory } = await diagnose(CARGO, { programs, installed: "wasm32-wasip1\n" });
  assert.deepEqual(found, []);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("diagnoseBuild() builds Wasm that is missing", async () => {
  const { found, directory } = await diagnose(
    'source = "a.wasm"\n[component.a.build]\ncommand = "echo x > a.wasm"',
  );
  assert.match(found[0]!.problem, /the Wasm "a\.wasm" is not there; it has to be built/);
  await found[0]!.treatment!.apply();
  assert.equal(await Deno.readTextFile(join(directory, "a.wasm")), "x\n");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("diagnoseBuild() cannot make Wasm without a build command", async () => {
  const { found, directory } = await diagnose('source = "a.wasm"');
  assert.match(found[0]!.problem, /has no build command/);
  assert.equal(found[0]!.treatment, undefined);
  await Deno.remove(directory, { recursive: true });
});
