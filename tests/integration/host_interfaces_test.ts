/**
 * Host interfaces called by guests: whether values, errors and resources are what the types say.
 *
 * @module
 */

import assert from "node:assert/strict";
import { testContext } from "../../shim/imports/_context_fixture.ts";
import { VariableError } from "../../shim/imports/component_context.ts";
import { createSqliteKeyValueStore } from "../../shim/imports/key_value_sqlite.ts";
import { MqttConnections } from "../../shim/imports/mqtt_connections.ts";
import { createSpinHttp } from "../../shim/imports/spin_http.ts";
import { createSpinLlm } from "../../shim/imports/spin_llm.ts";
import { createSpinMqtt } from "../../shim/imports/spin_mqtt.ts";
import { createWasiConfig } from "../../shim/imports/wasi_config.ts";
import { createWasiKeyvalue } from "../../shim/imports/wasi_keyvalue.ts";
import { startForwardingGuest } from "../support/forwarding_guest.ts";
import { startUpstream } from "../support/upstream.ts";

/** What the bindings throw for a `result` that is an error. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return (error as { payload?: unknown }).payload;
  }
  return undefined;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

Deno.test("a guest uses wasi:keyvalue", async () => {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  const kv = createSqliteKeyValueStore({ path: `${directory}/kv.db`, label: "default" });
  const imports = createWasiKeyvalue(testContext({
    keyValueLabels: ["default", "slow"],
    keyValueStore: (label) => ({
      ...kv,
      // The same store, which makes the guest wait.
      ...(label === "slow" ? { getMany: async (keys) => await kv.getMany(keys) } : {}),
    }),
  }));
  const [store, atomics, batch] = ["store", "atomics", "batch"]
    .map((name) => `wasi:keyvalue/${name}@0.2.0-draft2`);
  const guest = await startForwardingGuest([
    {
      from: store!,
      import: "open",
      type: "open: func(identifier: string) -> result<bucket, error>",
      core: "i32 i32",
    },
    {
      from: store!,
      import: "[method]bucket.list-keys",
      type: "list-keys: func(b: bucket, cursor: option<string>) -> result<key-response, error>",
      core: "i32 i32 i32 i32",
    },
    {
      from: batch!,
      import: "get-many",
      type: "get-many: func(b: bucket, keys: list<string>) -> " +
        "result<list<tuple<string, option<list<u8>>>>, error>",
      core: "i32 i32 i32",
    },
    {
      from: batch!,
      import: "set-many",
      type: "set-many: func(b: bucket, entries: list<tuple<string, list<u8>>>) -> result<_, error>",
      core: "i32 i32 i32",
    },
    {
      from: atomics!,
      import: "increment",
      type: "increment: func(b: bucket, key: string, delta: s64) -> result<s64, error>",
      core: "i32 i32 i32 i64",
    },
    {
      from: atomics!,
      import: "[static]cas.new",
      type: "new-cas: func(b: bucket, key: string) -> result<cas, error>",
      core: "i32 i32 i32",
    },
    {
      from: atomics!,
      import: "swap",
      type: "swap: func(c: cas, value: list<u8>) -> result<_, cas-error>",
      core: "i32 i32 i32",
    },
  ], {
    imports,
    uses: `use ${store}.{bucket, error, key-response};
      use ${atomics}.{cas, cas-error};`,
    wit: `package wasi:keyvalue@0.2.0-draft2 {
      interface store {
        variant error { no-such-store, access-denied, other(string) }
        record key-response { keys: list<string>, cursor: option<string> }
        resource bucket {
          list-keys: func(cursor: option<string>) -> result<key-response, error>;
        }
        open: func(identifier: string) -> result<bucket, error>;
      }
      interface batch {
        use store.{bucket, error};
        get-many: func(bucket: borrow<bucket>, keys: list<string>)
          -> result<list<tuple<string, option<list<u8>>>>, error>;
        set-many: func(bucket: borrow<bucket>, key-values: list<tuple<string, list<u8>>>)
          -> result<_, error>;
      }
      interface atomics {
        use store.{bucket, error};
        variant cas-error { store-error(error), cas-failed(cas) }
        resource cas {
          new: static func(bucket: borrow<bucket>, key: string) -> result<cas, error>;
        }
        increment: func(bucket: borrow<bucket>, key: string, delta: s64) -> result<s64, error>;
        swap: func(cas: cas, value: list<u8>) -> result<_, cas-error>;
      }
    }`,
  });
  try {
    const { call } = guest;
    const open = () => call.open!("slow");
    assert.deepEqual(await failure(call.open!("other")), { tag: "access-denied" });
    await call.setMany!(await open(), [["a", bytes("1")], ["b", bytes("")]]);
    assert.deepEqual(await call.getMany!(await open(), ["b", "none", "a"]), [
      ["b", bytes("")],
      ["none", undefined],
      ["a", bytes("1")],
    ]);
    assert.equal(await call.increment!(await open(), "n", -2n), -2n);
    assert.deepEqual(await call.listKeys!(await open(), undefined), {
      keys: ["a", "b", "n"],
      cursor: undefined,
    });
    assert.deepEqual(await failure(call.listKeys!(await open(), "1")), {
      tag: "other",
      val: "list_keys: cursor not supported",
    });
    const cas = await call.newCas!(await open(), "a");
    const failed = await failure(call.swap!(cas, bytes("2"))) as { tag: string; val: unknown };
    assert.equal(failed.tag, "cas-failed");
    await call.swap!(failed.val, bytes("2"));
    assert.deepEqual(kv.get("a"), bytes("2"));
  } finally {
    await guest[Symbol.asyncDispose]();
    kv.close();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a guest uses wasi:config", async () => {
  const from = "wasi:config/store@0.2.0-draft-2024-09-27";
  await using guest = await startForwardingGuest([
    {
      from,
      import: "get",
      type: "get: func(key: string) -> result<option<string>, error>",
      core: "i32 i32",
    },
    {
      from,
      import: "get-all",
      type: "get-all: func() -> result<list<tuple<string, string>>, error>",
      core: "",
    },
  ], {
    imports: createWasiConfig(testContext({
      variables: {
        names: () => ["a", "b"],
        async get(name) {
          await Promise.resolve();
          if (name === "secret") throw new VariableError("provider", "sealed");
          if (name === "none") throw new VariableError("undefined", "no variable");
          return `value of ${name}`;
        },
      },
    })),
    uses: `use ${from}.{error};`,
    wit: `package wasi:config@0.2.0-draft-2024-09-27 {
      interface store {
        variant error { upstream(string), io(string) }
        get: func(key: string) -> result<option<string>, error>;
        get-all: func() -> result<list<tuple<string, string>>, error>;
      }
    }`,
  });
  const { get, getAll } = guest.call;
  assert.equal(await get!("a"), "value of a");
  assert.equal(await get!("none"), undefined);
  assert.deepEqual(await failure(get!("secret")), { tag: "upstream", val: "sealed" });
  assert.deepEqual(await getAll!(), [["a", "value of a"], ["b", "value of b"]]);
});

Deno.test("a guest uses fermyon:spin/llm", async () => {
  const from = "fermyon:spin/llm@2.0.0";
  const asked: unknown[] = [];
  const backend = {
    infer(model: string, request: unknown) {
      asked.push([model, request]);
      return Promise.resolve({
        text: "hi",
        usage: { promptTokenCount: 1, generatedTokenCount: 2 },
      });
    },
    generateEmbeddings: () =>
      Promise.resolve({
        embeddings: [Float32Array.of(0.5, -1), new Float32Array(0)],
        usage: { promptTokenCount: 3 },
      }),
  };
  await using guest = await startForwardingGuest([
    {
      from,
      import: "infer",
      type: "infer: func(model: string, prompt: string, params: option<inferencing-params>) -> " +
        "result<inferencing-result, error>",
      core: "i32 i32 i32 i32 i32 i32 f32 i32 f32 i32 f32",
    },
    {
      from,
      import: "generate-embeddings",
      type: "generate-embeddings: func(model: string, text: list<string>) -> " +
        "result<embeddings-result, error>",
      core: "i32 i32 i32 i32",
    },
  ], {
    imports: createSpinLlm(testContext({ aiModels: ["m"] }), backend),
    uses: `use ${from}.{error, inferencing-params, inferencing-result, embeddings-result};`,
    wit: `package fermyon:spin@2.0.0 {
      interface llm {
        record inferencing-params {
          max-tokens: u32,
          repeat-penalty: f32,
          repeat-penalty-last-n-token-count: u32,
          temperature: f32,
          top-k: u32,
          top-p: f32,
        }
        record inferencing-usage { prompt-token-count: u32, generated-token-count: u32 }
        record inferencing-result { text: string, usage: inferencing-usage }
        record embeddings-usage { prompt-token-count: u32 }
        record embeddings-result { embeddings: list<list<f32>>, usage: embeddings-usage }
        variant error { model-not-supported, runtime-error(string), invalid-input(string) }
        infer: func(model: string, prompt: string, params: option<inferencing-params>)
          -> result<inferencing-result, error>;
        generate-embeddings: func(model: string, text: list<string>)
          -> result<embeddings-result, error>;
      }
    }`,
  });
  const { infer, generateEmbeddings } = guest.call;
  const params = {
    maxTokens: 1,
    repeatPenalty: 1.5,
    repeatPenaltyLastNTokenCount: 2,
    temperature: 0.25,
    topK: 3,
    topP: 0.5,
  };
  assert.deepEqual(await infer!("m", "Say hi", params), {
    text: "hi",
    usage: { promptTokenCount: 1, generatedTokenCount: 2 },
  });
  assert.deepEqual(asked, [["m", { prompt: "Say hi", params }]]);
  const { embeddings, usage } = await generateEmbeddings!("m", ["a", "b"]);
  assert.deepEqual(embeddings.map((vector: Float32Array) => [...vector]), [[0.5, -1], []]);
  assert.deepEqual(usage, { promptTokenCount: 3 });
  const denied = await failure(infer!("other", "x", undefined)) as { tag: string; val: string };
  assert.equal(denied.tag, "invalid-input");
  assert.match(denied.val, /^The component does not have access to use 'other'/);
});

Deno.test("a guest uses fermyon:spin/http", async () => {
  const from = "fermyon:spin/http";
  await using upstream = startUpstream(async (request) =>
    new Response(`${request.method} ${await request.text()}`, {
      status: 418,
      headers: { "x-a": request.headers.get("x-a") ?? "" },
    })
  );
  const context = testContext();
  await using guest = await startForwardingGuest([{
    from,
    import: "send-request",
    type: "send-request: func(req: request) -> result<response, http-error>",
    core: "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32",
  }], {
    imports: createSpinHttp({
      ...context,
      outbound: {
        ...context.outbound,
        keepsConnections: false,
        check: (url) => url === `http://${upstream.authority}`,
      },
    }),
    uses: "use fermyon:spin/http-types.{request, response, http-error};",
    wit: `package fermyon:spin {
      interface http-types {
        enum method { get, post, put, delete, patch, head, options }
        enum http-error {
          success, destination-not-allowed, invalid-url, request-error, runtime-error,
          too-many-requests,
        }
        record request {
          method: method,
          uri: string,
          headers: list<tuple<string, string>>,
          params: list<tuple<string, string>>,
          body: option<list<u8>>,
        }
        record response {
          status: u16,
          headers: option<list<tuple<string, string>>>,
          body: option<list<u8>>,
        }
      }
      interface http {
        use http-types.{request, response, http-error};
        send-request: func(req: request) -> result<response, http-error>;
      }
    }`,
  });
  const { sendRequest } = guest.call;
  const request = {
    method: "patch",
    uri: `http://${upstream.authority}/x`,
    headers: [["x-a", "1"]],
    params: [],
    body: bytes("body"),
  };
  const response = await sendRequest!(request);
  assert.equal(response.status, 418);
  assert.equal(text(response.body), "PATCH body");
  assert.ok(response.headers.some(([name, value]: string[]) => name === "x-a" && value === "1"));
  const bodyless = { ...request, method: "get", body: undefined };
  assert.equal(text((await sendRequest!(bodyless)).body), "GET ");
  const denied = { ...request, uri: "http://example.com/" };
  assert.equal(await failure(sendRequest!(denied)), "destination-not-allowed");
});

Deno.test("a guest uses fermyon:spin/mqtt", async () => {
  const from = "fermyon:spin/mqtt@2.0.0";
  const context = testContext();
  const connections = new MqttConnections();
  await using guest = await startForwardingGuest([
    {
      from,
      import: "[static]connection.open",
      type: "open: func(address: string, username: string, password: string, keep-alive: u64) -> " +
        "result<connection, error>",
      core: "i32 i32 i32 i32 i32 i32 i64",
    },
    {
      from,
      import: "[method]connection.publish",
      type: "publish: func(c: connection, topic: string, payload: list<u8>, qos: qos) -> " +
        "result<_, error>",
      core: "i32 i32 i32 i32 i32 i32",
    },
  ], {
    imports: createSpinMqtt(
      {
        ...context,
        outbound: { ...context.outbound, check: (url) => url.includes("127.0.0.1") },
      },
      { connections, maxPayloadBytes: 4 },
    ),
    uses: `use ${from}.{connection, error, qos};`,
    wit: `package fermyon:spin@2.0.0 {
      interface mqtt {
        variant error {
          invalid-address, too-many-connections, connection-failed(string), other(string),
        }
        enum qos { at-most-once, at-least-once, exactly-once }
        resource connection {
          open: static func(address: string, username: string, password: string,
            keep-alive-interval-in-secs: u64) -> result<connection, error>;
          publish: func(topic: string, payload: list<u8>, qos: qos) -> result<_, error>;
        }
      }
    }`,
  });
  const { open, publish } = guest.call;
  const denied = "mqtt://localhost:1883?client_id=spintest";
  assert.deepEqual(await failure(open!(denied, "", "", 30n)), {
    tag: "connection-failed",
    val: `address ${denied} is not permitted`,
  });
  assert.deepEqual(await failure(open!("mqtt://127.0.0.1", "", "", 30n)), {
    tag: "invalid-address",
  });
  const connection = () => open!("mqtt://127.0.0.1:1?client_id=a", "", "", 30n);
  const large = await failure(publish!(await connection(), "t", bytes("large"), "exactly-once"));
  assert.deepEqual(large, {
    tag: "other",
    val: "payload size 5 exceeds the maximum allowed size of 4 bytes",
  });
  const refused = await failure(publish!(await connection(), "t", bytes("x"), "at-least-once"));
  assert.equal((refused as { tag: string }).tag, "connection-failed");
});
