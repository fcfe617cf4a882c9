/**
 * Reading YAML, of which JSON is a part.
 *
 * @module
 */

/**
 * The value of the one document in `text`. JSON is read as such: the library for YAML, and what it
 * needs of Node, take 10 MB that an operator which is configured by JSON does not pay for.
 *
 * @throws {Error} by rejection, with what is wrong with the text.
 */
export async function parseYaml(text: string): Promise<unknown> {
  if (/^\s*[{[]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // Flow style of YAML looks like JSON too; the library tells what is wrong with all else.
    }
  }
  const { parse } = await import("./yaml.ts");
  return parse(text);
}
