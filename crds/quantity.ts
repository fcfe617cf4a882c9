/**
 * Kubernetes' quantities: `128Mi`, `500m`, `1e3`. Read, compared and written as Kubernetes does it
 * (apimachinery's `resource.Quantity`).
 *
 * @module
 */

/** How a quantity was written, and is written again: `1k`, `1Ki` or `1e3`. */
export type QuantityFormat = "decimal" | "binary" | "exponent";

/** A number with the smallest part that Kubernetes knows, one billionth. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const NANOS = 1_000_000_000n;

/** The largest number of the binary format; larger ones are cut to it. */
const MAX_BINARY = (2n ** 63n - 1n) * NANOS;

/** Powers beyond this are no quantity of anything, and would take for ever to write out. */
const MAX_EXPONENT = 1_000;

/** Suffix → power of ten. */
const DECIMAL: ReadonlyMap<string, number> = new Map([
  ...["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].entries(),
].map(([index, suffix]) => [suffix, (index - 3) * 3]));

/** Suffix → power of 1024. */
const BINARY: ReadonlyMap<string, number> = new Map(
  [...["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].entries()].map(([index, suffix]) => [suffix, index + 1]),
);

/** Sign, digits before and after the point, suffix. At least one digit, as the CRDs' schemas want. */
const FORM = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))([a-zA-Z]*|[eE][+-]?\d+)$/;

/**
 * Reads a quantity; undefined if it is none. Parts smaller than a billionth are rounded away from
 * zero: who asks for a little does not get nothing.
 */
export function parseQuantity(text: string | number): Quantity | undefined {
  const found = FORM.exec(String(text));
  if (!found) return undefined;
  const [, sign, whole = "", afterWhole = "", bare = "", suffix = ""] = found;
  const fraction = afterWhole || bare;
  const unit = parseSuffix(suffix);
  if (!unit) return undefined;
  const exponent = unit.ten - fraction.length + 9;
  const digits = BigInt(`${whole}${fraction}`) * 1024n ** BigInt(unit.binary);
  const size = scale(digits, exponent);
  const nanos = unit.format === "binary" && size > MAX_BINARY ? MAX_BINARY : size;
  return { nanos: sign === "-" ? -nanos : nanos, format: unit.format };
}

function parseSuffix(
  suffix: string,
): { format: QuantityFormat; ten: number; binary: number } | undefined {
  const ten = DECIMAL.get(suffix);
  if (ten !== undefined) return { format: "decimal", ten, binary: 0 };
  const binary = BINARY.get(suffix);
  if (binary !== undefined) return { format: "binary", ten: 0, binary };
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > MAX_EXPONENT) return undefined;
  return { format: "exponent", ten: Number(exponent), binary: 0 };
}

/** `digits` × 10^`exponent`, rounded up. */
function scale(digits: bigint, exponent: number): bigint {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  return divideUp(digits, 10n ** BigInt(-exponent));
}

function divideUp(value: bigint, by: bigint): bigint {
  return value <= 0n ? value / by : (value + by - 1n) / by;
}

/** Negative if `left` is less than `right`, 0 if they are equal, else positive. */
export function compareQuantities(left: Quantity, right: Quantity): number {
  if (left.nanos === right.nanos) return 0;
  return left.nanos < right.nanos ? -1 : 1;
}

/** Whole units (bytes, for memory), rounded away from zero. */
export function quantityBytes({ nanos }: Quantity): bigint {
  return nanos < 0n ? -divideUp(-nanos, NANOS) : divideUp(nanos, NANOS);
}

/**
 * The canonical text: no fraction, the largest suffix that needs none. Quantities in the binary
 * format below 1024, or with a fraction, are written in the decimal one.
 */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return "0";
  const size = nanos < 0n ? -nanos : nanos;
  const isBinary = format === "binary" && size >= 1024n * NANOS && size % NANOS === 0n;
  const text = isBinary ? formatBinary(size / NANOS) : formatDecimal(size, format);
  return nanos < 0n ? `-${text}` : text;
}

function formatBinary(size: bigint): string {
  const suffixes = ["", ...BINARY.keys()];
  let power = 0;
  while (size % 1024n === 0n && power < suffixes.length - 1) {
    size /= 1024n;
    power++;
  }
  return `${size}${suffixes[power]}`;
}

function formatDecimal(nanos: bigint, format: QuantityFormat): string {
  let exponent = -9;
  while (nanos % 1000n === 0n) {
    nanos /= 1000n;
    exponent += 3;
  }
  const suffix = [...DECIMAL].find(([, ten]) => ten === exponent)?.[0];
  if (format === "exponent" || suffix === undefined) {
    return exponent === 0 ? `${nanos}` : `${nanos}e${exponent}`;
  }
  return `${nanos}${suffix}`;
}
