import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { readGuest } from "./_guest_fixture.ts";
import { ARTIFACT_FILES, type ArtifactManifest, sha256Hex } from "./artifact.ts";
import { engineVersion } from "./engine_version.ts";
import { prepareComponent, type PreparedFiles } from "./prepare.ts";
import { wat } from "./wasm/_wat_fixture.ts";
import { readSections, SECTION, WasmReader } from "./wasm/reader.ts";

const APPS = new URL("../../tests/fixtures/apps/", import.meta.url);

function manifestOf(files: PreparedFiles): ArtifactManifest {
  return JSON.parse(new TextDecoder().decode(files.get(ARTIFACT_FILES.manifest)));
}

Deno.test("prepareComponent() describes what it made", async () => {
  const source = await readGuest("torture");
  const files = await prepareComponent(source);
  const manifest = manifestOf(files);
  assert.equal(manifest.engine, engineVersion());
  assert.equal(manifest.source, `sha256:${await sha256Hex(source)}`);
  assert.equal(manifest.notResettable, undefined);
  assert.deepEqual(manifest.exports, ["wasi:http/incoming-handler@0.2.3"]);
  assert.ok(manifest.imports.includes("wasi:http/types@0.2.3"));
  assert.ok(manifest.functions["wasi:http/types"]?.includes("ResponseOutparam"));
  assert.ok(manifest.modules[0]?.isInterruptible);
  const described = [...manifest.modules.map(({ file }) => file), ARTIFACT_FILES.bindings];
  assert.deepEqual(Object.keys(manifest.files).sort(), described.sort());
  for (const [name, digest] of Object.entries(manifest.files)) {
    assert.equal(digest, await sha256Hex(files.get(name)!), name);
  }
});

Deno.test("prepareComponent() refuses a component with a function that cannot be", async () => {
  const source = (await readGuest("torture")).slice();
  const { code } = SECTION;
  // The first module's first function, whose body then computes nothing whatever it has to.
  const module = readSections(source).find(({ id }) => id === 1)!;
  const bytes = source.subarray(module.content, module.end);
  const section = readSections(bytes).find(({ id }) => id === code)!;
  const reader = new WasmReader(bytes, section.content);
  for (let left = reader.u32(); left > 0; left--) {
    const size = reader.u32();
    // No locals, then `i32.add` of what is not there.
    bytes.fill(0x6a, reader.position + 1, reader.position + size - 1);
    bytes[reader.position] = 0;
    reader.skip(size);
  }
  await assert.rejects(prepareComponent(source), (error: unknown) => {
    assert.ok(error instanceof TerminalError);
    assert.match(error.message, /^the component is invalid or uses features that this version/);
    return true;
  });
});

Deno.test("prepareComponent() makes the same of the same", async () => {
  const source = await readGuest("torture");
  const [first, second] = [await prepareComponent(source), await prepareComponent(source)];
  assert.deepEqual([...first], [...second]);
});

Deno.test("prepareComponent() takes a core module with component metadata", async () => {
  const core = await Deno.readFile(new URL("torture/dist/torture-core.wasm", APPS));
  const { exports, imports } = manifestOf(await prepareComponent(core));
  assert.deepEqual(exports, ["wasi:http/incoming-handler@0.2.3"]);
  assert.ok(imports.includes("wasi:http/types@0.2.3"));
});

Deno.test("prepareComponent() says what is wrong with the rest", async (t) => {
  const valid = await readGuest("torture");
  const cases: [string, () => Promise<Uint8Array>, RegExp][] = [
    [
      "no Wasm",
      () => Promise.resolve(new TextEncoder().encode("#!/bin/sh\nexit\n")),
      /does not begin as a Wasm module/,
    ],
    ["nothing", () => Promise.resolve(new Uint8Array(0)), /^the file is empty/],
    [
      "a component cut short",
      () => Promise.resolve(valid.slice(0, 50_000)),
      /truncated or damaged/,
    ],
    [
      "a component with wrong types",
      () => {
        const damaged = valid.slice();
        damaged.fill(0xff, 2_000, 2_200);
        return Promise.resolve(damaged);
      },
      /^the component is invalid or uses features/,
    ],
    ["a core module that is not for Spin", () => wat("(module (memory 1))"), /`component-type`/],
  ];
  for (const [name, source, message] of cases) {
    await t.step(name, async () => {
      const bytes = await source();
      await assert.rejects(prepareComponent(bytes), (error: unknown) => {
        assert.ok(error instanceof TerminalError, String(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n\s+at /, "no stack trace");
        return true;
      });
    });
  }
});
