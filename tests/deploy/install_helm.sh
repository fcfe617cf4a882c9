#!/usr/bin/env bash
# Prints the path of helm, for HELM. It is built from its Go module (three minutes on one core) unless
# that has been done before.
set -euo pipefail
version=v3.18.6

command -v go >/dev/null || { echo "helm is built with Go, which is not installed" >&2; exit 1; }
directory="${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-tests/helm-$version"
if [ ! -x "$directory/helm" ]; then
  mkdir -p "$directory"
  # Moved when it is whole, so that a build that was cut off is not taken for one.
  new="$(mktemp -d "$directory/new.XXXXXX")"
  trap 'rm -rf "$new"' EXIT
  export CGO_ENABLED=0 GOTELEMETRY=off GOTOOLCHAIN=auto GOBIN="$new"
  nice go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@$version" >&2
  mv "$new/helm" "$directory/helm"
fi
echo "$directory/helm"
