import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromFileUrl, toFileUrl } from "./file_url.ts";

const PATHS = [
  "/a/b.txt",
  "/",
  "/with space/ü/日本",
  "/percent%20/100%/%zz",
  "/question?/hash#/semi;colon:",
  "/quote'\"`/br[ack]et{}|^~",
  "/back\\slash",
  "/a/b/",
];

Deno.test({
  name: "toFileUrl() and fromFileUrl() agree with Node",
  ignore: Deno.build.os === "windows",
  fn() {
    for (const path of PATHS) {
      const url = toFileUrl(path);
      assert.equal(fromFileUrl(url), path);
      assert.equal(fileURLToPath(url), path, path);
      assert.equal(fromFileUrl(pathToFileURL(path)), path);
    }
  },
});

Deno.test("fromFileUrl() refuses what is not a file of this machine", () => {
  assert.throws(() => fromFileUrl("https://example.com/x"), TypeError);
  assert.throws(() => fromFileUrl("file://host/x"), TypeError);
});
