/**
 * The command trigger: from the start of the program to its end, beside Deno with nothing to do.
 *
 * @module
 */

import { DENO_FLAGS } from "../../../lib/self_command.ts";
import { triggerSample } from "../../support/fixtures.ts";
import { type ProgramPlace, upCommand } from "./program.ts";

/** Milliseconds of each run, of both sides. */
export interface Times {
  readonly ours: number[];
  readonly reference: number[];
}

/** Runs a command that prints its arguments, and an empty program. */
export async function measureCommand(
  place: ProgramPlace,
  { rounds, directory }: { rounds: number; directory: string },
): Promise<Times> {
  const empty = `${directory}/empty.ts`;
  Deno.writeTextFileSync(empty, "");
  const sides = {
    ours: upCommand(triggerSample("job"), place, ["--", "show"]),
    reference: [Deno.execPath(), "run", ...DENO_FLAGS, empty],
  };
  const times: Times = { ours: [], reference: [] };
  // The first run prepares the component.
  await run(sides.ours);
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await run(sides.ours));
    times.reference.push(await run(sides.reference));
  }
  return times;
}

async function run([program, ...args]: readonly string[]): Promise<number> {
  const start = performance.now();
  const { success, stderr } = await new Deno.Command(program!, { args, stdin: "null" }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return performance.now() - start;
}
