/**
 * What a component is and wants, without running it.
 *
 * @module
 */

import { classifySource, type SourceKind } from "../engine/classify.ts";
import { componentFile } from "../engine/component_files.ts";
import { interfaceKey } from "../engine/link.ts";
import { readComponent } from "../engine/wasm/component_binary.ts";
import { readModule } from "../engine/wasm/module_info.ts";
import { readProducers } from "../engine/wasm/producers.ts";
import { errorText } from "../../lib/errors.ts";
import { createTemporaryStores, resolveRuntimeConfig } from "../imports/runtime_config_defaults.ts";
import type { LockedComponent } from "../loader/locked_app.ts";
import { createAppContext } from "./app_context.ts";

/** One component's Wasm. */
export interface ComponentReport {
  readonly bytes: number;
  /** Undefined if it cannot be run; then {@link problem} says why. */
  readonly kind: SourceKind | undefined;
  readonly problem: string | undefined;
  /** What it was made with, as `Rust 1.80.0`; empty if it does not say. */
  readonly producers: readonly string[];
  readonly exports: readonly string[];
  /** Interfaces; of a core module its modules. */
  readonly imports: readonly string[];
  /** Those of {@link imports} that this host does not offer. */
  readonly missing: readonly string[];
}

/**
 * Describes the Wasm of a loaded component.
 * @throws {TerminalError} if its source is no file. @throws {Deno.errors.NotFound} if that is gone.
 */
export async function reportComponent(component: LockedComponent): Promise<ComponentReport> {
  const bytes = await Deno.readFile(componentFile(component));
  let kind: SourceKind;
  try {
    ({ kind } = classifySource(bytes));
  } catch (error) {
    return { ...NOTHING, bytes: bytes.length, problem: errorText(error) };
  }
  const producers = [...readProducers(bytes)?.values() ?? []].flatMap((tools) =>
    [...tools].map(([tool, version]) => version === "" ? tool : `${tool} ${version}`)
  );
  const known = { bytes: bytes.length, kind, problem: undefined, producers };
  if (kind !== "component") {
    // Its imports have another form; that it can be run means that they are there.
    const { imports, exports } = readModule(bytes);
    return {
      ...known,
      imports: [...new Set(imports.map(({ module }) => module))],
      exports: exports.map(({ name }) => name),
      missing: [],
    };
  }
  const { imports, exports } = readComponent(bytes);
  // What a dependency provides is not the host's.
  const provided = Object.keys(component.dependencies ?? {});
  const wanted = imports.filter((name) => !provided.some((other) => isSame(name, other)));
  return { ...known, imports, exports, missing: await findMissing(component, wanted) };
}

const NOTHING: Omit<ComponentReport, "bytes" | "problem"> = {
  kind: undefined,
  producers: [],
  exports: [],
  imports: [],
  missing: [],
};

/** Dependencies may name an interface with or without version, or a whole package. */
function isSame(name: string, dependency: string): boolean {
  const [interface_ = ""] = name.split("@", 1);
  return name === dependency || interface_ === dependency ||
    interface_.startsWith(`${dependency.split("@", 1)[0]}/`);
}

async function findMissing(
  component: LockedComponent,
  wanted: readonly string[],
): Promise<string[]> {
  await using temporary = createTemporaryStores();
  const cwd = Deno.cwd();
  const context = createAppContext(
    { spin_lock_version: 0, metadata: {}, triggers: [], components: [bare(component)] },
    {
      listen: { hostname: "127.0.0.1", port: 0 },
      findFreePort: false,
      announce: "none",
      runtimeConfig: resolveRuntimeConfig({ cwd, temporary, logDirFlag: "", stateDirFlag: "" }),
      variables: [],
      dotenv: {},
      follow: "none",
      truncateLogs: false,
      allowTransientWrite: false,
      cacheDir: cwd,
      instances: "auto",
      cpuLimitMs: 0,
      graceMs: 0,
      explainErrors: false,
      offersOtel: true,
    },
    {
      internal: { component: () => undefined, selfUrl: () => "" },
      environment: () => undefined,
      report: () => {
        // Nothing runs, so that there is nothing to say.
      },
    },
  );
  try {
    const offered = Object.keys(await context.componentImports(component.id, wanted));
    const packages = new Set(offered.map(packageOf));
    return wanted.map((name) => [name, interfaceKey(name)] as const).filter(([, key]) =>
      // An interface of nothing but types need not be offered.
      !offered.includes(key) && !(/types(?:@|$)/.test(key) && packages.has(packageOf(key)))
    ).map(([name]) => name);
  } finally {
    await context.close();
  }
}

/** `wasi:http/types@0.2` → `wasi:http@0.2`. */
function packageOf(key: string): string {
  return key.replace(/\/[^@]*/, "");
}

/** What a component asks for makes no difference to what is offered. */
function bare({ id, source }: LockedComponent): LockedComponent {
  return { id, source };
}
