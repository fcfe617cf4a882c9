/**
 * The container of an app's pods.
 *
 * @module
 */

import { MOUNTED, OPERATOR } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import type { DeploymentConfig } from "../../crds/spin_app_executor.ts";
import { TerminalError } from "../../lib/errors.ts";
import type {
  Container,
  ResourceRequirements,
  VolumeMount,
} from "../../lib/kube/workload_types.ts";
import { appPort, buildEnvironment } from "../../crds/environment.ts";
import { buildProbes } from "./probes.ts";

/**
 * The container: the app's image for a node that runs Spin apps, or an image with Spin in it that gets
 * the app by itself.
 * @throws {TerminalError} if the executor or the app says nothing that can be run.
 */
export function buildContainer(
  app: SpinApp,
  { config, volumeMounts }: { config: DeploymentConfig; volumeMounts: VolumeMount[] },
): Container {
  const { resources, imagePullPolicy, securityContext } = app.spec;
  return {
    name: app.metadata.name,
    ...whatRuns(app, config),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    ports: [{ name: OPERATOR.portName, containerPort: appPort(app) }],
    env: buildEnvironment(app, config),
    ...(volumeMounts.length > 0 ? { volumeMounts } : {}),
    ...(hasMembers(resources) ? { resources: asText(resources!) } : {}),
    ...buildProbes(app),
    ...(securityContext === undefined ? {} : { securityContext }),
  };
}

/** A class that is given counts, even without a name. */
function whatRuns(
  app: SpinApp,
  { runtimeClassName, spinImage }: DeploymentConfig,
): Pick<Container, "image" | "command" | "args"> {
  const { image, components = [] } = app.spec;
  // Without a command, images that hold nothing but an app are not started at all.
  if (isGiven(runtimeClassName)) return { image, command: ["/"] };
  if (isGiven(spinImage)) {
    return {
      image: spinImage,
      args: [
        ...["up", "--listen", `0.0.0.0:${appPort(app)}`, "-f", image],
        ...["--runtime-config-file", MOUNTED.runtimeConfig.path],
        ...components.flatMap((id) => ["--component-id", id]),
      ],
    };
  }
  throw new TerminalError(
    "InvalidExecutor",
    "must specify either runtimeClassName or spinImage",
  );
}

function isGiven(value: string | null | undefined): value is string {
  return value !== undefined && value !== null;
}

function hasMembers(resources: SpinApp["spec"]["resources"]): boolean {
  return resources?.limits !== undefined || resources?.requests !== undefined;
}

/** Quantities may be written as numbers, and are text from there on. */
function asText(
  { limits, requests }: NonNullable<SpinApp["spec"]["resources"]>,
): ResourceRequirements {
  return {
    ...(limits === undefined ? {} : { limits: textValues(limits) }),
    ...(requests === undefined ? {} : { requests: textValues(requests) }),
  };
}

function textValues(values: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}
