/**
 * `installer status`, `installer doctor` and `installer verify`.
 *
 * @module
 */

import { formatHelp } from "../lib/command_help.ts";
import { parseCommandLine } from "../lib/command_line.ts";
import { createInstallerLog } from "./install_log.ts";
import type { InstallerContext } from "./installer_main.ts";
import { hostFor } from "./node_main.ts";
import { inspectNode, type NodeReport, type ShimReport } from "./node/inspect.ts";
import { EXIT } from "./node/node_error.ts";
import { DEFAULT_TIMEOUTS } from "./node/session.ts";
import { DOCTOR, STATUS, VERIFY } from "./options.ts";

interface CommonValues {
  readonly "rcm-path": string | undefined;
  readonly "host-root": string | undefined;
  readonly "runtime-config": string | undefined;
  readonly json: boolean;
}

async function inspect(values: CommonValues, context: InstallerContext): Promise<NodeReport> {
  const { writeLog } = context;
  return await inspectNode(hostFor(values, context), {
    rcmPath: values["rcm-path"] ?? "/opt/rcm",
    configPath: values["runtime-config"] || undefined,
    restarts: false,
    timeouts: DEFAULT_TIMEOUTS,
    log: createInstallerLog({
      format: values.json ? "json" : "slog",
      ...(writeLog && { write: writeLog }),
    }),
  });
}

/** Runs `installer status`. @returns The exit code. */
export async function runStatus(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(STATUS, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(STATUS));
    return EXIT.ok;
  }
  const report = await inspect(parsed.values, context);
  context.print(parsed.values.json ? JSON.stringify(report) : formatStatus(report));
  return EXIT.ok;
}

function formatStatus(report: NodeReport): string {
  const { containerdVersion, isServing, socket, shims } = report;
  return [
    `distribution   ${report.distribution}`,
    `configuration  ${report.configPath}`,
    `containerd     ${containerdVersion ?? "of an unknown version"}, ` +
    `${isServing ? "serves" : "does not serve"} on ${socket}`,
    `runtimes       ${report.handlers.join(", ") || "none"}`,
    ...(shims.length === 0 ? ["shims          none"] : shims.flatMap(formatShim)),
    ...report.problems.map((text) => `problem        ${text}`),
  ].join("\n");
}

function formatShim({ name, path, version, handlers, problems }: ShimReport): string[] {
  return [
    `shim           ${name}${version === undefined ? "" : ` ${version}`}: ${path} as ` +
    (handlers.join(", ") || "nothing"),
    ...problems.map((text) => `problem        ${name}: ${text}`),
  ];
}

/** Runs `installer doctor`. @returns The exit code. */
export async function runDoctor(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(DOCTOR, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(DOCTOR));
    return EXIT.ok;
  }
  const report = await inspect(parsed.values, context);
  const problems = [
    ...report.problems,
    ...report.shims.flatMap(({ name, problems }) => problems.map((text) => `${name}: ${text}`)),
  ];
  if (parsed.values.json) {
    context.print(JSON.stringify({ problems, warnings: report.warnings }));
  } else {
    context.print([
      formatStatus({ ...report, problems: [], shims: report.shims.map(withoutProblems) }),
      ...report.warnings.map((text) => `warning        ${text}`),
      ...problems.map((text) => `problem        ${text}`),
      problems.length === 0 ? "No problems found." : `${problems.length} problem(s) found.`,
    ].join("\n"));
  }
  return problems.length === 0 ? EXIT.ok : EXIT.failure;
}

function withoutProblems(shim: ShimReport): ShimReport {
  return { ...shim, problems: [] };
}

/** Runs `installer verify`. @returns The exit code. */
export async function runVerify(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(VERIFY, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(VERIFY));
    return EXIT.ok;
  }
  const { values } = parsed;
  const report = await inspect(values, context);
  const shims = report.shims.filter(({ name }) =>
    values.runtime === undefined || name === values.runtime
  );
  const handlers = values.handler.flatMap((text) => text.split(",")).filter((name) => name !== "");
  const problems = [
    ...report.problems,
    ...(shims.length > 0
      ? []
      : [`The shim "${values.runtime ?? "of any name"}" is not installed.`]),
    ...shims.flatMap((shim) => [
      ...shim.problems,
      ...handlers.filter((name) => !shim.handlers.includes(name))
        .map((name) => `The shim "${shim.name}" does not have the handler "${name}".`),
      ...(values.sha256 === undefined || values.sha256.toLowerCase() === shim.sha256
        ? []
        : [`The shim "${shim.name}" has the SHA-256 ${shim.sha256}, not ${values.sha256}.`]),
    ]),
  ];
  if (values.json) context.print(JSON.stringify({ shims, problems }));
  else for (const text of problems) context.print(text);
  return problems.length === 0 ? EXIT.ok : EXIT.verification;
}
