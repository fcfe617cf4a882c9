/**
 * Models behind an HTTP server: `[llm_compute] type = "remote_http"`, with Spin's own protocol or the
 * one of OpenAI.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { fetchErrorText } from "../../lib/fetch_error.ts";
import { JsonAnswer } from "./_json_answer.ts";
import type { RemoteLlmConfig } from "./_llm_config.ts";
import { readBody } from "./_read_body.ts";
import type { LlmBackend } from "./spin_llm.ts";

/** Options of {@link createRemoteLlm}; the defaults are for production. */
export interface RemoteLlmOptions {
  /** Milliseconds that the server may take for its whole answer. Default: 10 minutes. */
  readonly timeoutMs?: number;
}

/** A question to the server. */
interface Question<T> {
  readonly path: string;
  readonly message: unknown;
  /** Makes the result; throws what it cannot find. */
  readonly read: (answer: JsonAnswer) => T;
}

/** @throws {Error} that names the path, by rejection. */
type Ask = <T>(question: Question<T>) => Promise<T>;

/**
 * Creates the backend. It keeps nothing that has to be closed. Where models run is the operator's
 * choice, so that the server is not subject to a component's allowed hosts.
 */
export function createRemoteLlm(
  config: RemoteLlmConfig,
  options: RemoteLlmOptions = {},
): LlmBackend {
  const { timeoutMs = 600_000 } = options;
  const ask: Ask = (question) => askServer(config, { question, timeoutMs });
  return config.apiType === "open_ai" ? createOpenAiApi(ask) : createDefaultApi(ask);
}

function createDefaultApi(ask: Ask): LlmBackend {
  return {
    infer: (model, { prompt, params }) =>
      ask({
        path: "/infer",
        message: {
          model,
          prompt,
          options: {
            maxTokens: params.maxTokens,
            repeatPenalty: shortestFloat(params.repeatPenalty),
            repeatPenaltyLastNTokenCount: params.repeatPenaltyLastNTokenCount,
            temperature: shortestFloat(params.temperature),
            topK: params.topK,
            topP: shortestFloat(params.topP),
          },
        },
        read: (answer) => ({
          text: answer.string("text"),
          usage: {
            promptTokenCount: answer.count("usage", "promptTokenCount"),
            generatedTokenCount: answer.count("usage", "generatedTokenCount"),
          },
        }),
      }),
    generateEmbeddings: (model, { input }) =>
      ask({
        path: "/embed",
        message: { model, input },
        read: (answer) => ({
          embeddings: answer.array("embeddings").map((_, i) => answer.floats("embeddings", i)),
          usage: { promptTokenCount: answer.count("usage", "promptTokenCount") },
        }),
      }),
  };
}

function createOpenAiApi(ask: Ask): LlmBackend {
  return {
    infer: (model, { prompt, params }) =>
      ask({
        path: "/v1/chat/completions",
        message: {
          messages: [{ role: "user", content: prompt }],
          model,
          max_completion_tokens: params.maxTokens,
          frequency_penalty: shortestFloat(params.repeatPenalty),
        },
        read: (answer) => ({
          text: answer.array("choices").length === 0
            ? ""
            : answer.string("choices", 0, "message", "content"),
          usage: {
            promptTokenCount: answer.count("usage", "prompt_tokens"),
            generatedTokenCount: answer.count("usage", "completion_tokens"),
          },
        }),
      }),
    generateEmbeddings: (model, { input }) =>
      ask({
        path: "/v1/embeddings",
        message: { input, model },
        read: (answer) => ({
          embeddings: answer.array("data").map((_, i) => answer.floats("data", i, "embedding")),
          usage: { promptTokenCount: answer.count("usage", "prompt_tokens") },
        }),
      }),
  };
}

async function askServer<T>(
  config: RemoteLlmConfig,
  { question, timeoutMs }: { question: Question<T>; timeoutMs: number },
): Promise<T> {
  const { path, message, read } = question;
  const { status, text } = await post(config, { path, message, timeoutMs }).catch((error) => {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    const reason = isLate ? `no answer within ${timeoutMs / 1000} s` : fetchErrorText(error);
    throw new Error(`POST ${path} request error: ${reason}`, { cause: error });
  });
  const result = attempt(() => {
    const answer = new JsonAnswer(text);
    // OpenAI says in JSON what it does not like.
    const refusal = config.apiType === "open_ai" ? answer.find("error", "message") : undefined;
    return typeof refusal === "string" ? { refusal } : { value: read(answer) };
  });
  if ("value" in result) return result.value;
  if ("refusal" in result) throw new Error(result.refusal);
  // An error page is not what was asked for; its status tells more than its text.
  const reason = status >= 400 ? `HTTP status ${status}` : errorText(result.error);
  throw new Error(`Failed to deserialize response for "POST ${path}": ${reason}`, {
    cause: result.error,
  });
}

function attempt<T>(action: () => T): T | { readonly error: unknown } {
  try {
    return action();
  } catch (error) {
    return { error };
  }
}

async function post(
  { url, authToken }: RemoteLlmConfig,
  { path, message, timeoutMs }: { path: string; message: unknown; timeoutMs: number },
): Promise<{ status: number; text: string }> {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: { "authorization": `bearer ${authToken}`, "content-type": "application/json" },
    body: JSON.stringify(message),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const bytes = await readBody(response.body);
  return { status: response.status, text: new TextDecoder().decode(bytes) };
}

/** The number with the fewest digits that is the same f32: 1.1, not 1.100000023841858. */
function shortestFloat(value: number): number {
  const float = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(float.toPrecision(digits));
    if (Math.fround(candidate) === float) return candidate;
  }
  return float;
}
