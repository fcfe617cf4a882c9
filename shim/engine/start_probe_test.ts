import assert from "node:assert/strict";
import { probeStart } from "./start_probe.ts";
import { rewriteModule } from "./wasm/rewrite.ts";
import { wat } from "./wasm/_wat_fixture.ts";

const FUNCTIONS = {
  "wasi:cli/stdout": ["getStdout"],
  "wasi:cli/environment": ["getEnvironment", "getArguments"],
  "wasi:cli/terminal-stdout": ["getTerminalStdout"],
  "wasi:clocks/wall-clock": ["now"],
  "wasi:filesystem/preopens": ["getDirectories"],
  "wasi:filesystem/types": ["Descriptor"],
  "wasi:io/streams": ["OutputStream"],
};

/** Bindings whose start is `body`; it may use `imports`, `start()` and a module's instance. */
function bindings(body: string): string {
  return `export async function instantiate(getCoreModule, imports, instantiateCore) {
    const core = instantiateCore(getCoreModule("m.wasm"), {
      h: { f: () => imports["wasi:clocks/wall-clock"].now() } });
    ${body}
    return {};
  }`;
}

Deno.test("probeStart() says why instances cannot be rewound", async (t) => {
  const cases: [string, string, RegExp | undefined][] = [
    ["no call at all", "", undefined],
    ["the environment", `imports["wasi:cli/environment"].getEnvironment().map(String);`, undefined],
    [
      "streams, terminals and directories, kept",
      `imports["wasi:cli/stdout"].getStdout() instanceof imports["wasi:io/streams"].OutputStream ||
         fail(); imports["wasi:cli/terminal-stdout"].getTerminalStdout();
       for (const [directory] of imports["wasi:filesystem/preopens"].getDirectories()) {
         directory.getType(); directory.getFlags(); }`,
      undefined,
    ],
    [
      "a clock",
      `imports["wasi:clocks/wall-clock"].now();`,
      /^it calls wasi:clocks\/wall-clock#now/,
    ],
    [
      "a clock, its failure hidden",
      `try { imports["wasi:clocks/wall-clock"].now(); } catch {}`,
      /^it calls wasi:clocks\/wall-clock#now while it starts$/,
    ],
    ["a clock, from Wasm", "core.exports.call();", /^it calls wasi:clocks\/wall-clock#now/],
    [
      "writing to a stream",
      `imports["wasi:cli/stdout"].getStdout().checkWrite();`,
      /^it does not start on its own: .*checkWrite/,
    ],
    ["a trap", "core.exports.trap();", /^it does not start on its own: .*unreachable/],
  ];
  const { bytes } = rewriteModule(
    await wat(`(module (import "h" "f" (func $f))
      (func (export "call") (call $f)) (func (export "trap") unreachable))`),
  );
  const modules = new Map([["m.wasm", bytes]]);
  for (const [name, body, expected] of cases) {
    await t.step(name, async () => {
      const { notResettable: reason } = await probeStart(bindings(body), {
        modules,
        functions: FUNCTIONS,
      });
      if (expected) assert.match(reason ?? "", expected);
      else assert.equal(reason, undefined);
    });
  }
});
