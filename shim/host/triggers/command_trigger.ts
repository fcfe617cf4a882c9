/**
 * The command trigger: programs that run once and end, with an exit code that a Job can use.
 *
 * @module
 */

import type { RunningTrigger, TriggerInit } from "../trigger.ts";

/** Exit code of the process when a program failed without one of its own. */
const FAILED = 1;

/** Runs the commands of an app, all at the same time. */
export function startCommandTrigger(init: TriggerInit): Promise<RunningTrigger> {
  const { triggers, guests, options, report } = init;
  const stop = new AbortController();
  const programs = triggers.map(({ trigger_config: config }) => String(config.component));
  // What cannot run is told before anything does.
  const commands = programs.map((id) => ({ id, command: guests.command(id) }));
  const runs = commands.map(async ({ id, command }) => {
    try {
      return await command.run({
        arguments: [id, ...options.commandArguments ?? []],
        environment: [],
        // A program's output is what it is run for, not a log.
        stdout: { write: writeStdout },
        ...(commands.length === 1 ? { stdin: Deno.stdin.readable } : {}),
        signal: stop.signal,
      });
    } catch (error) {
      if (!stop.signal.aborted) report([`Error: ${(error as Error).message}`]);
      return FAILED;
    }
  });
  return Promise.resolve({
    ended: Promise.all(runs).then((codes) => codes.find((code) => code !== 0) ?? 0),
    async stop(graceMs) {
      const timer = setTimeout(() => stop.abort(), graceMs);
      await Promise.all(runs);
      clearTimeout(timer);
    },
  });
}

function writeStdout(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
}
