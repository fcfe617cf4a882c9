/**
 * A guest that asks PostgreSQL servers through two versions of the interface at once, as those of
 * the Python SDK do. It is a command in the text format: each version adds one to 41, and the exit
 * is an error unless both say 42.
 *
 * @module
 */

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";

const WIT = `
package test:guest;

package wasi:cli@0.2.3 {
  interface run { run: func() -> result; }
}

package spin:postgres@3.0.0 {
  interface postgres {
    variant error {
      connection-failed(string), bad-parameter(string), query-failed(string),
      value-conversion-failed(string), other(string),
    }
    enum db-data-type {
      boolean, int8, int16, int32, int64, floating32, floating64, str, binary, date, time,
      datetime, timestamp, other,
    }
    variant db-value {
      boolean(bool), int8(s8), int16(s16), int32(s32), int64(s64), floating32(f32),
      floating64(f64), str(string), binary(list<u8>), date(tuple<s32, u8, u8>),
      time(tuple<u8, u8, u8, u32>), datetime(tuple<s32, u8, u8, u8, u8, u8, u32>), timestamp(s64),
      db-null, unsupported,
    }
    variant parameter-value {
      boolean(bool), int8(s8), int16(s16), int32(s32), int64(s64), floating32(f32),
      floating64(f64), str(string), binary(list<u8>), date(tuple<s32, u8, u8>),
      time(tuple<u8, u8, u8, u32>), datetime(tuple<s32, u8, u8, u8, u8, u8, u32>), timestamp(s64),
      db-null,
    }
    record column { name: string, data-type: db-data-type }
    type row = list<db-value>;
    record row-set { columns: list<column>, rows: list<row> }
    resource connection {
      open: static func(address: string) -> result<connection, error>;
      query: func(statement: string, params: list<parameter-value>) -> result<row-set, error>;
    }
  }
}

package spin:postgres@4.0.0 {
  interface postgres {
    variant error {
      connection-failed(string), bad-parameter(string), query-failed(query-error),
      value-conversion-failed(string), other(string),
    }
    variant query-error { text(string), db-error(db-error) }
    record db-error {
      as-text: string, severity: string, code: string, message: string, detail: option<string>,
      extras: list<tuple<string, string>>,
    }
    variant db-data-type {
      boolean, int8, int16, int32, int64, floating32, floating64, str, binary, date, time,
      datetime, timestamp, uuid, jsonb, decimal, range-int32, range-int64, range-decimal,
      array-int32, array-int64, array-decimal, array-str, interval, other(string),
    }
    enum range-bound-kind { inclusive, exclusive }
    record interval { micros: s64, days: s32, months: s32 }
    type ends32 = tuple<option<tuple<s32, range-bound-kind>>, option<tuple<s32, range-bound-kind>>>;
    type ends64 = tuple<option<tuple<s64, range-bound-kind>>, option<tuple<s64, range-bound-kind>>>;
    type ends = tuple<option<tuple<string, range-bound-kind>>, option<tuple<string, range-bound-kind>>>;
    variant db-value {
      boolean(bool), int8(s8), int16(s16), int32(s32), int64(s64), floating32(f32),
      floating64(f64), str(string), binary(list<u8>), date(tuple<s32, u8, u8>),
      time(tuple<u8, u8, u8, u32>), datetime(tuple<s32, u8, u8, u8, u8, u8, u32>), timestamp(s64),
      uuid(string), jsonb(list<u8>), decimal(string), range-int32(ends32), range-int64(ends64),
      range-decimal(ends), array-int32(list<option<s32>>), array-int64(list<option<s64>>),
      array-decimal(list<option<string>>), array-str(list<option<string>>), interval(interval),
      db-null, unsupported(list<u8>),
    }
    variant parameter-value {
      boolean(bool), int8(s8), int16(s16), int32(s32), int64(s64), floating32(f32),
      floating64(f64), str(string), binary(list<u8>), date(tuple<s32, u8, u8>),
      time(tuple<u8, u8, u8, u32>), datetime(tuple<s32, u8, u8, u8, u8, u8, u32>), timestamp(s64),
      uuid(string), jsonb(list<u8>), decimal(string), range-int32(ends32), range-int64(ends64),
      range-decimal(ends), array-int32(list<option<s32>>), array-int64(list<option<s64>>),
      array-decimal(list<option<string>>), array-str(list<option<string>>), interval(interval),
      db-null,
    }
    record column { name: string, data-type: db-data-type }
    type row = list<db-value>;
    record row-set { columns: list<column>, rows: list<row> }
    resource connection {
      open: static func(address: string) -> result<connection, error>;
      query: func(statement: string, params: list<parameter-value>) -> result<row-set, error>;
    }
  }
}

world guest {
  import spin:postgres/postgres@3.0.0;
  import spin:postgres/postgres@4.0.0;
  export wasi:cli/run@0.2.3;
}
`;

const STATEMENT = "SELECT $1::int4 + 1";

/** Where things are in the guest's memory; what the host returns begins at 4096. */
const AT = { address: 16, statement: 1024, parameters: 2048, result: 3072 };

/** The component that connects to `address`. */
export async function buildSqlGuest(address: string): Promise<Uint8Array> {
  const embedded = await componentEmbed({
    binary: await parse(moduleText(address)),
    witSource: WIT,
    worldName: "guest",
  });
  return await componentNew(embedded, []);
}

function moduleText(address: string): string {
  const addressBytes = new TextEncoder().encode(address).length;
  const versions = ["3", "4"];
  const imports = versions.map((version) => {
    const name = `spin:postgres/postgres@${version}.0.0`;
    return `
  (import "${name}" "[static]connection.open" (func $open${version} (param i32 i32 i32)))
  (import "${name}" "[method]connection.query"
    (func $query${version} (param i32 i32 i32 i32 i32 i32)))
  (import "${name}" "[resource-drop]connection" (func $drop${version} (param i32)))`;
  }).join("");
  // Row sets and values of both versions begin alike: rows at 12, the payload of a value at 8.
  const ask = versions.map((version) => `
    (call $open${version} (i32.const ${AT.address}) (i32.const ${addressBytes})
      (i32.const ${AT.result}))
    (if (i32.load8_u (i32.const ${AT.result})) (then (return (i32.const 1))))
    (local.set $connection (i32.load offset=4 (i32.const ${AT.result})))
    (call $query${version} (local.get $connection) (i32.const ${AT.statement})
      (i32.const ${STATEMENT.length}) (i32.const ${AT.parameters}) (i32.const 1)
      (i32.const ${AT.result}))
    (if (i32.load8_u (i32.const ${AT.result})) (then (return (i32.const 1))))
    (local.set $row (i32.load (i32.load offset=12 (i32.const ${AT.result}))))
    (if (i32.ne (i32.load8_u (local.get $row)) (i32.const 3)) (then (return (i32.const 1))))
    (if (i32.ne (i32.load offset=8 (local.get $row)) (i32.const 42))
      (then (return (i32.const 1))))
    (call $drop${version} (local.get $connection))`).join("");
  return `(module ${imports}
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const ${AT.address}) "${escape(address)}")
  (data (i32.const ${AT.statement}) "${STATEMENT}")
  (data (i32.const ${AT.parameters}) "\\03\\00\\00\\00\\00\\00\\00\\00\\29")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "wasi:cli/run@0.2.3#run") (result i32)
    (local $connection i32) (local $row i32)
    ${ask}
    (i32.const 0)))`;
}

/** Bytes for a string of the text format. */
function escape(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((byte) => `\\${byte.toString(16).padStart(2, "0")}`)
    .join("");
}
