/**
 * Health of the operator, for kubelet; and the level of its log, for people.
 *
 * @module
 */

import { isLogLevel, type Log } from "../../lib/structured_log.ts";
import type { SocketAddress } from "./manager_options.ts";

/** A check: throws, or is false, while the operator is not as it should be. */
export type Check = () => boolean | Promise<boolean>;

/** Checks by name, for each path. */
export interface ProbeChecks {
  readonly healthz: Readonly<Record<string, Check>>;
  readonly readyz: Readonly<Record<string, Check>>;
}

/** Answers requests. Paths and texts are those of controller-runtime. */
export async function answerProbe(
  request: Request,
  { checks, log }: { checks: ProbeChecks; log: Log },
): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/log-level") return await setLevel(request, log);
  const [, endpoint = "", name] = pathname.split("/", 3);
  if (endpoint !== "healthz" && endpoint !== "readyz") return notFound();
  const all = checks[endpoint];
  if (name !== undefined && name !== "") {
    if (!Object.hasOwn(all, name)) return notFound();
    return await isGood(all[name]!) ? text("ok") : text("internal server error\n", 500);
  }
  const results = await Promise.all(
    Object.entries(all).map(async ([check, run]) => [check, await isGood(run)] as const),
  );
  const isAllGood = results.every(([, good]) => good);
  if (isAllGood && !searchParams.has("verbose")) return text("ok");
  const lines = results.map(([check, good]) =>
    good ? `[+]${check} ok` : `[-]${check} failed: reason withheld`
  );
  // Both endpoints end with these words.
  const end = isAllGood ? "healthz check passed" : "healthz check failed";
  return text(`${[...lines, end].join("\n")}\n`, isAllGood ? 200 : 500);
}

/** Listens until it is stopped. */
export function serveProbes(
  address: SocketAddress,
  parts: { checks: ProbeChecks; log: Log },
): Deno.HttpServer {
  return Deno.serve({
    ...address,
    onListen: ({ hostname, port }) => parts.log.info("Serving probes", { hostname, port }),
  }, (request) => answerProbe(request, parts));
}

async function setLevel(request: Request, log: Log): Promise<Response> {
  if (request.method === "GET") return text(log.level);
  if (request.method !== "PUT") return text("use GET or PUT\n", 405);
  const body = (await request.text()).trim();
  if (!isLogLevel(body)) {
    return text(`"${body}" is no level; there are debug, info, warn and error\n`, 400);
  }
  log.level = body;
  log.info("The level of the log was changed", { level: body });
  return text(body);
}

async function isGood(check: Check): Promise<boolean> {
  try {
    return await check();
  } catch {
    // Its failure is what is asked for; the check itself has logged why.
    return false;
  }
}

function notFound(): Response {
  return text("404 page not found\n", 404);
}

function text(body: string, status = 200): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  });
}
