import assert from "node:assert/strict";
import type { Schema } from "./openapi.ts";
import { VOLUME_SOURCES } from "./volume_sources.ts";
import { volumes } from "./volumes.ts";

/**
 * The sources as SpinKube has them: fields in alphabetical order, with `!` if they are required and
 * `=` before a default. Types: text unless a field says `?` (true or false), `#` (number), `[]` (list),
 * `{}` (object or map), `~` (quantity).
 */
const SOURCES = `
awsElasticBlockStore fsType partition# readOnly? volumeID!
azureDisk cachingMode diskName! diskURI! fsType=ext4 kind readOnly?=false
azureFile readOnly? secretName! shareName!
cephfs monitors[]! path readOnly? secretFile secretRef{} user
cinder fsType readOnly? secretRef{} volumeID!
configMap defaultMode# items[] name= optional?
csi driver! fsType nodePublishSecretRef{} readOnly? volumeAttributes{}
downwardAPI defaultMode# items[]
emptyDir medium sizeLimit~
ephemeral volumeClaimTemplate{}
fc fsType lun# readOnly? targetWWNs[] wwids[]
flexVolume driver! fsType options{} readOnly? secretRef{}
flocker datasetName datasetUUID
gcePersistentDisk fsType partition# pdName! readOnly?
gitRepo directory repository! revision
glusterfs endpoints! path! readOnly?
hostPath path! type
image pullPolicy reference
iscsi chapAuthDiscovery? chapAuthSession? fsType initiatorName iqn! iscsiInterface=default lun#! portals[] readOnly? secretRef{} targetPortal!
nfs path! readOnly? server!
persistentVolumeClaim claimName! readOnly?
photonPersistentDisk fsType pdID!
portworxVolume fsType readOnly? volumeID!
projected defaultMode# sources[]
quobyte group readOnly? registry! tenant user volume!
rbd fsType image! keyring=/etc/ceph/keyring monitors[]! pool=rbd readOnly? secretRef{} user=admin
scaleIO fsType=xfs gateway! protectionDomain readOnly? secretRef{}! sslEnabled? storageMode=ThinProvisioned storagePool system! volumeName
secret defaultMode# items[] optional? secretName
storageos fsType readOnly? secretRef{} volumeName volumeNamespace
vsphereVolume fsType storagePolicyID storagePolicyName volumePath!
`;

/** The same for what is within projected sources and claims. */
const WITHIN = `
projected.sources[] clusterTrustBundle{} configMap{} downwardAPI{} podCertificate{} secret{} serviceAccountToken{}
projected.sources[].clusterTrustBundle labelSelector{} name optional? path! signerName
projected.sources[].configMap items[] name= optional?
projected.sources[].downwardAPI items[]
projected.sources[].podCertificate certificateChainPath credentialBundlePath keyPath keyType! maxExpirationSeconds# signerName! userAnnotations{}
projected.sources[].secret items[] name= optional?
projected.sources[].serviceAccountToken audience expirationSeconds# path!
ephemeral.volumeClaimTemplate metadata{} spec{}!
ephemeral.volumeClaimTemplate.spec accessModes[] dataSource{} dataSourceRef{} resources{} selector{} storageClassName volumeAttributesClassName volumeMode volumeName
ephemeral.volumeClaimTemplate.spec.dataSource apiGroup kind! name!
ephemeral.volumeClaimTemplate.spec.dataSourceRef apiGroup kind! name! namespace
ephemeral.volumeClaimTemplate.spec.resources limits{} requests{}
configMap.items[] key! mode# path!
secret.items[] key! mode# path!
downwardAPI.items[] fieldRef{} mode# path! resourceFieldRef{}
downwardAPI.items[].fieldRef apiVersion fieldPath!
downwardAPI.items[].resourceFieldRef containerName divisor~ resource!
cephfs.secretRef name=
`;

const MARKS = { string: "", integer: "#", boolean: "?", array: "[]", object: "{}" } as const;

/** An object's fields as the tables have them. */
function describeFields({ properties = {}, required = [] }: Schema): string {
  return Object.keys(properties).sort().map((name) => {
    const field = properties[name]!;
    const type = field["x-kubernetes-int-or-string"] ? "~" : MARKS[field.type!];
    const preset = "default" in field ? `=${field.default}` : "";
    return `${name}${type}${required.includes(name) ? "!" : ""}${preset}`;
  }).join(" ");
}

function lines(table: string): [string, string][] {
  return table.trim().split("\n").map((line) => {
    const [place = "", ...fields] = line.split(" ");
    return [place, fields.join(" ")];
  });
}

/** The schema at a place such as `projected.sources[].secret`. */
function at(place: string): Schema {
  let schema: Schema = { properties: VOLUME_SOURCES };
  for (const step of place.split(".")) {
    schema = schema.properties![step.replace("[]", "")]!;
    if (step.endsWith("[]")) schema = schema.items!;
  }
  return schema;
}

Deno.test("VOLUME_SOURCES are SpinKube's, field by field", () => {
  assert.deepEqual(
    Object.keys(VOLUME_SOURCES).sort().map((name) => [name, describeFields(at(name))]),
    lines(SOURCES),
  );
  for (const [place, fields] of lines(WITHIN)) {
    assert.equal(describeFields(at(place)), fields, place);
  }
});

Deno.test("VOLUME_SOURCES have lists that one owner applies as a whole, as Kubernetes' own", () => {
  const others: string[] = [];
  const visit = (schema: Schema, path: string): void => {
    if (schema.type === "array" && schema["x-kubernetes-list-type"] !== "atomic") others.push(path);
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      visit(field, `${path}.${name}`);
    }
    if (schema.items) visit(schema.items, `${path}[]`);
  };
  for (const [name, schema] of Object.entries(VOLUME_SOURCES)) visit(schema, name);
  assert.deepEqual(others, []);
});

Deno.test("volumes() keeps sources that Kubernetes gets later", () => {
  const item = volumes().items!;
  assert.deepEqual(item.required, ["name"]);
  assert.equal(item["x-kubernetes-preserve-unknown-fields"], true);
});
