/**
 * The definition of `SpinApp`: what SpinKube accepts, and this operator's additions.
 *
 * @module
 */

import { SPIN_APPS, type SpinAppSpec, type SpinAppStatus } from "../spin_app.ts";
import { localReference, resourceRequirements } from "./common.ts";
import { type CustomResourceDefinition, defineResource, type PrinterColumn } from "./definition.ts";
import { environment, healthChecks, variables } from "./environment.ts";
import {
  flag,
  int32,
  int64,
  list,
  object,
  type Rule,
  type Schema,
  text,
  textMap,
} from "./openapi.ts";
import { runtimeConfig } from "./runtime_config.ts";
import { affinity, tolerations, topologySpreadConstraints } from "./scheduling.ts";
import { containerSecurity, podSecurity } from "./security.ts";
import { volumeMounts, volumes } from "./volumes.ts";

/** Longest name: `app.<name>.status` is a label of the pods, and labels have 63 characters. */
const MAX_NAME = 52;

/** Names cannot be changed, so that objects which are there already have to pass. */
const NAME_RULES: readonly Rule[] = [
  {
    rule: `oldSelf.hasValue() || size(self.metadata.name) <= ${MAX_NAME}`,
    message: `the name must have at most ${MAX_NAME} characters: labels of the pods contain it`,
    fieldPath: ".metadata.name",
    optionalOldSelf: true,
  },
  {
    rule: "oldSelf.hasValue() || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      "the name must consist of a-z, 0-9 and -, begin with a letter and end with a letter or " +
      "digit: the app's Service has the same name",
    fieldPath: ".metadata.name",
    optionalOldSelf: true,
  },
];

/**
 * Refuses replicas beside autoscaling, unless the app was scaled automatically before: then an
 * autoscaler has written them by the scale subresource.
 */
const AUTOSCALING_RULE: Rule = {
  rule: "!self.enableAutoscaling || !has(self.replicas) || self.replicas == 0 || " +
    "(oldSelf.hasValue() && oldSelf.value().enableAutoscaling)",
  message: "replicas cannot be set when autoscaling is enabled",
  fieldPath: ".replicas",
  optionalOldSelf: true,
};

const SPEC: Readonly<Record<keyof SpinAppSpec, Schema>> = {
  affinity: affinity(),
  checks: healthChecks(),
  components: list("Components of the app that run; all of them if absent.", { type: "string" }, {
    minItems: 1,
  }),
  deploymentAnnotations: textMap("Annotations of the Deployment."),
  enableAutoscaling: flag(
    "Whether something else, such as a HorizontalPodAutoscaler, sets the number of pods.",
    { default: false },
  ),
  env: environment(),
  executor: text(
    "The executor that runs the app: a SpinAppExecutor in the app's namespace, or else a " +
      "ClusterSpinAppExecutor. The operator's webhook fills it in if it is absent.",
  ),
  image: text("The app, as an OCI reference.", {
    "x-kubernetes-validations": [{
      rule: "size(self) > 0",
      message: "the image must not be empty: give the app's OCI reference, such as " +
        "registry.example.com/shop:1.0",
    }],
  }),
  imagePullPolicy: text(
    "Added by this operator: when nodes pull the image. If absent, Always for the tag latest, and " +
      "otherwise IfNotPresent.",
    { enum: ["Always", "IfNotPresent", "Never"] },
  ),
  imagePullSecrets: list(
    "Secrets in the app's namespace with which the image is pulled.",
    localReference("A Secret."),
  ),
  invocationLimits: textMap(
    "Limits for one request. The operator knows memory, a quantity such as 64Mi; other keys are for " +
      "other executors.",
  ),
  nodeSelector: textMap("Added by this operator: labels that nodes need to run the pods."),
  podAnnotations: textMap("Annotations of the pods."),
  podLabels: textMap("Labels of the pods; those of the operator are added."),
  podSecurityContext: podSecurity(),
  port: int32(
    "Added by this operator: port that the app listens on in its pods. Its Service has port 80 and " +
      "leads there. 80 if absent.",
    { minimum: 1, maximum: 65_535 },
  ),
  priorityClassName: text("Added by this operator: priority class of the pods."),
  replicas: int32("Number of pods. Leave it out with enableAutoscaling.", {
    // In SpinKube's words, which does not allow 0.
    "x-kubernetes-validations": [{ rule: "self >= 0", message: "replicas must be > 0" }],
  }),
  resources: resourceRequirements("Resources of the app's container."),
  runtimeConfig: runtimeConfig(),
  schedulerName: text("Added by this operator: scheduler of the pods."),
  securityContext: containerSecurity(),
  serviceAccountName: text("Service account of the pods; default if absent."),
  serviceAnnotations: textMap("Annotations of the Service."),
  terminationGracePeriodSeconds: int64(
    "Added by this operator: seconds that requests in flight get when a pod is stopped. 30 if absent.",
    { minimum: 0 },
  ),
  tolerations: tolerations(),
  topologySpreadConstraints: topologySpreadConstraints(),
  variables: variables(),
  volumeMounts: volumeMounts(),
  volumes: volumes(),
};

/** Kubernetes' own conditions. */
function conditions(): Schema {
  const qualified = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?" +
    "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
  return list(
    "Available and Progressing are those of the Deployment. Ready is the operator's own: its reason " +
      "and message say why an app does not run.",
    object("One aspect of the app's state.", {
      lastTransitionTime: text("When the status changed last.", { format: "date-time" }),
      message: text("What it means, for people.", { maxLength: 32_768 }),
      observedGeneration: int64("Generation of the app that it is about.", { minimum: 0 }),
      reason: text("What it means, for programs.", {
        minLength: 1,
        maxLength: 1024,
        pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      }),
      status: text("Whether it holds.", { enum: ["True", "False", "Unknown"] }),
      type: text("The aspect.", { maxLength: 316, pattern: qualified }),
    }, { required: ["lastTransitionTime", "message", "reason", "status", "type"] }),
  );
}

const STATUS: Readonly<Record<keyof SpinAppStatus, Schema>> = {
  activeScheduler: text("The executor that the app was last given to."),
  conditions: conditions(),
  deploymentName: text("Name of the Deployment."),
  observedGeneration: int64("Added by this operator: generation of the app that this is about."),
  readyReplicas: int32("Number of pods that are ready."),
  replicas: int32("Added by this operator: number of pods, for autoscalers."),
  selector: text("Added by this operator: labels of the pods, for autoscalers."),
  serviceName: text("Name of the Service."),
};

/** The first ones are SpinKube's, in its order: scripts cut them out by position. */
const COLUMNS: readonly PrinterColumn[] = [
  {
    name: "Ready",
    type: "integer",
    description: "Pods that are ready",
    jsonPath: ".status.readyReplicas",
  },
  {
    name: "Desired",
    type: "integer",
    description: "Pods that there should be",
    jsonPath: ".spec.replicas",
  },
  {
    name: "Executor",
    type: "string",
    description: "The executor that runs the app",
    jsonPath: ".spec.executor",
  },
  {
    name: "Deployment",
    type: "string",
    description: "Name of the Deployment",
    jsonPath: ".status.deploymentName",
    priority: 1,
  },
  {
    name: "Service",
    type: "string",
    description: "Name of the Service",
    jsonPath: ".status.serviceName",
    priority: 1,
  },
  {
    name: "Reason",
    type: "string",
    description: "Why the app is ready, or not",
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  },
  {
    name: "Age",
    type: "date",
    description: "Time since the app was created",
    jsonPath: ".metadata.creationTimestamp",
  },
  {
    name: "Image",
    type: "string",
    description: "The app's OCI reference",
    jsonPath: ".spec.image",
    priority: 1,
  },
];

/** The definition of `SpinApp`. */
export function defineSpinApp(): CustomResourceDefinition {
  return defineResource(SPIN_APPS, {
    description: "A Spin app that runs on the cluster.",
    spec: object("How the app is to run.", SPEC, {
      required: ["executor", "image"],
      "x-kubernetes-validations": [AUTOSCALING_RULE],
    }),
    status: object("How the app runs.", STATUS, { required: ["readyReplicas"] }),
    rules: NAME_RULES,
    shortNames: ["sapp"],
    categories: ["all", "spinkube"],
    columns: COLUMNS,
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      labelSelectorPath: ".status.selector",
    },
    selectableFields: [".spec.executor"],
  });
}
