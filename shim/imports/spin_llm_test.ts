import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import { createSpinLlm, type LlmBackend } from "./spin_llm.ts";

// deno-lint-ignore no-explicit-any
function create(aiModels: string[], backend?: LlmBackend): any {
  return createSpinLlm(testContext({ aiModels }), backend)["fermyon:spin/llm@2.0.0"];
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("infer() and generateEmbeddings() refuse models that the manifest does not list", async () => {
  const llm = create(["llama2-chat"]);
  const expected = {
    tag: "invalid-input",
    val: "The component does not have access to use 'other'. To give the component access, add " +
      "'other' to the 'ai_models' key for the component in your spin.toml manifest",
  };
  assert.deepEqual(await rejection(llm.infer("other", "x", undefined)), expected);
  assert.deepEqual(await rejection(llm.generateEmbeddings("other", [])), expected);
});

Deno.test("infer() and generateEmbeddings() say that there is no backend", async () => {
  const llm = create(["llama2-chat"]);
  const expected = {
    tag: "runtime-error",
    val: "Local LLM operations are not supported in this version of Spin.",
  };
  assert.deepEqual(await rejection(llm.infer("llama2-chat", "x", undefined)), expected);
  assert.deepEqual(await rejection(llm.generateEmbeddings("llama2-chat", [])), expected);
});
