/**
 * The options by which commands find a cluster: kubectl's.
 *
 * @module
 */

import type { OptionValues } from "../../lib/command_line.ts";
import { parseGoDuration } from "./flag_values.ts";

const GROUP = "Cluster";

/** Options of every command that talks to a cluster. */
export const CONNECTION = {
  kubeconfig: {
    kind: "value",
    value: "FILE",
    help: "Kubeconfig; default: KUBECONFIG, or ~/.kube/config",
    group: GROUP,
  },
  context: { kind: "value", value: "NAME", help: "Context of the kubeconfig", group: GROUP },
  cluster: { kind: "value", value: "NAME", help: "Cluster of the kubeconfig", group: GROUP },
  user: { kind: "value", value: "NAME", help: "User of the kubeconfig", group: GROUP },
  namespace: {
    kind: "value",
    short: "n",
    value: "NAME",
    help: "Namespace; without it, that of the context, or default",
    group: GROUP,
  },
  server: {
    kind: "value",
    short: "s",
    value: "URL",
    help: "Address of the API server",
    parse: parseServer,
    group: GROUP,
  },
  token: { kind: "value", value: "TEXT", help: "Bearer token", group: GROUP },
  as: { kind: "value", value: "USER", help: "Act as this user", group: GROUP },
  "as-group": {
    kind: "list",
    value: "GROUP",
    help: "Act as a member of this group",
    group: GROUP,
  },
  "as-uid": { kind: "value", value: "UID", help: "Act as the user with this id", group: GROUP },
  "certificate-authority": {
    kind: "value",
    value: "FILE",
    help: "Authority of the server's certificate",
    group: GROUP,
  },
  "client-certificate": {
    kind: "value",
    value: "FILE",
    help: "Certificate to log in with",
    requires: ["client-key"],
    group: GROUP,
  },
  "client-key": {
    kind: "value",
    value: "FILE",
    help: "Key of the certificate",
    requires: ["client-certificate"],
    group: GROUP,
  },
  "insecure-skip-tls-verify": {
    kind: "boolean",
    help: "Do not check the server's certificate",
    group: GROUP,
  },
  "tls-server-name": {
    kind: "value",
    value: "NAME",
    help: "Name that the server's certificate is for",
    group: GROUP,
  },
  "request-timeout": {
    kind: "value",
    value: "TIME",
    default: "0",
    help: "Time that an answer may take; 0 for the program's own limits",
    parse: parseGoDuration,
    group: GROUP,
  },
  "cache-dir": { kind: "value", value: "DIR", help: "Nothing is cached", hidden: true },
  "disable-compression": { kind: "boolean", help: "Nothing is compressed", hidden: true },
} as const;

/** What the user gave for {@link CONNECTION}. */
export type ConnectionValues = OptionValues<typeof CONNECTION>;

function parseServer(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, "");
  throw new SyntaxError("give a URL, such as https://127.0.0.1:6443");
}
