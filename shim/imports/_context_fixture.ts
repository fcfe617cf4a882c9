/**
 * A component context for tests of the interfaces.
 *
 * @module
 */

import type { ComponentContext } from "./component_context.ts";

/** A component without any permission, with `overrides` put over it. */
export function testContext(overrides: Partial<ComponentContext> = {}): ComponentContext {
  const sink = { write() {} };
  return {
    id: "test",
    environment: [],
    arguments: [],
    mounts: [],
    stdout: sink,
    stderr: sink,
    outbound: {
      check: () => false,
      checkSelf: () => false,
      isBlocked: () => false,
      mayResolve: () => false,
    },
    variables: {
      get() {
        throw new Error("no variables in this test");
      },
      names: () => [],
    },
    keyValueLabels: [],
    keyValueStore: () => undefined,
    sqliteLabels: [],
    sqliteDatabase: () => undefined,
    aiModels: [],
    internal: { component: () => undefined, selfUrl: () => "http://127.0.0.1:3000" },
    ...overrides,
  };
}
