#!/usr/bin/env bash
# goapi.sh RELEASED CURRENT CHANGELOG compares the Go API of the module in two
# directories, and fails on a breaking change that the change log does not
# announce.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
changelog=$(realpath "$3")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$root" && go build -modfile=api/lint.mod -o "$work/apidiff" golang.org/x/exp/cmd/apidiff)
(cd "$root" && go build -o "$work/breaking" ./api/lint/breaking)
list() {
	if ! (cd "$2" && "$work/apidiff" -m -w "$work/$1" github.com/credkit/credkit-go) >"$work/log" 2>&1; then
		cat "$work/log"
		return 1
	fi
}
list released "$1"
list current "$2"
"$work/apidiff" -m -incompatible "$work/released" "$work/current" 2>/dev/null >"$work/changes"
"$work/breaking" api -changelog "$changelog" <"$work/changes"
