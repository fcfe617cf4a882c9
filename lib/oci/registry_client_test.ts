import assert from "node:assert/strict";
import { join } from "node:path";
import { blobOfBytes, digestOf } from "./blob.ts";
import type { Credentials } from "./credentials.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RegistryOptions } from "./registry_http.ts";

/** What a scripted registry was asked. */
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

type Answer = (asked: Asked) => Response | "cut";

/** A client whose requests are answered by `answer`. Nothing waits; the waits are written down. */
function clientOf(answer: Answer, options: Partial<RegistryOptions> = {}) {
  const asked: string[] = [];
  const waits: number[] = [];
  const client = new RegistryClient({
    registry: "registry.example",
    fetch: async (url, init) => {
      const { origin, pathname, search } = new URL(url);
      const path = (origin === "https://registry.example" ? "" : origin) + pathname + search;
      asked.push(`${init.method} ${path}`);
      const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
      const result = answer({
        method: init.method ?? "GET",
        path,
        headers: new Headers(init.headers),
        body,
      });
      if (result === "cut") throw new TypeError("error sending request: connection reset");
      Object.defineProperty(result, "url", { value: url });
      return result;
    },
    pause: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    ...options,
  });
  return { client, asked, waits };
}

const MANIFEST = new TextEncoder().encode('{"schemaVersion":2}');
const PULL = { reference: "v1", accept: ["application/json"] };

Deno.test("pullManifest() waits as long as the registry wants it to", async () => {
  let count = 0;
  const { client, waits } = clientOf(() =>
    ++count < 3
      ? new Response("{}", { status: 429, headers: { "retry-after": "7" } })
      : new Response(MANIFEST, { headers: { "content-type": "application/json; charset=utf-8" } })
  );
  const { mediaType, digest } = await client.pullManifest("a/b", PULL);
  assert.equal(mediaType, "application/json");
  assert.equal(digest, digestOf(MANIFEST));
  assert.deepEqual(waits, [7000, 7000]);
});

Deno.test("pullManifest() gives up after a few tries, and says why", async () => {
  const { client, asked } = clientOf(() =>
    Response.json({ errors: [{ code: "TOOMANYREQUESTS", message: "slow down" }] }, { status: 429 })
  );
  await assert.rejects(client.pullManifest("a/b", PULL), {
    message: 'Cannot pull the manifest of "a/b:v1" at registry.example: there were too many ' +
      "requests (TOOMANYREQUESTS: slow down). Try again later, or log in",
  });
  assert.equal(asked.length, 5);
});

Deno.test("pullManifest() tries again after a cut, but not after a refusal", async () => {
  let count = 0;
  const cut = clientOf(() => ++count === 1 ? "cut" : new Response(MANIFEST));
  await cut.client.pullManifest("a/b", PULL);
  assert.equal(cut.asked.length, 2);
  for (const status of [400, 401, 403, 404]) {
    const refused = clientOf(() => new Response("", { status }));
    await assert.rejects(refused.client.pullManifest("a/b", PULL), { status });
    assert.equal(refused.asked.length, 1);
  }
});

Deno.test("pullManifest() refuses content that is not what was asked for", async () => {
  const { client } = clientOf(() => new Response(MANIFEST));
  const reference = digestOf(new Uint8Array());
  await assert.rejects(
    client.pullManifest("a/b", { ...PULL, reference }),
    { reason: "DamagedContent" },
  );
});

const TOKEN_CHALLENGE =
  'Bearer realm="https://auth.example/token?x=1",service="registry.example",scope="other"';

function withTokens(token: string): Answer {
  return ({ path, headers }) => {
    if (path.startsWith("https://auth.example/")) return Response.json({ token });
    if (headers.get("authorization") === `Bearer ${token}`) return new Response(MANIFEST);
    return new Response("", { status: 401, headers: { "www-authenticate": TOKEN_CHALLENGE } });
  };
}

Deno.test("requests fetch one token for their scope, and use it again", async () => {
  const { client, asked } = clientOf(withTokens("t"));
  await client.pullManifest("a/b", PULL);
  await client.pullManifest("a/b", PULL);
  assert.deepEqual(asked, [
    "GET /v2/a/b/manifests/v1",
    "GET https://auth.example/token?x=1&service=registry.example&scope=repository%3Aa%2Fb%3Apull",
    "GET /v2/a/b/manifests/v1",
    "GET /v2/a/b/manifests/v1",
  ]);
});

const LOGINS: readonly (readonly [name: string, credentials: Credentials, check: Answer])[] = [
  [
    "a password",
    { kind: "password", username: "ann", password: "päss" },
    ({ method, headers }) => {
      assert.equal(method, "GET");
      assert.equal(headers.get("authorization"), "Basic YW5uOnDDpHNz");
      return Response.json({ access_token: "t", expires_in: 60 });
    },
  ],
  [
    "an identity token",
    { kind: "token", token: "id" },
    ({ method, body }) => {
      assert.equal(method, "POST");
      const form = new URLSearchParams(new TextDecoder().decode(body));
      assert.equal(form.get("grant_type"), "refresh_token");
      assert.equal(form.get("refresh_token"), "id");
      assert.equal(form.get("scope"), "repository:a/b:pull");
      return Response.json({ access_token: "t" });
    },
  ],
];

for (const [name, credentials, check] of LOGINS) {
  Deno.test(`requests get their token with ${name}`, async () => {
    const answer = withTokens("t");
    const { client } = clientOf(
      (asked) => asked.path.startsWith("https://auth.example/") ? check(asked) : answer(asked),
      { credentials: () => Promise.resolve(credentials) },
    );
    await client.pullManifest("a/b", PULL);
  });
}

Deno.test("requests never send a login over plain HTTP that the registry asks for over TLS", async () => {
  const { client, asked } = clientOf(() =>
    new Response("", {
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="http://evil.example/"' },
    }), {
    credentials: () => Promise.resolve({ kind: "password", username: "a", password: "b" }),
  });
  await assert.rejects(client.pullManifest("a/b", PULL), /would not be safe/);
  assert.equal(asked.length, 1);
});

/** A registry that takes uploads; `spoil` may answer instead. */
function uploads(spoil: (asked: Asked, stored: () => number) => Response | "cut" | undefined) {
  let stored = new Uint8Array();
  let finished: Uint8Array | undefined;
  function add(bytes: Uint8Array): void {
    const longer = new Uint8Array(stored.length + bytes.length);
    longer.set(stored);
    longer.set(bytes, stored.length);
    stored = longer;
  }
  const location = { location: "/v2/a/b/blobs/uploads/1?state=x" };
  const answer: Answer = (asked) => {
    const { method, body } = asked;
    const spoiled = spoil(asked, () => {
      add(body.subarray(0, body.length / 2));
      return stored.length;
    });
    if (spoiled) return spoiled;
    if (method === "HEAD") return new Response(null, { status: 404 });
    if (method === "POST") {
      stored = new Uint8Array();
      return new Response(null, { status: 202, headers: location });
    }
    if (method === "GET") {
      const range = `0-${Math.max(stored.length - 1, 0)}`;
      return new Response(null, { status: 204, headers: { ...location, range } });
    }
    if (method === "PATCH") {
      const [from] = asked.headers.get("content-range")!.split("-").map(Number);
      if (from !== stored.length) return new Response("", { status: 416 });
    }
    add(body);
    if (method === "PUT") finished = stored;
    return new Response(null, { status: method === "PUT" ? 201 : 202, headers: location });
  };
  return { answer, finished: () => finished };
}

const BIG = new Uint8Array(17 << 20).fill(7);
BIG.set(Array.from({ length: 5000 }, (_, index) => index % 251));

Deno.test("pushBlob() sends a small blob at once and a large one in parts", async () => {
  for (const [bytes, parts] of [[BIG.slice(0, 1000), 0], [BIG, 5]] as const) {
    const { answer, finished } = uploads(() => undefined);
    const { client, asked } = clientOf(answer);
    let sent = 0;
    const onBytes = (count: number) => sent += count;
    assert.equal(await client.pushBlob("a/b", blobOfBytes(bytes), { onBytes }), "uploaded");
    assert.equal(digestOf(finished()!), digestOf(bytes));
    assert.equal(asked.filter((line) => line.startsWith("PATCH")).length, parts);
    assert.equal(sent, bytes.length);
    assert.match(asked.at(-1)!, /^PUT .*\?state=x&digest=sha256%3A/);
  }
});

Deno.test("pushBlob() goes on where it was cut", async () => {
  let cuts = 0;
  const { answer, finished } = uploads(({ method, headers }, store) => {
    if (method !== "PATCH" || !headers.get("content-range")!.startsWith("4194304-")) return;
    if (++cuts > 1) return;
    store();
    return "cut";
  });
  const { client, asked } = clientOf(answer);
  let sent = 0;
  await client.pushBlob("a/b", blobOfBytes(BIG), { onBytes: (count) => sent += count });
  assert.equal(digestOf(finished()!), digestOf(BIG));
  assert.equal(sent, BIG.length);
  assert.equal(asked.filter((line) => line.startsWith("POST")).length, 1);
});

Deno.test("pushBlob() starts again where the registry has forgotten the upload", async () => {
  let puts = 0;
  const { answer, finished } = uploads(({ method }) => {
    if (method === "PUT" && ++puts === 1) return "cut";
    if (method === "GET") return new Response("", { status: 404 });
    return undefined;
  });
  const { client, asked } = clientOf(answer);
  const bytes = BIG.slice(0, 5000);
  await client.pushBlob("a/b", blobOfBytes(bytes));
  assert.deepEqual(finished(), bytes);
  assert.equal(asked.filter((line) => line.startsWith("POST")).length, 2);
});

Deno.test("pushBlob() gives up on an upload that never gets on", async () => {
  const { answer } = uploads(({ method }) => method === "PUT" ? "cut" : undefined);
  const { client, asked } = clientOf(answer);
  await assert.rejects(client.pushBlob("a/b", blobOfBytes(BIG.slice(0, 10))), /connection reset/);
  assert.equal(asked.filter((line) => line.startsWith("PUT")).length, 6);
});

Deno.test("pushBlob() does not send what is there, or can be mounted", async () => {
  const there = clientOf(() => new Response(null));
  const blob = blobOfBytes(BIG.slice(0, 10));
  assert.equal(await there.client.pushBlob("a/b", blob), "there");
  const mounted = clientOf(({ method }) =>
    new Response(null, { status: method === "HEAD" ? 404 : 201 })
  );
  assert.equal(await mounted.client.pushBlob("a/b", blob, { mountFrom: "c/d" }), "mounted");
  assert.equal(
    mounted.asked[1],
    `POST /v2/a/b/blobs/uploads/?mount=${encodeURIComponent(blob.digest)}&from=c%2Fd`,
  );
});

/** Runs with a path in a directory of its own; afterwards only that file may be there. */
async function withTarget(run: (path: string) => Promise<void>): Promise<string[]> {
  const directory = await Deno.makeTempDir();
  try {
    await run(join(directory, "blob"));
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A body that breaks after `length` bytes. */
function broken(bytes: Uint8Array<ArrayBuffer>, length: number): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(new TypeError("connection reset"));
      else controller.enqueue(bytes.subarray(0, length));
      isSent = true;
    },
  });
}

for (const knowsRanges of [true, false]) {
  Deno.test(`pullBlob() goes on where it was cut ${knowsRanges ? "with" : "without"} ranges`, async () => {
    const bytes = BIG.slice(0, 100_000);
    let count = 0;
    const { client } = clientOf(({ headers }) => {
      if (++count === 1) return new Response(broken(bytes, 40_000));
      assert.equal(headers.get("range"), "bytes=40000-");
      return knowsRanges
        ? new Response(bytes.subarray(40_000), { status: 206 })
        : new Response(bytes);
    });
    const names = await withTarget(async (path) => {
      await client.pullBlob("a/b", { blob: blobOfBytes(bytes), path });
      assert.deepEqual(await Deno.readFile(path), bytes);
    });
    assert.deepEqual(names, ["blob"]);
  });
}

Deno.test("pullBlob() goes on where nothing came any more", async () => {
  const bytes = BIG.slice(0, 1000);
  let count = 0;
  const { client } = clientOf(() => {
    if (++count > 1) return new Response(bytes.subarray(400), { status: 206 });
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(bytes.subarray(0, 400)),
        // More never comes.
        pull: () => new Promise(() => {}),
      }, { highWaterMark: 0 }),
    );
  }, { stallMs: 20 });
  await withTarget(async (path) => {
    await client.pullBlob("a/b", { blob: blobOfBytes(bytes), path });
    assert.deepEqual(await Deno.readFile(path), bytes);
  });
  assert.equal(count, 2);
});

const DAMAGED: readonly (readonly [name: string, body: Uint8Array<ArrayBuffer>])[] = [
  ["has other content", BIG.slice(1, 101)],
  ["is too long", BIG.slice(0, 101)],
];

for (const [name, body] of DAMAGED) {
  Deno.test(`pullBlob() leaves nothing behind if the content ${name}`, async () => {
    const { client, asked } = clientOf(() => new Response(body));
    const names = await withTarget(async (path) => {
      await assert.rejects(
        client.pullBlob("a/b", { blob: blobOfBytes(BIG.slice(0, 100)), path }),
        { reason: "DamagedContent" },
      );
    });
    assert.deepEqual(names, []);
    assert.equal(asked.length, 1);
  });
}

Deno.test("pullBlob() gives up on content that always ends too early", async () => {
  const { client, asked } = clientOf(() => new Response(new Uint8Array()));
  await withTarget(async (path) => {
    await assert.rejects(
      client.pullBlob("a/b", { blob: blobOfBytes(BIG.slice(0, 100)), path }),
      /it ended after 0 of 100 bytes/,
    );
  });
  assert.equal(asked.length, 5);
});

Deno.test("a client stops when it is told to", async () => {
  const controller = new AbortController();
  const { client } = clientOf(() => {
    controller.abort(new Error("stopped"));
    return "cut";
  }, { signal: controller.signal });
  await assert.rejects(client.pullManifest("a/b", PULL), { message: "stopped" });
});
