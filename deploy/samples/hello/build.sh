#!/bin/sh
# Builds hello.wasm. Needs clang and lld of LLVM 15 or newer (Debian: apt-get install clang lld) and
# Deno. CLANG names another compiler.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-$(command -v clang || command -v clang-19 || echo clang)}
core=$(mktemp)
trap 'rm -f "$core"' EXIT
"$clang" --target=wasm32 -Oz -Wall -Wextra -ffreestanding -nostdlib -fno-builtin \
  -Wl,--no-entry -Wl,--strip-all -Wl,--export=__heap_base -Wl,-z,stack-size=16384 -o "$core" hello.c
deno run -A --quiet componentize.ts "$core" hello.wit hello.wasm
ls -l hello.wasm
