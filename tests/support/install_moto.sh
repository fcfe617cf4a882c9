#!/bin/sh
# Installs the emulator of AWS that the tests of SQS and DynamoDB use, once, below the user's cache directory.
# Ends with 1 if that is not possible.
set -eu
version=5.2.5
target="${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-tests/moto-$version"
[ -x "$target/bin/moto_server" ] && exit 0
command -v python3 >/dev/null || exit 1
rm -rf "$target"
mkdir -p "$(dirname "$target")"
# What the extras of moto[server] are for besides these two services is some 200 MB.
if python3 -m venv "$target" && "$target/bin/pip" install -q --disable-pip-version-check \
  "moto==$version" flask==3.1.2 flask-cors==6.0.1 py-partiql-parser==0.6.3 docker==7.2.0; then
  exit 0
fi
# Half of it would look like all of it to the next run.
rm -rf "$target"
exit 1
