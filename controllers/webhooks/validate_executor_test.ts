import assert from "node:assert/strict";
import type { SpinAppExecutorSpec } from "../../crds/spin_app_executor.ts";
import { fieldErrorText } from "./field_error.ts";
import { validateSpinAppExecutor } from "./validate_executor.ts";

const FIELD = "spec.deploymentConfig.runtimeClassName: Invalid value:";

Deno.test("validateSpinAppExecutor() wants a class or an image, not both", () => {
  const cases: [SpinAppExecutorSpec, string[]][] = [
    [{ createDeployment: false }, []],
    [{ createDeployment: true }, []],
    [{ createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } }, []],
    [{ createDeployment: true, deploymentConfig: { runtimeClassName: "" } }, []],
    [{ createDeployment: true, deploymentConfig: { spinImage: "spin:3" } }, []],
    [{ createDeployment: true, deploymentConfig: { runtimeClassName: "a", spinImage: "b" } }, [
      `${FIELD} "a": runtimeClassName and spinImage are mutually exclusive`,
    ]],
    [{ createDeployment: true, deploymentConfig: { runtimeClassName: "", spinImage: "b" } }, [
      `${FIELD} "": runtimeClassName and spinImage are mutually exclusive`,
    ]],
    [{ createDeployment: false, deploymentConfig: { installDefaultCACerts: true } }, [
      `${FIELD} null: either runtimeClassName or spinImage must be set`,
    ]],
    [{ createDeployment: true, deploymentConfig: { runtimeClassName: null } }, [
      `${FIELD} null: either runtimeClassName or spinImage must be set`,
    ]],
  ];
  for (const [spec, expected] of cases) {
    const { errors } = validateSpinAppExecutor({ metadata: { name: "shim" }, spec });
    assert.deepEqual(errors.map(fieldErrorText), expected, JSON.stringify(spec));
  }
});

Deno.test("validateSpinAppExecutor() warns of an executor that cannot run anything", () => {
  const { errors, warnings } = validateSpinAppExecutor({
    metadata: { name: "shim" },
    spec: { createDeployment: true },
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(warnings, [
    "spec.deploymentConfig: no app of this executor can run until it has a runtimeClassName or a " +
    "spinImage",
  ]);
});

Deno.test("validateSpinAppExecutor() lets one go that is deleted", () => {
  const metadata = { name: "shim", deletionTimestamp: "2026-01-01T00:00:00Z" };
  const spec = { createDeployment: true, deploymentConfig: {} };
  assert.deepEqual(validateSpinAppExecutor({ metadata, spec }).errors, []);
});
