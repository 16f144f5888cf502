#!/usr/bin/env bash
# Puts what the tests need and npm does not bring into one folder: PostgreSQL 17's client programs (psql, pg_dump,
# pg_basebackup, pgbench …) and server, hypopg, PgBouncer and pgBackRest.
#
#   scripts/setup-postgres.sh [FOLDER]        default: .pg/17 in the project; programs are in FOLDER/bin
#
# For Debian bookworm or newer (amd64, arm64); elsewhere it only names the programs that it found. Root is not needed,
# nothing is installed on the system, and a second run does nothing. About 40 MB are fetched from the machine's own
# Debian mirror, checked by apt against Debian's keys.
#
# How: Debian trixie has all of this. apt, with a state of its own in which no package is installed, resolves and fetches
# the packages together with every library they need, the C library too. They are unpacked, and the programs are told to
# use the loader and the libraries beside them, so the release of the machine does not matter. The loader's path is
# absolute: after moving the folder, run this again.
set -euo pipefail
shopt -s nullglob

major=17
suite=trixie
packages=("postgresql-$major" "postgresql-client-$major" "postgresql-$major-hypopg" pgbouncer pgbackrest patchelf)
programs=(psql pg_dump pg_restore pg_basebackup pgbench postgres pgbouncer pgbackrest)

project=$(cd "$(dirname "$0")/.." && pwd -P)
folder=${1:-$project/.pg/$major}

say() { printf 'setup-postgres: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

# ---- Is there anything to do?

. /etc/os-release 2>/dev/null || ID=unknown
if [ "${ID:-}" != debian ] || ! command -v apt-get >/dev/null; then
  say "this is not Debian; the tests use the programs found on this machine:"
  for program in "${programs[@]}"; do
    say "  $program: $(command -v "$program" || echo 'not found, its tests are skipped')"
  done
  exit 0
fi
if [ "${VERSION_ID:-99}" -lt 12 ]; then stop "needs Debian 12 (bookworm) or newer, this is $VERSION_ID"; fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
case $folder in *:*) stop "a path with a colon cannot be a library path: $folder" ;; esac

exec 9>"$folder/.lock"
flock 9
contents="$suite $folder ${packages[*]}"
if [ "$(cat "$folder/.done" 2>/dev/null)" = "$contents" ]; then exit 0; fi

rm -rf "$folder/.done" "$folder/root" "$folder/bin" "$folder/work"
root=$folder/root
work=$folder/work
mkdir -p "$root" "$folder/bin" "$work"/{lists/partial,cache/archives/partial,packages}
trap 'rm -rf "$work"' EXIT

# ---- apt with a state of its own

# The machine's mirror, from either form of source: the address whose suite is this release's.
mirror() {
  local of=$1
  {
    awk -v suite="$of" 'BEGIN { RS = ""; FS = "\n" } {
      uri = ""; found = 0
      for (i = 1; i <= NF; i++) {
        count = split($i, word, /[ \t]+/)
        if (word[1] == "URIs:") uri = word[2]
        if (word[1] == "Suites:") for (j = 2; j <= count; j++) if (word[j] == suite) found = 1
      }
      if (found && uri ~ /\/debian(-security)?\/?$/) print uri
    }' /etc/apt/sources.list.d/*.sources </dev/null
    awk -v suite="$of" '$1 == "deb" {
      gsub(/\[[^]]*\]/, "")
      if ($3 == suite && $2 ~ /\/debian(-security)?\/?$/) print $2
    }' /etc/apt/sources.lis[t] /etc/apt/sources.list.d/*.list </dev/null
  } | head -n 1
}
release=${VERSION_CODENAME:-$suite}
main=$(mirror "$release")
security=$(mirror "$release-security")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cat >"$work/debian.sources" <<END
Types: deb
URIs: ${main:-http://deb.debian.org/debian}
Suites: $suite $suite-updates
Components: main
Signed-By: $keyring

Types: deb
URIs: ${security:-http://deb.debian.org/debian-security}
Suites: $suite-security
Components: main
Signed-By: $keyring
END

# Read after the machine's own configuration, so its proxy is used and its hooks are not.
cat >"$work/apt.conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "$work/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
END
: >"$work/status"
apt() { apt-get -c "$work/apt.conf" -qq "$@"; }

say "fetching PostgreSQL $major, hypopg, PgBouncer and pgBackRest from Debian $suite"
apt update || stop "Debian $suite could not be read; is the network up?"

# Of all that apt would install: the packages themselves and libraries. Perl, LLVM (for JIT) and what sets a system up
# (users, services, terminals) are never used from this folder.
closure=$(apt install --print-uris "${packages[@]}" | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p")
wanted=$(grep -Ex "lib.*|zlib1g|$(IFS='|'; echo "${packages[*]}")" <<<"$closure" |
  grep -Evx 'lib.*-perl|libperl.*|libllvm.*|libz3-.*|libc-(bin|l10n)|libpam-modules.*|libsemanage.*|libsepol.*')
# shellcheck disable=SC2086  # one word for each package
(cd "$work/packages" && apt download $wanted) || stop 'a package could not be fetched'
for package in "$work/packages"/*.deb; do dpkg-deb --extract "$package" "$root"; done

# ---- Make the programs use what is beside them

loader=$(find "$root/usr/lib" -path '*-linux-gnu*/ld-linux*' -name '*.so.*' -print -quit)
libraries=$(dirname "$loader")
server=$root/usr/lib/postgresql/$major
rm -rf "$server"/lib/llvmjit* "$server"/lib/bitcode "$root"/usr/share/{doc,man,locale}

for program in "$server"/bin/* "$root/usr/sbin/pgbouncer" "$root/usr/bin/pgbackrest"; do
  "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" \
    --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
  ln -s "$(realpath --relative-to="$folder/bin" "$program")" "$folder/bin/"
done
for file in "$server"/bin/* "$server"/lib/*.so "$root/usr/sbin/pgbouncer" "$root/usr/bin/pgbackrest"; do
  if missing=$("$loader" --library-path "$libraries" --list "$file" 2>&1 | grep 'not found'); then
    stop "$file lacks a library: $missing"
  fi
done
for program in "${programs[@]}"; do
  "$folder/bin/$program" --version >/dev/null 2>&1 || "$folder/bin/$program" version >/dev/null || stop "$program does not run"
done

printf '%s' "$contents" >"$folder/.done"
say "ready: $folder/bin"
