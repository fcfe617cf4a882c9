/**
 * What volumes can be made of: every source that Kubernetes 1.34 has.
 *
 * @module
 */

import type { Volume } from "../../lib/kube/workload_types.ts";
import {
  fieldReference,
  labelSelector,
  localReference,
  objectName,
  quantity,
  resourceReference,
} from "./common.ts";
import {
  atomicList,
  flag,
  int32,
  int64,
  object,
  type Schema,
  text,
  textMap,
  words,
} from "./openapi.ts";
import { volumeClaimTemplate } from "./volume_claim.ts";

const FS_TYPE = "Type of the file system, such as ext4.";
const READ_ONLY = "Whether the volume is read-only.";
const MODE = "Permissions of files without a mode of their own, as a number (0644 is 420).";

/** Fields that sources of block devices share. */
function device(more: Record<string, Schema>): Record<string, Schema> {
  return { fsType: text(FS_TYPE), readOnly: flag(READ_ONLY), ...more };
}

function partition(): Schema {
  return int32("Number of the partition; 0 is the whole device.");
}

function secretRef(): Schema {
  return localReference("Secret with what the server asks for.");
}

/** Keys as files. */
function items(): Schema {
  return atomicList(
    "Keys that become files; all of them if absent.",
    object("A key and its file.", {
      key: text("The key."),
      mode: int32("Permissions of the file, as a number."),
      path: text("Path of the file in the volume."),
    }, { required: ["key", "path"] }),
  );
}

function configMap(description: string, more: Record<string, Schema> = {}): Schema {
  return object(description, {
    items: items(),
    name: objectName("Name of the ConfigMap."),
    optional: flag("Whether the ConfigMap or its keys may be missing."),
    ...more,
  }, { "x-kubernetes-map-type": "atomic" });
}

function downwardItems(): Schema {
  return atomicList(
    "The files.",
    object("A file with something about the pod.", {
      fieldRef: fieldReference("A field of the pod."),
      mode: int32("Permissions of the file, as a number."),
      path: text("Path of the file in the volume."),
      resourceFieldRef: resourceReference("A limit or request of a container."),
    }, { required: ["path"] }),
  );
}

/** Several sources in one directory. */
function projected(): Schema {
  return object("Several sources in one directory.", {
    defaultMode: int32(MODE),
    sources: atomicList(
      "The sources.",
      object("A source; one of the fields is set.", {
        clusterTrustBundle: object("Certificates that the cluster trusts.", {
          labelSelector: labelSelector("Bundles of the signer, by labels."),
          name: text("Name of the bundle."),
          optional: flag("Whether the bundle may be missing."),
          path: text("Path of the file in the volume."),
          signerName: text("Signer of the bundles."),
        }, { required: ["path"] }),
        configMap: configMap("A ConfigMap."),
        downwardAPI: object("Files about the pod.", { items: downwardItems() }),
        podCertificate: object("A key and a certificate for the pod.", {
          certificateChainPath: text("Path of the file with the certificates."),
          credentialBundlePath: text("Path of one file with both."),
          keyPath: text("Path of the file with the key."),
          keyType: text("Type of the key, such as ED25519 or ECDSAP256."),
          maxExpirationSeconds: int32("Seconds that the certificate is valid at most."),
          signerName: text("Who signs the certificate."),
          userAnnotations: textMap("What the signer is told in addition."),
        }, { required: ["keyType", "signerName"] }),
        secret: object("A Secret.", {
          items: items(),
          name: objectName("Name of the Secret."),
          optional: flag("Whether the Secret or its keys may be missing."),
        }, { "x-kubernetes-map-type": "atomic" }),
        serviceAccountToken: object("A token of the pod's service account.", {
          audience: text("For whom the token is; the API server if absent."),
          expirationSeconds: int64("Seconds that it is valid; an hour if absent."),
          path: text("Path of the file in the volume."),
        }, { required: ["path"] }),
      }),
    ),
  });
}

/** Sources by their fields in a volume. */
export const VOLUME_SOURCES: Readonly<Record<Exclude<keyof Volume, "name">, Schema>> = {
  awsElasticBlockStore: object(
    "A disk of AWS.",
    device({ partition: partition(), volumeID: text("The disk's ID.") }),
    { required: ["volumeID"] },
  ),
  azureDisk: object("A disk of Azure.", {
    cachingMode: text("None, ReadOnly or ReadWrite."),
    diskName: text("Name of the disk."),
    diskURI: text("URI of the disk."),
    fsType: text(FS_TYPE, { default: "ext4" }),
    kind: text("Shared, Dedicated or Managed."),
    readOnly: flag(READ_ONLY, { default: false }),
  }, { required: ["diskName", "diskURI"] }),
  azureFile: object("A file share of Azure.", {
    readOnly: flag(READ_ONLY),
    secretName: text("Secret with the account's name and key."),
    shareName: text("Name of the share."),
  }, { required: ["secretName", "shareName"] }),
  cephfs: object("A file system of Ceph.", {
    monitors: words("Ceph's monitors."),
    path: text("Directory that is mounted; / if absent."),
    readOnly: flag(READ_ONLY),
    secretFile: text("File with the user's key."),
    secretRef: secretRef(),
    user: text("The user; admin if absent."),
  }, { required: ["monitors"] }),
  cinder: object(
    "A disk of OpenStack.",
    device({ secretRef: secretRef(), volumeID: text("The disk's ID.") }),
    { required: ["volumeID"] },
  ),
  configMap: configMap("Files from a ConfigMap.", { defaultMode: int32(MODE) }),
  csi: object("A volume of a CSI driver, which lives as long as the pod.", {
    ...device({}),
    driver: text("Name of the driver."),
    nodePublishSecretRef: localReference("Secret for the driver."),
    volumeAttributes: textMap("Settings for the driver."),
  }, { required: ["driver"] }),
  downwardAPI: object("Files about the pod.", {
    defaultMode: int32(MODE),
    items: downwardItems(),
  }),
  emptyDir: object("An empty directory, which lives as long as the pod.", {
    medium: text('Where it is: on the node\'s disk, or "Memory".'),
    sizeLimit: quantity("The most that it may hold."),
  }),
  ephemeral: object("A volume that is made for the pod and deleted with it.", {
    volumeClaimTemplate: volumeClaimTemplate(),
  }),
  fc: object(
    "A Fibre Channel disk.",
    device({
      lun: int32("Number of the target's LUN."),
      targetWWNs: words("World-wide names of targets."),
      wwids: words("World-wide identifiers, instead of targets and LUN."),
    }),
  ),
  flexVolume: object(
    "A volume of a driver that the node has as a program.",
    device({
      driver: text("Name of the driver."),
      options: textMap("Settings for the driver."),
      secretRef: secretRef(),
    }),
    { required: ["driver"] },
  ),
  flocker: object("A dataset of Flocker.", {
    datasetName: text("Name of the dataset."),
    datasetUUID: text("UUID of the dataset."),
  }),
  gcePersistentDisk: object(
    "A disk of Google Cloud.",
    device({ partition: partition(), pdName: text("Name of the disk.") }),
    { required: ["pdName"] },
  ),
  gitRepo: object("A Git repository; Kubernetes advises against it.", {
    directory: text("Directory that it is cloned into."),
    repository: text("URL of the repository."),
    revision: text("The commit."),
  }, { required: ["repository"] }),
  glusterfs: object("A volume of GlusterFS.", {
    endpoints: text("Endpoints object with the servers."),
    path: text("The volume's path."),
    readOnly: flag(READ_ONLY),
  }, { required: ["endpoints", "path"] }),
  hostPath: object("A file or directory of the node.", {
    path: text("Path on the node."),
    type: text("What has to be there, such as Directory or File; anything if empty."),
  }, { required: ["path"] }),
  image: object("The files of an OCI image or artifact.", {
    pullPolicy: text("Always, Never or IfNotPresent."),
    reference: text("Reference of the image."),
  }),
  iscsi: object(
    "A disk over iSCSI.",
    device({
      chapAuthDiscovery: flag("Whether discovery uses CHAP."),
      chapAuthSession: flag("Whether the session uses CHAP."),
      initiatorName: text("Name of the initiator."),
      iqn: text("Name of the target."),
      iscsiInterface: text("Transport that is used.", { default: "default" }),
      lun: int32("Number of the target's LUN."),
      portals: words("Further portals, as address or address:port."),
      secretRef: secretRef(),
      targetPortal: text("The target's portal, as address or address:port."),
    }),
    { required: ["iqn", "lun", "targetPortal"] },
  ),
  nfs: object("A directory of an NFS server.", {
    path: text("Path that the server exports."),
    readOnly: flag(READ_ONLY),
    server: text("Name or address of the server."),
  }, { required: ["path", "server"] }),
  persistentVolumeClaim: object("A claim for a persistent volume.", {
    claimName: text("Name of the claim, in the app's namespace."),
    readOnly: flag(READ_ONLY),
  }, { required: ["claimName"] }),
  photonPersistentDisk: object("A disk of Photon.", {
    fsType: text(FS_TYPE),
    pdID: text("The disk's ID."),
  }, { required: ["pdID"] }),
  portworxVolume: object(
    "A volume of Portworx.",
    device({ volumeID: text("The volume's ID.") }),
    { required: ["volumeID"] },
  ),
  projected: projected(),
  quobyte: object("A volume of Quobyte.", {
    group: text("Group that is used."),
    readOnly: flag(READ_ONLY),
    registry: text("Registries, as host:port and commas."),
    tenant: text("The tenant."),
    user: text("User that is used."),
    volume: text("Name of the volume."),
  }, { required: ["registry", "volume"] }),
  rbd: object(
    "A block device of Ceph.",
    device({
      image: text("Name of the image."),
      keyring: text("File with the user's key.", { default: "/etc/ceph/keyring" }),
      monitors: words("Ceph's monitors."),
      pool: text("Name of the pool.", { default: "rbd" }),
      secretRef: secretRef(),
      user: text("The user.", { default: "admin" }),
    }),
    { required: ["image", "monitors"] },
  ),
  scaleIO: object("A volume of ScaleIO.", {
    fsType: text(FS_TYPE, { default: "xfs" }),
    gateway: text("Address of the API gateway."),
    protectionDomain: text("The protection domain."),
    readOnly: flag(READ_ONLY),
    secretRef: secretRef(),
    sslEnabled: flag("Whether the gateway is spoken to with TLS."),
    storageMode: text("ThickProvisioned or ThinProvisioned.", { default: "ThinProvisioned" }),
    storagePool: text("The storage pool."),
    system: text("Name of the storage system."),
    volumeName: text("Name of the volume."),
  }, { required: ["gateway", "secretRef", "system"] }),
  secret: object("Files from a Secret.", {
    defaultMode: int32(MODE),
    items: items(),
    optional: flag("Whether the Secret or its keys may be missing."),
    secretName: text("Name of the Secret."),
  }),
  storageos: object(
    "A volume of StorageOS.",
    device({
      secretRef: secretRef(),
      volumeName: text("Name of the volume."),
      volumeNamespace: text("Its namespace; the pod's own if absent."),
    }),
  ),
  vsphereVolume: object("A disk of vSphere.", {
    fsType: text(FS_TYPE),
    storagePolicyID: text("ID of the storage policy."),
    storagePolicyName: text("Name of the storage policy."),
    volumePath: text("Path of the disk."),
  }, { required: ["volumePath"] }),
};
