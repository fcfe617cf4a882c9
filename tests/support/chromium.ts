/**
 * A real Chromium without a window, driven over its DevTools protocol.
 *
 * @module
 */

import assert from "node:assert/strict";
import { waitUntil, within } from "./wait.ts";

/** Names under which systems have it. */
const NAMES: readonly string[] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/** Milliseconds until it has to listen. */
const START_MS = 30_000;
/** Milliseconds that one command may take. */
const COMMAND_MS = 15_000;

type Params = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

/** A name that {@link Chromium} takes for one of this machine, as if somebody had changed its address. */
export const REBOUND_HOST = "rebound.test";

/** Why there is no browser for tests; undefined if there is one. `CHROMIUM` may name the program. */
export function whyNoChromium(): string | undefined {
  return findChromium() === undefined
    ? "Chromium is not installed (apt-get install chromium, or set CHROMIUM)"
    : undefined;
}

function findChromium(): string | undefined {
  const chosen = Deno.env.get("CHROMIUM");
  if (chosen) return chosen;
  const directories = (Deno.env.get("PATH") ?? "").split(":");
  const paths = NAMES.flatMap((name) => directories.map((directory) => `${directory}/${name}`));
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}

/** A running browser. Whoever starts it disposes it. */
export class Chromium implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #stderr: Promise<void>;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #pages = new Map<string, Page>();
  #commands = 0;

  private constructor(options: {
    child: Deno.ChildProcess;
    profile: string;
    socket: WebSocket;
    stderr: Promise<void>;
  }) {
    this.#child = options.child;
    this.#profile = options.profile;
    this.#socket = options.socket;
    this.#stderr = options.stderr;
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data) as Message);
  }

  /** @throws {Error} with what it wrote, if it does not start. */
  static async start(): Promise<Chromium> {
    const program = findChromium();
    assert.ok(program, String(whyNoChromium()));
    const profile = await Deno.makeTempDir({ prefix: "spinkube-chromium-" });
    const child = new Deno.Command(program, {
      args: [
        ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        ...["--no-first-run", "--disable-extensions", "--disable-background-networking"],
        ...["--disable-component-update", "--no-proxy-server", "--lang=en-GB"],
        `--user-data-dir=${profile}`,
        `--host-resolver-rules=MAP ${REBOUND_HOST} 127.0.0.1`,
        ...["--remote-debugging-port=0", "about:blank"],
      ],
      env: { HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let written = "";
    const stderr = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) written += text;
    })();
    const [, url = ""] = await waitUntil(
      () => /DevTools listening on (ws:\S+)/.exec(written) ?? undefined,
      { what: "Chromium to listen", timeoutMs: START_MS, explain: () => written },
    );
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Chromium({ child, profile, socket, stderr });
  }

  /** Opens a page and waits until it is loaded. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.command("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.command("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    this.#pages.set(String(sessionId), page);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await page.command(`${domain}.enable`);
    }
    await page.load(url);
    return page;
  }

  /** Sends a command. @throws {Error} by rejection, with the browser's reason. */
  async command(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#commands;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    const { error, result } = await within(promise, { what: method, timeoutMs: COMMAND_MS });
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else if (message.method !== undefined) {
      this.#pages.get(message.sessionId ?? "")?.take(message.method, message.params ?? {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    try {
      await this.command("Browser.close");
    } catch {
      // It may be gone before it answers.
    }
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await Promise.all([closed, this.#child.status, this.#stderr]);
    clearTimeout(timer);
    await removeProfile(this.#profile);
  }
}

/** Its helper processes write into the profile for a moment longer. */
async function removeProfile(profile: string): Promise<void> {
  await waitUntil(async () => {
    try {
      await Deno.remove(profile, { recursive: true });
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return true;
      return undefined;
    }
  }, { what: "the browser's files to be removed" });
}

/** One page of a browser. */
export class Page {
  /** Errors on its console, exceptions, and what its policy forbade. */
  readonly problems: string[] = [];
  /** Addresses of everything that it has asked for. */
  readonly requested: string[] = [];
  readonly #browser: Chromium;
  readonly #sessionId: string;
  #status = 0;
  #onLoad: (() => void) | undefined;

  constructor(browser: Chromium, sessionId: string) {
    this.#browser = browser;
    this.#sessionId = sessionId;
  }

  /** The status of the document. */
  get status(): number {
    return this.#status;
  }

  /** Loads another document. */
  async load(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#onLoad = resolve);
    await this.command("Page.navigate", { url });
    await within(loaded, { what: `${url} to be loaded`, timeoutMs: COMMAND_MS });
  }

  command(method: string, params: Params = {}): Promise<Params> {
    return this.#browser.command(method, params, this.#sessionId);
  }

  /** The value of an expression in the page; it must be one of JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.command("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value?: unknown }).value;
  }

  /** The text of an element as it is seen; empty if it is hidden. */
  async text(selector: string): Promise<string> {
    const quoted = JSON.stringify(selector);
    return String(
      await this.evaluate(
        `((found) => found?.checkVisibility() ? found.innerText : "")` +
          `(document.querySelector(${quoted}))`,
      ),
    );
  }

  /** Waits until the text of an element matches. */
  async waitForText(selector: string, pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    let text = "";
    return await waitUntil(async () => {
      text = await this.text(selector);
      return pattern.test(text) ? text : undefined;
    }, { what: `${selector} to match ${pattern}`, timeoutMs, explain: () => text });
  }

  /** Takes an event of the browser. */
  take(method: string, params: Params): void {
    if (method === "Page.loadEventFired") this.#onLoad?.();
    else if (method === "Network.requestWillBeSent") {
      this.requested.push((params as { request: { url: string } }).request.url);
    } else if (method === "Network.responseReceived" && params.type === "Document") {
      this.#status = (params as { response: { status: number } }).response.status;
    } else if (method === "Runtime.exceptionThrown") {
      this.problems.push(JSON.stringify(params));
    } else if (method === "Runtime.consoleAPICalled" && params.type === "error") {
      this.problems.push(JSON.stringify(params));
    } else if (method === "Log.entryAdded") {
      const { entry } = params as { entry: { level: string; text: string } };
      if (entry.level === "error") this.problems.push(entry.text);
    }
  }
}
