/**
 * Serves the metrics of all isolates of the process.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";
import { VERSION } from "../../../lib/version.ts";
import { chooseFormat, CONTENT_TYPES, formatMetrics } from "./format_metrics.ts";
import { mergeSnapshots, Samples, type Snapshot, withoutGauges } from "./samples.ts";

/** Milliseconds that {@link MetricsServer.stop} waits. */
const STOP_MS = 1_000;

/** A running server. */
export interface MetricsServer {
  /** The address and port that it listens on. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Serves `/metrics`. The caller stops it.
 * @param collect The numbers of every isolate that serves, and of those that have died.
 * @throws {TerminalError} if the address cannot be listened on.
 */
export function startMetricsServer(
  { hostname, port }: { hostname: string; port: number },
  collect: () => Promise<
    { readonly live: readonly Snapshot[]; readonly gone: readonly Snapshot[] }
  >,
): MetricsServer {
  const startSeconds = performance.timeOrigin / 1_000;
  try {
    const server = Deno.serve({ hostname, port, onListen() {} }, async (request) => {
      if (new URL(request.url).pathname !== "/metrics") return new Response(null, { status: 404 });
      const format = chooseFormat(request.headers.get("accept"));
      const { live, gone } = await collect();
      const snapshot = mergeSnapshots([
        ...live,
        ...gone.map(withoutGauges),
        processSamples(startSeconds),
      ]);
      return new Response(formatMetrics(snapshot, format), {
        headers: { "content-type": CONTENT_TYPES[format] },
      });
    });
    const { addr } = server;
    const host = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
    return { address: `${host}:${addr.port}`, stop: () => stop(server) };
  } catch (error) {
    throw new TerminalError(
      "CannotListen",
      `Cannot serve metrics on ${hostname}:${port}: ${errorText(error)}. Choose another address ` +
        "with --metrics-address",
      { cause: error },
    );
  }
}

/** Answers that are on their way get a moment; nobody who is slow to read them holds up the end. */
async function stop(server: Deno.HttpServer): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, STOP_MS));
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
}

function processSamples(startSeconds: number): Snapshot {
  const samples = new Samples();
  samples.add("process_resident_memory_bytes", [], Deno.memoryUsage().rss);
  samples.add("process_start_time_seconds", [], startSeconds);
  samples.add("spinkube_build_info", [VERSION]);
  return samples.snapshot();
}
