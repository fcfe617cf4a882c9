import assert from "node:assert/strict";
import { UsageError } from "../../lib/errors.ts";
import { parseManagerOptions } from "./manager_options.ts";

Deno.test("parseManagerOptions() takes the flags of the original's chart", () => {
  const options = parseManagerOptions([
    "--health-probe-bind-address=:8082",
    "--metrics-bind-address=127.0.0.1:8443",
    "--leader-elect",
    "--enable-webhooks",
  ]);
  assert.equal(options.healthAddress?.port, 8082);
  assert.deepEqual(options.metricsAddress, { hostname: "127.0.0.1", port: 8443 });
  assert.equal(options.leaderElection, true);
  assert.equal(options.webhooks?.port, 9443);
  assert.equal(options.webhooks?.certificateDir, "/tmp/k8s-webhook-server/serving-certs");
  assert.equal(options.isMetricsSecure, true);
  assert.deepEqual(options.log, { level: "info", format: "json" });
});

Deno.test("parseManagerOptions() works without flags, and with Go's spellings", async (t) => {
  const cases: [string[], Partial<ReturnType<typeof parseManagerOptions>>][] = [
    [[], { webhooks: undefined, leaderElection: false, workers: 8, namespace: "" }],
    [["-metrics-bind-address", "0"], { metricsAddress: undefined }],
    [["--metrics-secure=false", "--enable-http2"], { isMetricsSecure: false }],
    [["--metrics-bind-address=[::1]:9"], { metricsAddress: { hostname: "::1", port: 9 } }],
    [["--zap-log-level=2", "--zap-devel"], { log: { level: "debug", format: "console" } }],
    [["--zap-log-level=panic"], { log: { level: "error", format: "json" } }],
    [["--leader-elect=f"], { leaderElection: false }],
  ];
  for (const [args, expected] of cases) {
    await t.step(args.join(" ") || "none", () => {
      const options = parseManagerOptions(args);
      for (const [name, value] of Object.entries(expected)) {
        assert.deepEqual(options[name as keyof typeof options], value);
      }
    });
  }
});

Deno.test("parseManagerOptions() names everything that is wrong at once", () => {
  const args = [
    "--metrics-bind-address=nonsense",
    "--webhook-port=0",
    "--zap-encoder=xml",
    "--max-concurrent-reconciles=many",
    "--unknown",
    "word",
  ];
  assert.throws(() => parseManagerOptions(args), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    for (
      const problem of [
        'invalid value "nonsense" for flag -metrics-bind-address: must be HOST:PORT',
        'invalid value "0" for flag -webhook-port: must be 1 to 65535',
        'invalid value "xml" for flag -zap-encoder: must be one of json, console',
        'invalid value "many" for flag -max-concurrent-reconciles: must be 1 to 1000',
        'unexpected argument "word"',
      ]
    ) assert.ok(error.message.includes(problem), `${problem} is not in ${error.message}`);
    assert.match(error.message, /unknown/);
    return true;
  });
});
