import assert from "node:assert/strict";
import { join } from "node:path";
import { packTar } from "modern-tar";
import { NodeError } from "../node/node_error.ts";
import { type FetchOptions, fetchShim } from "./fetch_shim.ts";

const NAME = "containerd-shim-spin-v2";
const PROGRAM = "#!/bin/sh\n";
type Entry = Parameters<typeof packTar>[0][number];

function file(name: string, body = PROGRAM, mode = 0o755): Entry {
  return { header: { name, size: body.length, type: "file", mode }, body };
}

async function archive(entries: Entry[], isCompressed = true): Promise<Uint8Array<ArrayBuffer>> {
  const tar = await packTar(entries);
  if (!isCompressed) return tar;
  const stream = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

interface Answer {
  readonly options?: Partial<FetchOptions>;
  /** Path below the server; may hold `user:password@`. */
  readonly user?: string;
}

/** Fetches from a server on this machine and hands over the directory of assets. */
async function fetchFrom<T>(
  serve: (request: Request, count: number) => Response | Promise<Response>,
  { options = {}, user = "" }: Answer,
  check: (directory: string, run: () => Promise<string>, logged: string[]) => Promise<T>,
): Promise<T> {
  let count = 0;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => serve(request, ++count),
  );
  const directory = await Deno.makeTempDir();
  const logged: string[] = [];
  try {
    const run = async () =>
      (await fetchShim({
        shimName: "spin-v2",
        location: `http://${user}127.0.0.1:${server.addr.port}/shim.tar.gz`,
        sha256: undefined,
        assetPath: directory,
        arch: "x86_64",
        retries: 2,
        pauseMs: 1,
        fetch,
        sleep: () => Promise.resolve(),
        log: (level, message) => logged.push(`${level} ${message}`),
        ...options,
      })).path;
    return await check(directory, run, logged);
  } finally {
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
}

async function names(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(directory)) found.push(name);
  return found.sort();
}

Deno.test("fetchShim() puts the program of an archive in place", async () => {
  const forms: [string, Entry[], boolean][] = [
    ["gzip", [file(NAME), file("README.md")], true],
    ["no compression", [file(NAME)], false],
    ["a name with ./", [file(`./${NAME}`)], true],
    ["another name", [file("containerd-shim-other-v1", PROGRAM, 0o644)], true],
    ["one directory above", [
      { header: { name: "x/", size: 0, type: "directory" } },
      file(`x/${NAME}`),
    ], true],
  ];
  for (const [form, entries, isCompressed] of forms) {
    const bytes = await archive(entries, isCompressed);
    const sha256 = (await digestOf(bytes)).toUpperCase();
    await fetchFrom(() => new Response(bytes), { options: { sha256 } }, async (directory, run) => {
      const path = await run();
      assert.equal(path, join(directory, NAME), form);
      assert.equal(await Deno.readTextFile(path), PROGRAM);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o755);
      assert.deepEqual(await names(directory), [NAME]);
      await run();
      assert.deepEqual(await names(directory), [NAME]);
    });
  }
});

Deno.test("fetchShim() keeps a shim of several files together", async () => {
  const bytes = await archive([
    file(NAME),
    file("VERSION", "{}", 0o644),
    file("lib/a.js", "x", 0o644),
  ]);
  const options = { shimName: "spin" };
  await fetchFrom(() => new Response(bytes), { options }, async (directory, run) => {
    const path = await run();
    assert.deepEqual(await names(path), ["VERSION", "containerd-shim-spin", "lib"]);
    assert.deepEqual(await names(directory), ["containerd-shim-spin"]);
  });
});

Deno.test("fetchShim() warns of an archive that nothing verifies", async () => {
  const bytes = await archive([file(NAME)]);
  await fetchFrom(() => new Response(bytes), {}, async (_, run, logged) => {
    await run();
    assert.ok(logged.some((line) => line.startsWith("WARN") && line.includes("not verified")));
  });
});

Deno.test("fetchShim() tries again after what may pass", async () => {
  const bytes = await archive([file(NAME)]);
  const failures: ((count: number) => Response)[] = [
    () => new Response("busy", { status: 503 }),
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(bytes.slice(0, 10));
            controller.error(new Error("broken"));
          },
        }),
      ),
  ];
  for (const fail of failures) {
    await fetchFrom(
      (_, count) => count < 3 ? fail(count) : new Response(bytes),
      {},
      async (_, run) => {
        await run();
      },
    );
    await fetchFrom(fail.bind(null, 0), {}, async (directory, run) => {
      await assert.rejects(run(), /number of failed downloads reached max retry 2: /);
      assert.deepEqual(await names(directory), []);
    });
  }
});

Deno.test("fetchShim() gives up at once when the server refuses", async () => {
  let requests = 0;
  await fetchFrom(
    (_, count) => {
      requests = count;
      return new Response("<html>", { status: 404 });
    },
    {},
    async (_, run) => {
      await assert.rejects(run(), /answers with status 404/);
      assert.equal(requests, 1);
    },
  );
});

Deno.test("fetchShim() sends who asks and never shows it", async () => {
  const bytes = await archive([file(NAME)]);
  const seen: (string | null)[] = [];
  function serve(request: Request): Response {
    seen.push(request.headers.get("authorization"));
    return new Response(bytes);
  }
  await fetchFrom(serve, { user: "me:se%40cret@" }, async (_, run, logged) => {
    await run();
    assert.ok(!logged.join().includes("cret"));
  });
  await fetchFrom(serve, { options: { authorization: "Bearer x" } }, async (_, run) => {
    await run();
  });
  assert.deepEqual(seen, [`Basic ${btoa("me:se@cret")}`, "Bearer x"]);
});

const bad: readonly [
  string,
  () => Promise<Uint8Array<ArrayBuffer>>,
  Partial<FetchOptions>,
  RegExp,
][] = [
  [
    "a wrong digest",
    () => archive([file(NAME)]),
    { sha256: "0".repeat(64) },
    /SHA-256 verification FAILED: expected 0{64} for containerd-shim-spin-v2/,
  ],
  [
    "a web page",
    () => Promise.resolve(new TextEncoder().encode("<html>Not found</html>")),
    {},
    /archive cannot be used/,
  ],
  [
    "half an archive",
    async () => (await archive([file(NAME, "x".repeat(5000))])).slice(0, 60),
    {},
    /archive cannot be used/,
  ],
  ["an empty file", () => Promise.resolve(new Uint8Array()), {}, /archive cannot be used/],
  [
    "an archive of something else",
    () => archive([file("README.md")]),
    {},
    /no "containerd-shim-spin-v2" in it/,
  ],
  [
    "an archive of several shims",
    () => archive([file("containerd-shim-a"), file("containerd-shim-b")]),
    {},
    /several others: containerd-shim-a, containerd-shim-b/,
  ],
  ["a name that leads out", () => archive([file(`../${NAME}`)]), {}, /leads out of the directory/],
  ["an absolute name", () => archive([file(`/${NAME}`)]), {}, /leads out of the directory/],
  [
    "a link",
    () => archive([{ header: { name: NAME, size: 0, type: "symlink", linkname: "/etc/passwd" } }]),
    {},
    /is a symlink/,
  ],
  [
    "a hard link",
    () => archive([{ header: { name: NAME, size: 0, type: "link", linkname: "/etc/passwd" } }]),
    {},
    /is a link/,
  ],
  [
    "a device",
    () => archive([{ header: { name: NAME, size: 0, type: "block-device" } }]),
    {},
    /is a block-device/,
  ],
  ["two files of one name", () => archive([file(NAME), file(NAME)]), {}, /archive cannot be used/],
  ["more than it may be", () => archive([file(NAME, "0".repeat(3_000_000))]), {
    limits: { maxBytes: 1_000_000, maxEntries: 5 },
  }, /more than 1000000 bytes or 5 entries/],
  ["too many entries", () => archive([..."abcdef"].map((name) => file(name))), {
    limits: { maxBytes: 1_000_000, maxEntries: 5 },
  }, /5 entries/],
  ["a program that is a page", () => archive([file(NAME, "<!doctype html>")]), {}, /web page/],
];
for (const [name, bytes, options, message] of bad) {
  Deno.test(`fetchShim() refuses ${name} and leaves nothing`, async () => {
    const body = await bytes();
    await fetchFrom(() => new Response(body), { options }, async (directory, run) => {
      await assert.rejects(run(), (error) => {
        assert.ok(error instanceof NodeError, String(error));
        assert.equal(error.exitCode, 4);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(await names(directory), []);
    });
  });
}

Deno.test("fetchShim() refuses names, digests and locations that are none", async () => {
  const wrong: Partial<FetchOptions>[] = [
    { shimName: "../x" },
    { sha256: "abc" },
    { location: "file:///etc/passwd" },
    { location: "shim.tar.gz" },
  ];
  for (const options of wrong) {
    await fetchFrom(() => new Response(), { options }, async (directory, run) => {
      await assert.rejects(run(), NodeError);
      assert.deepEqual(await names(directory), []);
    });
  }
});
