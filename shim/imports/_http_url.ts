/**
 * URLs of servers in the runtime configuration.
 *
 * @module
 */

import { type ConfigReader, formatPath } from "./_config_reader.ts";

/** Reports `url` at `path` unless it is one of `http` or `https` without credentials. */
export function checkHttpUrl(
  reader: ConfigReader,
  path: readonly (string | number)[],
  url: string,
): void {
  const parsed = URL.parse(url);
  const isHttp = parsed?.protocol === "http:" || parsed?.protocol === "https:";
  if (isHttp && parsed.username === "" && parsed.password === "") return;
  const shown = parsed && parsed.password !== "" ? "one with a password" : JSON.stringify(url);
  reader.problem([...path], `${formatPath(path)} must be an http or https URL, not ${shown}`);
}
