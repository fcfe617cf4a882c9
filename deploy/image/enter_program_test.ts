import assert from "node:assert/strict";
import { join } from "node:path";
import { buildEnterProgram } from "./enter_program.ts";

const ignore = Deno.build.os !== "linux";

async function run(...args: string[]) {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "nsenter");
    await Deno.writeFile(path, buildEnterProgram(Deno.build.arch), { mode: 0o755 });
    const { code, stdout, stderr } = await new Deno.Command(path, {
      args,
      env: { TOLD: "yes" },
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Entering any namespace, one's own too, takes rights that not every machine gives. */
const mayEnter = !ignore && Deno.uid() === 0 &&
  (await run("-m/proc/self/ns/mnt", "--", "/bin/true")).code === 0;

Deno.test({
  name: "buildEnterProgram() runs a program in the namespace with its environment",
  ignore: !mayEnter,
  async fn() {
    const script = 'printf "%s|" "$TOLD" "$0" "$@"; readlink /proc/self/ns/mnt; exit 3';
    const own = await Deno.readLink("/proc/self/ns/mnt");
    assert.deepEqual(
      await run("-m/proc/self/ns/mnt", "--", "/bin/sh", "-c", script, "a", "b c", ""),
      { code: 3, stdout: `yes|a|b c||${own}\n`, stderr: "" },
    );
    assert.equal((await run("-m/proc/self/ns/mnt", "--", "/nowhere")).code, 127);
  },
});

Deno.test({
  name: "buildEnterProgram() tells that it cannot enter",
  ignore,
  async fn() {
    const refused = { code: 126, stdout: "", stderr: "nsenter: cannot enter the namespace\n" };
    assert.deepEqual(await run("-m/nowhere", "--", "/bin/true"), refused);
    assert.deepEqual(await run("-m/dev/null", "--", "/bin/true"), refused);
    assert.deepEqual(await run(), refused);
  },
});

Deno.test("buildEnterProgram() makes small programs for both processors", () => {
  for (const [arch, machine] of [["x86_64", 62], ["aarch64", 183]] as const) {
    const file = buildEnterProgram(arch);
    assert.equal(new DataView(file.buffer).getUint16(18, true), machine);
    assert.ok(file.length < 400);
    assert.ok(new TextDecoder().decode(file).endsWith("nsenter: cannot enter the namespace\n"));
  }
});
