/**
 * The Spin apps that pods of these tests run, as images.
 *
 * @module
 */

import {
  copyAssets,
  manifest,
  sampleWasm,
  triggerSample,
  writeManifest,
} from "../support/fixtures.ts";
import { samplePath } from "../support/fixtures.ts";
import type { OciImage } from "../support/oci_layout.ts";
import { packageImage, registryImage, scratchImage } from "../support/spin_images.ts";

function named(repository: string, tag = "1"): string {
  return `example.test/${repository}:${tag}`;
}

/** Images by what is in them. */
export const APPS = {
  /** The C guest, with a file of each size. */
  registry: named("torture", "registry"),
  archive: named("torture", "archive"),
  scratch: named("torture", "scratch"),
  /** The component alone, without files. */
  package: named("torture", "package"),
  /** QuickJS with key-value and variables; `greeting` has the default `hi`. */
  tiny: named("tiny"),
  /** The same, where `greeting` has no default. */
  needy: named("needy"),
  /** A command. */
  job: named("job"),
  /** Two components, of which `second` answers `/second/...`. */
  pair: named("pair"),
  /** An image that somebody else pushed: files, and no app in them. */
  empty: named("empty"),
  /** What `wkg` never makes: two components in one package. */
  doublePackage: named("double"),
  /** Apps that tests break, each its own: what is prepared once is not read again. */
  missingLayer: named("broken", "missing"),
  corruptLayer: named("broken", "corrupt"),
  large: named("broken", "large"),
  noWasm: named("broken", "no-wasm"),
} as const;

/** The content of a file that is too large to be inline in the locked app. */
export const LARGE_TEXT = "a line of a file of its own layer\n".repeat(100);

/** All images of {@link APPS}. */
export async function spinImages(directory: string): Promise<OciImage[]> {
  const torture = tortureApp(directory);
  return [
    await registryImage(APPS.registry, { manifest: torture }),
    await registryImage(APPS.archive, { manifest: torture, assets: "archive" }),
    scratchImage(APPS.scratch, { manifest: torture, files: ["torture.wasm", "assets"] }),
    packageImage(APPS.package, [sampleWasm("torture")]),
    await registryImage(APPS.tiny, { manifest: samplePath("tiny-js") }),
    await registryImage(APPS.needy, {
      manifest: samplePath("tiny-js"),
      change: (app) => ({ ...app, variables: { greeting: {} } }),
    }),
    await registryImage(APPS.job, { manifest: triggerSample("job") }),
    await registryImage(APPS.pair, { manifest: pairApp(directory) }),
    scratchImage(APPS.empty, { manifest: `${directory}/torture/assets/hello.txt`, files: [] }),
    packageImage(APPS.doublePackage, [sampleWasm("torture"), sampleWasm("tiny-js")]),
    ...await Promise.all(
      [APPS.missingLayer, APPS.corruptLayer, APPS.large].map((name) =>
        registryImage(name, { manifest: ownApp(directory, name) })
      ),
    ),
    await registryImage(APPS.noWasm, { manifest: textApp(directory) }),
  ];
}

/** The C guest with a directory of files. @returns The path of its manifest. */
function tortureApp(root: string): string {
  const directory = `${root}/torture`;
  copyAssets(directory);
  Deno.writeTextFileSync(`${directory}/assets/large.txt`, LARGE_TEXT);
  Deno.copyFileSync(sampleWasm("torture"), `${directory}/torture.wasm`);
  return writeManifest(
    directory,
    manifest([{
      id: "torture",
      route: "/...",
      source: "torture.wasm",
      lines: [
        'files = [{ source = "assets", destination = "/" }]',
        'environment = { COLOR = "green" }',
      ],
    }]),
  );
}

function pairApp(root: string): string {
  const directory = `${root}/pair`;
  Deno.mkdirSync(directory);
  return writeManifest(
    directory,
    manifest([{ id: "first", route: "/..." }, { id: "second", route: "/second/..." }]),
  );
}

/** An app whose component no other image has: its bytes end in a section that only names it. */
function ownApp(root: string, name: string): string {
  const directory = `${root}/${name.split(":").at(-1)}`;
  Deno.mkdirSync(directory);
  const text = new TextEncoder().encode(`\x03own${name}`);
  const wasm = Deno.readFileSync(sampleWasm("torture"));
  Deno.writeFileSync(
    `${directory}/own.wasm`,
    new Uint8Array([...wasm, 0, text.length, ...text]),
  );
  return writeManifest(
    directory,
    manifest([{ id: "own", route: "/...", source: "own.wasm" }]),
  );
}

/** An app whose component is a text. */
function textApp(root: string): string {
  const directory = `${root}/text`;
  Deno.mkdirSync(directory);
  Deno.writeTextFileSync(
    `${directory}/text.wasm`,
    "This is no WebAssembly, whatever its name says.",
  );
  return writeManifest(
    directory,
    manifest([{ id: "own", route: "/...", source: "text.wasm" }]),
  );
}
