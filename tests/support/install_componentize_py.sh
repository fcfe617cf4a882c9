#!/bin/sh
# Installs what makes components of Python, once, below the user's cache directory: componentize-py and
# Spin's SDK, from PyPI. Ends with 1 if that is not possible.
set -eu
version=0.17.2
target="${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-tests/componentize-py-$version"
[ -x "$target/bin/componentize-py" ] && exit 0
command -v python3 >/dev/null || exit 1
rm -rf "$target"
mkdir -p "$(dirname "$target")"
# The versions of shim/local/new/templates/http_py.ts.
if python3 -m venv "$target" && "$target/bin/pip" install -q --disable-pip-version-check \
  "componentize-py==$version" spin-sdk==3.4.1; then
  exit 0
fi
# Half of it would look like all of it to the next run.
rm -rf "$target"
exit 1
