import assert from "node:assert/strict";
import type { Shim, ShimSpec } from "../../crds/shim.ts";
import { makeNode, sampleShim, SETTINGS } from "./_fixtures.ts";
import { findProblems } from "./shim_problems.ts";
import type { ShimSettings } from "./shim_settings.ts";

function named(name: string, created: string, spec: Partial<ShimSpec> = {}): Shim {
  return {
    ...sampleShim(spec),
    metadata: { name, uid: `uid-${name}`, creationTimestamp: created },
  };
}

const CLASS = { name: "class", handler: "spin-v2" };

Deno.test("findProblems() names what makes a Shim impossible, and the way out", () => {
  const shim = named("spin-v2", "2026-01-02T00:00:00Z");
  const withoutSpec: Shim = { metadata: shim.metadata };
  const long = "s".repeat(64);
  const cases: [Shim, others: Shim[], settings: Partial<ShimSettings>, expected: RegExp[]][] = [
    [shim, [shim], {}, []],
    [withoutSpec, [], {}, [/InvalidSpec: There is no spec/]],
    [named(long, ""), [], {}, [/InvalidName: .*64 characters.*63.*shorter/]],
    [
      named("spin", "", { nodeSelector: { spin: "true" } }),
      [],
      {},
      [/LabelCollision: .*"spin".*another/],
    ],
    [shim, [], { namespace: undefined }, [/NotConfigured: .*set CONTROLLER_NAMESPACE in/]],
    [
      shim,
      [],
      { namespace: "", installerImage: "" },
      [/set CONTROLLER_NAMESPACE and SHIM_NODE_INSTALLER_IMAGE in/],
    ],
    // The older one keeps the name.
    [
      shim,
      [named("other", "2026-01-01T00:00:00Z", { runtimeClass: CLASS })],
      {},
      [/HandlerConflict: The runtime "spin-v2" on node n1 is that of the Shim "other"/],
    ],
    [shim, [named("other", "2026-01-03T00:00:00Z", { runtimeClass: CLASS })], {}, []],
    [
      shim,
      [
        named("other", "2026-01-01T00:00:00Z", {
          runtimeClass: CLASS,
          nodeSelector: { other: "true" },
        }),
      ],
      {},
      [],
    ],
    [shim, [{ ...withoutSpec, metadata: { name: "empty", uid: "e" } }], {}, []],
  ];
  for (const [subject, others, settings, expected] of cases) {
    const found = findProblems(subject, {
      others,
      nodes: [makeNode()],
      settings: { ...SETTINGS, ...settings },
    }).map(({ reason, message }) => `${reason}: ${message}`);
    assert.equal(found.length, expected.length, found.join("\n"));
    expected.forEach((pattern, index) => assert.match(found[index]!, pattern));
  }
});
