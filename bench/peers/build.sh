#!/usr/bin/env bash
# Builds the compiled migration runners that bench/migrate.ts runs beside kei, into bench/peers/bin.
# One after the other, one job, nice: a build takes minutes, and whoever else uses the machine should not notice.
# Needs Go, Cargo and git. What is there is kept; remove the folder to build again. What cannot be built is named, and
# the benchmark leaves it out.
#
# ATLAS_REPOSITORY  where Atlas is cloned from; its command line cannot be installed as a Go module
set -uo pipefail

goose=v3.29.0
sqlx=0.9.0
atlas=v1.2.3

bin="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/bin"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$bin"
failed=0

build() {
  local name="$1"
  if [[ -x "$bin/$name" ]]; then
    echo "$name: there already"
  elif "build_$name" >"$scratch/log" 2>&1; then
    echo "$name: built"
  else
    failed=1
    echo "$name: could not be built:"
    tail -5 "$scratch/log" | sed 's/^/  /'
  fi
}

build_goose() {
  # Its drivers for other databases are left out.
  local drivers='no_clickhouse no_duckdb no_libsql no_mssql no_mysql no_sqlite3 no_starrocks no_turso no_vertica no_ydb'
  GOBIN="$bin" nice go install -p 1 -tags "$drivers" "github.com/pressly/goose/v3/cmd/goose@$goose"
}

build_sqlx() {
  nice cargo install sqlx-cli --version "$sqlx" --locked --no-default-features --features postgres --bin sqlx \
    --jobs 1 --root "$scratch/sqlx" --target-dir "$scratch/sqlx-build" &&
    mv "$scratch/sqlx/bin/sqlx" "$bin/sqlx"
}

build_atlas() {
  git clone --quiet --depth 1 --branch "$atlas" "${ATLAS_REPOSITORY:-https://github.com/ariga/atlas.git}" \
    "$scratch/atlas" &&
    (cd "$scratch/atlas/cmd/atlas" && nice go build -p 1 -o "$bin/atlas" .)
}

build goose
build sqlx
build atlas
exit "$failed"
