import assert from "node:assert/strict";
import { join } from "node:path";
import { buildBundle } from "../../deploy/image/bundle.ts";
import { runProgram, SAMPLE, startProgram } from "./_program.ts";

Deno.test("buildBundle() makes a directory that serves an app after it was moved", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const built = join(directory, "built");
    await buildBundle(built);
    const moved = join(directory, "elsewhere", "bundle");
    await Deno.mkdir(join(directory, "elsewhere"));
    await Deno.rename(built, moved);
    const env = { SPINKUBE_DENO: Deno.execPath() };
    const options = { command: [join(moved, "spinkube")], cwd: directory, env };

    const version = await runProgram(["version"], options);
    assert.match(version.stdout, /^spinkube \d+\.\d+\.\d+\n$/);

    await using program = startProgram([
      "up",
      `--from=${SAMPLE}`,
      "--listen=127.0.0.1:0",
      "--format=json",
      "--workers=2",
      `--state-dir=${join(directory, "state")}`,
      `--cache-dir=${join(directory, "cache")}`,
    ], options);
    const { base_url: baseUrl } = await program.listing();
    const response = await fetch(`${baseUrl}/bundled`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /<code>GET \/bundled<\/code>/);
    program.kill("SIGTERM");
    const { code, stderr } = await program.outcome();
    assert.equal(code, 0, stderr);

    const shim = { ...options, command: [join(moved, "containerd-shim-spin-v2")] };
    const { code: shimCode, stdout: about } = await runProgram(["-v"], shim);
    assert.equal(shimCode, 0);
    assert.match(about, /^containerd-shim-spin-v2:\n {2}Runtime: spin\n {2}Version: /);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
