import assert from "node:assert/strict";
import { selfCommand } from "./self_command.ts";

Deno.test("selfCommand() starts the main module, and no other program", () => {
  assert.equal(selfCommand("file:///app/main.ts").at(-1), "/app/main.ts");
  assert.equal(selfCommand("file:///install/app/main.js").at(-1), "/install/app/main.js");
  assert.throws(() => selfCommand("file:///app/some_test.ts"), /it is not its main module/);
});
