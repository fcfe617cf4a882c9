/**
 * Which functions of the host the components call: for whoever wants to know what an app really
 * uses. Each is written once, as one line of a file.
 *
 * @module
 */

import { interfaceKey } from "../engine/link.ts";
import type { ImportObject } from "../imports/component_context.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type AnyClass = (new (...args: never[]) => unknown) & Record<string, unknown>;

/** One interface of one component: `<component> <interface>`. */
type Origin = string;

/** Records calls in one isolate. */
export class CallRecorder {
  readonly #file: string;
  readonly #seen = new Set<string>();
  /** Classes that are watched already: some are shared by interfaces, or by all components. */
  readonly #watched = new Set<object>();
  /** Through which interface a resource was handed out. */
  readonly #origins = new WeakMap<object, Origin>();
  /** What the host's functions call among themselves is no call of a component. */
  #depth = 0;

  /** @param file Lines are appended: `<component> <interface>#<function>`, with WIT's names. */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * What a component is offered, with its functions watched. Methods of resources are watched in the
   * classes themselves.
   * @param options.wanted The interfaces that it imports, with their versions.
   */
  watch(
    offered: ImportObject,
    { component, wanted }: { component: string; wanted: readonly string[] },
  ): ImportObject {
    const watched: ImportObject = { ...offered };
    for (const key of new Set(wanted.map(interfaceKey))) {
      const items = offered[key];
      if (!items) continue;
      const origin = `${component} ${key}`;
      watched[key] = Object.fromEntries(
        Object.entries(items).map(([name, item]) => [name, this.#wrap(name, { item, origin })]),
      );
    }
    return watched;
  }

  #wrap(name: string, { item, origin }: { item: unknown; origin: Origin }): unknown {
    if (typeof item !== "function") return item;
    if (/^[A-Z]/.test(name)) {
      return this.#wrapClass(item as AnyClass, { resource: kebab(name), origin });
    }
    return (...args: unknown[]) =>
      this.#call(`${origin}#${kebab(name)}`, () => (item as AnyFunction)(...args));
  }

  /** Instances stay instances of the class itself, whichever way they are made. */
  #wrapClass(type: AnyClass, { resource, origin }: { resource: string; origin: Origin }): AnyClass {
    this.#watchMethods(type.prototype as object, { resource, origin });
    return new Proxy(type, {
      construct: (target, args, newTarget) =>
        this.#call(
          `${origin}#[constructor]${resource}`,
          () => Reflect.construct(target, args, newTarget) as object,
        ),
      get: (target, property, receiver) => {
        const value = Reflect.get(target, property, receiver);
        if (typeof value !== "function" || typeof property !== "string") return value;
        return (...args: unknown[]) =>
          this.#call(
            `${origin}#[static]${resource}.${kebab(property)}`,
            () => (value as AnyFunction).apply(target, args),
          );
      },
    });
  }

  #watchMethods(
    prototype: object,
    { resource, origin }: { resource: string; origin: Origin },
  ): void {
    if (this.#watched.has(prototype)) return;
    this.#watched.add(prototype);
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(([name, { value }]) => name !== "constructor" && typeof value === "function");
    for (const [name, descriptor] of methods) {
      const call = this.#call.bind(this);
      const origins = this.#origins;
      const method = descriptor.value as AnyFunction;
      Object.defineProperty(prototype, name, {
        ...descriptor,
        value(this: object, ...args: unknown[]) {
          const from = origins.get(this) ?? origin;
          return call(`${from}#[method]${resource}.${kebab(name)}`, () => method.apply(this, args));
        },
      });
    }
  }

  #call<T>(line: string, run: () => T): T {
    if (this.#depth === 0) this.#record(line);
    this.#depth++;
    try {
      const result = run();
      const origin = line.split("#", 1)[0]!;
      if (result instanceof Promise) {
        // A failure is told to whoever called.
        result.then((value) => this.#remember(value, origin), () => {});
      } else this.#remember(result, origin);
      return result;
    } finally {
      this.#depth--;
    }
  }

  #remember(result: unknown, origin: Origin): void {
    if (typeof result === "object" && result !== null) this.#origins.set(result, origin);
  }

  #record(line: string): void {
    if (this.#seen.has(line)) return;
    this.#seen.add(line);
    Deno.writeTextFileSync(this.#file, `${line}\n`, { append: true });
  }
}

/** `getRandomU64` → `get-random-u64`, as WIT has it. */
function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
}
