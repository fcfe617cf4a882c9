import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { defineAll } from "../../crds/schema/generate.ts";
import { schemaProblems } from "../../crds/schema/schema_problems.ts";

const FOLDER = new URL("kubernetes/", import.meta.url);

/** What every feature that SpinKube has a sample of is shown by. */
const SPINKUBES: readonly string[] = [
  "annotations.yaml",
  "hpa.yaml",
  "keda-app.yaml",
  "keda-scaledobject.yaml",
  "otel.yaml",
  "private-image.yaml",
  "probes.yaml",
  "redis.yaml",
  "resources.yaml",
  "runtime-config.yaml",
  "selective-deployment.yaml",
  "simple.yaml",
  "spin-runtime-class.yaml",
  "spin-shim-executor.yaml",
  "spintainer-executor.yaml",
  "spintainer.yaml",
  "variable-explorer.yaml",
  "variables.yaml",
  "volume-mount.yaml",
];

interface Sample {
  readonly file: string;
  readonly kind: string;
  readonly spec?: Record<string, unknown>;
}

async function readSamples(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const { name: file } of Deno.readDir(FOLDER)) {
    for (const document of parseAllDocuments(await Deno.readTextFile(new URL(file, FOLDER)))) {
      assert.deepEqual(document.errors, [], file);
      samples.push({ file, ...document.toJS() });
    }
  }
  return samples;
}

Deno.test("the samples are accepted by the definitions", async () => {
  const schemas = new Map(
    defineAll().map(({ spec }) => [
      spec.names.kind,
      spec.versions[0]!.schema.openAPIV3Schema,
    ]),
  );
  for (const { file, ...object } of await readSamples()) {
    const schema = schemas.get(object.kind);
    if (schema) assert.deepEqual(schemaProblems(object, schema), [], file);
  }
});

Deno.test("the samples show every feature that SpinKube has a sample of", async () => {
  const files = new Set((await readSamples()).map(({ file }) => file));
  assert.deepEqual(SPINKUBES.filter((file) => !files.has(file)), []);
});

Deno.test("the samples use every field of an app", async () => {
  const used = new Set(
    (await readSamples()).filter(({ kind }) => kind === "SpinApp")
      .flatMap(({ spec = {} }) => Object.keys(spec)),
  );
  const app = defineAll()[0]!.spec.versions[0]!.schema.openAPIV3Schema;
  const unused = Object.keys(app.properties!.spec!.properties!).filter((field) => !used.has(field));
  assert.deepEqual(unused, []);
});
