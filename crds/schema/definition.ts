/**
 * Definitions of custom resources.
 *
 * @module
 */

import type { ResourceType } from "../../lib/kube/types.ts";
import { object, type Rule, type Schema, text } from "./openapi.ts";

/** `apiextensions.k8s.io/v1` CustomResourceDefinition, as far as it is used here. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly scope: "Namespaced" | "Cluster";
    /** Said, so that definitions that were installed with a converter lose it. */
    readonly conversion: { readonly strategy: "None" };
    readonly versions: readonly Version[];
  };
}

interface Version {
  readonly name: string;
  readonly served: true;
  readonly storage: true;
  readonly additionalPrinterColumns: readonly PrinterColumn[];
  readonly schema: { readonly openAPIV3Schema: Schema };
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
  readonly subresources: {
    readonly status: Record<string, never>;
    readonly scale?: ScalePaths;
  };
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly description: string;
  readonly jsonPath: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
}

/** What `kubectl scale` and autoscalers read and write. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath: string;
}

/** What differs between resources. */
export interface DefinitionOptions {
  readonly description: string;
  readonly spec: Schema;
  readonly status: Schema;
  readonly rules?: readonly Rule[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly columns: readonly PrinterColumn[];
  readonly scale?: ScalePaths;
  readonly selectableFields?: readonly string[];
}

/** The definition of a resource with one version, which is stored. */
export function defineResource(
  { group, version, plural, kind, isNamespaced }: ResourceType,
  options: DefinitionOptions,
): CustomResourceDefinition {
  const { spec, status, description, columns, scale, rules, selectableFields } = options;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: options.shortNames,
        categories: options.categories,
      },
      scope: isNamespaced ? "Namespaced" : "Cluster",
      conversion: { strategy: "None" },
      versions: [{
        name: version,
        served: true,
        storage: true,
        additionalPrinterColumns: columns,
        ...(selectableFields
          ? { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) }
          : {}),
        schema: {
          openAPIV3Schema: object(description, {
            apiVersion: text("Version of the schema that the object is written in."),
            kind: text("Kind of the object."),
            // The name is named only so that rules can point at it.
            metadata: { type: "object", properties: { name: { type: "string" } } },
            spec,
            status,
          }, rules ? { "x-kubernetes-validations": rules } : {}),
        },
        subresources: { status: {}, ...(scale ? { scale } : {}) },
      }],
    },
  };
}
