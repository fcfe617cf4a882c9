/**
 * The part of Kubernetes' container runtime interface (`runtime.v1`) that tests call. Fields that
 * they neither set nor read are left out.
 *
 * @module
 */

import {
  bool,
  bytes,
  enumeration,
  int32,
  int64,
  map,
  message,
  type MessageInit,
  type MessageOf,
  nested,
  repeated,
  string,
  uint32,
  uint64,
} from "../../shim/proto/schema.ts";
import type { GrpcMethod } from "./grpc_client.ts";

function named(name: string): string {
  return `runtime.v1.${name}`;
}

const INT64_VALUE = message(named("Int64Value"), { value: int64(1) });
const UINT64_VALUE = message(named("UInt64Value"), { value: uint64(1) });

const NAMESPACE_MODES = { pod: 0, container: 1, node: 2, target: 3 } as const;
const NAMESPACE_OPTION = message(named("NamespaceOption"), {
  network: enumeration(1, NAMESPACE_MODES),
  pid: enumeration(2, NAMESPACE_MODES),
  ipc: enumeration(3, NAMESPACE_MODES),
});
const SECURITY_PROFILE = message(named("SecurityProfile"), {
  profileType: enumeration(1, { runtimeDefault: 0, unconfined: 1, localhost: 2 }),
});
const RESOURCES = message(named("LinuxContainerResources"), {
  cpuPeriod: int64(1),
  cpuQuota: int64(2),
  cpuShares: int64(3),
  memoryLimitInBytes: int64(4),
  oomScoreAdj: int64(5),
});

/** A pod, as kubelet describes it at every call that concerns it. */
export const POD_SANDBOX_CONFIG = message(named("PodSandboxConfig"), {
  metadata: nested(
    1,
    message(named("PodSandboxMetadata"), {
      name: string(1),
      uid: string(2),
      namespace: string(3),
      attempt: uint32(4),
    }),
  ),
  hostname: string(2),
  logDirectory: string(3),
  dnsConfig: nested(4, message(named("DNSConfig"), { servers: repeated(string(1)) })),
  labels: map(string(6)),
  annotations: map(string(7)),
  linux: nested(
    8,
    message(named("LinuxPodSandboxConfig"), {
      cgroupParent: string(1),
      securityContext: nested(
        2,
        message(named("LinuxSandboxSecurityContext"), {
          namespaceOptions: nested(1, NAMESPACE_OPTION),
          seccomp: nested(9, SECURITY_PROFILE),
        }),
      ),
    }),
  ),
});
/** See {@link POD_SANDBOX_CONFIG}. */
export type PodSandboxConfig = MessageInit<typeof POD_SANDBOX_CONFIG>;

const IMAGE_SPEC = message(named("ImageSpec"), { image: string(1) });
const CONTAINER_METADATA = message(named("ContainerMetadata"), {
  name: string(1),
  attempt: uint32(2),
});
const MOUNT = message(named("Mount"), {
  containerPath: string(1),
  hostPath: string(2),
  readonly: bool(3),
});
const CAPABILITIES = message(named("Capability"), {
  addCapabilities: repeated(string(1)),
  dropCapabilities: repeated(string(2)),
});
const CONTAINER_CONFIG = message(named("ContainerConfig"), {
  metadata: nested(1, CONTAINER_METADATA),
  image: nested(2, IMAGE_SPEC),
  command: repeated(string(3)),
  args: repeated(string(4)),
  workingDir: string(5),
  envs: repeated(nested(6, message(named("KeyValue"), { key: string(1), value: string(2) }))),
  mounts: repeated(nested(7, MOUNT)),
  labels: map(string(9)),
  annotations: map(string(10)),
  logPath: string(11),
  stdin: bool(12),
  tty: bool(14),
  linux: nested(
    15,
    message(named("LinuxContainerConfig"), {
      resources: nested(1, RESOURCES),
      securityContext: nested(
        2,
        message(named("LinuxContainerSecurityContext"), {
          capabilities: nested(1, CAPABILITIES),
          namespaceOptions: nested(3, NAMESPACE_OPTION),
          runAsUser: nested(5, INT64_VALUE),
          readonlyRootfs: bool(7),
          noNewPrivs: bool(11),
          runAsGroup: nested(12, INT64_VALUE),
          maskedPaths: repeated(string(13)),
          readonlyPaths: repeated(string(14)),
          seccomp: nested(15, SECURITY_PROFILE),
        }),
      ),
    }),
  ),
});

/** States of a pod's sandbox. */
const SANDBOX_STATES = { ready: 0, notReady: 1 } as const;
/** States of a container. */
const CONTAINER_STATES = { created: 0, running: 1, exited: 2, unknown: 3 } as const;

const SANDBOX_STATUS = message(named("PodSandboxStatus"), {
  id: string(1),
  state: enumeration(3, SANDBOX_STATES),
  network: nested(5, message(named("PodSandboxNetworkStatus"), { ip: string(1) })),
});

/** What is known of a container. */
export const CONTAINER_STATUS = message(named("ContainerStatus"), {
  id: string(1),
  state: enumeration(3, CONTAINER_STATES),
  createdAt: int64(4),
  startedAt: int64(5),
  finishedAt: int64(6),
  exitCode: int32(7),
  reason: string(10),
  message: string(11),
  logPath: string(15),
});
/** See {@link CONTAINER_STATUS}. */
export type ContainerStatus = MessageOf<typeof CONTAINER_STATUS>;

/** What a container uses. */
export const CONTAINER_STATS = message(named("ContainerStats"), {
  cpu: nested(
    2,
    message(named("CpuUsage"), {
      timestamp: int64(1),
      usageCoreNanoSeconds: nested(2, UINT64_VALUE),
    }),
  ),
  memory: nested(
    3,
    message(named("MemoryUsage"), {
      timestamp: int64(1),
      workingSetBytes: nested(2, UINT64_VALUE),
      usageBytes: nested(4, UINT64_VALUE),
      rssBytes: nested(5, UINT64_VALUE),
    }),
  ),
});
/** See {@link CONTAINER_STATS}. */
export type ContainerStats = MessageOf<typeof CONTAINER_STATS>;

function runtime<Request extends GrpcMethod["request"], Response extends GrpcMethod["response"]>(
  name: string,
  messages: { request: Request; response: Response },
): GrpcMethod<Request, Response> {
  return { path: `/runtime.v1.RuntimeService/${name}`, ...messages };
}

function empty(name: string) {
  return message(named(name), {});
}

const CONTAINER_ID = { containerId: string(1) } as const;
const SANDBOX_ID = { podSandboxId: string(1) } as const;

/** Methods of the runtime service. */
export const CRI_METHODS = {
  status: runtime("Status", {
    request: empty("StatusRequest"),
    response: message(named("StatusResponse"), {
      status: nested(
        1,
        message(named("RuntimeStatus"), {
          conditions: repeated(
            nested(
              1,
              message(named("RuntimeCondition"), {
                type: string(1),
                status: bool(2),
                message: string(4),
              }),
            ),
          ),
        }),
      ),
    }),
  }),
  runPodSandbox: runtime("RunPodSandbox", {
    request: message(named("RunPodSandboxRequest"), {
      config: nested(1, POD_SANDBOX_CONFIG),
      runtimeHandler: string(2),
    }),
    response: message(named("RunPodSandboxResponse"), SANDBOX_ID),
  }),
  stopPodSandbox: runtime("StopPodSandbox", {
    request: message(named("StopPodSandboxRequest"), SANDBOX_ID),
    response: empty("StopPodSandboxResponse"),
  }),
  removePodSandbox: runtime("RemovePodSandbox", {
    request: message(named("RemovePodSandboxRequest"), SANDBOX_ID),
    response: empty("RemovePodSandboxResponse"),
  }),
  podSandboxStatus: runtime("PodSandboxStatus", {
    request: message(named("PodSandboxStatusRequest"), SANDBOX_ID),
    response: message(named("PodSandboxStatusResponse"), { status: nested(1, SANDBOX_STATUS) }),
  }),
  listPodSandbox: runtime("ListPodSandbox", {
    request: empty("ListPodSandboxRequest"),
    response: message(named("ListPodSandboxResponse"), {
      items: repeated(nested(1, message(named("PodSandbox"), { id: string(1) }))),
    }),
  }),
  createContainer: runtime("CreateContainer", {
    request: message(named("CreateContainerRequest"), {
      ...SANDBOX_ID,
      config: nested(2, CONTAINER_CONFIG),
      sandboxConfig: nested(3, POD_SANDBOX_CONFIG),
    }),
    response: message(named("CreateContainerResponse"), CONTAINER_ID),
  }),
  startContainer: runtime("StartContainer", {
    request: message(named("StartContainerRequest"), CONTAINER_ID),
    response: empty("StartContainerResponse"),
  }),
  stopContainer: runtime("StopContainer", {
    request: message(named("StopContainerRequest"), { ...CONTAINER_ID, timeout: int64(2) }),
    response: empty("StopContainerResponse"),
  }),
  removeContainer: runtime("RemoveContainer", {
    request: message(named("RemoveContainerRequest"), CONTAINER_ID),
    response: empty("RemoveContainerResponse"),
  }),
  listContainers: runtime("ListContainers", {
    request: empty("ListContainersRequest"),
    response: message(named("ListContainersResponse"), {
      containers: repeated(
        nested(1, message(named("Container"), { id: string(1), podSandboxId: string(2) })),
      ),
    }),
  }),
  containerStatus: runtime("ContainerStatus", {
    request: message(named("ContainerStatusRequest"), CONTAINER_ID),
    response: message(named("ContainerStatusResponse"), { status: nested(1, CONTAINER_STATUS) }),
  }),
  updateContainerResources: runtime("UpdateContainerResources", {
    request: message(named("UpdateContainerResourcesRequest"), {
      ...CONTAINER_ID,
      linux: nested(2, RESOURCES),
    }),
    response: empty("UpdateContainerResourcesResponse"),
  }),
  execSync: runtime("ExecSync", {
    request: message(named("ExecSyncRequest"), {
      ...CONTAINER_ID,
      cmd: repeated(string(2)),
      timeout: int64(3),
    }),
    response: message(named("ExecSyncResponse"), {
      stdout: bytes(1),
      stderr: bytes(2),
      exitCode: int32(3),
    }),
  }),
  imageStatus: {
    path: "/runtime.v1.ImageService/ImageStatus",
    request: message(named("ImageStatusRequest"), { image: nested(1, IMAGE_SPEC) }),
    response: message(named("ImageStatusResponse"), {
      image: nested(1, message(named("Image"), { id: string(1), repoTags: repeated(string(2)) })),
    }),
  },
  containerStats: runtime("ContainerStats", {
    request: message(named("ContainerStatsRequest"), CONTAINER_ID),
    response: message(named("ContainerStatsResponse"), { stats: nested(1, CONTAINER_STATS) }),
  }),
} as const;
