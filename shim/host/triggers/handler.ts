/**
 * Calls of a component's message handler.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";
import type { ComponentExports } from "../../engine/component.ts";
import type { Guest } from "../guest.ts";

type AnyHandler = (...args: unknown[]) => unknown;

/** How a trigger's handler is exported. */
export interface HandlerExport {
  /** The export's name, of a function or of an interface. */
  readonly pattern: RegExp;
  /** The function in the interface, as JavaScript has it; absent if the export is the function. */
  readonly member?: string;
}

/** Calls the handler with its arguments, and gives what it returns. Rejects as `Guest.invoke` does. */
export type CallHandler = (...args: unknown[]) => Promise<unknown>;

/**
 * Finds a component's handler.
 * @throws {TerminalError} naming what the trigger calls and what the component has.
 */
export function findHandler(
  guest: Guest,
  { trigger, handlers, source }: {
    trigger: string;
    handlers: readonly HandlerExport[];
    /** The channel or topic, for telemetry. */
    source?: string;
  },
): CallHandler {
  for (const { pattern, member } of handlers) {
    const name = guest.exports.find((candidate) => pattern.test(candidate));
    if (name === undefined) continue;
    const call: CallHandler = (...args) =>
      guest.invoke(async (exports) => await functionOf(exports, { name, member })(...args));
    const { observer, id: component } = guest;
    if (!observer) return call;
    return (...args) => observer.message({ trigger, component, source }, () => call(...args));
  }
  const wanted = handlers.map(({ pattern }) => readable(pattern)).join(" or ");
  throw new TerminalError(
    "NoHandler",
    `Component "${guest.id}": the ${trigger} trigger expects it to export ${wanted}; it exports ${
      guest.exports.length > 0 ? guest.exports.join(", ") : "nothing"
    }`,
  );
}

function functionOf(
  exports: ComponentExports,
  { name, member }: { name: string; member: string | undefined },
): AnyHandler {
  if (member !== undefined) return exports[name]![member] as unknown as AnyHandler;
  const camelCase = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return exports[camelCase] as unknown as AnyHandler;
}

function readable(pattern: RegExp): string {
  return pattern.source.replace(/^\^|\$$/g, "").replaceAll("\\", "");
}

/** What a handler's failure is told as: a value it returned, a trap, or no room for an instance. */
export function handlerFailure(error: unknown): string {
  const payload = (error as { payload?: unknown }).payload;
  if (payload === undefined) return errorText(error);
  if (typeof payload === "string") return payload;
  const { tag, val } = payload as { tag?: string; val?: unknown };
  return val === undefined ? String(tag) : `${tag}: ${val}`;
}
