/**
 * `wasi:cli@0.2`: environment, arguments, standard streams and exit.
 *
 * @module
 */

import type { ComponentContext, ImportObject, LogSink } from "./component_context.ts";
import {
  type ByteSink,
  bytesSource,
  InputStream,
  OutputStream,
  readableSource,
  WRITE_BUDGET,
} from "./wasi_io.ts";

/**
 * The guest called `exit`. It ends the instance like a trap; whoever called the guest finds this
 * error, and with it the code.
 */
export class GuestExit extends Error {
  override readonly name = "GuestExit";
  /** 0 for success. */
  readonly code: number;

  constructor(code: number) {
    super(`The component exited with code ${code}`);
    this.code = code;
  }
}

/** The resource `terminal-input`; no guest ever has one. */
class TerminalInput {}

/** The resource `terminal-output`; no guest ever has one. */
class TerminalOutput {}

/** A log sink never blocks, so there is always room. */
function logStream(sink: LogSink): OutputStream {
  return new OutputStream(
    {
      capacity: () => WRITE_BUDGET,
      push: (bytes) => sink.write(bytes),
      wait: () => Promise.resolve(),
    } satisfies ByteSink,
  );
}

/** The result `ok` of `exit`, in the form the bindings pass it. */
type ExitStatus = { readonly tag: "ok" | "err" };

/** An exit code of any number, for commands whose own interface has room for it. */
function exitWithCode(code: number): never {
  throw new GuestExit(code);
}

/**
 * The interfaces of `wasi:cli@0.2` for one component. Every stream handed out is its own object.
 * @param options.stdin What standard input gives; default: nothing.
 */
export function createWasiCli(
  component: ComponentContext,
  { stdin }: { stdin?: ReadableStream<Uint8Array> | undefined } = {},
): ImportObject {
  // Whoever asks for it reads from the same place.
  const input = stdin && readableSource(stdin);
  return {
    "wasi:cli/environment@0.2": {
      getEnvironment: () => component.environment.map(([name, value]) => [name, value]),
      getArguments: () => [...component.arguments],
      initialCwd: () => undefined,
    },
    "wasi:cli/exit@0.2": {
      exit(status: ExitStatus) {
        throw new GuestExit(status.tag === "ok" ? 0 : 1);
      },
      exitWithCode,
    },
    // For commands that the engine makes components of; see exit_code.ts there.
    "spinkube:engine/exit@1.0.0": { exitWithCode },
    "wasi:cli/stdin@0.2": {
      getStdin: () => new InputStream(input ?? bytesSource(new Uint8Array(0))),
    },
    "wasi:cli/stdout@0.2": { getStdout: () => logStream(component.stdout) },
    "wasi:cli/stderr@0.2": { getStderr: () => logStream(component.stderr) },
    "wasi:cli/terminal-input@0.2": { TerminalInput },
    "wasi:cli/terminal-output@0.2": { TerminalOutput },
    "wasi:cli/terminal-stdin@0.2": { getTerminalStdin: () => undefined },
    "wasi:cli/terminal-stdout@0.2": { getTerminalStdout: () => undefined },
    "wasi:cli/terminal-stderr@0.2": { getTerminalStderr: () => undefined },
  };
}
