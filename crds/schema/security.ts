/**
 * Schemas of what pods and containers may do.
 *
 * @module
 */

import { atomicList, flag, int64, object, type Schema, text, words } from "./openapi.ts";

/** Settings that pods and containers both have; those of the container count more. */
function shared(): Record<string, Schema> {
  const profile = (what: string): Schema =>
    object(`The ${what} profile.`, {
      localhostProfile: text("A profile of the node, for the type Localhost."),
      type: text("Localhost, RuntimeDefault or Unconfined."),
    }, { required: ["type"] });
  return {
    appArmorProfile: profile("AppArmor"),
    runAsGroup: int64("Group of the process."),
    runAsNonRoot: flag("Refuses to start as the user 0."),
    runAsUser: int64("User of the process."),
    seLinuxOptions: object("The SELinux context.", {
      level: text("The level."),
      role: text("The role."),
      type: text("The type."),
      user: text("The user."),
    }),
    seccompProfile: profile("seccomp"),
    windowsOptions: object("Settings for nodes with Windows.", {
      gmsaCredentialSpec: text("The GMSA credential spec itself."),
      gmsaCredentialSpecName: text("Name of a GMSA credential spec."),
      hostProcess: flag("Runs as a process of the host."),
      runAsUserName: text("User of the process."),
    }),
  };
}

/** What the app's container may do. */
export function containerSecurity(): Schema {
  return object("Added by this operator: what the app's container may do.", {
    allowPrivilegeEscalation: flag("Whether a process may get more privileges than its parent."),
    capabilities: object("Capabilities of the process.", {
      add: words("Capabilities that are added."),
      drop: words("Capabilities that are taken away."),
    }),
    privileged: flag("Whether the container has all that the node has."),
    procMount: text("How /proc is mounted: Default or Unmasked."),
    readOnlyRootFilesystem: flag("Whether the root file system is read-only."),
    ...shared(),
  });
}

/** What the app's pods may do. */
export function podSecurity(): Schema {
  return object("Added by this operator: what the app's pods may do.", {
    fsGroup: int64("Group that volumes belong to."),
    fsGroupChangePolicy: text("When that is set: Always or OnRootMismatch."),
    seLinuxChangePolicy: text("How SELinux labels are set: MountOption or Recursive."),
    supplementalGroups: atomicList("Further groups of the process.", {
      type: "integer",
      format: "int64",
    }),
    supplementalGroupsPolicy: text("Whether groups of the image count: Merge or Strict."),
    sysctls: atomicList(
      "Settings of the kernel.",
      object("A setting.", {
        name: text("Name of the setting."),
        value: text("Its value."),
      }, { required: ["name", "value"] }),
    ),
    ...shared(),
  });
}
