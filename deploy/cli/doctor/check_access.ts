/**
 * Whether the user may do what the commands for clusters do.
 *
 * @module
 */

import { SPIN_APPS } from "../../../crds/spin_app.ts";
import type { Cluster } from "../cluster.ts";
import type { AccessAttributes, AccessReview } from "./cluster_objects.ts";
import type { Finding } from "./finding.ts";

interface Need {
  /** The command that needs it. */
  readonly command: string;
  readonly verbs: readonly string[];
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

const APPS = { group: SPIN_APPS.group, resource: SPIN_APPS.plural };

const NEEDS: readonly Need[] = [
  { command: "deploy", verbs: ["get", "create", "patch"], ...APPS },
  {
    command: "deploy --runtime-config-file",
    verbs: ["create", "patch"],
    group: "",
    resource: "secrets",
  },
  { command: "deploy --wait", verbs: ["get"], group: "apps", resource: "deployments" },
  { command: "deploy --wait", verbs: ["list"], group: "", resource: "pods" },
  { command: "deploy --wait", verbs: ["list"], group: "", resource: "events" },
  { command: "kube list", verbs: ["list"], ...APPS },
  { command: "kube delete", verbs: ["delete"], ...APPS },
  { command: "kube logs", verbs: ["get"], group: "", resource: "pods", subresource: "log" },
  {
    command: "kube connect",
    verbs: ["create"],
    group: "",
    resource: "pods",
    subresource: "portforward",
  },
];

/** Asks the cluster what the user may do. */
export async function readAccess({ client, namespace }: Cluster): Promise<AccessReview[]> {
  const attributes = NEEDS.flatMap(({ command: _command, verbs, ...what }) =>
    verbs.map((verb) => ({ verb, namespace, ...what }))
  );
  return await Promise.all(
    attributes.map((resourceAttributes) =>
      client.transport.json<AccessReview>({
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: { resourceAttributes },
        },
        isRepeatable: true,
      })
    ),
  );
}

/** Without `deploy`, there is a problem; the other commands are no more than missed. */
export function checkAccess(reviews: readonly AccessReview[], namespace: string): Finding[] {
  const findings: Finding[] = [];
  for (const command of new Set(NEEDS.map((need) => need.command))) {
    const refused = NEEDS.filter((need) => need.command === command)
      .flatMap((need) => need.verbs.map((verb) => ({ verb, need })))
      .filter(({ verb, need }) => !isAllowed(reviews, { ...need, verb }));
    if (refused.length === 0) continue;
    const what = refused.map(({ verb, need }) => `${verb} ${shownResource(need)}`).join(", ");
    findings.push({
      check: "permissions",
      state: command === "deploy" ? "problem" : "warning",
      message: `You may not ${what} in namespace "${namespace}", which "${command}" needs`,
      fix: "Have a Role bound to you that allows it, or choose another --context or --namespace",
    });
  }
  if (findings.length > 0) return findings;
  return [{
    check: "permissions",
    state: "ok",
    message: `You may deploy, list, delete, follow and connect apps in namespace "${namespace}"`,
  }];
}

function isAllowed(
  reviews: readonly AccessReview[],
  { verb, group, resource, subresource = "" }: AccessAttributes,
): boolean {
  const review = reviews.find(({ spec: { resourceAttributes: asked } }) =>
    asked.verb === verb && (asked.group ?? "") === group && asked.resource === resource &&
    (asked.subresource ?? "") === subresource
  );
  return review?.status?.allowed ?? false;
}

function shownResource({ group, resource, subresource }: Need): string {
  const name = group === "" ? resource : `${resource}.${group}`;
  return subresource === undefined ? name : `${name}/${subresource}`;
}
