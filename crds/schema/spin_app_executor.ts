/**
 * The definitions of `SpinAppExecutor` and `ClusterSpinAppExecutor`.
 *
 * @module
 */

import {
  CLUSTER_SPIN_APP_EXECUTORS,
  type DeploymentConfig,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutorSpec,
} from "../spin_app_executor.ts";
import { type CustomResourceDefinition, defineResource, type PrinterColumn } from "./definition.ts";
import { flag, object, type Schema, text } from "./openapi.ts";

const OTEL: Readonly<Record<keyof NonNullable<DeploymentConfig["otel"]>, Schema>> = {
  exporter_otlp_endpoint: text("Collector of everything."),
  exporter_otlp_logs_endpoint: text("Collector of logs; the general one if absent."),
  exporter_otlp_metrics_endpoint: text("Collector of metrics; the general one if absent."),
  exporter_otlp_traces_endpoint: text("Collector of traces; the general one if absent."),
};

const DEPLOYMENT_CONFIG: Readonly<Record<keyof DeploymentConfig, Schema>> = {
  caCertSecret: text(
    "Secret in the app's namespace whose key ca-certificates.crt has the authorities that apps trust.",
  ),
  installDefaultCACerts: flag(
    "Whether that Secret is made if it is missing, with Mozilla's authorities; spin-ca if " +
      "caCertSecret names no other.",
  ),
  otel: object("Where apps send their telemetry.", OTEL),
  runtimeClassName: text(
    "RuntimeClass of the pods; nodes then run the app's image themselves. Excludes spinImage.",
  ),
  spinImage: text(
    "Image with Spin in it, which fetches the app's image itself. Excludes runtimeClassName.",
  ),
};

const SPEC: Readonly<Record<keyof SpinAppExecutorSpec, Schema>> = {
  createDeployment: flag(
    "Whether the operator makes Deployments for apps. If not, something else has to run them, and " +
      "the operator makes their Services only.",
  ),
  deploymentConfig: object("What the pods of apps get.", DEPLOYMENT_CONFIG, {
    "x-kubernetes-validations": [
      {
        rule: "!(has(self.runtimeClassName) && has(self.spinImage))",
        message: "runtimeClassName and spinImage are mutually exclusive",
        fieldPath: ".runtimeClassName",
      },
      {
        rule: "has(self.runtimeClassName) || has(self.spinImage)",
        message: "either runtimeClassName or spinImage must be set",
        fieldPath: ".runtimeClassName",
      },
    ],
  }),
};

/** SpinKube shows the age only. */
const COLUMNS: readonly PrinterColumn[] = [
  {
    name: "Age",
    type: "date",
    description: "Time since the executor was created",
    jsonPath: ".metadata.creationTimestamp",
  },
  {
    name: "Deployments",
    type: "boolean",
    description: "Whether the operator makes Deployments",
    jsonPath: ".spec.createDeployment",
    priority: 1,
  },
  {
    name: "Runtime class",
    type: "string",
    description: "RuntimeClass of the pods",
    jsonPath: ".spec.deploymentConfig.runtimeClassName",
    priority: 1,
  },
  {
    name: "Spin image",
    type: "string",
    description: "Image with Spin in it",
    jsonPath: ".spec.deploymentConfig.spinImage",
    priority: 1,
  },
];

/** The definition of `SpinAppExecutor`. */
export function defineSpinAppExecutor(): CustomResourceDefinition {
  return defineResource(SPIN_APP_EXECUTORS, {
    ...common("How the apps of a namespace are run that name this executor."),
    shortNames: ["sae"],
  });
}

/** The definition of `ClusterSpinAppExecutor`. */
export function defineClusterSpinAppExecutor(): CustomResourceDefinition {
  return defineResource(CLUSTER_SPIN_APP_EXECUTORS, {
    ...common(
      "How apps are run that name this executor, in all namespaces without a SpinAppExecutor of " +
        "that name.",
    ),
    shortNames: ["csae"],
  });
}

function common(description: string) {
  return {
    description,
    spec: object("How apps are run.", SPEC, { required: ["createDeployment"] }),
    status: { description: "Not used.", type: "object" } as const,
    categories: ["spinkube"],
    columns: COLUMNS,
  };
}
