#!/usr/bin/env bash
# Installs what the tests of the shim run with, and unpacks the releases of containerd that this machine does not
# have: 1.6, 1.7 and 2 are those of Debian 12, 13 and unstable. Nothing is done twice. For Debian and Ubuntu, as root.
set -euo pipefail

cache=${SPINKUBE_TEST_CONTAINERDS:-${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-tests/containerd}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "The tests of the shim cannot run here: $*" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "they need Linux"
[ "$(id -u)" = 0 ] || fail "they need root"
command -v apt-get >/dev/null || fail "install runc, containerd, CNI's plugins and a static busybox by hand"
# CAP_SYS_ADMIN and CAP_NET_ADMIN, which containers often lack.
capabilities=$((16#$(awk '$1 == "CapEff:" { print $2 }' /proc/self/status)))
[ $((capabilities >> 21 & capabilities >> 12 & 1)) = 1 ] || fail "they need the right to mount and to make networks"

missing=()
for package in runc containerd containernetworking-plugins iptables iproute2 busybox-static debian-archive-keyring; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# line SUITE of every containerd.
lines="1.6 bookworm
1.7 trixie
2 sid"

# has LINE DIRECTORY
has() {
  [ -x "$2/containerd" ] && "$2/containerd" --version | grep -qE " v?${1//./\\.}\.[0-9]+"
}

# An apt of its own: the machine's sources and lists stay as they are.
suite_apt() {
  local suite=$1 dir=$work/$1
  shift
  mkdir -p "$dir"/{etc/preferences.d,lists/partial,cache/archives/partial}
  echo "deb [signed-by=$keyring] $archive $suite main" >"$dir/etc/sources.list"
  apt-get -qq -o Dir::Etc="$dir/etc" -o Dir::Etc::sourcelist="$dir/etc/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none "$@"
}

# Where this machine's own apt takes Debian from.
archive=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' | awk '$2 == "Debian" && !/security/ { print $1; exit }')
[ -n "$archive" ] || fail "this machine's apt does not know Debian's archive"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

while read -r line suite; do
  if has "$line" /usr/bin || has "$line" "$cache/$line/usr/bin"; then continue; fi
  suite_apt "$suite" update >&2
  mkdir "$work/$line"
  (cd "$work/$line" && suite_apt "$suite" download containerd >&2)
  rm -rf "${cache:?}/$line"
  mkdir -p "$cache/$line"
  dpkg-deb -x "$work/$line"/containerd_*.deb "$cache/$line"
  has "$line" "$cache/$line/usr/bin" || fail "Debian $suite has another containerd than $line"
done <<<"$lines"
