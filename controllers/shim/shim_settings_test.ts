import assert from "node:assert/strict";
import { readShimSettings } from "./shim_settings.ts";

function read(variables: Record<string, string>, ownNamespace?: string) {
  return readShimSettings((name) => variables[name], { ownNamespace });
}

Deno.test("readShimSettings() reads the original's variables", () => {
  assert.deepEqual(
    read({
      CONTROLLER_NAMESPACE: "rcm",
      SHIM_DOWNLOADER_IMAGE: "downloader:1",
      SHIM_NODE_INSTALLER_IMAGE: "installer:1",
      SHIM_NODE_INSTALLER_JOB_TTL: "60",
      SHIM_DOWNLOADER_CONFIG_MAP: "config",
      SHIM_IMAGE_PULL_SECRETS: "a, b,",
      SHIM_IMAGE_PULL_POLICY: "Always",
    }, "own"),
    {
      namespace: "rcm",
      downloaderImage: "downloader:1",
      installerImage: "installer:1",
      jobTtlSeconds: 60,
      downloaderConfigMap: "config",
      imagePullSecrets: ["a", "b"],
      imagePullPolicy: "Always",
    },
  );
});

Deno.test("readShimSettings() has defaults", () => {
  assert.equal(read({}).namespace, undefined);
  assert.equal(read({}, "own").namespace, "own");
  assert.equal(read({ SHIM_NODE_INSTALLER_IMAGE: "i" }).downloaderImage, "i");
  assert.equal(read({ SHIM_DOWNLOADER_IMAGE: "d" }).installerImage, "d");
});

Deno.test("readShimSettings() takes what is no number of seconds for an hour", () => {
  const cases: [string, number][] = [
    ["1", 1],
    ["2147483647", 2_147_483_647],
    ["2147483648", 3_600],
    ["0", 3_600],
    ["-5", 3_600],
    ["1.5", 3_600],
    ["1h", 3_600],
    ["", 3_600],
  ];
  for (const [text, expected] of cases) {
    assert.equal(read({ SHIM_NODE_INSTALLER_JOB_TTL: text }).jobTtlSeconds, expected, text);
  }
});
