/**
 * The Job that puts a shim on a node, or takes it off.
 *
 * @module
 */

import {
  type FetchStrategy,
  type Operation,
  type Shim,
  SHIM_CONTRACT,
  type ShimContent,
  SHIMS,
} from "../../crds/shim.ts";
import { apiVersion, type OwnerReference } from "../../lib/kube/types.ts";
import { nodeCrypto } from "../../lib/node_builtins.ts";
import type {
  Container,
  EnvVar,
  PodSpec,
  Volume,
  VolumeMount,
} from "../../lib/kube/workload_types.ts";
import type { Artifact } from "./artifact.ts";
import type { Job, Node } from "./node_types.ts";
import type { ShimSettings } from "./shim_settings.ts";

/** Kubernetes refuses longer values of labels, which the names of Jobs become. */
const MAX_NAME = 63;

/** Where the node's root is in the container. */
const HOST_ROOT = "/mnt/node-root";
const ASSETS: VolumeMount = { name: "shim-download", mountPath: "/assets" };
const ROOT: VolumeMount = { name: "root-mount", mountPath: HOST_ROOT };
const TMP: VolumeMount = { name: "tmp", mountPath: "/tmp" };
const PULL_SECRET: VolumeMount = {
  name: "registry-credentials",
  mountPath: "/run/registry-credentials",
  readOnly: true,
};
const CA: VolumeMount = { name: "certificates", mountPath: "/run/certificates", readOnly: true };

/** The user of the program's image. */
const UNPRIVILEGED = 65_532;

/** Seconds until a Job is given up whatever happens, so that no node is held for ever. */
const DEADLINE_SECONDS = 1_800;
/** Pods beside the first: containerd's restart may take the first one with it. */
const RETRIES = 3;
/**
 * Exit codes of the installer that no second try changes: wrong usage, an unsupported node, and what
 * is not what it should be, such as an archive with another digest.
 */
const FINAL_EXIT_CODES = [2, 3, 4];

/** What a Job is made from. */
export interface NodeJobInit {
  readonly shim: Shim;
  /** What is put on the node; it need not be that of the Shim's spec. */
  readonly content: ShimContent;
  readonly node: Node;
  readonly operation: Operation;
  readonly hash: string;
  /** Of an `install`. */
  readonly artifact: Artifact | undefined;
  readonly settings: ShimSettings;
}

/**
 * The name of a Job: `<node>-<shim>-<operation>`, as runtime-class-manager has it. One that is too
 * long ends with a digest of the whole, so that two nodes, or two operations, do not share it.
 */
export function nodeJobName(node: string, shim: string, operation: Operation): string {
  const name = `${node}-${shim}-${operation}`;
  if (name.length <= MAX_NAME) return name;
  const digest = nodeCrypto().createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, MAX_NAME - 9).replace(/[^A-Za-z0-9]+$/, "")}-${digest}`;
}

/** Builds the Job. Fetching is done by a container without rights; the node is open to the other. */
export function buildNodeJob(init: NodeJobInit): Job {
  const { shim, node, operation, hash, settings } = init;
  const name = nodeJobName(node.metadata.name, shim.metadata.name, operation);
  const { nodeName, shimName, shimUid, nodeUid } = SHIM_CONTRACT;
  const own = { [shimName]: shim.metadata.name, [SHIM_CONTRACT.operation]: operation };
  const pod = buildPod(init);
  return {
    metadata: {
      name,
      namespace: settings.namespace!,
      annotations: {
        [nodeName]: node.metadata.name,
        ...own,
        [shimUid]: shim.metadata.uid ?? "",
        [nodeUid]: node.metadata.uid ?? "",
        [SHIM_CONTRACT.hash]: hash,
      },
      labels: { [name]: "true", ...own, [SHIM_CONTRACT.job]: "true" },
      // One that takes the shim off outlives it.
      ...(operation === "install" ? { ownerReferences: [shimOwner(shim)] } : {}),
    },
    spec: {
      ttlSecondsAfterFinished: settings.jobTtlSeconds,
      backoffLimit: RETRIES,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      podFailurePolicy: {
        rules: [
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
          // Names of containers that the pod does not have are refused.
          ...[...pod.initContainers ?? [], ...pod.containers].map(failAtOnce),
        ],
      },
      template: {
        metadata: { labels: { ...own, [SHIM_CONTRACT.job]: "true" } },
        spec: pod,
      },
    },
  };
}

function failAtOnce({ name }: Container) {
  return {
    action: "FailJob" as const,
    onExitCodes: { containerName: name, operator: "In" as const, values: FINAL_EXIT_CODES },
  };
}

/** The reference by which what is made for a Shim goes with it. */
export function shimOwner({ metadata: { name, uid = "" } }: Shim): OwnerReference {
  return {
    apiVersion: apiVersion(SHIMS),
    kind: SHIMS.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

function buildPod(init: NodeJobInit): PodSpec {
  const { node, content, settings, artifact } = init;
  const archive = init.operation === "install" && artifact?.kind === "archive"
    ? artifact
    : undefined;
  return {
    // Past the scheduler: this node and no other.
    nodeName: node.metadata.name,
    hostPID: true,
    restartPolicy: "Never",
    // Nothing in there talks to Kubernetes.
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 60,
    // Also where pods are driven out of the node.
    tolerations: [{ operator: "Exists" }],
    ...(settings.imagePullSecrets.length > 0
      ? { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }
      : {}),
    // The archive is written by a user without rights.
    securityContext: { fsGroup: UNPRIVILEGED, seccompProfile: { type: "RuntimeDefault" } },
    ...(archive ? { initContainers: [buildDownloader(init, archive)] } : {}),
    containers: [buildProvisioner(init)],
    volumes: [
      { name: ASSETS.name, emptyDir: {} },
      { name: ROOT.name, hostPath: { path: "/" } },
      { name: TMP.name, emptyDir: {} },
      ...(archive ? credentialVolumes(content.fetchStrategy) : []),
    ],
  };
}

function buildDownloader(
  { shim, content: { fetchStrategy }, settings }: NodeJobInit,
  { location, sha256 }: { location: string; sha256?: string },
): Container {
  const { pullSecret, authorizationSecret, caConfigMap } = fetchStrategy;
  return {
    name: "downloader",
    ...imageOf(settings.downloaderImage, settings),
    command: ["/usr/bin/spinkube", "installer"],
    args: ["fetch"],
    env: [
      { name: "SHIM_NAME", value: shim.metadata.name },
      { name: "SHIM_LOCATION", value: location },
      ...(sha256 ? [{ name: "SHIM_SHA256", value: sha256 }] : []),
      ...(pullSecret
        ? [{ name: "SHIM_REGISTRY_CONFIG", value: `${PULL_SECRET.mountPath}/config.json` }]
        : []),
      ...(authorizationSecret
        ? [{ name: "SHIM_AUTHORIZATION", valueFrom: { secretKeyRef: authorizationSecret } }]
        : []),
      ...(caConfigMap ? [{ name: "SHIM_CA_FILE", value: `${CA.mountPath}/ca.crt` }] : []),
    ],
    ...(settings.downloaderConfigMap
      ? { envFrom: [{ configMapRef: { name: settings.downloaderConfigMap } }] }
      : {}),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: UNPRIVILEGED,
      runAsGroup: UNPRIVILEGED,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "512Mi" } },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      ASSETS,
      TMP,
      ...(pullSecret ? [PULL_SECRET] : []),
      ...(caConfigMap ? [CA] : []),
    ],
  };
}

function credentialVolumes({ pullSecret, caConfigMap }: FetchStrategy): Volume[] {
  return [
    ...(pullSecret
      ? [{
        name: PULL_SECRET.name,
        secret: {
          secretName: pullSecret,
          items: [{ key: ".dockerconfigjson", path: "config.json" }],
        },
      }]
      : []),
    ...(caConfigMap
      ? [{
        name: CA.name,
        configMap: { name: caConfigMap.name, items: [{ key: caConfigMap.key, path: "ca.crt" }] },
      }]
      : []),
  ];
}

function buildProvisioner(
  { shim, content, operation, artifact, settings }: NodeJobInit,
): Container {
  const { name } = shim.metadata;
  const options = content.containerdRuntimeOptions;
  const isBundled = operation === "install" && artifact?.kind === "bundled";
  const env: EnvVar[] = [
    { name: "HOST_ROOT", value: HOST_ROOT },
    ...(options ? [{ name: "RUNTIME_OPTIONS", value: formatOptions(options) }] : []),
    ...(operation === "install" && content.handler !== name
      ? [{ name: "RCM_HANDLERS", value: content.handler }]
      : []),
  ];
  return {
    name: "provisioner",
    ...imageOf(settings.installerImage, settings),
    command: ["/usr/bin/spinkube", "installer"],
    args: [
      ...[operation, "-H", HOST_ROOT, "-r", name],
      ...(isBundled ? ["--source", "bundled", "--shim-name", name] : []),
    ],
    env,
    // It enters the node's namespaces to have containerd checked and restarted, which nothing less
    // allows on all nodes (SELinux, AppArmor). Its own image stays read-only.
    securityContext: {
      privileged: true,
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: true,
    },
    resources: { requests: { cpu: "10m", memory: "64Mi" } },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [ROOT, ASSETS, TMP],
  };
}

function imageOf(image: string, { imagePullPolicy }: ShimSettings) {
  return { image, ...(imagePullPolicy ? { imagePullPolicy } : {}) };
}

/** As Go writes a map. */
function formatOptions(options: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(options).sort(([a], [b]) => a < b ? -1 : 1)),
  );
}
