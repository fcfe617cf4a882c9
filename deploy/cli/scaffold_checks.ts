/**
 * What can be wrong with the options of `kube scaffold`.
 *
 * @module
 */

import { compareQuantities, parseQuantity } from "../../crds/quantity.ts";
import { nearest } from "../../lib/nearest.ts";
import { type OciReference, parseOciReference } from "../../lib/oci/reference.ts";
import type { ScaffoldValues } from "./scaffold_options.ts";

/** The values that the options have if they are not given. */
export const SCAFFOLD_DEFAULTS = {
  replicas: 2,
  maxReplicas: 3,
  targetUtilization: 60,
  executor: "containerd-shim-spin",
} as const;

/** Longest name of an app: labels of its pods are `app.<name>.status`, and have at most 63. */
const MAX_NAME = 52;

/** Fields of a SpinApp's spec. */
const SPEC_FIELDS: readonly string[] = [
  "affinity",
  "checks",
  "components",
  "deploymentAnnotations",
  "enableAutoscaling",
  "env",
  "executor",
  "image",
  "imagePullPolicy",
  "imagePullSecrets",
  "invocationLimits",
  "nodeSelector",
  "podAnnotations",
  "podLabels",
  "podSecurityContext",
  "port",
  "priorityClassName",
  "replicas",
  "resources",
  "runtimeConfig",
  "schedulerName",
  "securityContext",
  "serviceAccountName",
  "serviceAnnotations",
  "terminationGracePeriodSeconds",
  "tolerations",
  "topologySpreadConstraints",
  "variables",
  "volumeMounts",
  "volumes",
];

/** The image without a scheme, which Docker's references do not have. */
export function withoutScheme(image: string): string {
  return image.replace(/^https?:\/\//, "");
}

/** @returns Undefined if it is no reference. */
export function readImage(image: string): OciReference | undefined {
  try {
    return parseOciReference(withoutScheme(image));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Everything wrong, in the words and the order of the plugin `kube` where it says something. */
export function findProblems(values: ScaffoldValues): string[] {
  const replicas = values.replicas ?? SCAFFOLD_DEFAULTS.replicas;
  const image = values.from!;
  return [
    ...(replicas < 0 ? [`the minimum replica count (${replicas}) must be greater than 0`] : []),
    ...(readImage(image) ? [] : [`invalid image reference provided: '${image}'`]),
    ...autoscalerProblems(values, replicas),
    ...quantityProblems(values),
    ...fieldProblems(values),
  ];
}

function autoscalerProblems(values: ScaffoldValues, replicas: number): string[] {
  const type = values.autoscaler ?? "";
  if (type === "") return [];
  const max = values["max-replicas"] ?? SCAFFOLD_DEFAULTS.maxReplicas;
  const cpu = values["autoscaler-target-cpu-utilization"] ?? SCAFFOLD_DEFAULTS.targetUtilization;
  const memory = values["autoscaler-target-memory-utilization"] ??
    SCAFFOLD_DEFAULTS.targetUtilization;
  const checks: readonly (readonly [isWrong: boolean, message: string])[] = [
    [
      type !== "hpa" && type !== "keda",
      `invalid autoscaler type '${type}'; the autoscaler type must be either 'hpa' or 'keda'`,
    ],
    [max < 0, `the maximum replica count (${max}) must be equal to or greater than 0`],
    [
      replicas > max,
      `the minimum replica count (${replicas}) must be less than or equal to the maximum replica ` +
      `count (${max})`,
    ],
    [!values["cpu-limit"], "cpu limits must be set when autoscaling is enabled"],
    [!values["memory-limit"], "memory limits must be set when autoscaling is enabled"],
    [
      !isPercentage(cpu),
      `target cpu utilization percentage (${cpu}) must be between 1 and 100`,
    ],
    [
      !isPercentage(memory),
      `target memory utilization percentage (${memory}) must be between 1 and 100`,
    ],
  ];
  return checks.filter(([isWrong]) => isWrong).map(([, message]) => message);
}

function isPercentage(value: number): boolean {
  return value >= 1 && value <= 100;
}

function quantityProblems(values: ScaffoldValues): string[] {
  const names = ["cpu-limit", "memory-limit", "cpu-request", "memory-request"] as const;
  return names.filter((name) => values[name] && !parseQuantity(values[name])).map((name) =>
    `invalid ${name.replace("-", " ")} '${values[name]}'; give a quantity, such as ` +
    (name.startsWith("cpu") ? "'100m'" : "'128Mi'")
  );
}

function fieldProblems(values: ScaffoldValues): string[] {
  return values.set.flatMap(([path]) => {
    const field = path.split(".", 1)[0]!;
    if (SPEC_FIELDS.includes(field)) return [];
    const best = nearest(field, SPEC_FIELDS);
    const hint = best === undefined ? "" : `; did you mean '${best}'?`;
    return [`a SpinApp has no field 'spec.${field}' (--set ${path})${hint}`];
  });
}

/** What will not do what it seems to. One line each. */
export function findWarnings(values: ScaffoldValues, name: string): string[] {
  const { from = "", autoscaler, replicas } = values;
  const components = values.component.flat();
  const checks: readonly (readonly [isWrong: boolean, message: string])[] = [
    [
      withoutScheme(from) !== from,
      `the image '${from}' was written without its scheme, which Kubernetes refuses`,
    ],
    [
      !isAppName(name),
      `Kubernetes refuses '${name}' as the name of a Service: it has to be of a-z, 0-9 and '-', ` +
      `to begin with a letter and to have at most ${MAX_NAME} characters. Choose one with --name`,
    ],
    [
      autoscaler === "hpa" && replicas === 0,
      "a HorizontalPodAutoscaler needs at least one replica. Give --replicas 1, or --autoscaler keda",
    ],
    ...(["cpu", "memory"] as const).map((resource) =>
      [
        isRequestAboveLimit(values, resource),
        `the ${resource} request (${values[`${resource}-request`]}) is above the limit ` +
        `(${values[`${resource}-limit`]}), which Kubernetes refuses`,
      ] as const
    ),
    [
      new Set(components).size < components.length,
      "a component is listed more than once",
    ],
  ];
  return checks.filter(([isWrong]) => isWrong).map(([, message]) => message);
}

function isAppName(name: string): boolean {
  return name.length <= MAX_NAME && /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(name);
}

function isRequestAboveLimit(values: ScaffoldValues, resource: "cpu" | "memory"): boolean {
  const request = parseQuantity(values[`${resource}-request`] ?? "");
  const limit = parseQuantity(values[`${resource}-limit`] ?? "");
  return request !== undefined && limit !== undefined && compareQuantities(request, limit) > 0;
}
