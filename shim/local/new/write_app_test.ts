import assert from "node:assert/strict";
import { join } from "node:path";
import { TerminalError } from "../../../lib/errors.ts";
import type { TemplateFile } from "./template.ts";
import { writeApp, type WriteOptions } from "./write_app.ts";

const FILES: readonly TemplateFile[] = [
  { path: "spin.toml", text: "new manifest\n" },
  { path: "src/deep/index.js", text: "new source\n" },
  { path: "assets/index.html", text: "new page\n", isSample: true },
];

interface Outcome {
  readonly result: boolean | Error;
  /** What there is afterwards. */
  readonly files: Record<string, string>;
  readonly asked: string[];
}

/** Writes into `app` of a directory that has these files. */
async function write(
  before: Readonly<Record<string, string>>,
  { answer, target = "app", ...options }: Partial<WriteOptions> & {
    answer?: boolean;
    target?: string;
  } = {},
): Promise<Outcome> {
  const directory = await Deno.makeTempDir();
  const asked: string[] = [];
  try {
    for (const [path, text] of Object.entries(before)) {
      const parent = join(directory, path, "..");
      await Deno.mkdir(parent, { recursive: true });
      await Deno.writeTextFile(join(directory, path), text);
    }
    const result = await writeApp(join(directory, target), FILES, {
      allowOverwrite: false,
      confirm: answer === undefined ? undefined : (question) => {
        asked.push(question);
        return Promise.resolve(answer);
      },
      signal: new AbortController().signal,
      shown: target,
      ...options,
    }).catch((error: Error) => error);
    return { result, files: await readAll(directory), asked };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function readAll(directory: string, prefix = ""): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) Object.assign(files, await readAll(path, `${prefix}${name}/`));
    else files[prefix + name] = await Deno.readTextFile(path);
  }
  return files;
}

const NEW = {
  "app/spin.toml": "new manifest\n",
  "app/src/deep/index.js": "new source\n",
  "app/assets/index.html": "new page\n",
};

/** A signal that fires when it has been looked at so many times. */
function firesAfter(looks: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  let left = looks;
  signal.throwIfAborted = () => {
    if (left-- <= 0) throw new DOMException("stopped", "AbortError");
  };
  return signal;
}

Deno.test("writeApp() makes a directory, and those above it", async () => {
  const { result, files } = await write({}, { target: "a/b/app" });
  assert.equal(result, true);
  assert.deepEqual(
    Object.keys(files).sort(),
    Object.keys(NEW).map((path) => `a/b/${path}`).sort(),
  );
});

Deno.test("writeApp() leaves files alone that are there", async () => {
  const before = { "app/notes.txt": "mine", "app/spin.toml": "old", "app/assets/a.png": "" };
  const { result, files } = await write(before);
  assert.ok(result instanceof TerminalError);
  assert.match(
    result.message,
    /^Can't generate into app as it already contains other files; give --allow-overwrite .* replace spin\.toml$/,
  );
  assert.deepEqual(files, before);
  // Nobody who says yes has been told that files are replaced.
  assert.ok((await write(before, { answer: true })).result instanceof TerminalError);
});

Deno.test("writeApp() replaces them if that is allowed, and adds no samples", async () => {
  const before = { "app/notes.txt": "mine", "app/spin.toml": "old", "app/assets/a.png": "" };
  const { result, files } = await write(before, { allowOverwrite: true });
  assert.equal(result, true);
  const { "app/assets/index.html": _sample, ...expected } = NEW;
  assert.deepEqual(files, { ...before, ...expected });
});

Deno.test("writeApp() asks before it writes to other files", async () => {
  const before = { "app/notes.txt": "mine" };
  const refused = await write(before, { answer: false });
  assert.deepEqual([refused.result, refused.files], [false, before]);
  assert.deepEqual(refused.asked, [
    "Directory 'app' already contains other files. Generate into it anyway?",
  ]);
  const done = await write(before, { answer: true });
  assert.deepEqual([done.result, done.files], [true, { ...before, ...NEW }]);
});

for (
  const [what, before, problem] of [
    ["a file instead of the app", { app: "" }, /it is a file, or below one; give another --output/],
    ["a file instead of a directory", { "app/src": "" }, /src is a file, but has to be a/],
    ["a directory instead of a file", { "app/spin.toml/x": "" }, /spin\.toml is a directory/],
  ] as const
) {
  Deno.test(`writeApp() writes nothing if there is ${what}`, async () => {
    const { result, files } = await write(before, { allowOverwrite: true });
    assert.ok(result instanceof TerminalError);
    assert.match(result.message, problem);
    assert.deepEqual(files, before);
  });
}

for (let looks = 0; looks < FILES.length; looks++) {
  Deno.test(`writeApp() leaves nothing of a new app when it is stopped after ${looks} files`, async () => {
    const { result, files } = await write({}, { target: "a/app", signal: firesAfter(looks) });
    assert.ok(result instanceof DOMException);
    assert.deepEqual(files, {});
  });
}

for (let looks = 0; looks < 2 * (FILES.length - 1); looks++) {
  Deno.test(`writeApp() puts everything back when it is stopped after ${looks} steps`, async () => {
    const before = { "app/spin.toml": "old", "app/assets/a.png": "" };
    const { result, files } = await write(before, {
      allowOverwrite: true,
      signal: firesAfter(looks),
    });
    assert.ok(result instanceof DOMException);
    assert.deepEqual(files, before);
  });
}
