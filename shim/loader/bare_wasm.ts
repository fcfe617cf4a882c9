/**
 * An app that is a single Wasm file.
 *
 * @module
 */

import { basename, extname } from "../../lib/path.ts";
import type { Manifest } from "./manifest.ts";

/** The manifest of an app whose only component answers every request. */
export function bareWasmManifest(path: string): Manifest {
  return {
    application: {
      name: nameOf(path),
      version: "",
      description: "",
      authors: [],
      triggers: new Map(),
    },
    variables: [],
    components: new Map(),
    triggers: [{
      id: "",
      type: "http",
      component: {
        kind: "inline",
        path: [],
        component: {
          source: { kind: "path", path },
          description: "",
          variables: [],
          variablesPath: [],
          environment: [],
          files: [],
          excludeFiles: [],
          allowedOutboundHosts: [],
          permissionFields: [],
          keyValueStores: [],
          sqliteDatabases: [],
          aiModels: [],
          build: undefined,
          dependencies: [],
          profiles: new Map(),
          path: [],
        },
      },
      components: [],
      dependencies: [],
      config: { route: "/..." },
      path: [],
    }],
  };
}

/** The name of the file without its ending. */
function nameOf(path: string): string {
  const name = basename(path);
  return name.slice(0, name.length - extname(name).length);
}
