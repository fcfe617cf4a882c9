/**
 * Processes whose clock is wrong, by libfaketime.
 *
 * @module
 */

/** Where Debian and others have the variant for programs with threads. */
const PLACES: readonly string[] = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/** Why there are no wrong clocks here; undefined if there are. */
export function whyNoFakeClock(): string | undefined {
  return findLibrary() === undefined ? "libfaketime is not installed" : undefined;
}

/** The environment of a process whose clock is off by so much: `+1h`, `-20m`. */
export function fakeClock(offset: string): Record<string, string> {
  const library = findLibrary();
  if (library === undefined) throw new Error(whyNoFakeClock());
  // Times that a process measures are right: those do not come from the clock.
  return { LD_PRELOAD: library, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
}

function findLibrary(): string | undefined {
  return PLACES.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}
