/**
 * Real guests for tests: the fixtures' components, prepared, loaded and called without a server.
 *
 * @module
 */

import { testContext } from "../imports/_context_fixture.ts";
import type {
  ComponentContext,
  ImportObject,
  KeyValueStore,
} from "../imports/component_context.ts";
import type { BodyBuffer } from "../imports/http_body.ts";
import { createSpinKeyValue } from "../imports/spin_key_value.ts";
import { createSpinSqlite } from "../imports/spin_sqlite.ts";
import { createSpinVariables } from "../imports/spin_variables.ts";
import { createWasiCli } from "../imports/wasi_cli.ts";
import { createWasiClocks } from "../imports/wasi_clocks.ts";
import { createWasiFilesystem } from "../imports/wasi_filesystem.ts";
import {
  createWasiHttp,
  IncomingRequest,
  type OutgoingResponse,
  type RequestHead,
  ResponseOutparam,
} from "../imports/wasi_http.ts";
import { createWasiIo } from "../imports/wasi_io.ts";
import { createWasiRandom } from "../imports/wasi_random.ts";
import { createWasiSockets } from "../imports/wasi_sockets.ts";
import {
  compileModules,
  type ComponentInstance,
  type EngineShared,
  loadComponent,
  type LoadedComponent,
} from "./component.ts";
import type { ArtifactManifest } from "./artifact.ts";
import { compileCoroutineHelper } from "./coroutine.ts";
import { MemoryCollector } from "./garbage.ts";
import { InstanceBudget } from "./instance_budget.ts";
import { linkImports } from "./link.ts";
import type { PoolShared } from "./instance_pool.ts";
import { prepareComponent } from "./prepare.ts";
import { readEntry, writeEntry } from "./prepared_store.ts";
import { compileInterruptHelper, TurnQueue } from "./preemption.ts";
import type { CopyOnWrite } from "./reset_copy_on_write.ts";

const APPS = new URL("../../tests/fixtures/apps/", import.meta.url);

/** The bytes of a fixture's component: `torture`, `tiny-js`, `rust-api`, `go-hello`. */
export function readGuest(name: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`${name}/dist/${name}.wasm`, APPS));
}

/** What an isolate would share, with a CPU limit of ten seconds. */
export function engineShared(): EngineShared {
  return {
    helper: compileInterruptHelper(),
    coroutine: compileCoroutineHelper(),
    turns: new TurnQueue(),
    cpuLimitMs: 10_000,
  };
}

/** What pools would share, with room for a thousand instances. */
export function poolShared(options: { copyOnWrite?: CopyOnWrite } = {}): PoolShared {
  return {
    budget: new InstanceBudget({ maxInstances: 1_000, maxBytes: 2 ** 31, maxWaitMs: 1_000 }),
    collector: new MemoryCollector(),
    copyOnWrite: options.copyOnWrite,
  };
}

/** Loads a fixture as the host does, through a prepared directory that is gone when this returns. */
export async function loadGuest(
  name: string,
  options: { shared?: EngineShared; context?: Partial<ComponentContext> } = {},
): Promise<LoadedComponent> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    const entry = `${directory}/entry`;
    await writeEntry(entry, await prepareComponent(await readGuest(name)));
    const { manifest, files } = (await readEntry(entry))!;
    return await loadComponent({
      id: name,
      directory: entry,
      manifest,
      modules: compileModules(files, { manifest, component: name }),
      imports: linkImports(manifest, {
        component: name,
        offered: {
          ...strangers(manifest),
          ...allImports(testContext({ ...someStore(), ...options.context })),
        },
      }),
      shared: options.shared ?? engineShared(),
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Stand-ins for what a guest imports and the tests do not call. */
function strangers(manifest: ArtifactManifest): ImportObject {
  return Object.fromEntries(manifest.imports.map((name) => {
    const items = manifest.functions[name.split("@")[0]!] ?? [];
    return [name, Object.fromEntries(items.map((item) => [item, class {}]))];
  }));
}

function allImports(context: ComponentContext): ImportObject {
  return {
    ...createWasiCli(context),
    ...createWasiClocks(context),
    ...createWasiFilesystem(context),
    ...createWasiHttp(context),
    ...createWasiIo(),
    ...createWasiSockets(context),
    ...createWasiRandom(context),
    ...createSpinKeyValue(context),
    ...createSpinSqlite(context),
    ...createSpinVariables(context),
  };
}

function someStore(): Partial<ComponentContext> {
  const values = new Map<string, Uint8Array>();
  const store: KeyValueStore = {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    delete: (key) => void values.delete(key),
    exists: (key) => values.has(key),
    keys: () => [...values.keys()],
  };
  return {
    environment: [["COLOR", "green"]],
    keyValueLabels: ["default"],
    keyValueStore: () => store,
    variables: { get: (name) => `value of ${name}`, names: () => [] },
  };
}

/** A request to a guest. */
export interface GuestRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: ReadableStream<Uint8Array>;
  readonly headers?: [string, string][];
}

/** A call under way. */
export interface GuestCall {
  /** Settles when the guest's handler returns or traps. */
  readonly returned: Promise<void>;
  /** The guest's response; never settles if there is none. */
  readonly answer: Promise<OutgoingResponse>;
}

/** Calls the handler of an instance, whose body is buffered without end. */
export function callGuest(instance: ComponentInstance, request: GuestRequest): GuestCall {
  const head: RequestHead = {
    method: request.method ?? "GET",
    pathWithQuery: request.path,
    authority: "localhost:3000",
    headers: () => request.headers ?? [["accept", "*/*"]],
    body: () => request.body ?? null,
  };
  const answer = Promise.withResolvers<OutgoingResponse>();
  const outparam = new ResponseOutparam((result) => {
    if (result.tag === "ok") answer.resolve(result.val);
    else answer.reject(result.val);
  });
  // A call that is abandoned leaves nobody who asks for its answer.
  answer.promise.catch(() => {});
  const handler = Object.entries(instance.exports)
    .find(([name]) => name.startsWith("wasi:http/incoming-handler@"))![1];
  const handle = handler.handle as unknown as (
    request: IncomingRequest,
    outparam: ResponseOutparam,
  ) => Promise<void>;
  instance.preemption.begin();
  return { returned: handle(new IncomingRequest(head), outparam), answer: answer.promise };
}

/** Calls the handler and collects status, headers and body. */
export async function askGuest(
  instance: ComponentInstance,
  request: GuestRequest,
): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const call = callGuest(instance, request);
  const answer = await Promise.race([call.answer, call.returned.then(() => call.answer)]);
  const [body] = await Promise.all([bodyText(answer.buffer), call.returned]);
  const headers = Object.fromEntries(
    answer.fields.entries().map(([name, value]) => [name, new TextDecoder().decode(value)]),
  );
  return { status: answer.status, headers, body };
}

async function bodyText(buffer: BodyBuffer | undefined): Promise<string> {
  return buffer ? await new Response(buffer.stream()).text() : "";
}
