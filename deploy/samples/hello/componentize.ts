/**
 * Makes a component of a core module: `componentize.ts CORE.wasm WORLD.wit OUT.wasm`.
 *
 * @module
 */

import { componentEmbed, componentNew } from "@bytecodealliance/jco";

const [core, wit, out] = Deno.args;
if (core === undefined || wit === undefined || out === undefined) {
  console.error("Usage: componentize.ts CORE.wasm WORLD.wit OUT.wasm");
  Deno.exit(2);
}
const embedded = await componentEmbed({
  binary: await Deno.readFile(core),
  witSource: await Deno.readTextFile(wit),
  world: "hello",
  stringEncoding: "utf8",
  dummy: false,
});
await Deno.writeFile(out, await componentNew(embedded, []));
