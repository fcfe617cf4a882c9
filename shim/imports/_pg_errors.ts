/**
 * Errors of PostgreSQL, in the form that Spin gives them to guests.
 *
 * @module
 */

/** The record `db-error`. */
export interface PgDbError {
  readonly asText: string;
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly extras: [string, string][];
}

/** The server has refused something. */
export class PgServerError extends Error {
  override readonly name = "PgServerError";
  /** Texts by the letter of their field, as the protocol has them. */
  readonly fields: ReadonlyMap<string, string>;

  constructor(fields: ReadonlyMap<string, string>) {
    super(`${fields.get("S") ?? "ERROR"}: ${fields.get("M") ?? "unknown error"}`);
    this.fields = fields;
  }
}

/** A parameter does not fit the statement, or a value of the server has no form in the interface. */
export class PgConversionError extends Error {
  override readonly name = "PgConversionError";
}

/** Names of `extras`, with the letter of their field, in the order that Spin has. */
const EXTRAS: readonly (readonly [string, string])[] = [
  ["column", "c"],
  ["constraint", "n"],
  ["routine", "R"],
  ["hint", "H"],
  ["table", "t"],
  ["datatype", "d"],
  ["schema", "s"],
  ["file", "F"],
  ["line", "L"],
  ["where_", "W"],
];

/** The record `db-error` of an error. */
export function toDbError({ fields }: PgServerError): PgDbError {
  return {
    asText: debugText(fields),
    severity: fields.get("S") ?? "",
    code: fields.get("C") ?? "",
    message: fields.get("M") ?? "",
    detail: fields.get("D"),
    extras: EXTRAS.flatMap(([name, letter]) => {
      const value = fields.get(letter);
      return value === undefined ? [] : [[name, value] as [string, string]];
    }),
  };
}

/**
 * The text that Spin's own client prints for the error: older interfaces have nothing but this, and
 * guests search it for codes and names.
 */
export function debugText(fields: ReadonlyMap<string, string>): string {
  const text = (letter: string) => optional(fields.get(letter), quote);
  const entries = [
    `severity: ${quote(fields.get("S") ?? "")}`,
    `parsed_severity: ${optional(fields.get("V"), capitalize)}`,
    `code: SqlState(E${fields.get("C") ?? ""})`,
    `message: ${quote(fields.get("M") ?? "")}`,
    `detail: ${text("D")}`,
    `hint: ${text("H")}`,
    `position: ${positionText(fields)}`,
    `where_: ${text("W")}`,
    `schema: ${text("s")}`,
    `table: ${text("t")}`,
    `column: ${text("c")}`,
    `datatype: ${text("d")}`,
    `constraint: ${text("n")}`,
    `file: ${text("F")}`,
    `line: ${optional(fields.get("L"), (line) => line)}`,
    `routine: ${text("R")}`,
  ];
  return `Error { kind: Db, cause: Some(DbError { ${entries.join(", ")} }) }`;
}

function optional(value: string | undefined, format: (value: string) => string): string {
  return value === undefined ? "None" : `Some(${format(value)})`;
}

function positionText(fields: ReadonlyMap<string, string>): string {
  const internal = fields.get("p");
  if (internal === undefined) return optional(fields.get("P"), (at) => `Original(${at})`);
  return `Some(Internal { position: ${internal}, query: ${quote(fields.get("q") ?? "")} })`;
}

function capitalize(word: string): string {
  return word.charAt(0) + word.slice(1).toLowerCase();
}

/** A Rust string literal. */
function quote(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t").replaceAll("\0", "\\0");
  return `"${escaped}"`;
}
