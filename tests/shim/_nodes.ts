/**
 * The nodes of a test run: one of each containerd, started when the first test needs it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildInstallDir } from "../../deploy/image/install_dir.ts";
import { INSTALL_DIR } from "../../lib/install_dir.ts";
import type { OciImage } from "../support/oci_layout.ts";
import { ContainerdNode } from "../support/containerd_node.ts";
import {
  type ContainerdLine,
  type ContainerdVersion,
  findContainerds,
  unpackedDir,
} from "../support/containerd_versions.ts";
import { spinImages } from "./_apps.ts";

/** A variable of the node's environment that must not reach a container. */
export const NODE_SECRET = { name: "SECRET_OF_THE_NODE", value: "not for pods" } as const;

/** The nodes. Whoever made them closes them. */
export class Nodes {
  readonly versions: readonly ContainerdVersion[];
  /** What is missing is a failure, and no reason to skip a test. */
  readonly isRequired: boolean;
  readonly #given: string | undefined;
  readonly #nodes = new Map<ContainerdLine, ContainerdNode>();
  #directory: string | undefined;
  #installDir: string | undefined;
  #images: readonly OciImage[] | undefined;

  constructor(environment: (name: string) => string | undefined) {
    this.versions = findContainerds(unpackedDir(environment));
    this.isRequired = Boolean(environment("SPINKUBE_TEST_REQUIRE"));
    this.#given = environment("SPINKUBE_TEST_INSTALL_DIR");
  }

  /** The node of a version, with the images of every test. @throws {Error} if it does not start. */
  async start(version: ContainerdVersion): Promise<ContainerdNode> {
    assert.equal(version.missing, undefined);
    const running = this.#nodes.get(version.line);
    if (running) return running;
    this.#directory ??= await Deno.makeTempDir({ prefix: "spinkube-shim-" });
    this.#installDir ??= this.#given ?? await buildIn(this.#directory);
    this.#images ??= await spinImages(this.#directory);
    const node = await ContainerdNode.start({
      version,
      shim: `${this.#installDir}/${INSTALL_DIR.shim}`,
      env: { [NODE_SECRET.name]: NODE_SECRET.value },
    });
    this.#nodes.set(version.line, node);
    for (const image of this.#images) await node.importImage(image);
    return node;
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.values()) await node[Symbol.asyncDispose]();
    if (this.#directory !== undefined) await Deno.remove(this.#directory, { recursive: true });
  }
}

/** The install directory: what the shims run from, and the pods. */
async function buildIn(directory: string): Promise<string> {
  await buildInstallDir(`${directory}/install`, "0.0.0-test");
  return `${directory}/install`;
}
