/**
 * Names, paths and numbers that several modes share: what one writes, another reads. The ones users
 * see are those of SpinKube, so that existing manifests, images and nodes go on working.
 *
 * @module
 */

/** The runtime's name in containerd's configuration, and the program containerd starts for it. */
export const RUNTIME = {
  /** `runtime_type` that containerd resolves on its `PATH`. */
  type: "io.containerd.spin.v2",
  /** The program's name. */
  binary: "containerd-shim-spin-v2",
  /** The handler that RuntimeClasses name. */
  handler: "spin",
  /** The file in a container's bundle where the shim's server says why it did not start. */
  serverLog: "spinkube-shim.log",
} as const;

/** Media types of Spin's images. */
export const MEDIA_TYPES = {
  /** The locked app, `spin.lock` as JSON. */
  lockedApp: "application/vnd.fermyon.spin.application.v1+config",
  /** A component. */
  wasm: "application/vnd.wasm.content.layer.v1+wasm",
  /** One static file. */
  data: "application/vnd.wasm.content.layer.v1+data",
  /** All static files of one mount, as a compressed archive. */
  archive: "application/vnd.wasm.content.bundle.v1.tar+gzip",
  /** The one component of a package pushed by `wkg`. */
  package: "application/wasm",
} as const;

/** Where the container of a Spin app finds what the shim mounts into it, all of it read-only. */
export const POD_PATHS = {
  /** The program: runtime, libraries, code. */
  runtime: "/.spinkube/runtime",
  /** The app, see {@link STORED_APP}. */
  app: "/.spinkube/app",
  /** Runtime configuration, if the pod mounts one. */
  runtimeConfig: "/runtime-config.toml",
  /** Stores, unless the runtime configuration says something else. */
  state: "/.spin",
  /** The manifest of an image that was built from files. */
  manifest: "/spin.toml",
  /** Kubernetes shows what is written here as the container's last message. */
  terminationLog: "/dev/termination-log",
} as const;

/**
 * Name that the host's process takes in a pod once it serves. The shim sees it on the node, and tells
 * only then that the container runs: Kubernetes sends requests to pods without probes from then on.
 */
export const SERVING_PROCESS = "spin-host";

/**
 * Files of an app in a node's store:
 *
 * ```
 * app.json                 {@link StoredApp}
 * assets/<component>/…     its static files, one mount at /
 * prepared/<entry>/…       prepared components, as the engine's store has them
 * ```
 */
export const STORED_APP = { app: "app.json", assets: "assets", prepared: "prepared" } as const;

/** `app.json` of a stored app. */
export interface StoredApp {
  readonly format: 1;
  /** The locked app; the sources of mounts are `file:` URLs below {@link POD_PATHS.app}. */
  readonly lockedApp: unknown;
  /** Component → its entry in `prepared/`. */
  readonly prepared: Readonly<Record<string, string>>;
}

/** What the mode `prepare-app` prints, as one line of JSON. */
export type PrepareAppResult =
  /** The app is in the node's store: the directory to mount at {@link POD_PATHS.app}. */
  | { readonly kind: "app"; readonly directory: string; readonly key: string }
  /** The image holds no Spin app. */
  | { readonly kind: "none" }
  /** It holds one that cannot be run; the message is for whoever looks at the pod. */
  | { readonly kind: "failure"; readonly message: string };

/** Labels, annotations and names that the operator writes. */
export const OPERATOR = {
  /** Field manager of everything that is applied. */
  fieldManager: "spin-operator",
  /** Label with the app's name. */
  appLabel: "core.spinkube.dev/app-name",
  finalizer: "core.spinkube.dev/finalizer",
  /** Name of the container's port. */
  portName: "http-app",
  /** Where apps listen unless they say something else. */
  port: 80,
  managedByAnnotation: "app.kubernetes.io/managed-by",
  managedBy: "spin-operator.spinkube.dev",
} as const;

/** The label that the pods of an app carry, and that its Service selects. */
export function readyLabel(app: string): string {
  return `core.spinkube.dev/app.${app}.status`;
}

/** Files that the operator mounts into the pods of apps. */
export const MOUNTED = {
  runtimeConfig: {
    volume: "spin-runtime-config",
    key: "runtime-config.toml",
    path: POD_PATHS.runtimeConfig,
  },
  certificates: {
    volume: "spin-ca",
    /** The Secret, unless the executor names another. */
    secret: "spin-ca",
    key: "ca-certificates.crt",
    path: "/etc/ssl/certs/ca-certificates.crt",
  },
} as const;

/** Prefix of the environment variables that set variables of apps. */
export const VARIABLE_PREFIX = "SPIN_VARIABLE_";
