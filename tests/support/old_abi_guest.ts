/**
 * A module of Spin's first ABI in the text format: no component, functions of the canonical ABI as
 * wit-bindgen 0.2 had it.
 *
 * @module
 */

/**
 * What the second character of the path makes it do:
 *
 * | path | answer |
 * | --- | --- |
 * | `/e…` | the request's headers and body, status 200 |
 * | `/c…` | the variable named by the rest of the path; the case of its error plus 500 as status |
 * | `/k…` | what is in the store `default` under `key`, after the request's body was put there |
 * | `/K…` | the error of opening the store `other`: its case plus 500 as status |
 * | `/h…` | a GET request to the URL in the body, and its whole response; 500 plus the error |
 * | `/r…` | the value of `key` at the Redis server in the body, after it was incremented |
 * | `/q…` | the number 42 through SQLite as status 242, and its column name |
 * | `/n…` | how many requests this instance has seen, as a digit |
 * | `/p…` | the path as the module got it |
 * | `/m…` | the method's number plus 200 as status, and whether there is a body as 10 more |
 * | `/s…` | status 600 plus the length of the body, without headers and body |
 * | `/l…`, `/t…` | loops for ever; traps |
 */
export const OLD_ABI_GUEST = `(module
  (import "spin-config" "get-config" (func $config (param i32 i32 i32)))
  (import "key-value" "open" (func $kv_open (param i32 i32 i32)))
  (import "key-value" "set" (func $kv_set (param i32 i32 i32 i32 i32 i32)))
  (import "key-value" "get" (func $kv_get (param i32 i32 i32 i32)))
  (import "key-value" "close" (func $kv_close (param i32)))
  (import "wasi-outbound-http" "request"
    (func $request (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "outbound-redis" "incr" (func $redis_incr (param i32 i32 i32 i32 i32)))
  (import "outbound-redis" "get" (func $redis_get (param i32 i32 i32 i32 i32)))
  (import "sqlite" "open" (func $sql_open (param i32 i32 i32)))
  (import "sqlite" "execute" (func $sql_execute (param i32 i32 i32 i32 i32 i32)))
  (import "sqlite" "close" (func $sql_close (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "default")
  (data (i32.const 520) "other")
  (data (i32.const 528) "key")
  (data (i32.const 544) "SELECT ?1 + ?2 AS answer")
  ;; Two values: integer 40 and integer 2.
  (data (i32.const 608) "\\00\\00\\00\\00\\00\\00\\00\\00\\28\\00\\00\\00\\00\\00\\00\\00")
  (data (i32.const 624) "\\00\\00\\00\\00\\00\\00\\00\\00\\02\\00\\00\\00\\00\\00\\00\\00")
  (global $next (mut i32) (i32.const 4096))
  (global $requests (mut i32) (i32.const 0))
  (func $allocate (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (block $fits
      (loop $grow
        (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
        (br $grow)))
    (local.get $at))
  (func (export "canonical_abi_free") (param i32 i32 i32))
  ;; The response is at 16, results of imports at 64.
  (func $answer (param $status i32) (param $body i32) (param $length i32) (result i32)
    (i32.store16 (i32.const 16) (local.get $status))
    (i32.store8 (i32.const 20) (i32.const 0))
    (i32.store8 (i32.const 32) (i32.const 1))
    (i32.store (i32.const 36) (local.get $body))
    (i32.store (i32.const 40) (local.get $length))
    (i32.const 16))
  ;; The result at 64 of type expected<string, variant> with payloads at 68.
  (func $text_or_error (result i32)
    (if (i32.load8_u (i32.const 64))
      (then (return (call $answer
        (i32.add (i32.const 500) (i32.load8_u (i32.const 68)))
        (i32.load (i32.const 72)) (i32.load (i32.const 76))))))
    (call $answer (i32.const 200) (i32.load (i32.const 68)) (i32.load (i32.const 72))))
  (func $key_value (param $body i32) (param $length i32) (result i32)
    (local $store i32)
    (call $kv_open (i32.const 512) (i32.const 7) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (call $text_or_error))))
    (local.set $store (i32.load (i32.const 68)))
    (call $kv_set (local.get $store) (i32.const 528) (i32.const 3)
      (local.get $body) (local.get $length) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (call $text_or_error))))
    (call $kv_get (local.get $store) (i32.const 528) (i32.const 3) (i32.const 64))
    (call $kv_close (local.get $store))
    (call $text_or_error))
  (func $sqlite (result i32)
    (local $connection i32) (local $row i32)
    (call $sql_open (i32.const 512) (i32.const 7) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (call $text_or_error))))
    (local.set $connection (i32.load (i32.const 68)))
    (call $sql_execute (local.get $connection) (i32.const 544) (i32.const 24)
      (i32.const 608) (i32.const 2) (i32.const 64))
    (call $sql_close (local.get $connection))
    (if (i32.load8_u (i32.const 64)) (then (return (call $text_or_error))))
    ;; columns at 68, rows at 76; the first row's values; the first value's payload after 8 bytes
    (local.set $row (i32.load (i32.load (i32.const 76))))
    (call $answer
      (i32.add (i32.const 200) (i32.load offset=8 (local.get $row)))
      (i32.load (i32.load (i32.const 68)))
      (i32.load offset=4 (i32.load (i32.const 68)))))
  (func (export "handle-http-request")
    (param $method i32) (param $uri i32) (param $uri_length i32)
    (param $headers i32) (param $header_count i32) (param $params i32) (param $param_count i32)
    (param $has_body i32) (param $body i32) (param $length i32) (result i32)
    (local $kind i32)
    (global.set $requests (i32.add (global.get $requests) (i32.const 1)))
    (if (local.get $param_count) (then (unreachable)))
    (local.set $kind (i32.load8_u offset=1 (local.get $uri)))
    (if (i32.eq (local.get $kind) (i32.const 99)) ;; c
      (then
        (call $config (i32.add (local.get $uri) (i32.const 2))
          (i32.sub (local.get $uri_length) (i32.const 2)) (i32.const 64))
        (return (call $text_or_error))))
    (if (i32.eq (local.get $kind) (i32.const 107)) ;; k
      (then (return (call $key_value (local.get $body) (local.get $length)))))
    (if (i32.eq (local.get $kind) (i32.const 75)) ;; K
      (then
        (call $kv_open (i32.const 520) (i32.const 5) (i32.const 64))
        (return (call $answer (i32.add (i32.const 500) (i32.load8_u (i32.const 68)))
          (i32.const 0) (i32.const 0)))))
    (if (i32.eq (local.get $kind) (i32.const 104)) ;; h
      (then
        (call $request (i32.const 0) (local.get $body) (local.get $length)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
        (if (i32.load8_u (i32.const 64))
          (then (return (call $answer (i32.add (i32.const 500) (i32.load8_u (i32.const 68)))
            (i32.const 0) (i32.const 0)))))
        (return (i32.const 68))))
    (if (i32.eq (local.get $kind) (i32.const 114)) ;; r
      (then
        (call $redis_incr (local.get $body) (local.get $length) (i32.const 528) (i32.const 3)
          (i32.const 64))
        (if (i32.load8_u (i32.const 64))
          (then (return (call $answer (i32.add (i32.const 500) (i32.load8_u (i32.const 72)))
            (i32.const 0) (i32.const 0)))))
        (call $redis_get (local.get $body) (local.get $length) (i32.const 528) (i32.const 3)
          (i32.const 64))
        (return (call $text_or_error))))
    (if (i32.eq (local.get $kind) (i32.const 113)) (then (return (call $sqlite)))) ;; q
    (if (i32.eq (local.get $kind) (i32.const 110)) ;; n
      (then
        (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $requests)))
        (return (call $answer (i32.const 200) (i32.const 1024) (i32.const 1)))))
    (if (i32.eq (local.get $kind) (i32.const 112)) ;; p
      (then (return (call $answer (i32.const 200) (local.get $uri) (local.get $uri_length)))))
    (if (i32.eq (local.get $kind) (i32.const 109)) ;; m
      (then (return (call $answer
        (i32.add (i32.add (i32.const 200) (local.get $method))
          (i32.mul (i32.const 10) (local.get $has_body)))
        (i32.const 0) (i32.const 0)))))
    (if (i32.eq (local.get $kind) (i32.const 115)) ;; s
      (then
        (i32.store16 (i32.const 16) (i32.add (i32.const 600) (local.get $length)))
        (i32.store8 (i32.const 20) (i32.const 0))
        (i32.store8 (i32.const 32) (i32.const 0))
        (return (i32.const 16))))
    (if (i32.eq (local.get $kind) (i32.const 108)) (then (loop $for_ever (br $for_ever)))) ;; l
    (if (i32.eq (local.get $kind) (i32.const 116)) (then (unreachable))) ;; t
    (drop (call $answer (i32.const 200) (local.get $body) (local.get $length)))
    (i32.store8 (i32.const 20) (i32.const 1))
    (i32.store (i32.const 24) (local.get $headers))
    (i32.store (i32.const 28) (local.get $header_count))
    (i32.const 16)))`;
