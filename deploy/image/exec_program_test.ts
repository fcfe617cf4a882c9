import assert from "node:assert/strict";
import { join } from "node:path";
import { buildExecProgram } from "./exec_program.ts";

const ARCH = Deno.build.arch;
const ignore = Deno.build.os !== "linux";

/** Runs a program for this machine. */
async function run(
  command: readonly [string, ...string[]],
  args: readonly string[],
): Promise<{ code: number; stdout: string }> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    const path = join(directory, "program");
    await Deno.writeFile(path, buildExecProgram(command, ARCH), { mode: 0o755 });
    const { code, stdout } = await new Deno.Command(path, {
      args: [...args],
      env: { TOLD: "yes" },
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const SAY = ["/bin/sh", "-c", 'printf "%s|" "$TOLD" "$0" "$@"; exit 3'] as const;

Deno.test({
  name: "buildExecProgram() runs the command with further arguments and its environment",
  ignore,
  async fn() {
    assert.deepEqual(await run(SAY, []), { code: 3, stdout: "yes|/bin/sh|" });
    assert.deepEqual(await run([...SAY, "name", "a b"], ["c", "", "d"]), {
      code: 3,
      stdout: "yes|name|a b|c||d|",
    });
    const many = Array.from({ length: 2_000 }, (_, index) => `${index}`);
    const { stdout } = await run([...SAY, "name"], many);
    assert.equal(stdout, ["yes", "name", ...many, ""].join("|"));
  },
});

Deno.test({
  name: "buildExecProgram() ends with 127 when the program is missing",
  ignore,
  async fn() {
    assert.deepEqual(await run(["/nowhere/program"], ["a"]), { code: 127, stdout: "" });
  },
});

Deno.test("buildExecProgram() makes small programs for both processors", () => {
  for (const [arch, machine] of [["x86_64", 62], ["aarch64", 183]] as const) {
    const view = new DataView(buildExecProgram(["/a", "b"], arch).buffer);
    assert.equal(view.getUint32(0), 0x7f454c46);
    assert.equal(view.getUint16(18, true), machine);
    // The entry is the first byte after the headers, in the segment that is loaded.
    assert.equal(view.getBigUint64(24, true), view.getBigUint64(64 + 16, true) + 176n);
    assert.equal(view.getBigUint64(64 + 32, true), BigInt(view.byteLength));
    assert.ok(view.byteLength < 400);
  }
});
