/**
 * Which functions can take part in a recursion. Those, and loops, are the only ways for a guest to
 * run without end, so those are where it has to ask whether it may go on.
 *
 * @module
 */

/**
 * The functions that lie on a cycle of direct calls.
 * @param callees For each function, by position, the positions of those it calls directly.
 * @returns one flag a function.
 */
export function findRecursive(callees: readonly (readonly number[])[]): Uint8Array {
  // Tarjan's algorithm with a stack of its own: guests have call chains of any length.
  const count = callees.length;
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const next = new Int32Array(count);
  const recursive = new Uint8Array(count);
  const component: number[] = [];
  let visited = 0;
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    const path = [root];
    while (path.length > 0) {
      const node = path[path.length - 1]!;
      if (order[node] === -1) {
        order[node] = low[node] = visited++;
        component.push(node);
        onStack[node] = 1;
      }
      const callee = callees[node]![next[node]!++];
      if (callee !== undefined) {
        if (callee === node) recursive[node] = 1;
        if (order[callee] === -1) path.push(callee);
        else if (onStack[callee]) low[node] = Math.min(low[node]!, order[callee]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] === order[node]) closeComponent(node, { component, onStack, recursive });
    }
  }
  return recursive;
}

function closeComponent(
  root: number,
  state: { component: number[]; onStack: Uint8Array; recursive: Uint8Array },
): void {
  const start = state.component.lastIndexOf(root);
  const members = state.component.splice(start);
  for (const member of members) {
    state.onStack[member] = 0;
    if (members.length > 1) state.recursive[member] = 1;
  }
}
