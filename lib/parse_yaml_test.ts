import assert from "node:assert/strict";
import { parseYaml } from "./parse_yaml.ts";

Deno.test("parseYaml() reads YAML, and JSON", async () => {
  const value = { a: [1, "b"], c: null };
  for (const text of [JSON.stringify(value), "\n{a: [1, b], c: }", "a:\n- 1\n- b\nc:\n"]) {
    assert.deepEqual(await parseYaml(text), value, text);
  }
  assert.equal(await parseYaml(""), null);
});

Deno.test("parseYaml() says what is wrong", async () => {
  await assert.rejects(() => parseYaml("{a: "), /Flow map/);
  await assert.rejects(() => parseYaml("a: b: c"), /Nested mappings/);
});
