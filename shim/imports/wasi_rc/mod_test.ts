import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testContext } from "../_context_fixture.ts";
import { createWasiRc } from "./mod.ts";
import { FIRST, SECOND, type Snapshot } from "./snapshots.ts";

/** A function of an interface, or of a resource in it. */
interface WitFunction {
  readonly interface_: string;
  /** Undefined for functions outside of resources. */
  readonly resource: string | undefined;
  readonly name: string;
  readonly isStatic: boolean;
}

/** What the fixture with the snapshot's WIT lists. */
function readWit(snapshot: Snapshot): WitFunction[] {
  const directory = new URL("../../../tests/fixtures/apps/rust-snapshots/wit/", import.meta.url);
  const text = Deno.readTextFileSync(fileURLToPath(new URL(`wasi-${snapshot}.wit`, directory)));
  const functions: WitFunction[] = [];
  let [package_, interface_, resource]: (string | undefined)[] = [];
  for (const line of text.split("\n")) {
    package_ = /^package ([a-z:]+)@/.exec(line)?.[1] ?? package_;
    const name = /^ {2}interface ([a-z0-9-]+)/.exec(line)?.[1];
    if (name) interface_ = `${package_}/${name}@${snapshot}`;
    resource = /^ {4}resource ([a-z0-9-]+)/.exec(line)?.[1] ??
      (/^ {4}\S/.test(line) ? undefined : resource);
    const found = /^ {4,6}%?([a-z0-9-]+): (static )?func\(/.exec(line);
    if (!found) continue;
    functions.push({
      interface_: interface_!,
      resource,
      name: found[1]!,
      isStatic: found[2] !== undefined,
    });
  }
  // What guests export.
  return functions.filter(({ interface_ }) => !/\/(?:incoming-handler|run)@/.test(interface_));
}

function camelCase(kebab: string): string {
  return kebab.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function pascalCase(kebab: string): string {
  return kebab.slice(0, 1).toUpperCase() + camelCase(kebab).slice(1);
}

Deno.test("createWasiRc() offers every function of both snapshots", async (t) => {
  for (const [snapshot, count] of [[FIRST, 150], [SECOND, 170]] as const) {
    await t.step(snapshot, async () => {
      const functions = readWit(snapshot);
      assert.ok(functions.length > count, String(functions.length));
      const wanted = [...new Set(functions.map(({ interface_ }) => interface_))];
      const offered = await createWasiRc(testContext(), wanted);
      const missing = functions.filter(({ interface_, resource, name, isStatic }) => {
        const members = offered[interface_];
        if (!resource) return typeof members?.[camelCase(name)] !== "function";
        const class_ = members?.[pascalCase(resource)] as
          | (Record<string, unknown> & { prototype: Record<string, unknown> })
          | undefined;
        const owner = isStatic ? class_ : class_?.prototype;
        return typeof owner?.[camelCase(name)] !== "function";
      });
      assert.deepEqual(missing, []);
    });
  }
});

Deno.test("createWasiRc() offers the packages that are wanted, in the snapshot in which they are", async () => {
  const offered = await createWasiRc(testContext(), [
    `wasi:random/random@${FIRST}`,
    `wasi:clocks/wall-clock@${SECOND}`,
    "wasi:cli/environment@0.2.0",
  ]);
  assert.deepEqual(Object.keys(offered).sort(), [
    `wasi:clocks/monotonic-clock@${SECOND}`,
    `wasi:clocks/wall-clock@${SECOND}`,
    `wasi:random/insecure-seed@${FIRST}`,
    `wasi:random/insecure@${FIRST}`,
    `wasi:random/random@${FIRST}`,
  ]);
});
