import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestApp, type TestApp } from "./_test_app.ts";
import { findSources } from "./component_source.ts";
import { sourceKey } from "./lock.ts";
import { ManifestReport } from "./manifest_report.ts";
import { parseTomlDocument } from "./toml_document.ts";

const BYTES = new TextEncoder().encode("\0asm");
const DIGEST = `sha256:${createHash("sha256").update(BYTES).digest("hex")}`;

/** Finds one URL source; gives its content and the requests made. */
async function download(
  app: TestApp,
  { digest = DIGEST, answer }: { digest?: string; answer: () => Response },
): Promise<{ bytes: Uint8Array | undefined; problem: string; requests: number }> {
  const report = new ManifestReport(parseTomlDocument("", "spin.toml"));
  const source = { kind: "url", url: "https://wasm.example/a.wasm", digest } as const;
  let requests = 0;
  const found = await findSources([
    { source, path: [], owner: "component", hasBuild: false },
    { source, path: [], owner: "again", hasBuild: false },
  ], {
    appDir: app.appDir,
    cacheDir: join(app.root, "cache"),
    report,
    fetch: (url) => {
      assert.equal(url, source.url);
      requests++;
      return Promise.resolve(answer());
    },
  });
  const href = found.get(sourceKey(source))?.source;
  const bytes = href === undefined ? undefined : await Deno.readFile(fileURLToPath(href));
  let problem = "";
  try {
    report.throwIfAny();
  } catch (error) {
    problem = (error as Error).message;
  }
  return { bytes, problem, requests };
}

Deno.test("findSources() downloads once and then uses the cache", async () => {
  await using app = await createTestApp({});
  const first = await download(app, { answer: () => new Response(BYTES) });
  assert.deepEqual({ ...first, bytes: [...first.bytes!] }, {
    bytes: [...BYTES],
    problem: "",
    requests: 1,
  });
  const second = await download(app, { answer: () => new Response("wrong") });
  assert.equal(second.requests, 0);
  const cached = join(app.root, "cache/wasm", DIGEST.slice("sha256:".length));
  await Deno.writeTextFile(cached, "spoiled");
  const third = await download(app, { answer: () => new Response(BYTES) });
  assert.deepEqual([third.requests, [...third.bytes!]], [1, [...BYTES]]);
});

Deno.test("findSources() keeps nothing of a download that failed", async () => {
  await using app = await createTestApp({});
  const cases: [answer: () => Response, problem: RegExp][] = [
    [
      () => new Response("other"),
      /invalid content digest; expected sha256:[0-9a-f]{64}, downloaded sha256:/,
    ],
    [
      () => new Response("", { status: 404, statusText: "Not Found" }),
      /the server answered 404 Not Found/,
    ],
    [() => {
      throw new TypeError("connection refused");
    }, /Error fetching source URL "https:\/\/wasm\.example\/a\.wasm": connection refused/],
    [() =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(BYTES);
            controller.error(new Error("cut off"));
          },
        }),
      ), /cut off/],
  ];
  for (const [answer, expected] of cases) {
    const { bytes, problem } = await download(app, { answer });
    assert.equal(bytes, undefined);
    assert.match(problem, expected);
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(app.root, "cache/wasm"))), []);
});
