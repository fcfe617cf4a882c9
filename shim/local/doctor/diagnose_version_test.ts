import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { parse } from "smol-toml";
import { loadApp } from "../../loader/mod.ts";
import { diagnoseVersion } from "./diagnose_version.ts";
import { upgradeManifest } from "./upgrade_manifest.ts";

const V2 = '[application]\nname = "a"\n';
const V1 = 'name = "a"\nversion = "1"\ntrigger = { type = "http" }\n';

const CASES: readonly (readonly [what: string, text: string, problem: RegExp, fixed: RegExp])[] = [
  ["a missing version", `# my app\n${V2}`, /is missing/, /^spin_manifest_version = 2\n# my app\n/],
  ["a missing old version", V1, /is missing/, /^spin_manifest_version = "1"\nname/],
  ["the old key", `spin_version = "1"\n${V1}`, /old one/, /^spin_manifest_version = "1"\nname/],
  [
    "a text for 2",
    `spin_manifest_version = "2"\n${V2}`,
    /"2", which is no version/,
    /^\S+ = 2\n\[/,
  ],
  ["another number", `spin_manifest_version = 3\n${V2}`, /3, which is no/, /^\S+ = 2\n\[/],
];

for (const [what, text, problem, fixed] of CASES) {
  Deno.test(`diagnoseVersion() finds and mends ${what}`, async () => {
    const path = await Deno.makeTempFile();
    try {
      const diagnosis = diagnoseVersion({ path, name: "spin.toml", text })!;
      assert.match(diagnosis.problem, problem);
      await diagnosis.treatment!.apply();
      const result = await Deno.readTextFile(path);
      assert.match(result, fixed);
      assert.ok(
        !/is missing|no version/.test(
          diagnoseVersion({ path, name: "spin.toml", text: result })?.problem ?? "",
        ),
      );
    } finally {
      await Deno.remove(path);
    }
  });
}

for (
  const text of [
    `spin_manifest_version = 2\n${V2}`,
    "a = [",
    'spin_manifest_version = "1"\nname = 1',
  ]
) {
  Deno.test(`diagnoseVersion() has nothing to say about ${JSON.stringify(text)}`, () => {
    assert.equal(diagnoseVersion({ path: "", name: "spin.toml", text }), undefined);
  });
}

/** The app of a manifest, without the ids of triggers, which differ between versions. */
async function loadText(path: string, text: string): Promise<unknown> {
  await Deno.writeTextFile(path, text);
  const directory = dirname(path);
  const { app } = await loadApp({ kind: "manifest", path }, {
    workingDir: directory,
    cacheDir: directory,
    cwd: directory,
  });
  return { ...app, triggers: app.triggers.map(({ id: _id, ...trigger }) => trigger) };
}

Deno.test("upgradeManifest() writes an app that loads as it did", async () => {
  const old = `spin_manifest_version = "1"
name = "old"
version = "1.2.3"
authors = ["me"]
trigger = { type = "http", base = "/" }
[variables]
who = { default = "you" }
[[component]]
id = "First_One"
source = "a.wasm"
allowed_http_hosts = ["example.com:80"]
environment = { A = "b" }
[component.trigger]
route = "/first"
[component.config]
who = "{{ who }}"
[component.build]
command = "make"
`;
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(directory, "a.wasm"), new Uint8Array([0]));
    const path = join(directory, "spin.toml");
    const upgraded = upgradeManifest(parse(old))!;
    assert.match(upgraded, /^spin_manifest_version = 2\n/);
    assert.deepEqual(await loadText(path, upgraded), await loadText(path, old));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (
  const broken of [
    'name = "a"',
    'trigger = { type = "http" }\n[[component]]\nid = "a"',
    'trigger = { type = "http" }\n[[component]]\nid = "a"\nallowed_http_hosts = ["ftp://x"]\n' +
    '[component.trigger]\nroute = "/"',
  ]
) {
  Deno.test(`upgradeManifest() leaves ${JSON.stringify(broken)} alone`, () => {
    assert.equal(upgradeManifest(parse(broken)), undefined);
  });
}
