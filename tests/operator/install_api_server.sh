#!/usr/bin/env bash
# Prints a directory with kube-apiserver and etcd, for KUBEBUILDER_ASSETS. The server is built from
# Kubernetes' Go module (five minutes on two cores) unless that has been done before.
set -euo pipefail
sources="$(cd "$(dirname "${BASH_SOURCE[0]}")/../fixtures/kube-apiserver" && pwd)"
package=k8s.io/kubernetes/cmd/kube-apiserver

command -v go >/dev/null || { echo "kube-apiserver is built with Go, which is not installed" >&2; exit 1; }
etcd="$(command -v etcd)" || { echo "Install the package etcd-server" >&2; exit 1; }

sum="$(cat "$sources"/go.* | sha256sum | cut -c1-16)"
directory="${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-tests/kube-apiserver-$sum"
mkdir -p "$directory"
ln -sfn "$etcd" "$directory/etcd"
if [ ! -x "$directory/kube-apiserver" ]; then
  version="$(sed -n 's,^require k8s.io/kubernetes ,,p' "$sources/go.mod")"
  export CGO_ENABLED=0 GOTELEMETRY=off GOTOOLCHAIN=auto GOFLAGS=-mod=readonly
  # Renamed when it is whole, so that a build that was cut off is not taken for one.
  (cd "$sources" && go build -trimpath -o "$directory/kube-apiserver.new" \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" "$package") >&2
  mv "$directory/kube-apiserver.new" "$directory/kube-apiserver"
fi
echo "$directory"
