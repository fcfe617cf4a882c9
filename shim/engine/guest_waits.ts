/**
 * What a guest waits for while it is suspended. V8 keeps a suspended stack, and with it the guest's
 * memory, for as long as the isolate lives, even if nothing is left that could resume it. So a guest
 * that is not to go on has to be told: its wait fails, and its stack unwinds.
 *
 * @module
 */

/** The guest's instance was dropped while it waited. Nobody is told. */
export class GuestAbandoned extends Error {
  override readonly name = "GuestAbandoned";

  constructor() {
    super("The instance was dropped");
  }
}

/** JSPI, which TypeScript's library does not know yet. */
const { Suspending } = WebAssembly as unknown as {
  Suspending: new (fn: (...args: never[]) => unknown) => WebAssembly.ImportValue;
};

/** The waits of one instance, which has one at a time. */
export class GuestWaits {
  #reject: ((reason: GuestAbandoned) => void) | undefined;
  #isAbandoned = false;

  /** A promise like `new Promise(executor)`, which {@link abandon} rejects if it is pending. */
  promise<T>(
    executor: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // A guest may catch what ended its last wait.
      if (this.#isAbandoned) return reject(new GuestAbandoned());
      this.#reject = reject;
      executor(resolve, reject);
    });
  }

  /** An import that suspends the guest until its promise settles, or the guest is abandoned. */
  suspending<Args extends unknown[]>(
    fn: (...args: Args) => Promise<unknown>,
  ): WebAssembly.ImportValue {
    return new Suspending((...args) =>
      this.promise((resolve, reject) => {
        fn(...args as unknown as Args).then(resolve, reject);
      })
    );
  }

  /** Ends the guest's wait, and all that it may begin. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#reject?.(new GuestAbandoned());
  }
}
