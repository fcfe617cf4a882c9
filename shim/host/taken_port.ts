/**
 * Whether somebody listens on a port, asked of Linux itself: to try it would accept connections for a
 * moment, and break them off.
 *
 * @module
 */

/** Reads a file, or gives undefined if it cannot be read. */
type ReadText = (path: string) => string | undefined;

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"] as const;
const LISTENING = "0A";
/** `::`, and the way an IPv4 address is written as an IPv6 one. */
const ANY = /^0+$/;
const MAPPED = /^0{16}(?:0000FFFF|FFFF0000)/;

/**
 * Whether another socket listens where one on `hostname` would.
 * @returns undefined if the kernel does not say.
 */
export function isPortTaken(
  { hostname, port }: { hostname: string; port: number },
  readText: ReadText,
): boolean | undefined {
  const tables = TABLES.map(readText).filter((text) => text !== undefined);
  if (tables.length === 0) return undefined;
  const address = hexOfIPv4(hostname);
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return tables.flatMap((text) => text.split("\n").slice(1)).some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [listener = "", ofListener] = local.split(":");
    if (state !== LISTENING || ofListener !== wanted) return false;
    // A name may stand for any address.
    return address === undefined || ANY.test(address) || ANY.test(listener) ||
      listener.replace(MAPPED, "") === address;
  });
}

/** As the kernel writes it on machines whose lowest byte comes first. */
function hexOfIPv4(text: string): string | undefined {
  const bytes = text.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) return undefined;
  return bytes.reverse().map((byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}
