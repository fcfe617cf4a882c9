/**
 * The webhooks and their paths, as SpinKube has them.
 *
 * @module
 */

import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import { errorText } from "../../lib/errors.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import {
  type AdmissionAnswer,
  type AdmissionRequest,
  failure,
  formatReview,
  readReview,
  ReviewError,
  type WebhookCall,
} from "./admission_review.ts";
import { defaultSpinApp, needsDefaultExecutor } from "./default_spin_app.ts";
import type { ExecutorLookup } from "./executor_lookup.ts";
import { type Findings, invalidStatus } from "./field_error.ts";
import { validateSpinAppExecutor } from "./validate_executor.ts";
import { validateSpinApp } from "./validate_spin_app.ts";

/** What webhooks look at beside the request. */
export interface WebhookContext {
  readonly executors: ExecutorLookup;
  /** Told of failures that are no fault of the object. */
  readonly onTrouble: (path: string, error: unknown) => void;
}

type Review = (
  request: AdmissionRequest,
  context: WebhookContext,
) => AdmissionAnswer | Promise<AdmissionAnswer>;

const SUFFIX = "core-spinkube-dev-v1alpha1";

/** The path that is called to find out whether this server can be. It needs nothing of the cluster. */
export const SELF_CALL_PATH = `/validate-${SUFFIX}-spinappexecutor`;

const WEBHOOKS: ReadonlyMap<string, Review> = new Map<string, Review>([
  [`/mutate-${SUFFIX}-spinapp`, completeSpinApp],
  // There is nothing to complete; installations of SpinKube call it.
  [`/mutate-${SUFFIX}-spinappexecutor`, () => ({})],
  [`/validate-${SUFFIX}-spinapp`, reviewSpinApp],
  [SELF_CALL_PATH, (request) => reviewExecutor(request, SPIN_APP_EXECUTORS)],
  [
    `/validate-${SUFFIX}-clusterspinappexecutor`,
    (request) => reviewExecutor(request, CLUSTER_SPIN_APP_EXECUTORS),
  ],
]);

/** Whether there is a webhook at a path. */
export function isWebhook(path: string): boolean {
  return WEBHOOKS.has(path);
}

/**
 * Answers a call with the JSON of a review, whatever the call is like; its HTTP status is always
 * 200. The path has to be one of {@link isWebhook}.
 */
export async function answerWebhook(call: WebhookCall, context: WebhookContext): Promise<string> {
  let uid = "";
  try {
    const request = readReview(call);
    uid = request.uid;
    return formatReview(uid, await WEBHOOKS.get(call.path)!(request, context));
  } catch (error) {
    if (error instanceof ReviewError) {
      return formatReview(uid, { refusal: failure(error.code, error.message) });
    }
    context.onTrouble(call.path, error);
    return formatReview(uid, { refusal: failure(500, errorText(error)) });
  }
}

async function completeSpinApp(
  request: AdmissionRequest,
  { executors }: WebhookContext,
): Promise<AdmissionAnswer> {
  const app = writtenObject(request);
  if (!app || !needsDefaultExecutor(app)) return {};
  return { patch: defaultSpinApp(app, await executors.names(request.namespace)) };
}

async function reviewSpinApp(
  request: AdmissionRequest,
  { executors }: WebhookContext,
): Promise<AdmissionAnswer> {
  const app = writtenObject(request) as SpinApp | undefined;
  if (!app) return {};
  const name = app.spec?.executor;
  const executor = name && !app.metadata.deletionTimestamp
    ? await executors.find(request.namespace, name)
    : undefined;
  const before = request.oldObject as SpinApp | undefined;
  return answerOf(validateSpinApp(app, { before, executor }), {
    type: SPIN_APPS,
    object: app,
    request,
  });
}

function reviewExecutor(
  request: AdmissionRequest,
  type: ResourceType<SpinAppExecutor>,
): AdmissionAnswer {
  const executor = writtenObject(request) as SpinAppExecutor | undefined;
  if (!executor) return {};
  return answerOf(validateSpinAppExecutor(executor), { type, object: executor, request });
}

/** The object that is to be stored; nothing else is looked at. */
function writtenObject({ operation, object }: AdmissionRequest): KubeObject | undefined {
  if (operation !== "CREATE" && operation !== "UPDATE") return undefined;
  if (!object) throw new ReviewError("there is no content to decode");
  return object;
}

function answerOf(
  { errors, warnings }: Findings,
  { type, object, request }: { type: ResourceType; object: KubeObject; request: AdmissionRequest },
): AdmissionAnswer {
  if (errors.length === 0) return { warnings };
  const name = object.metadata.name ?? request.name;
  return { refusal: invalidStatus(type, { name, errors }), warnings };
}
