import assert from "node:assert/strict";
import { StartRecorder, watchCalls } from "./start_constants.ts";

class Stream {}

function imports() {
  return {
    "wasi:cli/stdout": { getStdout: () => new Stream() },
    "wasi:cli/environment": { getEnvironment: () => [["A", "1"]] },
    "wasi:filesystem/preopens": {
      getDirectories: () => [[new Stream(), "/"], [new Stream(), "/data"]],
    },
    "other:thing/x": { getStdout: () => 1 },
  };
}

Deno.test("StartRecorder renews what was given out while the instance started", () => {
  const recorder = new StartRecorder(imports());
  const stdout = recorder.imports["wasi:cli/stdout"]!.getStdout as () => Stream;
  const directories = recorder.imports["wasi:filesystem/preopens"]!
    .getDirectories as () => [Stream, string][];
  const given = [stdout(), stdout(), ...directories().map(([descriptor]) => descriptor)];
  recorder.finish();
  const renewed = given.map((resource) => recorder.renew(resource));
  assert.equal(new Set([...given, ...renewed]).size, 8, "every handle has an object of its own");
  for (const resource of renewed) assert.ok(resource instanceof Stream);
});

Deno.test("StartRecorder does not know what was given out later, or by others", () => {
  const recorder = new StartRecorder(imports());
  const stdout = recorder.imports["wasi:cli/stdout"]!.getStdout as () => Stream;
  recorder.finish();
  assert.throws(() => recorder.renew(stdout()), /unknown resource/);
  assert.throws(() => recorder.renew(new Stream()), /unknown resource/);
});

Deno.test("StartRecorder leaves all other imports as they are", () => {
  const original = imports();
  const recorder = new StartRecorder(original);
  for (const name of ["wasi:cli/environment", "other:thing/x"] as const) {
    assert.equal(recorder.imports[name], original[name]);
  }
  assert.notEqual(recorder.imports["wasi:cli/stdout"], original["wasi:cli/stdout"]);
});

Deno.test("watchCalls() reports calls of functions that are not constant", () => {
  const called: string[] = [];
  class Pollable {}
  const watched = watchCalls({
    "wasi:clocks/wall-clock": { now: (x: unknown) => x },
    "wasi:cli/environment": { getEnvironment: () => [["a", "b"]] },
    "wasi:io/poll": { Pollable, poll: () => 1 },
  }, (name) => called.push(name));
  assert.deepEqual((watched["wasi:cli/environment"]!.getEnvironment as () => unknown)(), [[
    "a",
    "b",
  ]]);
  assert.equal(watched["wasi:io/poll"]!.Pollable, Pollable);
  assert.deepEqual(called, []);
  assert.equal((watched["wasi:clocks/wall-clock"]!.now as (x: number) => number)(7), 7);
  assert.deepEqual(called, ["wasi:clocks/wall-clock#now"]);
});
