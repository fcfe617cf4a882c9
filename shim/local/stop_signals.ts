/**
 * Ctrl-C and SIGTERM.
 *
 * @module
 */

/** Exit code of a program that was ended by Ctrl-C. */
const CTRL_C_EXIT_CODE = 130;

/** Watches the signals that ask the process to stop, until disposed. */
export interface StopSignals extends Disposable {
  /** Fires at the first request to stop. */
  readonly signal: AbortSignal;
  /** What to exit with: 130 after Ctrl-C, else 0. */
  exitCode(): number;
  /** Calls `cleanUp`, which must not wait for anything, when a second Ctrl-C ends the process. */
  beforeForcedExit(cleanUp: () => void): void;
}

/**
 * Watches SIGINT and SIGTERM (on Windows Ctrl-C and Ctrl-Break). The first one lets the work end in
 * peace; a second Ctrl-C ends the process at once. The caller disposes the result, which gives the
 * signals their usual effect back.
 */
export function watchStopSignals(): StopSignals {
  const controller = new AbortController();
  let code = 0;
  let cleanUp: (() => void) | undefined;
  function onInterrupt(): void {
    if (code === CTRL_C_EXIT_CODE) forceExit();
    code = CTRL_C_EXIT_CODE;
    controller.abort();
  }
  function forceExit(): never {
    try {
      cleanUp?.();
    } finally {
      Deno.exit(CTRL_C_EXIT_CODE);
    }
  }
  function onTerminate(): void {
    controller.abort();
  }
  const terminate = Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM";
  Deno.addSignalListener("SIGINT", onInterrupt);
  Deno.addSignalListener(terminate, onTerminate);
  return {
    signal: controller.signal,
    exitCode: () => code,
    beforeForcedExit(given) {
      cleanUp = given;
    },
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGINT", onInterrupt);
      Deno.removeSignalListener(terminate, onTerminate);
    },
  };
}
