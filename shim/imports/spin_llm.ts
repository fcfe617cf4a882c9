/**
 * `fermyon:spin/llm` (v1) and `fermyon:spin/llm@2.0.0`, which are alike.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { ComponentContext, ImportObject } from "./component_context.ts";

/** The record `inferencing-params`. Floats are f32. */
export interface InferencingParams {
  readonly maxTokens: number;
  readonly repeatPenalty: number;
  readonly repeatPenaltyLastNTokenCount: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

/** The record `inferencing-result`. */
export interface InferencingResult {
  readonly text: string;
  readonly usage: { readonly promptTokenCount: number; readonly generatedTokenCount: number };
}

/** The record `embeddings-result`. */
export interface EmbeddingsResult {
  readonly embeddings: Float32Array[];
  readonly usage: { readonly promptTokenCount: number };
}

/** Runs models. What it throws reaches the guest as `runtime-error` with the error's text. */
export interface LlmBackend {
  infer(
    model: string,
    request: { readonly prompt: string; readonly params: InferencingParams },
  ): Promise<InferencingResult>;
  generateEmbeddings(
    model: string,
    request: { readonly input: readonly string[] },
  ): Promise<EmbeddingsResult>;
}

/** The variant `error`; no backend tells an unknown model apart, so `model-not-supported` is unused. */
interface LlmError {
  readonly tag: "runtime-error" | "invalid-input";
  readonly val: string;
}

/** What the original takes for parameters that are absent. */
const DEFAULT_PARAMS: InferencingParams = Object.freeze({
  maxTokens: 100,
  repeatPenalty: 1.1,
  repeatPenaltyLastNTokenCount: 64,
  temperature: 0.8,
  topK: 40,
  topP: 0.9,
});

const NO_BACKEND = "Local LLM operations are not supported in this version of Spin.";

/**
 * The LLM interfaces of one component.
 * @param backend Undefined if the operator has configured none: every call then says so.
 */
export function createSpinLlm(
  component: ComponentContext,
  backend: LlmBackend | undefined,
): ImportObject {
  async function run<T>(model: string, action: (backend: LlmBackend) => Promise<T>): Promise<T> {
    if (!component.aiModels.includes(model)) {
      throw { tag: "invalid-input", val: accessDenied(model) } satisfies LlmError;
    }
    try {
      if (!backend) throw new Error(NO_BACKEND);
      return await action(backend);
    } catch (error) {
      throw { tag: "runtime-error", val: errorText(error) } satisfies LlmError;
    }
  }

  const functions = {
    infer: (model: string, prompt: string, params: InferencingParams | undefined) =>
      run(model, (backend) => backend.infer(model, { prompt, params: params ?? DEFAULT_PARAMS })),
    generateEmbeddings: (model: string, input: string[]) =>
      run(model, (backend) => backend.generateEmbeddings(model, { input })),
  };
  return { "fermyon:spin/llm": functions, "fermyon:spin/llm@2.0.0": functions };
}

function accessDenied(model: string): string {
  return `The component does not have access to use '${model}'. To give the component access, add ` +
    `'${model}' to the 'ai_models' key for the component in your spin.toml manifest`;
}
