import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import { type LiveServer, startLiveServer } from "./live_server.ts";

const ANY_PORT = { hostname: "127.0.0.1", port: 0, isFlexible: false };

async function withServer(check: (server: LiveServer) => Promise<void>): Promise<void> {
  const server = startLiveServer(ANY_PORT);
  try {
    await check(server);
  } finally {
    await server.stop();
  }
}

Deno.test("startLiveServer() serves a page that brings everything with it", async () => {
  await withServer(async ({ url }) => {
    const response = await fetch(url);
    const html = await response.text();
    assert.equal(response.headers.get("content-type"), "text/html; charset=UTF-8");
    const policy = response.headers.get("content-security-policy") ?? "";
    const [, nonce = ""] = /script-src 'nonce-([0-9a-f-]{36})'/.exec(policy) ?? [];
    assert.match(policy, /^default-src 'none'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(html.match(/<(?:script|style)\b[^>]*>/g)?.length, 2);
    assert.ok(
      html.includes(`<script nonce="${nonce}">`) && html.includes(`<style nonce="${nonce}">`),
    );
    // Nothing of another address, and nothing inline that the policy would forbid.
    assert.doesNotMatch(html, /(?:src|href)="(?!#|data:,"|\/state")|\son\w+=|\sstyle=|https?:/);
    const again = await (await fetch(url)).text();
    assert.ok(!again.includes(nonce));
  });
});

Deno.test("startLiveServer() refuses other hosts, paths and methods", async () => {
  await withServer(async ({ url }) => {
    const expected = [
      [url, {}, 200],
      [`${url}state`, {}, 200],
      [`${url}nothing`, {}, 404],
      [`${url}state`, { method: "POST" }, 404],
      [`${url}state`, { headers: { "sec-fetch-site": "cross-site" } }, 403],
    ] as const;
    for (const [address, init, status] of expected) {
      const response = await fetch(address, init);
      await response.body?.cancel();
      assert.equal(response.status, status, address);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
      assert.equal(response.headers.get("cross-origin-resource-policy"), "same-origin");
    }
    using connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(url).port),
    });
    await connection.write(
      new TextEncoder().encode(
        "GET /state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
      ),
    );
    const answer = await new Response(connection.readable).text();
    assert.match(answer, /^HTTP\/1\.1 403 .*not for the host "evil\.example"/s);
  });
});

Deno.test("startLiveServer() serves a bounded number of streams, and ends them when it stops", async () => {
  const server = startLiveServer(ANY_PORT);
  const open = await Promise.all(
    Array.from({ length: 16 }, () => fetch(`${server.url}events`)),
  );
  assert.deepEqual(new Set(open.map(({ status }) => status)), new Set([200]));
  const refused = await fetch(`${server.url}events`);
  assert.equal(refused.status, 503);
  await refused.body?.cancel();
  await open[0]!.body!.cancel();
  const texts = open.slice(1).map((response) => response.text());
  await server.stop();
  for (const text of await Promise.all(texts)) assert.match(text, /^event: snapshot\n/);
});

Deno.test("startLiveServer() takes the next port if it may", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const server = startLiveServer({ hostname: "127.0.0.1", port, isFlexible: true });
  assert.ok(Number(new URL(server.url).port) > port);
  await server.stop();
  assert.throws(
    () => startLiveServer({ hostname: "127.0.0.1", port, isFlexible: false }),
    (error) => error instanceof TerminalError && error.reason === "CannotListen",
  );
});

Deno.test("startLiveServer() serves this machine only", () => {
  assert.throws(
    () => startLiveServer({ hostname: "0.0.0.0", port: 0, isFlexible: false }),
    /on this machine only, not on 0\.0\.0\.0/,
  );
});
