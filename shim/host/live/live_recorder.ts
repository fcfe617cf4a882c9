/**
 * Records what one isolate does, for the live page. Loaded only if there is one.
 *
 * @module
 */

import type { RequestHead } from "../../imports/wasi_http.ts";
import type { Guest } from "../guest.ts";
import type { Guests } from "../guests.ts";
import type { HttpGuest } from "../http_guest.ts";
import type { ObservedMessage, ObservedRequest, Observer } from "../observer.ts";
import {
  type ComponentNumbers,
  type InstanceUse,
  type LiveReport,
  type LiveRequest,
  type LogLine,
  MAX_REQUESTS,
} from "./live_report.ts";
import { LogTail, shorten } from "./log_tail.ts";
import { Ring } from "./ring.ts";

/** Characters of a path that are kept. */
const MAX_PATH = 300;
/** Lines of the host that are kept until somebody asks. */
const MAX_HOST_LINES = 100;

/** What is known of a request when its component has it. */
interface Handled {
  instance?: InstanceUse;
  bytes?: number;
}

/** The recorder of one isolate. It keeps the last requests and lines, whether anybody looks or not. */
export class LiveRecorder implements Observer {
  readonly #requests = new Ring<LiveRequest>(MAX_REQUESTS);
  readonly #hostLines = new Ring<LogLine>(MAX_HOST_LINES);
  readonly #output = new LogTail();
  #taken = { requests: 0, hostLines: 0 };
  #inFlight = 0;
  /** The request that is just being handed to its component. */
  #current: Handled | undefined;
  /** Requests by what their component was given. */
  readonly #handled = new WeakMap<RequestHead, Handled>();

  async request(request: ObservedRequest, answer: () => Promise<Response>): Promise<Response> {
    const { method, address, match } = request;
    const at = Date.now();
    const start = performance.now();
    const current: Handled = {};
    this.#inFlight++;
    let response: Response | undefined;
    try {
      // Until it suspends for the first time, nothing else runs: what is called belongs to it.
      this.#current = current;
      const answering = answer();
      this.#current = undefined;
      return response = await answering;
    } finally {
      this.#inFlight--;
      this.#requests.push({
        at,
        method,
        path: shorten(address.pathWithQuery, MAX_PATH),
        component: match?.target.component ?? "",
        status: String(response?.status ?? 500),
        durationMs: performance.now() - start,
        ...current,
      });
    }
  }

  async message<T>(message: ObservedMessage, handle: () => Promise<T>): Promise<T> {
    const { trigger, component, source } = message;
    const at = Date.now();
    const start = performance.now();
    let status = "error";
    this.#inFlight++;
    try {
      const value = await handle();
      status = "ok";
      return value;
    } finally {
      this.#inFlight--;
      this.#requests.push({
        at,
        method: trigger,
        path: shorten(source ?? "", MAX_PATH),
        component,
        status,
        durationMs: performance.now() - start,
      });
    }
  }

  /**
   * Tells requests what kind of instance they get.
   * @param guest Undefined for programs, of which each request starts one.
   */
  watchGuest(caller: HttpGuest, guest: Guest | undefined): HttpGuest {
    return {
      call: (head, clientGone) => {
        const current = this.#current;
        if (current) {
          // A component that it calls itself is part of the same request.
          this.#current = undefined;
          current.instance = guest?.nextInstance ?? "new";
          this.#handled.set(head, current);
        }
        return caller.call(head, clientGone);
      },
    };
  }

  /** Takes the length of a response. */
  readonly whole = (head: RequestHead, bytes: number): void => {
    const handled = this.#handled.get(head);
    if (handled) handled.bytes = bytes;
  };

  /** Takes what a component has written. */
  readonly output = (id: string, stream: "stdout" | "stderr", bytes: Uint8Array): void => {
    this.#output.push(id, stream, bytes);
  };

  /** Takes lines of the host for the user. */
  report(lines: readonly string[]): void {
    for (const text of lines) {
      this.#hostLines.push({ at: Date.now(), component: "", stream: "host", text });
    }
  }

  /** What is new since the last time. */
  take(guests: Guests): LiveReport {
    const taken = this.#taken;
    this.#taken = { requests: this.#requests.end, hostLines: this.#hostLines.end };
    const lines = [...this.#output.takeLines(), ...this.#hostLines.since(taken.hostLines)];
    return {
      requests: this.#requests.since(taken.requests),
      requestCount: this.#requests.end - taken.requests,
      lines: lines.sort((a, b) => a.at - b.at),
      inFlight: this.#inFlight,
      heapBytes: Deno.memoryUsage().heapUsed,
      components: guests.all.map(numbersOf),
    };
  }
}

function numbersOf(guest: Guest): ComponentNumbers {
  const { created, reset, discarded } = guest.counters;
  return {
    id: guest.id,
    strategy: guest.strategy,
    live: created - discarded,
    idle: guest.idleCount,
    created,
    rewound: reset,
    dropped: discarded,
    bytes: guest.instanceBytes,
  };
}
