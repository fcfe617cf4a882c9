/**
 * The imports of Spin's first ABI, on the host's interfaces.
 *
 * @module
 */

import type { LinkedImports } from "../link.ts";
import { type AbiType, type CoreValue, flatten, liftFlat, store } from "./abi.ts";
import type { GatedFunction } from "./gate.ts";
import type { GuestMemory } from "./guest_memory.ts";
import { hostFunctionName, OLD_INTERFACES, type OldFunction } from "./old_interfaces.ts";

/** An import of a module, by its two names. */
export interface OldImport {
  readonly module: string;
  readonly name: string;
}

function findFunction({ module, name }: OldImport): OldFunction & { readonly name?: string } {
  return OLD_INTERFACES[module]!.functions[name]!;
}

/** How an import looks to the module. Every one may have to wait. */
export function gatedForm(item: OldImport): GatedFunction {
  const { params, result } = findFunction(item);
  return {
    params: [...params.flatMap(flatten), ...(result ? ["i32" as const] : [])],
    hasResult: false,
  };
}

/** The host's part of an import. It gives 0, or a promise of it, when the result is in memory. */
export function createOldImport(
  item: OldImport,
  { memory, imports }: { memory: GuestMemory; imports: LinkedImports },
): (...args: CoreValue[]) => number | Promise<number> {
  const { params, result } = findFunction(item);
  const { name: interfaceName } = OLD_INTERFACES[item.module]!;
  const functions = imports[interfaceName] as Record<string, (...args: unknown[]) => unknown>;
  const call = functions[hostFunctionName(item.name, findFunction(item))]!;

  function finish(pointer: number, outcome: { tag: "ok" | "err"; val: unknown }): number {
    if (result) store(memory, expected(result), { pointer, value: outcome });
    return 0;
  }

  return (...args) => {
    const values = args.values();
    const lifted = params.map((type) => liftFlat(type, { values, memory }));
    const pointer = result ? Number(values.next().value) >>> 0 : 0;
    function fail(error: unknown): number {
      // Errors that the interface declares are thrown as plain values; anything else traps.
      if (error instanceof Error || !result) throw error;
      return finish(pointer, { tag: "err", val: error });
    }
    try {
      const value = call(...lifted);
      return value instanceof Promise
        ? value.then((val) => finish(pointer, { tag: "ok", val })).catch(fail)
        : finish(pointer, { tag: "ok", val: value });
    } catch (error) {
      return fail(error);
    }
  };
}

/** The type `expected`, which is called `result` today. */
function expected({ ok, err }: NonNullable<OldFunction["result"]>): AbiType {
  return { kind: "variant", cases: [ok === undefined ? ["ok"] : ["ok", ok], ["err", err]] };
}
