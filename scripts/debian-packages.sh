# shellcheck shell=bash
# Sourced. Installs packages of this machine's Debian, and takes programs out of packages of another release, which are not installed.

install_missing() { # PACKAGE…: those that are not there yet
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The package archive this machine is set up for; only the release differs.
archive=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
[ -n "$archive" ] || archive=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

take_from() { # RELEASE DIR PACKAGE…: programs in /usr/bin of these packages, into DIR
  local release=$1 bin=$2 work
  shift 2
  work=$(mktemp -d)
  chmod 755 "$work"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$bin"
  echo "deb [trusted=yes signed-by=$keyring] $archive $release main" >"$work/sources.list"
  : >"$work/status"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::State::status=$work/status" -o APT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$work" && "${apt[@]}" download "$@" && for package in *.deb; do dpkg-deb -x "$package" unpacked; done)
  cp "$work"/unpacked/usr/bin/* "$bin/"
  rm -rf "$work"
}
