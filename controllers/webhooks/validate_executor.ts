/**
 * Whether an executor can be: the checks of SpinKube's operator with their texts.
 *
 * @module
 */

import type { SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { type Findings, invalid } from "./field_error.ts";

/**
 * Checks an executor that is created or changed; one that is being deleted is not checked. An empty
 * `runtimeClassName` counts as given.
 *
 * An executor that makes Deployments and does not say of what is accepted with a warning: SpinKube
 * accepts it, so manifests may have it, and its apps say in their status what is missing.
 */
export function validateSpinAppExecutor({ metadata, spec }: SpinAppExecutor): Findings {
  if (metadata.deletionTimestamp) return { errors: [], warnings: [] };
  const config = spec?.deploymentConfig;
  if (config === undefined || config === null) {
    return { errors: [], warnings: spec?.createDeployment ? [NO_CONFIG] : [] };
  }
  const { runtimeClassName, spinImage } = config;
  const [hasClass, hasImage] = [isGiven(runtimeClassName), isGiven(spinImage)];
  const field = "spec.deploymentConfig.runtimeClassName";
  if (hasClass && hasImage) {
    const detail = "runtimeClassName and spinImage are mutually exclusive";
    return { errors: [invalid(field, { value: runtimeClassName, detail })], warnings: [] };
  }
  if (!hasClass && !hasImage) {
    const detail = "either runtimeClassName or spinImage must be set";
    return { errors: [invalid(field, { value: null, detail })], warnings: [] };
  }
  return { errors: [], warnings: [] };
}

const NO_CONFIG = "spec.deploymentConfig: no app of this executor can run until it has a " +
  "runtimeClassName or a spinImage";

function isGiven(value: string | null | undefined): boolean {
  return value !== undefined && value !== null;
}
