import assert from "node:assert/strict";
import { AdmissionCheck } from "./admission_check.ts";
import type { TrustedEndpoint } from "./webhook_configurations.ts";

function check(options: { isOwn?: boolean; fails?: string } = {}) {
  const world = {
    missing: [] as string[],
    endpoints: [{ hostname: "a.svc", caBundle: "CA" }] as TrustedEndpoint[],
    fails: options.fails,
    calls: [] as string[],
    time: 0,
  };
  const checker = new AdmissionCheck({
    configurations: world,
    address: { hostname: "127.0.0.1", port: 1 },
    isOwn: options.isOwn ?? true,
    keepMs: 10,
    now: () => world.time,
    call: ({ hostname, caBundle }) => {
      world.calls.push(`${hostname} ${caBundle}`);
      return world.fails === undefined ? Promise.resolve() : Promise.reject(new Error(world.fails));
    },
  });
  return { checker, world };
}

Deno.test("AdmissionCheck calls every endpoint with what is trusted there", async () => {
  const { checker, world } = check();
  assert.notEqual(checker.problem, undefined);
  world.endpoints.push({ hostname: "b.svc", caBundle: "CB" });
  assert.equal(await checker.run(), undefined);
  assert.equal(checker.problem, undefined);
  assert.deepEqual(world.calls, ["a.svc CA", "b.svc CB"]);
});

Deno.test("AdmissionCheck keeps a good result for some time, unless trust changes", async () => {
  const { checker, world } = check();
  await checker.run();
  world.time = 9;
  await checker.run();
  assert.equal(world.calls.length, 1);
  world.time = 10;
  await checker.run();
  assert.equal(world.calls.length, 2);
  world.endpoints = [{ hostname: "a.svc", caBundle: "another" }];
  await checker.run();
  assert.equal(world.calls.length, 3);
});

Deno.test("AdmissionCheck says what is wrong", async () => {
  const { checker, world } = check({ fails: "invalid peer certificate" });
  assert.equal(await checker.run(), "a call of a.svc fails: invalid peer certificate");
  world.endpoints = [{ hostname: "a.svc", caBundle: "" }];
  assert.equal(await checker.run(), "the API server trusts no authority for a.svc yet");
  world.missing = ["m", "v"];
  assert.equal(await checker.run(), "there is no webhook configuration m, v");
});

Deno.test("AdmissionCheck leaves out what is not ours to know", async () => {
  const { checker, world } = check({ isOwn: false });
  world.missing = ["m", "v"];
  world.endpoints = [];
  assert.equal(await checker.run(), undefined);
  world.endpoints = [{ hostname: "a.svc", caBundle: "" }];
  assert.equal(await checker.run(), undefined);
  assert.deepEqual(world.calls, []);
});
