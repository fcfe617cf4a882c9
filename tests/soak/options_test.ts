import assert from "node:assert/strict";
import { UsageError } from "../../lib/errors.ts";
import { parseSoakOptions } from "./options.ts";

Deno.test("parseSoakOptions() has defaults", () => {
  assert.deepEqual(parseSoakOptions([]), {
    isHelp: false,
    minutes: 10,
    guests: ["c", "js"],
    workers: 1,
    program: undefined,
    jsGuest: undefined,
  });
});

Deno.test("parseSoakOptions() reports every problem when several options are wrong", () => {
  assert.throws(
    () => parseSoakOptions(["--minutes", "0", "--workers", "1.5", "--guest", "go"]),
    (error) => error instanceof UsageError && error.message.split("\n").length === 3,
  );
  assert.throws(() => parseSoakOptions(["--hours", "1"]), UsageError);
});
