import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "smol-toml";
import { readNormalManifest } from "../../loader/load_app.ts";
import type { NewApp, Template, TemplateFile } from "./template.ts";
import { checkValues, completeValues } from "./template_values.ts";
import { TEMPLATES } from "./templates.ts";

const DESCRIPTION = 'A "quoted" \\ backslashed, naïve\ttext';

function describe(values: ReadonlyMap<string, string>): NewApp {
  return {
    id: "my-app2",
    authors: ['Ann "A" Author <ann@example.com>'],
    value: (parameter) => values.get(parameter) ?? "",
  };
}

async function filesOf(
  template: Template,
  given: Readonly<Record<string, string>> = {},
): Promise<TemplateFile[]> {
  const values = new Map(Object.entries(given));
  checkValues(template, values);
  const complete = await completeValues(template, values, { ask: undefined, tell: () => {} });
  return template.files(describe(complete));
}

function textOf(files: readonly TemplateFile[], path: string): string {
  return files.find((file) => file.path === path)!.text;
}

for (const template of TEMPLATES) {
  Deno.test(`${template.id} has a manifest that the loader takes, whatever is answered`, async () => {
    const files = await filesOf(template, {
      "project-description": DESCRIPTION,
      "http-path": "/shop/...",
    });
    const directory = await Deno.makeTempDir();
    try {
      const path = join(directory, "spin.toml");
      await Deno.writeTextFile(path, textOf(files, "spin.toml"));
      const manifest = await readNormalManifest({ kind: "manifest", path }, { cwd: directory });
      assert.deepEqual([...manifest.components.keys()], ["my-app2"]);
      assert.equal(manifest.components.get("my-app2")!.build !== undefined, template.hasBuild);
      const root = parse(textOf(files, "spin.toml")) as {
        application: Record<string, unknown>;
        trigger: { http: { route: string }[] };
      };
      assert.deepEqual({ ...root.application }, {
        name: "my-app2",
        version: "0.1.0",
        authors: ['Ann "A" Author <ann@example.com>'],
        description: DESCRIPTION,
      });
      assert.equal(root.trigger.http[0]!.route, "/shop/...");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });

  Deno.test(`${template.id} explains itself, and keeps what is built out of git`, async () => {
    const files = await filesOf(template);
    assert.match(textOf(files, "README.md"), /^# my-app2\n\nA Spin app /);
    assert.match(textOf(files, ".gitignore"), /^\.spin\/$/m);
    assert.equal(new Set(files.map(({ path }) => path)).size, files.length);
    for (const { path, text } of files) assert.match(text, /[^\n]\n$/, path);
  });
}

Deno.test("http-js and http-ts have a package.json with the description", async () => {
  for (const id of ["http-js", "http-ts"]) {
    const template = TEMPLATES.find((each) => each.id === id)!;
    const files = await filesOf(template, { "project-description": DESCRIPTION });
    const content = JSON.parse(textOf(files, "package.json"));
    assert.equal(content.name, "my-app2");
    assert.equal(content.description, DESCRIPTION);
  }
});

Deno.test("http-rust builds the file that the manifest names", async () => {
  const files = await filesOf(TEMPLATES.find(({ id }) => id === "http-rust")!);
  const { package: { name } } = parse(textOf(files, "Cargo.toml")) as { package: { name: string } };
  assert.match(
    textOf(files, "spin.toml"),
    new RegExp(`source = "target/wasm32-wasip1/release/${name.replaceAll("-", "_")}\\.wasm"`),
  );
});

const STATIC = TEMPLATES.find(({ id }) => id === "static-fileserver")!;

for (
  const [path, route] of [["/", "/..."], ["/docs", "/docs/..."], ["/docs/", "/docs/..."]] as const
) {
  Deno.test(`static-fileserver makes the route ${route} of ${path}`, async () => {
    const files = await filesOf(STATIC, { "http-path": path });
    assert.match(textOf(files, "spin.toml"), new RegExp(`^route = "${route}"$`, "m"));
  });
}

Deno.test("static-fileserver puts its page into the directory that is served", async () => {
  const files = await filesOf(STATIC, { "files-path": "./web/public/" });
  assert.match(textOf(files, "spin.toml"), /files = \[\{ source = "web\/public", destination/);
  assert.equal(files.find(({ isSample }) => isSample)!.path, "web/public/index.html");
});
