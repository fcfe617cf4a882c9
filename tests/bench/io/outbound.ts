/**
 * Outbound HTTP: requests that a guest makes for each it gets, beside the same requests made with
 * `fetch` by the one who asks.
 *
 * @module
 */

import { manifest, sampleWasm, writeManifest } from "../../support/fixtures.ts";
import { freePort, ServerProcess } from "../server_process.ts";
import { type ProgramPlace, upCommand } from "./program.ts";
import type { Rates } from "./triggers.ts";

/** Requests under way at once. */
const CONCURRENCY = 16;
/** Milliseconds until the app has to serve. */
const START_MS = 60_000;

/** What the guests answer when the request they made has got the answer `echo`. */
const ANSWERS = {
  "rust-api": '{"bytes":4,"status":200}',
  "rust-async": "200 OK echo\n",
} as const;

/** Requests a second: through a guest of WASI 0.2 or 0.3, and directly. */
export async function measureOutbound(
  place: ProgramPlace,
  { guest, rounds, seconds, directory }: {
    guest: keyof typeof ANSWERS;
    rounds: number;
    seconds: number;
    directory: string;
  },
): Promise<Rates> {
  await using echo = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("echo"),
  );
  const url = `http://127.0.0.1:${echo.addr.port}/`;
  const from = writeManifest(
    directory,
    manifest([{
      id: "guest",
      route: "/...",
      source: sampleWasm(guest),
      allowedOutboundHosts: ["http://127.0.0.1:*"],
    }]),
  );
  const port = freePort();
  await using app = await ServerProcess.start({
    command: upCommand(from, place, ["--workers", "1", "--listen", `127.0.0.1:${port}`]),
    port,
    timeoutMs: START_MS,
  }, new AbortController().signal);
  const sides = {
    ours: [`${app.url}outbound?url=${url}`, ANSWERS[guest]],
    reference: [url, "echo"],
  } as const;
  const rates: Rates = { ours: [], reference: [] };
  for (const side of ["ours", "reference"] as const) await load(sides[side], 1);
  for (let round = 0; round < rounds; round++) {
    for (const side of ["ours", "reference"] as const) {
      rates[side].push(await load(sides[side], seconds));
    }
  }
  return rates;
}

/** @returns Requests a second. @throws {Error} by rejection, if an answer is not the one expected. */
async function load([url, answer]: readonly [string, string], seconds: number): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1_000;
  let count = 0;
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    while (performance.now() < end) {
      const text = await (await fetch(url)).text();
      if (text !== answer) throw new Error(`${url} answered ${text}`);
      count++;
    }
  }));
  return count / ((performance.now() - start) / 1_000);
}
