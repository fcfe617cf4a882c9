import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { findHandler } from "./http_guest.ts";

const HANDLER = "wasi:http/incoming-handler@0.2.3";

Deno.test("findHandler() finds the one handler there is", () => {
  const handlers = [
    HANDLER,
    "wasi:http/handler@0.3.0",
    "wasi:http/handler@0.3.1",
    "wasi:http/handler@0.3.0-rc-2026-03-15",
  ];
  for (const handler of handlers) {
    assert.equal(findHandler(["a:b/c@1.0.0", handler], "hello"), handler);
  }
  const refused: [string[], string, RegExp][] = [
    [[], "NoHandler", /Expected component to export one of .*it exports nothing/],
    [["wasi:cli/run@0.2.3"], "NoHandler", /it exports wasi:cli\/run@0\.2\.3/],
    [["wasi:http/handler@0.3.0-rc-2025-09-16"], "NoHandler", /Expected component to export one of/],
    [
      [HANDLER, "fermyon:spin/inbound-http"],
      "SeveralHandlers",
      /exports multiple different handlers but it's expected to export only one/,
    ],
  ];
  for (const [exports, reason, message] of refused) {
    assert.throws(() => findHandler(exports, "hello"), (error: unknown) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.reason, reason);
      assert.match(error.message, /^Component "hello"/);
      assert.match(error.message, message);
      return true;
    });
  }
});
