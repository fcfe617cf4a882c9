import assert from "node:assert/strict";
import { makeSelfSignedCertificate } from "../certificates.ts";
import { UnverifiedFetch } from "./unverified_fetch.ts";

Deno.test("UnverifiedFetch.fetch() talks to a server that nobody stands for", async (t) => {
  const certificate = await makeSelfSignedCertificate(["somewhere.example"]);
  const hanging = Promise.withResolvers<Response>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, ...certificate, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/hang") return await hanging.promise;
      if (pathname === "/nothing") return new Response(null, { status: 204 });
      return Response.json({ method: request.method, body: await request.text() });
    },
  );
  const client = new UnverifiedFetch();
  const init = {
    headers: [["accept", "application/json"]] as const,
    signal: new AbortController().signal,
  };
  const url = `https://127.0.0.1:${server.addr.port}`;
  try {
    await t.step("with a body", async () => {
      const response = await client.fetch(`${url}/`, { ...init, method: "POST", body: "hello" });
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual(await response.json(), { method: "POST", body: "hello" });
    });
    await t.step("without an answer's body", async () => {
      const response = await client.fetch(`${url}/nothing`, { ...init, method: "DELETE" });
      assert.equal(response.status, 204);
      assert.equal(response.body, null);
    });
    await t.step("until the signal fires", async () => {
      const stop = new AbortController();
      const asked = client.fetch(`${url}/hang`, { ...init, method: "GET", signal: stop.signal });
      stop.abort(new DOMException("enough", "TimeoutError"));
      await assert.rejects(asked, { name: "TimeoutError", message: "enough" });
    });
    await t.step("and says when nobody is there", async () => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      listener.close();
      await assert.rejects(client.fetch(`https://127.0.0.1:${port}/`, { ...init, method: "GET" }), {
        name: "TypeError",
        message: /ECONNREFUSED/,
      });
    });
  } finally {
    client.close();
    hanging.resolve(new Response());
    await server.shutdown();
  }
});
