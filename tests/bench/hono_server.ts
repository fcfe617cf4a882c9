/**
 * What everything is compared with: Hono on `Deno.serve`, and nothing else. Arguments: port, number
 * of isolates, body.
 *
 * @module
 */

import { Hono } from "hono";

/** What an isolate is started with. */
interface Settings {
  readonly port: number;
  readonly isShared: boolean;
  readonly body: string;
}

function serve({ port, isShared, body }: Settings): void {
  const app = new Hono();
  app.get("/", (context) => context.text(body));
  Deno.serve({ hostname: "127.0.0.1", port, reusePort: isShared, onListen() {} }, app.fetch);
}

if ("WorkerGlobalScope" in globalThis) {
  addEventListener("message", (event) => serve((event as MessageEvent<Settings>).data));
} else {
  const [port, isolates, body] = Deno.args;
  const settings: Settings = { port: Number(port), isShared: isolates !== "1", body: body ?? "" };
  for (let i = 1; i < Number(isolates); i++) {
    new Worker(import.meta.url, { type: "module" }).postMessage(settings);
  }
  serve(settings);
}
