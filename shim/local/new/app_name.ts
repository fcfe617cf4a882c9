/**
 * Names of new apps, and what is made of them.
 *
 * @module
 */

/**
 * What is wrong with the name of an app, or undefined if it is right. Matches spin:src/commands/new.rs;
 * in addition, what the name becomes in manifests has to be plain ASCII.
 */
export function checkAppName(name: string): string | undefined {
  const wrong = name.split(/[^\p{L}\p{N}]/u).filter((segment) => !/^\p{L}/u.test(segment))
    .map((segment) => `'${segment}'`);
  if (wrong.length > 0) {
    return `Each segment of the name must start with a letter. ${wrong.join(", ")} ${
      wrong.length === 1 ? "does" : "do"
    } not start with a letter`;
  }
  const id = toKebabCase(name);
  if (/^[a-z0-9-]+$/.test(id)) return undefined;
  const others = [...new Set([...id].filter((letter) => !/[a-z0-9-]/.test(letter)))];
  return `The name becomes the id of a component, which has no letters other than a to z; it has ${
    others.map((letter) => `'${letter}'`).join(", ")
  }`;
}

/** `myApp_two` → `my-app-two`: words are told apart as by Spin's templates; digits begin none. */
export function toKebabCase(name: string): string {
  return name
    .replace(/([\p{Ll}\p{N}])(?=\p{Lu})/gu, "$1-")
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1-")
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .join("-")
    .toLowerCase();
}

/** The directory of an app of this name: the name, without letters that make trouble in paths. */
export function directoryOf(name: string): string {
  return name.replace(/[^-_.a-zA-Z0-9]/g, "_");
}
