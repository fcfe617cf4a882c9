import assert from "node:assert/strict";

const REPORT = new URL("./report.ts", import.meta.url);

async function stderrOf(code: string): Promise<string> {
  const { stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", `import { writeReport } from "${REPORT}"; ${code}`],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.ok(success);
  return new TextDecoder().decode(stderr);
}

Deno.test("writeReport() writes lines to stderr", async () => {
  assert.equal(await stderrOf(`writeReport(["one", "two – ü"]);`), "one\ntwo – ü\n");
});

Deno.test("writeReport() survives a stderr that nobody reads", async () => {
  const code = `import { writeReport } from "${REPORT}";
    Deno.stderr.close(); writeReport(["lost"]); await new Promise((resolve) => setTimeout(resolve, 10));
    console.log("alive");`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", code],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "alive\n");
});
