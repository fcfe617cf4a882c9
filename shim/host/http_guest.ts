/**
 * How a component answers HTTP requests: by which of its exports, called in which way.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import type { Guest } from "./guest.ts";
import { type CallObserver, GuestCaller, type HandlerTypes } from "./guest_caller.ts";
import type { SlowRequests } from "./slow_requests.ts";

/** A component with an HTTP handler. */
export interface HttpGuest {
  /**
   * Handles one request.
   * @param clientGone The signal of the client's leaving; asked for only if the request takes long.
   * @throws {GuestFailure} by rejection, if the guest gives no answer.
   * @throws {InstanceLimitReached} by rejection, if no instance is to be had.
   */
  call(head: RequestHead, clientGone: () => AbortSignal): Promise<Response>;
}

/** What the HTTP guests of one isolate share. */
export interface HttpGuestShared {
  readonly slow: SlowRequests;
  readonly observer: CallObserver;
}

interface HandlerKind {
  /** The export that is called. */
  readonly pattern: RegExp;
  create(guest: Guest, options: HttpGuestShared & { handler: string }): HttpGuest;
}

const HANDLER_KINDS: readonly HandlerKind[] = [
  {
    pattern: /^wasi:http\/incoming-handler@0\.2\.\d+$/,
    create: (guest, options) =>
      new GuestCaller({ component: guest.id, pool: guest.pool, ...options }),
  },
  {
    pattern: /^wasi:http\/incoming-handler@0\.2\.0-rc-2023-10-18$/,
    create: (guest, options) =>
      createSnapshot(guest, {
        ...options,
        load: () => import("../imports/wasi_rc/http_2023_10_18.ts"),
      }),
  },
  {
    pattern: /^wasi:http\/incoming-handler@0\.2\.0-rc-2023-11-10$/,
    create: (guest, options) =>
      createSnapshot(guest, {
        ...options,
        load: () => import("../imports/wasi_rc/http_2023_11_10.ts"),
      }),
  },
  {
    pattern: /^wasi:http\/handler@0\.3\.(?:\d+|0-rc-2026-03-15)$/,
    create: createConcurrent,
  },
  { pattern: /^fermyon:spin\/inbound-http$/, create: createInbound },
];

/** The code is loaded by the first request, so that other apps do not pay for it. */
function createConcurrent(
  guest: Guest,
  options: HttpGuestShared & { handler: string },
): HttpGuest {
  const instances = guest.concurrent!;
  let caller: Promise<HttpGuest> | undefined;
  async function load(): Promise<HttpGuest> {
    const { ConcurrentCaller } = await import("./concurrent_caller.ts");
    return new ConcurrentCaller({ component: guest.id, instances, ...options });
  }
  return {
    async call(head, clientGone) {
      caller ??= load();
      return await (await caller).call(head, clientGone);
    },
  };
}

/** The component imports the types, so that they are there already. */
function createSnapshot(
  guest: Guest,
  { load, ...options }: HttpGuestShared & { handler: string; load: () => Promise<HandlerTypes> },
): HttpGuest {
  const { id: component, pool } = guest;
  let caller: GuestCaller | undefined;
  const loaded = load().then((types) =>
    caller = new GuestCaller({ component, pool, types, ...options })
  );
  return {
    call: (head, clientGone) =>
      caller?.call(head, clientGone) ?? loaded.then((ready) => ready.call(head, clientGone)),
  };
}

/** Loaded by the first request, too. */
function createInbound(guest: Guest, options: HttpGuestShared & { handler: string }): HttpGuest {
  let inbound: Promise<HttpGuest> | undefined;
  async function load(): Promise<HttpGuest> {
    const { InboundHttpGuest } = await import("./inbound_http.ts");
    return new InboundHttpGuest(guest, options);
  }
  return {
    async call(head, clientGone) {
      inbound ??= load();
      return await (await inbound).call(head, clientGone);
    },
  };
}

/** What Spin takes for an HTTP handler. */
const HANDLERS = /^(?:wasi:http\/(?:incoming-handler|handler)@|fermyon:spin\/inbound-http$)/;

/**
 * Makes a component answer HTTP requests.
 * @throws {TerminalError} if it has no handler that this host knows, or more than one.
 */
export function createHttpGuest(guest: Guest, shared: HttpGuestShared): HttpGuest {
  const handler = findHandler(guest.exports, guest.id);
  const kind = HANDLER_KINDS.find(({ pattern }) => pattern.test(handler))!;
  return kind.create(guest, { ...shared, handler });
}

/**
 * The name of a component's HTTP handler export.
 * @throws {TerminalError} if it has none, or more than one.
 */
export function findHandler(exports: readonly string[], component: string): string {
  const handlers = exports.filter((name) => HANDLERS.test(name));
  const usable = handlers.filter((name) => HANDLER_KINDS.some(({ pattern }) => pattern.test(name)));
  if (handlers.length > 1) {
    throw new TerminalError(
      "SeveralHandlers",
      `Component "${component}": component exports multiple different handlers but it's expected ` +
        `to export only one (${handlers.join(", ")})`,
    );
  }
  if (usable.length === 1) return usable[0]!;
  throw new TerminalError(
    "NoHandler",
    `Component "${component}": Expected component to export one of ` +
      `wasi:http/incoming-handler@0.2.x, wasi:http/handler@0.3.x, fermyon:spin/inbound-http; ` +
      `it exports ${exports.length > 0 ? exports.join(", ") : "nothing"}`,
  );
}
