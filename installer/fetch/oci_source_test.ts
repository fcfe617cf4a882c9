import assert from "node:assert/strict";
import { join } from "node:path";
import { packTar } from "modern-tar";
import { NodeError } from "../node/node_error.ts";
import { fetchShim } from "./fetch_shim.ts";
import { basicFor, isOciLocation } from "./oci_source.ts";

const NAME = "containerd-shim-spin-v2";

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex()}`;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Content by what comes after `/v2/shims/spin/`. */
type Content = Map<string, Uint8Array<ArrayBuffer>>;

/** An artifact with the program `text`, under `tag`; in an index if `arch` is given. */
async function artifact(content: Content, { tag, arch, text = "#!/bin/sh\n" }: {
  tag: string;
  arch?: string;
  text?: string;
}): Promise<string> {
  const header = { name: NAME, size: text.length, type: "file", mode: 0o755 } as const;
  const layer = await packTar([{ header, body: text }]);
  const layerDigest = await digestOf(layer);
  content.set(`blobs/${layerDigest}`, layer);
  const manifest = json({ layers: [{ digest: layerDigest, size: layer.length }] });
  const digest = await digestOf(manifest);
  content.set(`manifests/${digest}`, manifest);
  const top = arch === undefined
    ? manifest
    : json({ manifests: [{ digest, platform: { os: "linux", architecture: arch } }] });
  content.set(`manifests/${tag}`, top);
  return digest;
}

/** A registry that wants a token, and gives one to whoever knows the password. */
async function withRegistry(
  content: Content,
  check: (
    run: (reference: string, options?: { sha256?: string; login?: string }) => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname, searchParams, origin } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    if (pathname === "/token") {
      const isKnown = authorization === `Basic ${btoa("me:secret")}`;
      assert.equal(searchParams.get("scope"), "repository:shims/spin:pull");
      return isKnown ? Response.json({ token: "t" }) : new Response(null, { status: 403 });
    }
    if (authorization !== "Bearer t") {
      const challenge =
        `Bearer realm="${origin}/token",service="r",scope="repository:shims/spin:pull"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    const body = content.get(pathname.replace("/v2/shims/spin/", ""));
    return body ? new Response(body) : new Response(null, { status: 404 });
  });
  const directory = await Deno.makeTempDir();
  const host = `127.0.0.1:${server.addr.port}`;
  try {
    await check(async (reference, { sha256, login = "me:secret" } = {}) => {
      const { path } = await fetchShim({
        shimName: "spin-v2",
        location: `oci+http://${host}/shims/spin${reference}`,
        registryConfig: JSON.stringify({ auths: { [host]: { auth: btoa(login) } } }),
        sha256,
        assetPath: directory,
        arch: "x86_64",
        retries: 0,
        pauseMs: 1,
        fetch,
        sleep: () => Promise.resolve(),
        log: () => {},
      });
      return await Deno.readTextFile(path);
    });
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
    assert.deepEqual(names.filter((name) => name.startsWith(".")), [], join(directory));
  } finally {
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("fetchShim() takes the archive of an artifact, by tag or by digest", async () => {
  const content: Content = new Map();
  const digest = await artifact(content, { tag: "v1" });
  await withRegistry(content, async (run) => {
    assert.equal(await run(":v1"), "#!/bin/sh\n");
    assert.equal(await run(`@${digest}`), "#!/bin/sh\n");
    assert.equal(await run(`:v1@${digest}`), "#!/bin/sh\n");
  });
});

Deno.test("fetchShim() takes the archive for the node's platform", async () => {
  const content: Content = new Map();
  await artifact(content, { tag: "amd", arch: "amd64" });
  await artifact(content, { tag: "arm", arch: "arm64" });
  await withRegistry(content, async (run) => {
    assert.equal(await run(":amd"), "#!/bin/sh\n");
    await assert.rejects(run(":arm"), /has nothing for x86_64/);
  });
});

Deno.test("fetchShim() refuses what a registry must not answer", async () => {
  const content: Content = new Map();
  const digest = await artifact(content, { tag: "v1" });
  await artifact(content, { tag: "other", text: "#!/bin/sh\n# other\n" });
  content.set("manifests/broken", new TextEncoder().encode("<html>"));
  content.set("manifests/empty", json({ layers: [] }));
  content.set("manifests/odd", json({ layers: [{ digest: "md5:0" }] }));
  const loop = json({
    manifests: [{
      digest: `sha256:${"0".repeat(64)}`,
      platform: { os: "linux", architecture: "amd64" },
    }],
  });
  content.set("manifests/lies", loop);
  content.set(`manifests/sha256:${"0".repeat(64)}`, loop);
  const cases: [string, RegExp][] = [
    [":none", /answers with status 404/],
    [":broken", /its manifest is none/],
    [":empty", /has 0 layers/],
    [":odd", /no SHA-256/],
    [":lies", /the registry answers with sha256:/],
  ];
  await withRegistry(content, async (run) => {
    for (const [reference, message] of cases) {
      await assert.rejects(run(reference), (error) => {
        assert.ok(error instanceof NodeError);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(run(":v1", { login: "me:wrong" }), /logging in fails with status 403/);
    await assert.rejects(run(":v1", { sha256: "0".repeat(64) }), /SHA-256 verification FAILED/);
    content.set(`manifests/${digest}`, content.get("manifests/other")!);
    await assert.rejects(run(`@${digest}`), /the registry answers with sha256:/);
  });
});

Deno.test("fetchShim() refuses a layer that is not what the manifest says", async () => {
  const content: Content = new Map();
  await artifact(content, { tag: "v1" });
  const key = [...content.keys()].find((one) => one.startsWith("blobs/"))!;
  content.set(key, new Uint8Array(1024));
  await withRegistry(content, async (run) => {
    await assert.rejects(run(":v1"), /SHA-256 verification FAILED/);
  });
});

Deno.test("basicFor() finds the credentials of a registry", () => {
  const config = JSON.stringify({
    auths: {
      "https://index.example/v1/": { auth: "YTpi" },
      "r.example": { username: "a", password: "b" },
    },
  });
  assert.equal(basicFor("index.example", config), "Basic YTpi");
  assert.equal(basicFor("r.example", config), "Basic YTpi");
  assert.equal(basicFor("other", config), undefined);
  assert.equal(basicFor("other", undefined), undefined);
  assert.throws(() => basicFor("other", "{"), NodeError);
});

Deno.test("isOciLocation() tells registries from servers", () => {
  assert.deepEqual(
    ["oci://a/b:c", "oci+http://a/b", "https://a/b", "ocix://a"].map(isOciLocation),
    [true, true, false, false],
  );
});
