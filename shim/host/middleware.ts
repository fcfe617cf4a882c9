/**
 * HTTP middleware: a component that gets a request before another one does. The original composes
 * both into one component. Here each has instances of its own, and the host hands requests on: so a
 * middleware outlives a failure of what comes after it, and all that it may do beside is what it has
 * inherited of the component's permissions, as in the original.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { interfaceKey } from "../engine/link.ts";
import { DENIED_PREFIX, isInherited } from "../imports/capabilities.ts";
import type { ImportObject } from "../imports/component_context.ts";
import { createDenied } from "../imports/denied.ts";
import { createNextHandler } from "../imports/wasi03/http.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import type { Middleware } from "../loader/middleware.ts";
import type { AppContext } from "./app_context.ts";
import type { IsolateComponent } from "./guests.ts";
import type { HttpGuest } from "./http_guest.ts";

/** The interface that a middleware exports and imports, and its component exports. */
const HANDLER = /^wasi:http\/handler@0\.3\./;

/**
 * Checks that the middleware of an app and its components fit together.
 * @throws {TerminalError} with everything that does not.
 */
export function checkMiddleware(components: readonly IsolateComponent[]): void {
  const problems: string[] = [];
  const owners = new Set(components.map(({ middleware }) => middleware?.owner));
  for (const component of components) {
    const { id, middleware, manifest: { exports } } = component;
    if (middleware) problems.push(...partProblems(component));
    else if (owners.has(id) && !exports.some((name) => HANDLER.test(name))) {
      problems.push(
        `Component "${id}" cannot have middleware: middleware goes with components that export ` +
          `wasi:http/handler@0.3.x; it exports ${list(exports)}`,
      );
    }
  }
  if (problems.length > 0) throw new TerminalError("InvalidMiddleware", problems.join("\n"));
}

function partProblems({ id, manifest }: IsolateComponent): string[] {
  const problems: string[] = [];
  for (const verb of ["export", "import"] as const) {
    const names = manifest[`${verb}s`];
    if (names.some((name) => HANDLER.test(name))) continue;
    problems.push(
      `Component "${id}" is no middleware: it has to ${verb} wasi:http/handler@0.3.x; it ${verb}s ` +
        list(names),
    );
  }
  return problems;
}

function list(names: readonly string[]): string {
  return names.length > 0 ? names.join(", ") : "nothing";
}

/**
 * The interfaces for a middleware: those of its owner's that it has inherited, refusals in place of
 * the others, and the handler that comes next.
 * @param wanted What it imports, with versions.
 * @param options.next The handler of a component by its id; asked for when there is a request.
 */
export async function offerToMiddleware(
  { owner, inherit, next: nextId }: Middleware,
  wanted: readonly string[],
  { context, next }: { context: AppContext; next: (id: string) => HttpGuest },
): Promise<ImportObject> {
  const others = wanted.filter((name) => !HANDLER.test(name));
  const inherited = others.filter((name) => isInherited(name, inherit));
  const offered = { ...await context.componentImports(owner, inherited) };
  const denied = others.filter((name) => !inherited.includes(name));
  const refusals = createDenied(denied.map((name) => DENIED_PREFIX + name));
  for (const name of denied) {
    delete offered[interfaceKey(name)];
    const refusal = refusals[DENIED_PREFIX + name];
    if (refusal) offered[interfaceKey(name)] = refusal;
  }
  const handler = await context.record(createNextHandler((head) => pass(next(nextId), head)), {
    component: owner,
    wanted: wanted.filter((name) => HANDLER.test(name)),
  });
  return { ...offered, ...handler };
}

async function pass(guest: HttpGuest, head: RequestHead): Promise<Response> {
  const response = await guest.call(head, () => new AbortController().signal);
  if (head.method !== "HEAD" || !response.body) return response;
  // There is no body, but a stream that stands for one of unknown length.
  await response.body.cancel();
  const { status, headers } = response;
  return new Response(null, { status, headers });
}

/**
 * Puts middleware before the components of an isolate.
 * @param options.callers The components by id. Those that have middleware are replaced by the
 * outermost of it.
 * @returns What each id stands for in a chain.
 */
export function chainMiddleware(
  components: readonly IsolateComponent[],
  { callers, create }: {
    callers: Map<string, HttpGuest>;
    create: (id: string) => HttpGuest;
  },
): Map<string, HttpGuest> {
  const links = new Map<string, HttpGuest>();
  for (const { id, middleware } of components) {
    if (!middleware) continue;
    const { owner } = middleware;
    const last = callers.get(owner);
    // Of another trigger's component nobody asks for it.
    if (!last) continue;
    const link = create(id);
    links.set(id, link);
    if (links.has(owner)) continue;
    // The first of a chain is the outermost.
    links.set(owner, last);
    callers.set(owner, link);
  }
  return links;
}
