#!/usr/bin/env bash
# Gets what the cluster tests need, on Debian as root: what the system tests need, CNI plugins, nftables, and in a cache folder of their own
# etcd, kubectl, and Kubernetes and CoreDNS built of their Go modules. What is there stays; who comes second waits for the first.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scripts=$here/../../../scripts
bin=${HOLDFAST_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-lab}/bin
packages=(containernetworking-plugins nftables)

mkdir -p "$bin"
exec 9>"$bin/.lock"
flock 9
"$scripts/system-setup.sh"
# shellcheck source=scripts/debian-packages.sh
. "$scripts/debian-packages.sh"
install_missing "${packages[@]}"

if [ ! -x "$bin/etcd" ] || [ ! -x "$bin/kubectl" ]; then take_from forky "$bin" etcd-server kubectl; fi

build() { # NAME LINKER FLAGS
  local flags=${2:-}
  # Under the name of what it is built of: another version is another program.
  local built
  built=$bin/$1-$(cat "$here/go/$1"/* | sha256sum | cut -c1-12)
  if [ ! -x "$built" ]; then
    command -v go >/dev/null || { echo "setup: needs Go 1.26 or later for $1" >&2; exit 1; }
    # Without what debuggers read: half the time.
    (cd "$here/go/$1" && CGO_ENABLED=0 GOFLAGS='-buildvcs=false -gcflags=all=-dwarf=false' go build -ldflags "-s -w $flags" -o "$built" .)
  fi
  ln -sfn "$(basename "$built")" "$bin/$1"
}
version=$(sed -n 's/^\tk8s.io\/kubernetes //p' "$here/go/kube/go.mod")
stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$version") -X $package.gitTreeState=clean"
done
build kube "$stamp"
build dns
echo "Kubernetes $version, etcd $("$bin/etcd" --version | sed -n 's/^etcd Version: //p')"
