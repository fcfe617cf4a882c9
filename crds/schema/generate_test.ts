import assert from "node:assert/strict";
import { parse } from "yaml";
import { defineAll, definitionFiles } from "./generate.ts";
import type { Schema } from "./openapi.ts";

Deno.test('definitionFiles() are what is stored; else run "deno task crds"', async () => {
  for (const [url, content] of definitionFiles()) {
    assert.equal(await Deno.readTextFile(new URL(url)), content, url);
  }
});

Deno.test("definitionFiles() say what the definitions say", () => {
  const texts = [...definitionFiles().values()].slice(0, defineAll().length);
  assert.deepEqual(texts.map((text) => parse(text)), JSON.parse(JSON.stringify(defineAll())));
});

Deno.test("defineAll() describes every field that users write", () => {
  const silent: string[] = [];
  for (const { spec } of defineAll()) {
    const root = spec.versions[0]!.schema.openAPIV3Schema;
    for (const [field, schema] of fields(root, spec.names.kind)) {
      const text = schema.description ?? "";
      // Sentences, so that "kubectl explain" reads well.
      if (!/^\S.*\.$/s.test(text)) silent.push(`${field}: ${text}`);
    }
  }
  assert.deepEqual(silent.filter((line) => !/^\w+\.metadata/.test(line)), []);
});

/** Named fields, by their paths; items of lists and maps have no names. */
function* fields(schema: Schema, path: string): Generator<[string, Schema]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, field];
    yield* fields(field, `${path}.${name}`);
  }
  if (schema.items) yield* fields(schema.items, `${path}[]`);
}

Deno.test("defineAll() fits into the annotation of kubectl apply", () => {
  for (const definition of defineAll()) {
    // Annotations may have 256 KiB in all; some is left for others.
    const size = new TextEncoder().encode(JSON.stringify(definition)).length;
    assert.ok(size < 200_000, `${definition.metadata.name}: ${size} bytes`);
  }
});
