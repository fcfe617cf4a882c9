/**
 * Compositions that were made elsewhere, such as Spin makes when it pushes an app, → what the engine
 * runs: middleware apart from the component behind it, since each runs in instances of its own (see
 * `host/middleware.ts`), and refusals of the host in place of the component that refuses everything.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import { DENIED_PREFIX, isInherited } from "../../imports/capabilities.ts";
import { interfaceKey } from "../link.ts";
import { UnsupportedComponent } from "../wasm/component_types.ts";
import { renameImports } from "../wasm/rename_imports.ts";
import { isDenyAdapter } from "./deny_adapter.ts";
import { type CompositionPart, encodeComposition } from "./encode_composition.ts";
import {
  type FlatComposition,
  type FlatPart,
  type PartSource,
  readComposition,
} from "./read_composition.ts";

/** A composition, in the parts that have instances of their own. */
export interface SplitComposition {
  /** The outermost first. */
  readonly middleware: readonly Uint8Array[];
  readonly component: Uint8Array;
}

/** What connects middleware, and what its requests and responses are. */
const HANDLER = /^wasi:http\/handler@0\.3\./;
const HTTP_TYPES = /^wasi:http\/types@/;

/**
 * Splits a composition.
 * @returns undefined if it can only be run as it is.
 * @throws {TerminalError} if it has middleware that cannot be run here.
 */
export function splitComposition(bytes: Uint8Array): SplitComposition | undefined {
  const whole = readWhole(bytes);
  const head = whole && exportingPart(whole);
  if (!whole || head === undefined) return undefined;
  const chain = findChain(whole, head);
  const hasDenyAdapter = whole.parts.some(isDenier);
  if (chain.length < 2 && !hasDenyAdapter) return undefined;
  try {
    const groups = chain.map((last) => collectGroup(whole, last));
    checkApart(whole, groups);
    const encoded = groups.map((group) => encodeGroup(whole, group));
    return { middleware: encoded.slice(0, -1), component: encoded.at(-1)! };
  } catch (error) {
    if (!isNotUnderstood(error)) throw error;
    // The generator of bindings says what is wrong with it, or understands what is not understood here.
    if (error instanceof RangeError || chain.length < 2) return undefined;
    throw new TerminalError(
      "CannotSplit",
      `it is composed of HTTP middleware and a component in a way that this version does not run: ` +
        `${error.message}. Name the middleware in the app's manifest instead ` +
        "(dependencies.middleware), or push the app with --compose=false",
      { cause: error },
    );
  }
}

function readWhole(bytes: Uint8Array): FlatComposition | undefined {
  try {
    return readComposition(bytes);
  } catch (error) {
    // The generator of bindings says what is wrong with it, if anything is.
    if (isNotUnderstood(error)) return undefined;
    throw error;
  }
}

/** Whether a component is malformed, or has what is not expected. */
function isNotUnderstood(error: unknown): error is UnsupportedComponent | RangeError {
  return error instanceof UnsupportedComponent || error instanceof RangeError;
}

/** The part that has all exports of the whole, under the same names. */
function exportingPart({ exports }: FlatComposition): number | undefined {
  const parts = new Set<number>();
  for (const [name, source] of exports) {
    if (source.kind !== "part" || source.export !== name) return undefined;
    parts.add(source.part);
  }
  const [part] = parts;
  return parts.size === 1 ? part : undefined;
}

function isDenier({ shape }: FlatPart): boolean {
  return isDenyAdapter(shape.exports.map(({ name }) => name));
}

/** The parts that hand requests on to each other, beginning with the one that gets them first. */
function findChain({ parts }: FlatComposition, head: number): number[] {
  const chain: number[] = [];
  for (let part: number | undefined = head; part !== undefined; part = next(parts[part]!)) {
    chain.push(part);
  }
  return chain;
}

/** The part that another one hands requests on to. */
function next({ sources }: FlatPart): number | undefined {
  for (const [name, source] of sources) {
    if (isHandOver(name, source)) return source.part;
  }
  return undefined;
}

function isHandOver(
  name: string,
  source: PartSource,
): source is PartSource & { readonly kind: "part" } {
  return HANDLER.test(name) && source.kind === "part" && HANDLER.test(source.export);
}

/** The numbers of a part and of those that it needs beside what comes next in the chain, in order. */
function collectGroup({ parts }: FlatComposition, last: number): number[] {
  const group = new Set<number>();
  const waiting = [last];
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (group.has(number)) continue;
    group.add(number);
    for (const [name, source] of parts[number]!.sources) {
      if (source.kind !== "part" || isDenier(parts[source.part]!)) continue;
      if (number !== last || !isHandOver(name, source)) waiting.push(source.part);
    }
  }
  return [...group].sort((a, b) => a - b);
}

/** @throws {UnsupportedComponent} if parts of a chain have more in common than the host. */
function checkApart({ parts }: FlatComposition, groups: readonly number[][]): void {
  if (groups.length < 2) return;
  if (new Set(groups.flat()).size < groups.flat().length) {
    throw new UnsupportedComponent("they share an instance of a third component");
  }
  for (const group of groups) {
    for (const [name, source] of parts[group.at(-1)!]!.sources) {
      if (!HTTP_TYPES.test(name) || source.kind === "import") continue;
      throw new UnsupportedComponent(`one of them gets "${name}" from a component`);
    }
  }
}

function encodeGroup({ parts }: FlatComposition, group: readonly number[]): Uint8Array {
  if (group.length === 1) {
    const { shape, sources } = parts[group[0]!]!;
    return renameImports(shape.bytes, (name) => outerName(name, { parts, sources }));
  }
  return encodeComposition(group.map((number): CompositionPart => {
    const { shape, sources } = parts[number]!;
    const given = [...sources].flatMap(([name, source]) =>
      source.kind === "part" && group.includes(source.part)
        ? [[name, { part: group.indexOf(source.part), export: source.export }] as const]
        : []
    );
    return {
      shape,
      given: new Map(given),
      outerName: (name) => outerName(name, { parts, sources }),
    };
  }));
}

/** What a part's import is called outside, where the part gets it from no other one of its group. */
function outerName(
  name: string,
  { parts, sources }: Pick<FlatComposition, "parts"> & Pick<FlatPart, "sources">,
): string {
  const source = sources.get(name)!;
  if (source.kind === "import") {
    // In the version that the part itself asks for.
    return interfaceKey(source.name) === interfaceKey(name) ? name : source.name;
  }
  // What needs no permission, like types, can only be the host's: what is had by it is refused.
  const isDenied = isDenier(parts[source.part]!) && !isInherited(name, []);
  return isDenied ? DENIED_PREFIX + name : name;
}
