/**
 * What `up` of a manifest hands on to `up` of each of its apps.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";
import { resolve } from "../../../lib/path.ts";
import type { UpValues } from "../up_options.ts";
import type { AppPlan } from "./plan_apps.ts";

/** Options that are handed on as they are: booleans, and lists or values that are texts. */
const HANDED_ON = [
  "insecure",
  "quiet",
  "direct-mounts",
  "allow-transient-write",
  "truncate-logs",
  "experimental-wasi-otel",
  "variable",
  "profile",
] as const satisfies readonly (keyof UpValues)[];

/** Options that this command reads itself. */
const READ_HERE = [
  "from",
  "from-file",
  "default-app",
  "app",
  "build",
  "listen",
  "find-free-port",
  "env",
  "state-dir",
  "cache-dir",
  "workers",
  "max-instance-memory",
] as const satisfies readonly (keyof UpValues)[];

/**
 * Refuses options that would mean something else for every app, or that the manifest says itself.
 * @throws {UsageError} naming all of them.
 */
export function refuseOptions(given: ReadonlySet<string>): void {
  const known: readonly string[] = [...HANDED_ON, ...READ_HERE];
  const wrong = [...given].filter((name) => !known.includes(name));
  if (wrong.length === 0) return;
  throw new UsageError(
    `${
      wrong.map((name) => `--${name}`).join(", ")
    } cannot be used with a manifest for Kubernetes, ` +
      "which may have several apps",
    "Leave the options out, or serve one app with `spinkube up --from IMAGE`.",
  );
}

/** The arguments that follow `up`, but for the directories. */
export function appArguments(
  { image, localApp, components }: AppPlan,
  { values, cwd, listen, services = [] }: {
    values: UpValues;
    cwd: string;
    listen: string;
    /** Host name and address of all apps. */
    services?: readonly (readonly [host: string, address: string])[];
  },
): string[] {
  const source = localApp === undefined
    ? ["--from-registry", image]
    : ["--from", resolve(cwd, localApp), ...(values.build ? ["--build"] : [])];
  const handedOn = HANDED_ON.flatMap((name) => {
    const value: unknown = values[name];
    if (typeof value === "boolean") return value ? [`--${name}`] : [];
    const texts = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return texts.map((text) => `--${name}=${fromHere(text, cwd)}`);
  });
  const cacheDir = values["cache-dir"];
  const memory = values["max-instance-memory"];
  return [
    ...source,
    ...["--listen", listen],
    ...components.map((id) => `--component-id=${id}`),
    ...services.map(([host, address]) => `--service=${host}=${address}`),
    ...handedOn,
    ...values.env.map(([name, value]) => `--env=${name}=${value}`),
    ...(cacheDir === undefined ? [] : [`--cache-dir=${resolve(cwd, cacheDir)}`]),
    ...(memory === undefined ? [] : [`--max-instance-memory=${memory}`]),
    ...(values.workers === undefined ? [] : [`--workers=${values.workers}`]),
  ];
}

/** The names under which pods of `namespace` reach the apps, each with the app's address. */
export function serviceNames(
  apps: readonly Pick<AppPlan, "namespace" | "service">[],
  { namespace, addresses }: { namespace: string; addresses: readonly string[] },
): [host: string, address: string][] {
  return apps.flatMap((app, index) => {
    const full = `${app.service}.${app.namespace}`;
    const hosts = [full, `${full}.svc`, `${full}.svc.cluster.local`];
    if (app.namespace === namespace) hosts.unshift(app.service);
    return hosts.map((host): [string, string] => [host, addresses[index]!]);
  });
}

/** Files of `--variable` are where the user is: `@file`, `name=@file`. */
function fromHere(text: string, cwd: string): string {
  const [, before, path] = /^([^@=]*=)?@(.+)$/s.exec(text) ?? [];
  return path === undefined ? text : `${before ?? ""}@${resolve(cwd, path)}`;
}
