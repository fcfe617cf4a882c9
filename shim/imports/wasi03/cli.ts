/**
 * `wasi:cli@0.3`: environment, arguments, standard streams and exit.
 *
 * @module
 */

import type { ComponentContext, ImportObject, LogSink } from "../component_context.ts";
import { GuestExit } from "../wasi_cli.ts";
import {
  drainInto,
  type GuestBytes,
  hostBytes,
  type HostStream,
  OK,
  type Result,
} from "./_streams.ts";

/** The enum `wasi:cli/types#error-code`. */
type CliErrorCode = "io" | "illegal-byte-sequence" | "pipe";

/** The resource `terminal-input`; no guest ever has one. */
class TerminalInput {}

/** The resource `terminal-output`; no guest ever has one. */
class TerminalOutput {}

function output(sink: LogSink): Record<string, unknown> {
  return {
    writeViaStream: (data: GuestBytes): Promise<Result<undefined, CliErrorCode>> =>
      drainInto(data, (chunk) => sink.write(chunk), () => "io"),
  };
}

/** The interfaces of `wasi:cli@0.3` for one component. */
export function createCli(component: ComponentContext): ImportObject {
  return {
    "wasi:cli/environment@0.3": {
      getEnvironment: () => component.environment.map(([name, value]) => [name, value]),
      getArguments: () => [...component.arguments],
      getInitialCwd: () => undefined,
    },
    "wasi:cli/exit@0.3": {
      exit(status: { readonly tag: "ok" | "err" }) {
        throw new GuestExit(status.tag === "ok" ? 0 : 1);
      },
      exitWithCode(code: number) {
        throw new GuestExit(code);
      },
    },
    "wasi:cli/types@0.3": {},
    "wasi:cli/stdin@0.3": {
      readViaStream: (): [HostStream<Uint8Array>, Promise<Result<undefined, CliErrorCode>>] => [
        hostBytes(null),
        Promise.resolve(OK),
      ],
    },
    "wasi:cli/stdout@0.3": output(component.stdout),
    "wasi:cli/stderr@0.3": output(component.stderr),
    "wasi:cli/terminal-input@0.3": { TerminalInput },
    "wasi:cli/terminal-output@0.3": { TerminalOutput },
    "wasi:cli/terminal-stdin@0.3": { getTerminalStdin: () => undefined },
    "wasi:cli/terminal-stdout@0.3": { getTerminalStdout: () => undefined },
    "wasi:cli/terminal-stderr@0.3": { getTerminalStderr: () => undefined },
  };
}
