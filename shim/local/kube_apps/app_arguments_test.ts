import assert from "node:assert/strict";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { UsageError } from "../../../lib/errors.ts";
import { UP, type UpValues } from "../up_options.ts";
import { appArguments, refuseOptions, serviceNames } from "./app_arguments.ts";
import type { AppPlan } from "./plan_apps.ts";

const PLAN: AppPlan = {
  name: "shop",
  namespace: "default",
  service: "shop",
  image: "ghcr.io/me/shop:1",
  localApp: undefined,
  components: ["a", "b"],
  environment: {},
  runtimeConfig: "",
  logins: [],
};

function parse(args: readonly string[]): { values: UpValues; given: ReadonlySet<string> } {
  const parsed = parseCommandLine(UP, args, { environment: () => undefined });
  assert.equal(parsed.kind, "run");
  return parsed as { values: UpValues; given: ReadonlySet<string> };
}

Deno.test("appArguments() hands on what holds for every app, as `up` reads it", () => {
  const { values } = parse([
    ...["-f", "app.yaml", "-k", "--quiet", "--variable", "a=@f.txt", "--variable", "@v.toml"],
    ...["--variable", "b=x@y", "--env", "K=V", "--cache-dir", "cache", "--workers", "2"],
  ]);
  const args = appArguments(PLAN, { values, cwd: "/home", listen: "127.0.0.1:3001" });
  const result = parse(args).values;
  assert.equal(result["from-registry"], "ghcr.io/me/shop:1");
  assert.deepEqual(result.listen, { hostname: "127.0.0.1", port: 3001 });
  assert.deepEqual(result["component-id"], ["a", "b"]);
  assert.deepEqual(result.variable, ["a=@/home/f.txt", "@/home/v.toml", "b=x@y"]);
  assert.deepEqual(result.env, [["K", "V"]]);
  assert.equal(result["cache-dir"], "/home/cache");
  assert.equal(result.workers, 2);
  assert.deepEqual([result.insecure, result.quiet, result.build], [true, true, false]);
});

Deno.test("appArguments() serves a local app in place of the image, and builds it", () => {
  const { values } = parse(["-f", "app.yaml", "--app", "shop=./shop", "--build"]);
  const args = appArguments({ ...PLAN, localApp: "./shop" }, {
    values,
    cwd: "/home",
    listen: "127.0.0.1:3000",
  });
  assert.deepEqual(args.slice(0, 3), ["--from", "/home/shop", "--build"]);
});

Deno.test("serviceNames() has the names that pods know, the short one in its namespace only", () => {
  const apps = [{ namespace: "default", service: "shop" }, { namespace: "b", service: "cart" }];
  const names = serviceNames(apps, { namespace: "b", addresses: ["127.0.0.1:1", "127.0.0.1:2"] });
  assert.deepEqual(names, [
    ["shop.default", "127.0.0.1:1"],
    ["shop.default.svc", "127.0.0.1:1"],
    ["shop.default.svc.cluster.local", "127.0.0.1:1"],
    ["cart", "127.0.0.1:2"],
    ["cart.b", "127.0.0.1:2"],
    ["cart.b.svc", "127.0.0.1:2"],
    ["cart.b.svc.cluster.local", "127.0.0.1:2"],
  ]);
});

Deno.test("refuseOptions() names every option that is for one app", () => {
  const { given } = parse(["-f", "app.yaml", "--key-value", "a=b", "--format", "json", "-k"]);
  assert.throws(
    () => refuseOptions(given),
    (error) =>
      error instanceof UsageError &&
      error.message.startsWith("--key-value, --format cannot be used with a manifest"),
  );
});
