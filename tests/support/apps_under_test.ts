/**
 * The sample apps as the tests serve them.
 *
 * @module
 */

import type { Case } from "./cases.ts";
import { copyAssets, manifest, samplePath, writeManifest } from "./fixtures.ts";
import { goCases, rustCases, tinyJsCases, tortureCases } from "./sample_cases.ts";

/** A sample app with what it has to answer. */
export interface AppUnderTest {
  readonly name: string;
  /**
   * Where the app is.
   * @param options.directory Place for a manifest, if the sample's own does not do.
   * @param options.upstream `host:port` that the app may call.
   */
  source(options: { directory: string; upstream: string }): string;
  cases(upstream: string): Case[];
}

/** All samples that are components for the HTTP trigger. */
export const APPS_UNDER_TEST: readonly AppUnderTest[] = [
  { name: "C", source: tortureApp, cases: tortureCases },
  { name: "JavaScript", source: () => samplePath("tiny-js"), cases: tinyJsCases },
  { name: "Rust", source: () => samplePath("rust-api"), cases: rustCases },
  { name: "Go", source: () => samplePath("go-hello"), cases: goCases },
];

/** The sample's own manifest allows a fixed port only. */
function tortureApp({ directory, upstream }: { directory: string; upstream: string }): string {
  copyAssets(directory);
  return writeManifest(
    directory,
    manifest([{
      id: "torture",
      route: "/...",
      allowedOutboundHosts: [`http://${upstream}`, "http://127.0.0.1:1"],
      lines: [
        'files = [{ source = "assets", destination = "/" }]',
        'environment = { COLOR = "green", EMPTY = "" }',
      ],
    }]),
  );
}
