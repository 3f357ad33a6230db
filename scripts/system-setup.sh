#!/usr/bin/env bash
# Installs what the system tests need on Debian: the distribution's packages, and containerd 1.7 and 2.1 of later releases beside
# the 1.6 of this one. Nothing is replaced: the newer binaries, buildah, whose package would renew login and passwd, qemu,
# whose package would change how the machine starts programs, Docker, podman and schemathesis go to a cache folder of their own. Needs root.
set -euo pipefail

cache=${HOLDFAST_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-test}
packages=(containerd runc prometheus docker-registry skopeo busybox-static bzip2 zstd zsh fish iptables iproute2 util-linux faketime openssl curl python3-venv systemd)
schemathesis=4.32.5
# Of the chart's tests: built from their modules, and judged by the schemas that the module of Kubernetes carries.
helm=v3.21.4 kubeconform=v0.7.0 kubernetes=v1.36.3

[ "$(id -u)" = 0 ] || { echo "system-setup: needs root (apt-get install, network namespaces)" >&2; exit 1; }
# shellcheck source=scripts/debian-packages.sh
. "$(dirname "$0")/debian-packages.sh"
install_missing "${packages[@]}"

mkdir -p "$cache/bin/1.6"
for name in containerd ctr containerd-shim-runc-v2; do ln -sfn "/usr/bin/$name" "$cache/bin/1.6/$name"; done

fetch() { # RELEASE VERSION
  local bin=$cache/bin/$2
  if [ -x "$bin/containerd" ] && "$bin/containerd" --version | grep -q "$2"; then return; fi
  take_from "$1" "$bin" containerd
}
fetch trixie 1.7
fetch forky 2.1

download() { # DIR PACKAGE: as it is packed, into DIR
  local apt=(apt-get -qq -o APT::Sandbox::User=root)
  (cd "$1" && { "${apt[@]}" download "$2" || { apt-get update -qq && "${apt[@]}" download "$2"; }; })
}
take() { # PACKAGE PROGRAM: the program out of its package, which is not installed
  [ ! -x "$cache/bin/$2" ] || return 0
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  download "$work" "$1"
  dpkg-deb -x "$work/$1"_*.deb "$work/unpacked"
  cp "$work/unpacked/usr/bin/$2" "$cache/bin/"
  rm -rf "$work"
}
take buildah buildah
take qemu-user-static qemu-aarch64-static
# Docker and podman are installed on machines of the tests alone, on which they start services; their libraries are those of this one.
install_missing libglib2.0-0
mkdir -p "$cache/debs"
for package in docker.io podman conmon libsubid4; do
  compgen -G "$cache/debs/${package}_*.deb" >/dev/null || download "$cache/debs" "$package"
done
if ! "$cache/schemathesis/bin/schemathesis" --version 2>/dev/null | grep -qF "$schemathesis"; then
  rm -rf "$cache/schemathesis"
  /usr/bin/python3 -m venv "$cache/schemathesis"
  "$cache/schemathesis/bin/pip" install -q --disable-pip-version-check "schemathesis==$schemathesis"
fi

go_tool() { # NAME VERSION PACKAGE [LINKER FLAGS]
  if [ ! -x "$cache/bin/$1-$2/$1" ]; then
    command -v go >/dev/null || { echo "system-setup: needs Go 1.26 or later for $1" >&2; exit 1; }
    CGO_ENABLED=0 GOFLAGS='-buildvcs=false -trimpath' GOBIN="$cache/bin/$1-$2" go install -ldflags "-s -w ${4:-}" "$3@$2"
  fi
  ln -sfn "$1-$2/$1" "$cache/bin/$1"
}
capabilities=helm.sh/helm/v3/pkg/chartutil
minor=${kubernetes#v1.}
go_tool helm "$helm" helm.sh/helm/v3/cmd/helm "-X $capabilities.k8sVersionMajor=1 -X $capabilities.k8sVersionMinor=${minor%.*}"
go_tool kubeconform "$kubeconform" github.com/yannh/kubeconform/cmd/kubeconform
if [ ! -s "$cache/kubernetes-$kubernetes.json" ]; then
  module=$(cd "$cache" && go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  install -m 644 "$module/api/openapi-spec/swagger.json" "$cache/kubernetes-$kubernetes.json"
fi
ln -sfn "kubernetes-$kubernetes.json" "$cache/kubernetes.json"
for version in 1.6 1.7 2.1; do echo "containerd $version: $("$cache/bin/$version/containerd" --version)"; done
