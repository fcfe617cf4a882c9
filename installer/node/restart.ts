/**
 * Starts a node's containerd anew, by whatever watches over it.
 *
 * Nothing here waits for containerd to serve, and nothing is lost if this process ends in the middle:
 * on some distributions it lives in what is restarted.
 *
 * @module
 */

import type { Detected, Distribution } from "./distribution.ts";
import { CANNOT_ENTER, type CommandResult, type InstallLog, type NodeHost } from "./host.ts";
import { findProcesses, readCommand } from "./processes.ts";

/** How to restart. */
export interface RestartOptions {
  readonly detected: Detected;
  readonly log: InstallLog;
  /** Milliseconds that a restart may take. */
  readonly timeoutMs: number;
  /** The last try failed: systemd is told to forget that, or it refuses another one. */
  readonly isSecondTry?: boolean;
}

/** Milliseconds for questions to systemd. */
const ASK_MS = 20_000;
/** Exists where OpenRC runs. */
const OPENRC = "/run/openrc/softlevel";

/** What is to be done. */
type RestartPlan =
  | { readonly kind: "unit"; readonly unit: string }
  | { readonly kind: "service"; readonly service: string }
  | { readonly kind: "entrypoint" }
  | { readonly kind: "process"; readonly pid: number };

/** Restarts containerd. @throws {Error} if that fails: why. */
export async function restartContainerd(host: NodeHost, options: RestartOptions): Promise<void> {
  const { detected: { distribution }, log } = options;
  const plan = await planRestart(host, distribution);
  log.info("restarting containerd", { ...plan, kind: undefined });
  switch (plan.kind) {
    case "unit":
      return await restartUnit(host, { ...options, unit: plan.unit });
    case "service":
      return await restartService(host, { ...options, service: plan.service });
    case "entrypoint":
      return await send(host, {
        pid: 1,
        signal: "SIGTERM",
        failure: `unable to restart ${distribution.name} via TERM signal to PID 1`,
      });
    case "process":
      // It ends by that; who started it starts it again.
      return await send(host, {
        pid: plan.pid,
        signal: "SIGHUP",
        failure: "failed to send SIGHUP to containerd",
      });
  }
}

/**
 * Finds out how containerd is restarted, without doing it.
 * @throws {Error} if it cannot be restarted: why.
 */
export async function planRestart(
  host: NodeHost,
  distribution: Distribution,
): Promise<RestartPlan> {
  const units = await listUnits(host);
  if (units !== undefined) return { kind: "unit", unit: findUnit(distribution.unit, units) };
  if (await host.files.exists(OPENRC)) {
    return { kind: "service", service: await findService(host, distribution) };
  }
  if (distribution.form !== "template") return { kind: "process", pid: await findOnly(host) };
  // In containers of K3s, as k3d has them, the first process is K3s itself, and the container is
  // started again when it ends. Any other first process is that of a machine, which must not end.
  const isOwn = (await readCommand(host.files, 1)).some((word) =>
    /(?:^|\/)(?:k3s|k3d|rke2)(?:-[\w-]+)?(?:\.sh)?$/.test(word)
  );
  if (isOwn) return { kind: "entrypoint" };
  throw new Error(
    `unable to restart ${distribution.name}: there is neither systemd nor OpenRC, and it is not ` +
      "PID 1. Restart it by hand after installing with --no-restart.",
  );
}

/**
 * The names of all services; undefined without systemd.
 * @throws {Error} if the node cannot be asked.
 */
export async function listUnits(host: NodeHost): Promise<string[] | undefined> {
  const command = [
    "systemctl",
    "list-units",
    "--type",
    "service",
    "--all",
    "--plain",
    "--no-legend",
  ];
  const { code, stdout, stderr } = await host.run(command, { timeoutMs: ASK_MS });
  if (code === CANNOT_ENTER) throw new Error(stderr.trim());
  if (code !== 0) return undefined;
  return stdout.split("\n").map((line) => line.trim().split(/\s+/, 1)[0] ?? "")
    .filter((name) => name !== "");
}

/** The unit to restart. @throws {Error} if no unit has the name. */
export function findUnit(unit: string | RegExp, units: readonly string[]): string {
  if (typeof unit === "string") return unit;
  const found = units.find((name) => unit.test(name));
  if (found === undefined) {
    throw new Error(`unable to find a pattern \`${unit.source}\` in systemd`);
  }
  return found;
}

async function findService(
  host: NodeHost,
  { openRcServices }: Distribution,
): Promise<string> {
  for (const service of openRcServices) {
    if (await host.files.exists(`/etc/init.d/${service}`)) return service;
  }
  throw new Error(
    "unable to restart containerd: OpenRC has no service " +
      openRcServices.map((name) => `"${name}"`).join(" or "),
  );
}

async function findOnly(host: NodeHost): Promise<number> {
  const pids = await findProcesses(host.files, "containerd");
  const [pid] = pids;
  if (pid !== undefined && pids.length === 1) return pid;
  throw new Error(`need exactly one containerd process, found: ${pids.length}`);
}

async function restartUnit(
  host: NodeHost,
  { detected, unit, timeoutMs, isSecondTry }: RestartOptions & { unit: string },
): Promise<void> {
  if (isSecondTry) {
    // It fails if there is nothing to forget.
    await host.run(["systemctl", "reset-failed", unit], { timeoutMs: ASK_MS });
  }
  const result = await host.run(["systemctl", "restart", unit], { timeoutMs });
  if (result.code === 0) return;
  const what = detected.distribution.unit instanceof RegExp
    ? `unable to restart the ${unit} systemd service`
    : "unable to restart containerd";
  throw new Error(`${what}: ${explain(result)}`);
}

async function restartService(
  host: NodeHost,
  { service, timeoutMs }: RestartOptions & { service: string },
): Promise<void> {
  const result = await host.run(["rc-service", service, "restart"], { timeoutMs });
  if (result.code === 0) return;
  throw new Error(`unable to restart containerd: ${service}: ${explain(result)}`);
}

async function send(
  host: NodeHost,
  { pid, signal, failure }: { pid: number; signal: "SIGTERM" | "SIGHUP"; failure: string },
): Promise<void> {
  try {
    await host.signal(pid, signal);
  } catch (error) {
    throw new Error(`${failure}: ${String(error)}`, { cause: error });
  }
}

function explain({ code, stderr, stdout }: CommandResult): string {
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" ");
  return said === "" ? `it ends with ${code}` : said;
}
