import assert from "node:assert/strict";
import { CLUSTER_SPIN_APP_EXECUTORS, type SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { ApiError } from "../../lib/kube/api_error.ts";
import type { KubeClient, ObjectName, Selection } from "../../lib/kube/client.ts";
import type { ResourceType } from "../../lib/kube/types.ts";
import { createExecutorLookup } from "./executor_lookup.ts";

function executor(name: string, namespace?: string): SpinAppExecutor {
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { createDeployment: true },
  };
}

function copyOf(executors: readonly SpinAppExecutor[]) {
  return {
    get: (key: string) =>
      executors.find(({ metadata: { name, namespace } }) =>
        key === (namespace === undefined ? name : `${namespace}/${name}`)
      ),
    all: () => executors.values(),
  };
}

/** What the API server has, and what of it the copies have. */
function lookup(
  options: {
    stored?: SpinAppExecutor[];
    known?: SpinAppExecutor[];
    lacksClusterKind?: boolean;
    fails?: boolean;
  },
) {
  const { stored = [], known = [], lacksClusterKind = false, fails = false } = options;
  const asked: string[] = [];
  function ofKind(type: ResourceType, all: readonly SpinAppExecutor[]): SpinAppExecutor[] {
    const isCluster = type.plural === CLUSTER_SPIN_APP_EXECUTORS.plural;
    return all.filter(({ metadata }) => (metadata.namespace === undefined) === isCluster);
  }
  const client = {
    list(type: ResourceType, { namespace }: Selection = {}) {
      asked.push(`list ${type.plural} ${namespace ?? ""}`.trim());
      if (fails) return Promise.reject(new TypeError("no connection"));
      if (lacksClusterKind && type.plural === CLUSTER_SPIN_APP_EXECUTORS.plural) {
        return Promise.reject(new ApiError({ kind: "Status", code: 404 }));
      }
      return Promise.resolve(
        ofKind(type, stored).filter(({ metadata }) => metadata.namespace === namespace),
      );
    },
    find(type: ResourceType, { name, namespace }: ObjectName) {
      asked.push(`find ${type.plural} ${name}`);
      return Promise.resolve(
        ofKind(type, stored).find(({ metadata }) =>
          metadata.name === name && metadata.namespace === namespace
        ),
      );
    },
  } as unknown as KubeClient;
  const executors = createExecutorLookup(client, {
    executors: copyOf(known.filter(({ metadata }) => metadata.namespace !== undefined)),
    clusterExecutors: copyOf(known.filter(({ metadata }) => metadata.namespace === undefined)),
  });
  return { executors, asked };
}

Deno.test("ExecutorLookup.names() asks the API server only for what is not known", async () => {
  const all = [executor("a", "one"), executor("b", "two"), executor("c")];
  const known = lookup({ known: all });
  assert.deepEqual(await known.executors.names("one"), { namespace: ["a"], cluster: ["c"] });
  assert.deepEqual(known.asked, []);
  const late = lookup({ stored: all });
  assert.deepEqual(await late.executors.names("one"), { namespace: ["a"], cluster: [] });
  assert.deepEqual(await late.executors.names("three"), { namespace: [], cluster: ["c"] });
  assert.deepEqual(late.asked, [
    "list spinappexecutors one",
    "list spinappexecutors three",
    "list clusterspinappexecutors",
  ]);
});

Deno.test("ExecutorLookup.names() leaves out what is being deleted", async () => {
  const leaving = executor("a", "one");
  leaving.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  const { executors } = lookup({ known: [leaving, executor("b", "one")] });
  assert.deepEqual(await executors.names("one"), { namespace: ["b"], cluster: [] });
});

Deno.test("ExecutorLookup.names() does without cluster executors where there is no such kind", async () => {
  const { executors } = lookup({ lacksClusterKind: true });
  assert.deepEqual(await executors.names("one"), { namespace: [], cluster: [] });
});

Deno.test("ExecutorLookup.names() does not hide that the API server is away", async () => {
  const { executors } = lookup({ fails: true });
  await assert.rejects(executors.names("one"), /no connection/);
});

Deno.test("ExecutorLookup.find() prefers the app's namespace to the cluster", async () => {
  const all = [executor("x", "one"), executor("x"), executor("y", "two"), executor("z")];
  for (const world of [{ known: all, stored: all }, { stored: all }]) {
    const { executors } = lookup(world);
    assert.equal(await executors.find("one", "x"), all[0]);
    assert.equal(await executors.find("two", "x"), all[1]);
    assert.equal(await executors.find("one", "y"), undefined);
    assert.equal(await executors.find("one", "z"), all[3]);
  }
});
