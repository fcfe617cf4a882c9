import assert from "node:assert/strict";
import { userCacheDir } from "./cache_dir.ts";

for (
  const [os, variables, expected] of [
    ["linux", { HOME: "/home/a" }, "/home/a/.cache/spinkube"],
    ["linux", { HOME: "/home/a", XDG_CACHE_HOME: "/cache" }, "/cache/spinkube"],
    ["linux", { HOME: "/home/a", XDG_CACHE_HOME: "cache" }, "/home/a/.cache/spinkube"],
    ["linux", { HOME: "" }, undefined],
    ["darwin", { HOME: "/Users/a" }, "/Users/a/Library/Caches/spinkube"],
    ["windows", { LOCALAPPDATA: "/local" }, "/local/spinkube/cache"],
    ["windows", {}, undefined],
  ] as [string, Record<string, string>, string | undefined][]
) {
  Deno.test(`userCacheDir() is ${expected} on ${os} with ${JSON.stringify(variables)}`, () => {
    assert.equal(userCacheDir({ os, environment: (name) => variables[name] }), expected);
  });
}
