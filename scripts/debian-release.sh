# shellcheck shell=bash
# Sourced. Takes packages of another release of Debian than the machine's; nothing is installed.

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
