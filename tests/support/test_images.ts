/**
 * Images of the containers that tests run.
 *
 * @module
 */

import { linuxImage, type OciImage, type TarEntry } from "./oci_layout.ts";

/** The image of a pod's sandbox. */
export const PAUSE_IMAGE = "example.test/pause:1";
/** A shell and what belongs to it. */
export const BUSYBOX_IMAGE = "example.test/busybox:1";

/** Programs of busybox that tests run. */
const APPLETS = ["cat", "dd", "echo", "env", "head", "id", "kill", "ls", "mount", "ps", "sh"]
  .concat(["seq", "sleep", "stty", "tail", "test", "touch", "true", "tty", "wc", "wget", "yes"]);

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP = "root:x:0:\nnogroup:x:65534:\n";

/** The two images, made of this machine's static busybox. */
export function baseImages(): OciImage[] {
  const busybox: TarEntry = {
    path: "bin/busybox",
    data: Deno.readFileSync("/bin/busybox"),
    mode: 0o755,
  };
  const text = (path: string, content: string): TarEntry => ({
    path,
    data: new TextEncoder().encode(content),
  });
  return [
    linuxImage(PAUSE_IMAGE, {
      files: [busybox],
      config: { Entrypoint: ["/bin/busybox", "sleep", "100000000"], Env: ["PATH=/bin"] },
    }),
    linuxImage(BUSYBOX_IMAGE, {
      files: [
        busybox,
        ...APPLETS.map((name) => ({ path: `bin/${name}`, link: "busybox", mode: 0o777 })),
        text("etc/passwd", PASSWD),
        text("etc/group", GROUP),
        { ...text("bin/own-script", "#!/bin/sh\necho a script with $WORD\n"), mode: 0o755 },
      ],
      config: { Env: ["PATH=/bin", "OF_IMAGE=busybox"], Cmd: ["sh"] },
    }),
  ];
}
