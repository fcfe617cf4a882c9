/**
 * Finds the parameters of a SQL statement. `node:sqlite` binds NULL to a parameter that gets no
 * value and cannot say how many there are; a guest has to hear of that mistake.
 *
 * @module
 */

const IDENTIFIER = /[\w$\u0080-\uffff]*/y;
/** `$name` may go on with `::part` and a `(suffix)`. */
const DOLLAR_SUFFIX = /(?:::[\w$\u0080-\uffff]*)*(?:\([^\s)]*\))?/y;
const DIGITS = /\d*/y;
const IDENTIFIER_START = /[A-Za-z0-9_\u0080-\uffff]/;

/**
 * The parameters of the first statement of `sql`, by number: a name with its prefix (`:a`, `@a`,
 * `$a`), or undefined for `?` and `?N`.
 */
export function findParameters(sql: string): (string | undefined)[] {
  const parameters: (string | undefined)[] = [];
  let hasBegun = false;
  let at = 0;
  while (at < sql.length) {
    const char = sql[at]!;
    const quoted = skipQuotedOrComment(sql, at);
    if (quoted > at) {
      at = quoted;
    } else if (char === ";") {
      if (hasBegun) break;
      at++;
    } else if (IDENTIFIER_START.test(char)) {
      hasBegun = true;
      at = matchEnd(IDENTIFIER, sql, at);
    } else if (char === "?") {
      const end = matchEnd(DIGITS, sql, at + 1);
      addNumbered(parameters, sql.slice(at + 1, end));
      at = end;
    } else if (char === ":" || char === "@" || char === "$") {
      const end = matchEnd(IDENTIFIER, sql, at + 1);
      const last = char === "$" && end > at + 1 ? matchEnd(DOLLAR_SUFFIX, sql, end) : end;
      if (end > at + 1) addNamed(parameters, sql.slice(at, last));
      at = Math.max(last, at + 1);
    } else {
      at++;
    }
  }
  return parameters;
}

/** Whether `sql` is only white space and comments. */
export function isEmptyStatement(sql: string): boolean {
  for (let at = 0; at < sql.length;) {
    const isComment = sql[at] === "-" || sql[at] === "/";
    const end = isComment ? skipQuotedOrComment(sql, at) : at;
    if (end > at) at = end;
    else if (/[\s;]/.test(sql[at]!)) at++;
    else return false;
  }
  return true;
}

function matchEnd(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return start + (pattern.exec(text)?.[0].length ?? 0);
}

/** SQLite's own limit of a parameter number; a larger one is an error of the statement. */
const MAX_PARAMETER_NUMBER = 32_766;

function addNumbered(parameters: (string | undefined)[], digits: string): void {
  const number = digits === "" ? parameters.length + 1 : Number(digits);
  if (number > MAX_PARAMETER_NUMBER) return;
  while (parameters.length < number) parameters.push(undefined);
}

function addNamed(parameters: (string | undefined)[], name: string): void {
  if (!parameters.includes(name)) parameters.push(name);
}

/** The end of the string, quoted identifier or comment that begins at `at`; `at` if none does. */
function skipQuotedOrComment(sql: string, at: number): number {
  switch (sql[at]) {
    case "'":
    case '"':
    case "`":
      return endOfQuoted(sql, at);
    case "[":
      return endAfter(sql, "]", at);
    case "-":
      return sql[at + 1] === "-" ? endAfter(sql, "\n", at) : at;
    case "/":
      return sql[at + 1] === "*" ? endAfter(sql, "*/", at + 2) : at;
    default:
      return at;
  }
}

function endAfter(sql: string, mark: string, from: number): number {
  const found = sql.indexOf(mark, from);
  return found < 0 ? sql.length : found + mark.length;
}

function endOfQuoted(sql: string, at: number): number {
  const quote = sql[at]!;
  for (let from = at + 1;;) {
    const end = endAfter(sql, quote, from);
    // A doubled quote stands for the character itself.
    if (end >= sql.length || sql[end] !== quote) return end;
    from = end + 1;
  }
}
