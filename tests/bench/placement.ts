/**
 * Which CPUs the servers get, and which the load.
 *
 * @module
 */

import type { LoadGenerator } from "./load.ts";
import type { Placement } from "./measure.ts";

/** Options of {@link placements}. */
export interface PlacementOptions {
  readonly hasTaskset: boolean;
  /** CPUs of the machine. */
  readonly cpus: number;
  readonly createLoad: (prefix: readonly string[]) => LoadGenerator;
}

/** Where everything runs. */
export interface Placements {
  readonly oneCore: Placement;
  readonly twoCores: Placement;
  /** What the reader of the figures has to know. */
  readonly note: string;
}

/**
 * Keeps servers and load on CPUs of their own if the machine has enough of them and `taskset` is
 * there; else they share all CPUs.
 */
export function placements({ hasTaskset, cpus, createLoad }: PlacementOptions): Placements {
  function place(servers: string, load: string): Placement {
    return { serverPrefix: pin(servers), load: createLoad(pin(load)) };
  }
  const shared: Placement = { serverPrefix: [], load: createLoad([]) };
  const generator = shared.load.name;
  if (!hasTaskset || cpus < 2) {
    return {
      oneCore: shared,
      twoCores: shared,
      note: `Load from ${generator}, on the same CPUs as the servers (taskset and two CPUs would ` +
        "keep them apart)",
    };
  }
  const oneCore = place("0", "1");
  if (cpus < 3) {
    return {
      oneCore,
      twoCores: shared,
      note:
        `Load from ${generator}. One core: servers on CPU 0, load on CPU 1. Two cores: servers ` +
        "and load share both",
    };
  }
  return {
    oneCore,
    twoCores: place("0,1", "2"),
    note: `Load from ${generator}. One core: servers on CPU 0, load on CPU 1. Two cores: servers ` +
      "on CPUs 0 and 1, load on CPU 2",
  };
}

function pin(cpus: string): string[] {
  return ["taskset", "-c", cpus];
}
