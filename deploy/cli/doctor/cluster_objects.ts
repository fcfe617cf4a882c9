/**
 * Objects that the doctor of clusters reads, as far as it looks at them.
 *
 * @module
 */

import { SPIN_APPS } from "../../../crds/spin_app.ts";
import type { Condition, KubeObject, ResourceType } from "../../../lib/kube/types.ts";

/** `apiextensions.k8s.io/v1` CustomResourceDefinition. */
export interface Definition extends KubeObject {
  spec: {
    group: string;
    names: { plural: string; kind: string };
    versions: {
      name: string;
      served: boolean;
      schema?: { openAPIV3Schema?: { properties?: { spec?: { properties?: object } } } };
    }[];
  };
  status?: { conditions?: Condition[] };
}

/** `admissionregistration.k8s.io/v1`, mutating or validating. */
export interface WebhookConfiguration extends KubeObject {
  kind: string;
  webhooks?: {
    name: string;
    rules?: { apiGroups?: string[] }[];
    failurePolicy?: string;
    clientConfig: {
      /** PEM in base64. */
      caBundle?: string;
      service?: { namespace: string; name: string };
      url?: string;
    };
  }[];
}

/** `discovery.k8s.io/v1` EndpointSlice. */
export interface EndpointSlice extends KubeObject {
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[] | null;
}

/** `v1` Node. */
export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean };
  status?: {
    conditions?: Condition[];
    /** What its container runtime offers; kubelets before 1.31, and runtimes before CRI 1.30, do not say. */
    runtimeHandlers?: { name?: string }[];
  };
}

/** `authorization.k8s.io/v1` SelfSubjectAccessReview; it is asked, not stored. */
export interface AccessReview {
  readonly spec: { readonly resourceAttributes: AccessAttributes };
  readonly status?: { readonly allowed: boolean };
}

/** What is to be done, and with what. */
export interface AccessAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

export const DEFINITIONS: ResourceType<Definition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

export const MUTATING: ResourceType<WebhookConfiguration> = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
  isNamespaced: false,
};

export const VALIDATING: ResourceType<WebhookConfiguration> = {
  ...MUTATING,
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
};

export const ENDPOINT_SLICES: ResourceType<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
  isNamespaced: true,
};

export const NODES: ResourceType<Node> = {
  group: "",
  version: "v1",
  plural: "nodes",
  kind: "Node",
  isNamespaced: false,
};

/** cert-manager's. */
export const CERTIFICATES: ResourceType = {
  group: "cert-manager.io",
  version: "v1",
  plural: "certificates",
  kind: "Certificate",
  isNamespaced: true,
};

/** Whether a configuration is about SpinKube's objects. */
export function isForApps({ webhooks = [] }: WebhookConfiguration): boolean {
  return webhooks.some(({ rules = [] }) =>
    rules.some(({ apiGroups = [] }) => apiGroups.includes(SPIN_APPS.group))
  );
}
