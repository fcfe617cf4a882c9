import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import { createRemoteLlm } from "./llm_remote_http.ts";
import { createSpinLlm } from "./spin_llm.ts";

interface Asked {
  readonly target: string;
  readonly authorization: string | null;
  readonly message: unknown;
}

interface LlmServer extends AsyncDisposable {
  readonly asked: Asked[];
  readonly url: string;
}

function startServer(respond: () => Response | Promise<Response>): LlmServer {
  const asked: Asked[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      asked.push({
        target: `${request.method} ${new URL(request.url).pathname}`,
        authorization: request.headers.get("authorization"),
        message: await request.json(),
      });
      return await respond();
    },
  );
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}/replaced?x`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

// deno-lint-ignore no-explicit-any
function create(url: string, apiType: "default" | "open_ai", timeoutMs?: number): any {
  const backend = createRemoteLlm(
    { type: "remote_http", url, authToken: "t0ken", apiType },
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  const imports = createSpinLlm(testContext({ aiModels: ["llama2-chat", "emb"] }), backend);
  assert.equal(imports["fermyon:spin/llm"], imports["fermyon:spin/llm@2.0.0"]);
  return imports["fermyon:spin/llm@2.0.0"];
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

const runtimeError = (val: string) => ({ tag: "runtime-error", val });
const f32 = Math.fround;

/** As a guest gives them: f32 values, widened. */
const PARAMS = {
  maxTokens: 7,
  repeatPenalty: f32(1.5),
  repeatPenaltyLastNTokenCount: 8,
  temperature: f32(0.123456),
  topK: 9,
  topP: f32(0.1),
};

Deno.test("the default API is spoken as Spin speaks it", async () => {
  const answers = [
    { text: "hi", usage: { promptTokenCount: 1, generatedTokenCount: 2 } },
    { text: "", usage: { promptTokenCount: 0, generatedTokenCount: 0 }, more: "ignored" },
    { embeddings: [[0.5, -1], [0.1]], usage: { promptTokenCount: 3 } },
  ];
  await using server = startServer(() => Response.json(answers.shift()));
  const llm = create(server.url, "default");
  assert.deepEqual(await llm.infer("llama2-chat", "Say hi", undefined), {
    text: "hi",
    usage: { promptTokenCount: 1, generatedTokenCount: 2 },
  });
  await llm.infer("llama2-chat", "", PARAMS);
  assert.deepEqual(await llm.generateEmbeddings("emb", ["a", "b"]), {
    embeddings: [Float32Array.of(0.5, -1), Float32Array.of(0.1)],
    usage: { promptTokenCount: 3 },
  });
  const authorization = "bearer t0ken";
  assert.deepEqual(server.asked, [
    {
      target: "POST /infer",
      authorization,
      message: {
        model: "llama2-chat",
        prompt: "Say hi",
        options: {
          maxTokens: 100,
          repeatPenalty: 1.1,
          repeatPenaltyLastNTokenCount: 64,
          temperature: 0.8,
          topK: 40,
          topP: 0.9,
        },
      },
    },
    {
      target: "POST /infer",
      authorization,
      message: {
        model: "llama2-chat",
        prompt: "",
        options: {
          maxTokens: 7,
          repeatPenalty: 1.5,
          repeatPenaltyLastNTokenCount: 8,
          temperature: 0.123456,
          topK: 9,
          topP: 0.1,
        },
      },
    },
    { target: "POST /embed", authorization, message: { model: "emb", input: ["a", "b"] } },
  ]);
});

Deno.test("the OpenAI API is spoken as Spin speaks it", async () => {
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
  const answers = [
    { choices: [{ index: 0, message: { role: "assistant", content: "hi" } }], usage },
    { choices: [], usage },
    { data: [{ embedding: [0.5, 2], index: 0 }], usage },
    { error: { message: "no such model", type: "invalid_request_error" } },
  ];
  await using server = startServer(() => Response.json(answers.shift()));
  const llm = create(server.url, "open_ai");
  const counts = { promptTokenCount: 1, generatedTokenCount: 2 };
  assert.deepEqual(await llm.infer("llama2-chat", "Say hi", PARAMS), { text: "hi", usage: counts });
  assert.deepEqual(await llm.infer("llama2-chat", "", undefined), { text: "", usage: counts });
  assert.deepEqual(await llm.generateEmbeddings("emb", ["a"]), {
    embeddings: [Float32Array.of(0.5, 2)],
    usage: { promptTokenCount: 1 },
  });
  const refused = await rejection(llm.infer("llama2-chat", "x", undefined));
  assert.deepEqual(refused, runtimeError("no such model"));
  const authorization = "bearer t0ken";
  assert.deepEqual(server.asked.slice(0, 3), [
    {
      target: "POST /v1/chat/completions",
      authorization,
      message: {
        messages: [{ role: "user", content: "Say hi" }],
        model: "llama2-chat",
        max_completion_tokens: 7,
        frequency_penalty: 1.5,
      },
    },
    {
      target: "POST /v1/chat/completions",
      authorization,
      message: {
        messages: [{ role: "user", content: "" }],
        model: "llama2-chat",
        max_completion_tokens: 100,
        frequency_penalty: 1.1,
      },
    },
    { target: "POST /v1/embeddings", authorization, message: { input: ["a"], model: "emb" } },
  ]);
});

Deno.test("answers that are not what was asked for are errors that name the request", async () => {
  const failed = (path: string, why: string) =>
    runtimeError(`Failed to deserialize response for "POST ${path}": ${why}`);
  const count = { promptTokenCount: 1, generatedTokenCount: 1 };
  const infer: [Response, string][] = [
    [new Response("<html>"), "it is no JSON"],
    [new Response("<html>", { status: 502 }), "HTTP status 502"],
    [Response.json({ usage: count }), '"text" is not a string'],
    [Response.json({ text: "x" }), '"usage.promptTokenCount" is not a u32'],
    [
      Response.json({ text: "x", usage: { ...count, generatedTokenCount: -1 } }),
      '"usage.generatedTokenCount" is not a u32',
    ],
    [Response.json(null), '"text" is not a string'],
  ];
  for (const [response, why] of infer) {
    await using server = startServer(() => response);
    const error = await rejection(create(server.url, "default").infer("llama2-chat", "x"));
    assert.deepEqual(error, failed("/infer", why));
  }
  const embed: [unknown, string][] = [
    [{ embeddings: {} }, '"embeddings" is not an array'],
    [{ embeddings: [[1], ["a"]], usage: count }, '"embeddings.1" is not numbers'],
  ];
  for (const [answer, why] of embed) {
    await using server = startServer(() => Response.json(answer));
    const error = await rejection(create(server.url, "default").generateEmbeddings("emb", []));
    assert.deepEqual(error, failed("/embed", why));
  }
});

Deno.test("a server that is not there, or does not answer, is an error", async () => {
  const gone = await rejection(create("http://127.0.0.1:1/", "default").infer("emb", "x")) as {
    tag: string;
    val: string;
  };
  assert.equal(gone.tag, "runtime-error");
  assert.match(gone.val, /^POST \/infer request error: /);
  const release = Promise.withResolvers<Response>();
  await using server = startServer(() => release.promise);
  const late = await rejection(create(server.url, "open_ai", 50).generateEmbeddings("emb", ["a"]));
  release.resolve(new Response());
  assert.deepEqual(
    late,
    runtimeError("POST /v1/embeddings request error: no answer within 0.05 s"),
  );
});
