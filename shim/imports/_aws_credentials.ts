/**
 * Credentials for AWS from where its own tools look for them.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { createServiceClient, type Fetch, parseJsonObject } from "./_service_client.ts";
import type { AwsKeyConfig } from "./_store_config.ts";

/** Options of {@link createAwsCredentials}. */
export interface AwsCredentialsOptions {
  readonly region: string;
  /** The process environment. */
  readonly environment: (name: string) => string | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
  /** Default: the file system. */
  readonly readTextFile?: (path: string) => string;
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number;
}

/** Gives credentials that are valid at the moment. @throws {Error} by rejection. */
export type AwsCredentials = () => Promise<AwsKeyConfig>;

/** Credentials with their end; undefined: they have none. */
interface Issued {
  readonly keys: AwsKeyConfig;
  readonly expiresAtMs: number | undefined;
}

/** Milliseconds before the end from which credentials are replaced. */
const RENEW_MS = 5 * 60_000;

/** The instance's own service answers at once, or there is none. */
const INSTANCE_TIMEOUT_MS = 1_000;
const INSTANCE_URL = "http://169.254.169.254";
const CONTAINER_HOST = "http://169.254.170.2";

/**
 * The first of these that the environment has, in the order of AWS's tools: an access key in
 * variables, a web identity (a service account of Kubernetes), the container's credentials (ECS, EKS
 * Pod Identity), the role of the EC2 instance. What was given with an end is asked for again before
 * it, once for all who wait.
 */
export function createAwsCredentials(options: AwsCredentialsOptions): AwsCredentials {
  const now = options.now ?? Date.now;
  let current: Issued | undefined;
  let renewing: Promise<Issued> | undefined;
  return async () => {
    const isFresh = current && (current.expiresAtMs ?? Infinity) - now() > RENEW_MS;
    if (!isFresh) {
      renewing ??= find(options).finally(() => renewing = undefined);
      current = await renewing;
    }
    return current!.keys;
  };
}

function find(options: AwsCredentialsOptions): Promise<Issued> {
  const { environment } = options;
  const accessKeyId = environment("AWS_ACCESS_KEY_ID");
  const secretAccessKey = environment("AWS_SECRET_ACCESS_KEY");
  if (accessKeyId && secretAccessKey) {
    const sessionToken = environment("AWS_SESSION_TOKEN");
    const keys = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
    return Promise.resolve({ keys, expiresAtMs: undefined });
  }
  const tokenFile = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  const roleArn = environment("AWS_ROLE_ARN");
  if (tokenFile && roleArn) return assumeRole(options, { tokenFile, roleArn });
  const relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative) return askContainer(options, CONTAINER_HOST + relative);
  if (full) return askContainer(options, full);
  return askInstance(options);
}

async function assumeRole(
  options: AwsCredentialsOptions,
  { tokenFile, roleArn }: { tokenFile: string; roleArn: string },
): Promise<Issued> {
  const { environment, region } = options;
  const client = createServiceClient({ ...options, what: "AWS Security Token Service" });
  const { status, text } = await client.send(
    environment("AWS_ENDPOINT_URL_STS") ?? environment("AWS_ENDPOINT_URL") ??
      `https://sts.${region}.amazonaws.com/`,
    {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        Action: "AssumeRoleWithWebIdentity",
        Version: "2011-06-15",
        RoleArn: roleArn,
        RoleSessionName: environment("AWS_ROLE_SESSION_NAME") ?? "spinkube",
        WebIdentityToken: readFile(options, tokenFile),
      }).toString(),
    },
  );
  const element = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  if (status !== 200) {
    const reason = element("Message") ?? `HTTP status ${status}`;
    throw new Error(`AWS refuses to let "${roleArn}" be assumed: ${reason}`);
  }
  return toIssued({
    accessKeyId: element("AccessKeyId"),
    secretAccessKey: element("SecretAccessKey"),
    sessionToken: element("SessionToken"),
    expiration: element("Expiration"),
  }, "AWS Security Token Service");
}

async function askContainer(options: AwsCredentialsOptions, url: string): Promise<Issued> {
  const { environment } = options;
  const what = "AWS container credentials";
  // As in AWS's tools: the token must not travel in the clear, except on the machine itself.
  const { protocol, hostname } = URL.parse(url) ?? {};
  const isLocal =
    /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]|169\.254\.170\.(?:2|23)|\[fd00:ec2::23\])$/;
  if (protocol !== "https:" && !isLocal.test(hostname ?? "")) {
    throw new Error(`the URL of the ${what} is neither https nor one of this machine`);
  }
  const tokenFile = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const token = tokenFile
    ? readFile(options, tokenFile)
    : environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const client = createServiceClient({ ...options, what });
  const response = await client.send(url, token ? { headers: { authorization: token } } : {});
  return readJson(response, what);
}

async function askInstance(options: AwsCredentialsOptions): Promise<Issued> {
  const what = "AWS instance metadata service";
  const client = createServiceClient({ ...options, what, timeoutMs: INSTANCE_TIMEOUT_MS });
  const base = options.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? INSTANCE_URL;
  const origin = base.replace(/\/$/, "");
  try {
    if (options.environment("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") {
      throw new Error("the instance metadata service is disabled");
    }
    const { text: token } = await client.send(`${origin}/latest/api/token`, {
      method: "PUT",
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
    });
    const headers = { "x-aws-ec2-metadata-token": token };
    const path = `${origin}/latest/meta-data/iam/security-credentials/`;
    const roles = await client.send(path, { headers });
    const [role = ""] = roles.text.trim().split("\n");
    if (roles.status !== 200 || role === "") throw new Error("the instance has no role");
    return readJson(await client.send(path + encodeURIComponent(role), { headers }), what);
  } catch (error) {
    throw new Error(
      "There are no AWS credentials: set access_key and secret_key in the runtime configuration, " +
        `or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (${errorText(error)})`,
      { cause: error },
    );
  }
}

function readJson(response: { status: number; text: string }, what: string): Issued {
  if (response.status !== 200) {
    throw new Error(`The ${what} answered with HTTP status ${response.status}`);
  }
  const answer = parseJsonObject(response.text);
  return toIssued({
    accessKeyId: answer.AccessKeyId,
    secretAccessKey: answer.SecretAccessKey,
    sessionToken: answer.Token,
    expiration: answer.Expiration,
  }, what);
}

interface Parts {
  readonly accessKeyId: unknown;
  readonly secretAccessKey: unknown;
  readonly sessionToken: unknown;
  readonly expiration: unknown;
}

function toIssued(parts: Parts, what: string): Issued {
  const { accessKeyId, secretAccessKey, sessionToken } = parts;
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") {
    throw new Error(`The ${what} gave no credentials`);
  }
  const end = typeof parts.expiration === "string" ? Date.parse(parts.expiration) : NaN;
  const token = typeof sessionToken === "string" ? { sessionToken } : {};
  return {
    keys: { accessKeyId, secretAccessKey, ...token },
    expiresAtMs: Number.isNaN(end) ? undefined : end,
  };
}

function readFile(options: AwsCredentialsOptions, path: string): string {
  try {
    return (options.readTextFile ?? Deno.readTextFileSync)(path).trim();
  } catch (error) {
    throw new Error(`Cannot read the token in "${path}": ${errorText(error)}`, { cause: error });
  }
}
