import assert from "node:assert/strict";
import { UsageError } from "../../lib/errors.ts";
import { parseHostArguments, podOptions } from "./pod_arguments.ts";

function environment(): undefined {
  return undefined;
}

Deno.test("parseHostArguments() keeps the container's arguments as they are", () => {
  const { values, container } = parseHostArguments(["--app", "/a", "--", "/", "--", "--app", "x"]);
  assert.equal(values.app, "/a");
  assert.deepEqual(container, ["/", "--", "--app", "x"]);
});

Deno.test("podOptions() takes options after the first argument, unless they are a command's", () => {
  const cases: [container: string[], isCommand: boolean, expected: string[]][] = [
    [[], false, []],
    [["/"], false, []],
    [["--quiet"], false, []],
    [["bogus", "words"], false, []],
    [["/", "bogus", "--key-value", "a=1"], false, ["a"]],
    [["/", "--key-value", "a=1", "--key-value=b=2"], false, ["a", "b"]],
    [["/", "--key-value", "a=1"], true, []],
  ];
  for (const [container, isCommand, expected] of cases) {
    const values = podOptions(container, { isCommand, environment });
    const keys = values["key-value"].map((text) => String(text).split("=")[0]);
    assert.deepEqual(keys, expected, container.join(" "));
  }
});

Deno.test("podOptions() refuses what only a laptop has", () => {
  assert.throws(
    () => podOptions(["/", "--build", "--from", "x"], { isCommand: false, environment }),
    (error: unknown) => error instanceof UsageError && /--from, --build/.test(error.message),
  );
});

Deno.test("podOptions() refuses the live page, which is for the developer's own machine", () => {
  for (const words of [["--live-page"], ["--live-page=127.0.0.1:3080"], ["--live-page=off"]]) {
    assert.throws(
      () => podOptions(["/", ...words], { isCommand: false, environment: () => undefined }),
      /--live-page, which a pod cannot have/,
    );
  }
});
