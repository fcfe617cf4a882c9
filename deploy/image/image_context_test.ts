import assert from "node:assert/strict";
import { join } from "node:path";
import { INSTALL_DIR, installedCommand } from "../../lib/install_dir.ts";
import { SMALL_DENO_FLAGS } from "../../lib/self_command.ts";
import { buildImageContext } from "./image_context.ts";

/** An install directory, as far as the image looks into it. */
async function makeInstallDir(directory: string): Promise<void> {
  await Deno.mkdir(join(directory, "bin"), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(
    join(directory, INSTALL_DIR.version),
    JSON.stringify({ version: "1.2.3", deno: "2", arch: "aarch64" }),
    { mode: 0o600 },
  );
  await Deno.writeTextFile(join(directory, INSTALL_DIR.runtime), "deno", { mode: 0o700 });
}

/** Everything below a path, with its rights. */
async function modesOf(base: string, path: string): Promise<Record<string, string>> {
  const { mode, isDirectory } = await Deno.stat(join(base, path));
  let modes: Record<string, string> = { [path]: (mode! & 0o7777).toString(8) };
  if (!isDirectory) return modes;
  for await (const { name } of Deno.readDir(join(base, path))) {
    modes = { ...modes, ...await modesOf(base, `${path}/${name}`) };
  }
  return modes;
}

Deno.test("buildImageContext() lays out all that the Containerfile copies", async () => {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    await makeInstallDir(join(directory, "install"));
    const context = join(directory, "image");
    // The second takes the place of the first.
    await buildImageContext(context, join(directory, "install"));
    await buildImageContext(context, join(directory, "install"));

    const modes = await modesOf(context, "root");
    assert.deepEqual(modes, {
      "root": "755",
      "root/manager": "755",
      "root/spinkube": "755",
      "root/spinkube/VERSION": "644",
      "root/spinkube/bin": "755",
      "root/spinkube/bin/deno": "755",
      "root/tmp": "1777",
      "root/usr": "755",
      "root/usr/bin": "755",
      "root/usr/bin/nsenter": "755",
      "root/usr/bin/spinkube": "755",
    });
    const containerfile = await Deno.readTextFile(join(context, "Containerfile"));
    assert.match(containerfile, /^FROM scratch\nCOPY root\/ \/\n/m);
    assert.match(containerfile, /^USER 65532:65532$/m);
    assert.match(containerfile, /^ENTRYPOINT \["\/manager"\]$/m);

    const program = await Deno.readFile(join(context, "root/manager"));
    // For the processor of the install directory.
    assert.equal(program[18], 183);
    const words = installedCommand("/spinkube", {
      denoFlags: SMALL_DENO_FLAGS,
      args: ["controller"],
    });
    const text = new TextDecoder("latin1").decode(program);
    assert.ok(text.endsWith(`${words.join("\0")}\0`));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
