import assert from "node:assert/strict";
import { formatTable } from "./table.ts";

Deno.test("formatTable() pads every cell, joins with tabs and cuts what is too wide", () => {
  assert.equal(formatTable([["NAMESPACE", "NAME"]]), "NAMESPACE\tNAME\n");
  assert.equal(
    formatTable([["NAMESPACE", "NAME", "READY"], ["default", "shop", "1/2"]]),
    "NAMESPACE\tNAME\tREADY\ndefault  \tshop\t1/2  \n",
  );
  assert.equal(
    formatTable([["N"], ["x".repeat(51)], ["y".repeat(50)]]),
    `N${" ".repeat(49)}\n${"x".repeat(47)}...\n${"y".repeat(50)}\n`,
  );
  assert.equal(formatTable([["ä", "b"], ["aa", "b"]]), "ä \tb\naa\tb\n");
});
