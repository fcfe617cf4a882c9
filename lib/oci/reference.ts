/**
 * References of images: `ghcr.io/org/app:v1@sha256:…`, read as Docker and containerd read them.
 *
 * @module
 */

/** A reference, with what its short forms leave out. */
export interface OciReference {
  /** Host with port: `localhost:5000`; `docker.io` if none is given. */
  readonly registry: string;
  /** Path in the registry: `org/app`; what stands alone on `docker.io` is below `library/`. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:…`; wins over the tag. */
  readonly digest: string | undefined;
}

/** The registry of references without one. */
const DEFAULT_REGISTRY = "docker.io";

/** Longest name, registry included. */
const MAX_NAME = 255;

/** Hexadecimal digits of each algorithm's digests. */
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

const PATH_PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const HOST_LABEL = "(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])";
const HOST = `(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?`;

const PATH_FORM = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const HOST_FORM = new RegExp(`^${HOST}$`);
const TAG_FORM = /^\w[\w.-]{0,127}$/;
const DIGEST_FORM = /^([a-z0-9]+):([0-9a-f]+)$/;

/**
 * Parses a reference. The first part of a path is a registry if it holds a dot or a colon or is
 * `localhost`.
 *
 * @throws {SyntaxError} with what is wrong.
 */
export function parseOciReference(text: string): OciReference {
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw new SyntaxError("64 hexadecimal digits are the id of an image, not its name");
  }
  const { name, tag, digest } = splitName(text);
  const { registry, repository } = splitRegistry(name);
  if (!HOST_FORM.test(registry)) throw new SyntaxError(`"${registry}" is no host`);
  if (!PATH_FORM.test(repository)) {
    throw new SyntaxError(
      /[A-Z]/.test(repository)
        ? `the repository "${repository}" must be lower case`
        : `the repository "${repository}" must be of a-z, 0-9 and single separators`,
    );
  }
  if (registry.length + 1 + repository.length > MAX_NAME) {
    throw new SyntaxError(`the name has more than ${MAX_NAME} characters`);
  }
  if (tag !== undefined && !TAG_FORM.test(tag)) throw new SyntaxError(`"${tag}" is no tag`);
  checkDigest(digest);
  return { registry, repository, tag, digest };
}

/** The reference in full: `docker.io/library/nginx:latest`. */
export function formatOciReference({ registry, repository, tag, digest }: OciReference): string {
  const at = digest === undefined ? "" : `@${digest}`;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${at}`;
}

/** The last part of the repository: the name that an app gets if nobody chooses one. */
export function repositoryBaseName({ repository }: OciReference): string {
  return repository.slice(repository.lastIndexOf("/") + 1);
}

function splitName(text: string): Pick<OciReference, "tag" | "digest"> & { name: string } {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const tagged = at < 0 ? text : text.slice(0, at);
  // A colon before the last slash belongs to a port.
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/") + 1);
  if (colon < 0) return { name: tagged, tag: undefined, digest };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest };
}

function splitRegistry(name: string): Pick<OciReference, "registry" | "repository"> {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost";
  const registry = !isHost || first === `index.${DEFAULT_REGISTRY}` ? DEFAULT_REGISTRY : first;
  const repository = isHost ? name.slice(slash + 1) : name;
  const isOfficial = registry === DEFAULT_REGISTRY && !repository.includes("/");
  return { registry, repository: isOfficial ? `library/${repository}` : repository };
}

function checkDigest(digest: string | undefined): void {
  if (digest === undefined) return;
  const [, algorithm = "", hex = ""] = DIGEST_FORM.exec(digest) ?? [];
  const length = Object.hasOwn(DIGEST_LENGTHS, algorithm) ? DIGEST_LENGTHS[algorithm] : undefined;
  if (length !== undefined && hex.length === length) return;
  throw new SyntaxError(
    `"${digest}" is no digest; one is sha256, sha384 or sha512, a colon and 64, 96 or 128 ` +
      "hexadecimal digits",
  );
}
