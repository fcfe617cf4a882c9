/**
 * Plans a change of the configuration and lets containerd judge it.
 *
 * @module
 */

import { listRuntimes } from "../containerd_config/edit.ts";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import { judge } from "./config_check.ts";
import { type ConfigPlan, planConfig } from "./config_plan.ts";
import { NodeError } from "./node_error.ts";
import { rcmPaths, type Session } from "./session.ts";

/** What the configuration is to have; see `ConfigGoal`. */
export interface PlanGoal {
  readonly set: readonly RuntimeSetting[];
  readonly aliases: readonly string[];
  readonly remove: readonly string[];
}

/** Plans, and lets containerd judge the plan. @throws {NodeError} if it would not do what it should. */
export async function planChecked(
  session: Session,
  goal: PlanGoal,
): Promise<ConfigPlan> {
  const { config, checker } = session;
  // What an earlier run wrote so that containerd keeps it goes with the last runtime that needs it.
  const kept = keptRuntimes(session).filter((name) => !goal.set.some((one) => one.name === name));
  const first = makePlan(session, { ...goal, remove: [...goal.remove, ...kept] });
  if (checker === undefined) return makePlan(session, goal);
  if (config.isRendered && first.effective.length === 0) return first;
  if (first.changes.length === 0) return first;
  const verdict = judge(checker.present, await checker.forecast(config, first.effective), {
    set: first.set,
    remove: removedNames(first, goal.remove),
  });
  if (verdict.lost.length === 0) return acceptOrThrow(first, verdict.problems);
  session.options.log.info("containerd needs the runtimes of its defaults written down", {
    runtimes: verdict.lost.map(({ name }) => name).join(","),
  });
  const second = makePlan(session, {
    ...goal,
    set: [...goal.set, ...verdict.lost],
    remove: [...goal.remove, ...kept].filter((name) =>
      !verdict.lost.some((one) => one.name === name)
    ),
  });
  const again = judge(checker.present, await checker.forecast(config, second.effective), {
    set: second.set,
    remove: removedNames(second, goal.remove),
  });
  return acceptOrThrow(second, [
    ...again.problems,
    ...again.lost.map(({ name }) => `containerd would lose the runtime "${name}".`),
  ]);
}

/** Names that the plan takes out; what is somebody else's stays. */
export function removedNames({ runtimes }: ConfigPlan, names: readonly string[]): string[] {
  return runtimes.filter(({ name, kind }) => kind === "removed" && names.includes(name))
    .map(({ name }) => name);
}

function acceptOrThrow(plan: ConfigPlan, problems: readonly string[]): ConfigPlan {
  if (problems.length === 0) return plan;
  throw new NodeError(
    "VerificationFailed",
    `The configuration cannot be changed safely:\n${problems.join("\n")}\nNothing was changed.`,
  );
}

/** Runtimes of containerd itself that an earlier run had to write down. */
function keptRuntimes({ config, options }: Session): string[] {
  const { text, version } = config.target;
  if (text === undefined) return [];
  const { binDir } = rcmPaths(options.rcmPath);
  return listRuntimes(text, { version }).filter(({ isMarked, runtimeType }) =>
    isMarked && runtimeType !== undefined && !runtimeType.startsWith(binDir) &&
    runtimeType.startsWith("io.containerd.")
  ).map(({ name }) => name);
}

function makePlan(
  { config, checker, options, state }: Session,
  goal: PlanGoal,
): ConfigPlan {
  const major = Number(checker?.version?.split(".")[0] ?? "1");
  const isNew = config.target.text === undefined;
  const bareVersion = config.isRendered
    ? config.target.version
    : major >= 2
    ? 3
    : isNew
    ? 2
    : undefined;
  return planConfig(config, {
    ...goal,
    binDir: rcmPaths(options.rcmPath).binDir,
    bareVersion,
    created: state.created,
  });
}
