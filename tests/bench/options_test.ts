import assert from "node:assert/strict";
import { UsageError } from "../../lib/errors.ts";
import { parseBenchOptions } from "./options.ts";

Deno.test("parseBenchOptions() measures everything in full when nothing is given", () => {
  assert.deepEqual(parseBenchOptions([]), {
    isHelp: false,
    isQuick: false,
    guests: ["c", "js"],
    program: undefined,
    jsGuest: undefined,
    cacheDir: undefined,
  });
});

Deno.test("parseBenchOptions() throws when an option is wrong", () => {
  for (const args of [["--guest", "rust"], ["--fast"], ["c"], ["--program"]]) {
    assert.throws(() => parseBenchOptions(args), UsageError, args.join(" "));
  }
});
