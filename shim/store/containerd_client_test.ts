import assert from "node:assert/strict";
import { ContainerdDouble } from "../../tests/support/containerd_double.ts";
import { CONTAINERD_METHODS } from "../proto/containerd_api.ts";
import { encodeMessage } from "../proto/encode.ts";
import { ContainerdClient, ContainerdError, isNotFound } from "./containerd_client.ts";

const { getContainer, readContent } = CONTAINERD_METHODS;

Deno.test("call() gives the answer of its namespace, with either form of address", async () => {
  await using containerd = new ContainerdDouble();
  containerd.namespace("one").containers.set("c", { image: "example.test/one:1" });
  containerd.namespace("two");
  for (const address of [containerd.socket, `unix://${containerd.socket}`]) {
    using client = new ContainerdClient(address, { namespace: "one" });
    const { container } = await client.call(getContainer, { id: "c" });
    assert.equal(container?.image, "example.test/one:1");
    using other = client.withNamespace("two");
    await assert.rejects(other.call(getContainer, { id: "c" }), isNotFound);
  }
});

Deno.test("call() throws containerd's own words", async () => {
  await using containerd = new ContainerdDouble();
  using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
  await assert.rejects(
    client.call(getContainer, { id: "grüße 100%" }),
    (error: unknown) =>
      error instanceof ContainerdError && error.code === 5 &&
      error.message === 'container "grüße 100%": not found',
  );
});

Deno.test("call() names the socket that nobody listens on", async () => {
  const socket = "/nonexistent/no.sock";
  using client = new ContainerdClient(socket, { namespace: "ns" });
  await assert.rejects(client.call(getContainer, { id: "c" }), (error: unknown) => {
    const { message } = error as Error;
    return message.includes(`at "${socket}"`) && message.includes("No such file") &&
      !message.includes("http://");
  });
});

Deno.test("call() uses the socket whatever the environment says of proxies", async () => {
  await using containerd = new ContainerdDouble();
  containerd.namespace("ns").containers.set("c", {});
  const variables = { NO_PROXY: "*", no_proxy: "*", HTTP_PROXY: "http://127.0.0.1:1" };
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
    await client.call(getContainer, { id: "c" });
    assert.equal(Deno.env.get("NO_PROXY"), "*", "others still see it");
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

Deno.test("stream() gives every piece, in order", async () => {
  await using containerd = new ContainerdDouble();
  const data = new Uint8Array(1_234_567).map((_, index) => index * 7);
  containerd.namespace("ns").content.set("sha256:x", data);
  using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
  const pieces: Uint8Array[] = [];
  for await (const piece of client.stream(readContent, { digest: "sha256:x" })) {
    pieces.push(piece.data);
  }
  assert.equal(pieces.length, 13);
  assert.deepEqual(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), data);
});

Deno.test("stream() can be left, and the connection goes on working", async () => {
  await using containerd = new ContainerdDouble();
  containerd.namespace("ns").content.set("sha256:x", new Uint8Array(20_000_000));
  containerd.namespace("ns").containers.set("c", {});
  using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
  for await (const _piece of client.stream(readContent, { digest: "sha256:x" })) break;
  const { container } = await client.call(getContainer, { id: "c" });
  assert.equal(container?.id, "c");
});

/** Calls a server that answers in its own way. */
async function withServer(
  answer: () => Response,
  use: (client: ContainerdClient) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/s`;
  await using _server = Deno.serve({ path, onListen: () => {}, handler: answer });
  try {
    using client = new ContainerdClient(path, { namespace: "ns" });
    await use(client);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const GRPC = { headers: { "content-type": "application/grpc+proto" } };

function grpc(...bytes: number[]): Response {
  return new Response(new Uint8Array(bytes), GRPC);
}

const BAD_ANSWERS: readonly [what: string, answer: () => Response, message: RegExp][] = [
  ["nothing", () => grpc(), /the answer is empty/],
  ["half a message", () => grpc(0, 0, 0, 0, 9, 1), /the answer is cut off/],
  ["a compressed message", () => grpc(1, 0, 0, 0, 1, 1), /compressed/],
  ["an endless message", () => grpc(0, 255, 255, 255, 255, 1), /a message of 4294967295 bytes/],
  ["no protobuf", () => grpc(0, 0, 0, 0, 2, 0x0a, 0x7f), /Containers\/Get/],
  [
    "no gRPC",
    () => new Response("no", { status: 404, headers: { "content-type": "text/html" } }),
    /no gRPC: status 404, content type "text\/html"/,
  ],
  [
    "an error without a message",
    () => new Response(null, { headers: { ...GRPC.headers, "grpc-status": "12" } }),
    /^ContainerdError$/,
  ],
];

for (const [what, answer, message] of BAD_ANSWERS) {
  Deno.test(`call() says what is wrong when the answer is ${what}`, async () => {
    await withServer(answer, async (client) => {
      await assert.rejects(client.call(getContainer, { id: "c" }), message);
    });
  });
}

Deno.test("call() reads an answer that comes byte by byte", async () => {
  const message = encodeMessage(getContainer.response, { container: { id: "slow" } });
  async function* slowly(): AsyncGenerator<Uint8Array> {
    for (const byte of [0, 0, 0, 0, message.length, ...message]) {
      yield new Uint8Array([byte]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  await withServer(() => new Response(ReadableStream.from(slowly()), GRPC), async (client) => {
    const { container } = await client.call(getContainer, { id: "slow" });
    assert.equal(container?.id, "slow");
  });
});
