/**
 * Manifests for Kubernetes as text: the apps in them, and the objects that apps refer to.
 *
 * @module
 */

import { type Document, LineCounter, parseAllDocuments, type YAMLError } from "yaml";
import { defineSpinApp } from "../../../crds/schema/spin_app.ts";
import {
  defineClusterSpinAppExecutor,
  defineSpinAppExecutor,
} from "../../../crds/schema/spin_app_executor.ts";
import { schemaProblems } from "../../../crds/schema/schema_problems.ts";
import type { SpinApp } from "../../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../../crds/spin_app_executor.ts";
import { ManifestError, type ManifestProblem } from "../../../lib/errors.ts";

/** The objects of a manifest that make a difference on this machine. */
export interface KubeManifest {
  readonly apps: readonly SpinApp[];
  readonly executors: readonly SpinAppExecutor[];
  /** `Secret/<namespace>/<name>` or `ConfigMap/…` → its values as text. */
  readonly values: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** `Kind "name"` of everything else, in order. */
  readonly others: readonly string[];
}

/** Where objects are that name no namespace. */
export const DEFAULT_NAMESPACE = "default";

/** Which entry of {@link KubeManifest.values} is meant. */
export function valuesKey(
  kind: "Secret" | "ConfigMap",
  { namespace = DEFAULT_NAMESPACE, name }: { namespace?: string | undefined; name: string },
): string {
  return `${kind}/${namespace}/${name}`;
}

type Fields = Record<string, unknown>;

/** An object and where it stands. */
interface Located {
  readonly object: unknown;
  readonly document: Document;
  /** Path of the object in its document: `[]`, or `["items", 0]`. */
  readonly path: readonly (string | number)[];
}

/**
 * Reads the documents of a YAML or JSON text; lists are taken apart.
 * @param options.file How messages name the text.
 * @throws {ManifestError} with everything that is wrong with it.
 */
export function parseKubeManifest(text: string, { file }: { file: string }): KubeManifest {
  const lines = new LineCounter();
  const reader = new Reader(file, lines);
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  for (const document of "empty" in documents ? [] : documents) {
    for (const error of document.errors) reader.syntax(error);
    if (document.errors.length === 0) reader.takeDocument(document);
  }
  return reader.result();
}

const SPIN_GROUP = "core.spinkube.dev/";

class Reader {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems: ManifestProblem[] = [];
  readonly #apps: SpinApp[] = [];
  readonly #executors: SpinAppExecutor[] = [];
  readonly #values = new Map<string, Record<string, string>>();
  readonly #others: string[] = [];

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  syntax({ pos, message }: YAMLError): void {
    this.#add(pos[0], `this is no YAML: ${message}`);
  }

  takeDocument(document: Document): void {
    const object: unknown = document.toJS();
    // What stands between two separators, or is a comment only.
    if (object === null) return;
    const isList = isFields(object) && object.kind === "List" && Array.isArray(object.items);
    if (!isList) return this.#take({ object, document, path: [] });
    for (const [index, item] of (object.items as unknown[]).entries()) {
      this.#take({ object: item, document, path: ["items", index] });
    }
  }

  #take(located: Located): void {
    const { object } = located;
    const metadata = isFields(object) ? object.metadata : undefined;
    if (!isFields(object) || typeof object.kind !== "string") {
      return this.#problem(located, [], "an object needs a kind, such as SpinApp");
    }
    if (!isFields(metadata) || typeof metadata.name !== "string" || metadata.name === "") {
      return this.#problem(located, ["metadata"], `${object.kind}: metadata.name is required`);
    }
    const { kind, apiVersion } = object;
    const isSpin = typeof apiVersion === "string" && apiVersion.startsWith(SPIN_GROUP);
    const what = `${kind} "${metadata.name}"`;
    if (isSpin && kind === "SpinApp") this.#takeApp(located, what);
    else if (isSpin && EXECUTORS.includes(kind)) this.#takeExecutor(located, { what, kind });
    else if (apiVersion === "v1" && (kind === "Secret" || kind === "ConfigMap")) {
      this.#takeValues(located, { what, kind });
    } else this.#others.push(what);
  }

  #takeApp(located: Located, what: string): void {
    const app = located.object as SpinApp;
    const schema = defineSpinApp().spec.versions[0]!.schema.openAPIV3Schema;
    if (!this.#check(located, { what, schema })) return;
    if (app.spec.image.trim() === "") {
      return this.#problem(located, ["spec", "image"], `${what}: spec.image is empty`);
    }
    const isTwice = this.#apps.some(({ metadata }) =>
      metadata.name === app.metadata.name && metadata.namespace === app.metadata.namespace
    );
    if (isTwice) this.#problem(located, ["metadata", "name"], `${what} is there twice`);
    else this.#apps.push(app);
  }

  #takeExecutor(located: Located, { what, kind }: { what: string; kind: string }): void {
    const definition = kind === "SpinAppExecutor"
      ? defineSpinAppExecutor()
      : defineClusterSpinAppExecutor();
    const schema = definition.spec.versions[0]!.schema.openAPIV3Schema;
    if (!this.#check(located, { what, schema })) return;
    this.#executors.push(located.object as SpinAppExecutor);
  }

  #takeValues(
    located: Located,
    { what, kind }: { what: string; kind: "Secret" | "ConfigMap" },
  ): void {
    const { metadata, data, stringData } = located.object as {
      metadata: { name: string; namespace?: string };
      data?: unknown;
      stringData?: unknown;
    };
    const values: Record<string, string> = {};
    const parts = kind === "Secret" ? { data, stringData } : { data };
    for (const [field, part] of Object.entries(parts)) {
      if (part === undefined || part === null) continue;
      if (!isFields(part)) {
        this.#problem(located, [field], `${what}: ${field} must be a map of texts`);
        continue;
      }
      for (const [key, value] of Object.entries(part)) {
        const isEncoded = kind === "Secret" && field === "data";
        const text = typeof value === "string" ? decode(value, isEncoded) : undefined;
        if (text !== undefined) values[key] = text;
        else {
          const wanted = isEncoded ? "text in base64" : `a text; write it as "${value}"`;
          this.#problem(located, [field, key], `${what}: ${field}.${key} must be ${wanted}`);
        }
      }
    }
    this.#values.set(valuesKey(kind, metadata), values);
  }

  /** @returns whether the object is as its definition wants it. */
  #check(
    located: Located,
    { what, schema }: { what: string; schema: Parameters<typeof schemaProblems>[1] },
  ): boolean {
    const found = schemaProblems(located.object, schema);
    for (const text of found) {
      const [path = ""] = text.split(":", 1);
      this.#problem(located, fieldsOf(path), `${what}: ${text}`);
    }
    return found.length === 0;
  }

  /** Tells the line of the field, or of the nearest one around it that is there. */
  #problem({ document, path }: Located, field: (string | number)[], message: string): void {
    for (let whole = [...path, ...field];; whole = whole.slice(0, -1)) {
      const range = (document.getIn(whole, true) as { range?: [number] } | undefined)?.range;
      if (range || whole.length === 0) {
        return this.#add(range?.[0] ?? document.range?.[0] ?? 0, message);
      }
    }
  }

  #add(offset: number, message: string): void {
    const { line, col: column } = this.#lines.linePos(offset);
    this.#problems.push({ file: this.#file, line, column, message });
  }

  /** @throws {ManifestError} if anything was wrong. */
  result(): KubeManifest {
    if (this.#problems.length > 0) throw new ManifestError(this.#problems);
    return {
      apps: this.#apps,
      executors: this.#executors,
      values: this.#values,
      others: this.#others,
    };
  }
}

const EXECUTORS: readonly unknown[] = ["SpinAppExecutor", "ClusterSpinAppExecutor"];

/** `spec.variables[0].name` → its parts. */
function fieldsOf(path: string): (string | number)[] {
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    name ?? Number(index)
  );
}

function decode(value: string, isEncoded: boolean): string | undefined {
  if (!isEncoded) return value;
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(value.replaceAll(/\s/g, "")));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
