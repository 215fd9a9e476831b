#!/usr/bin/env bash
# Bumps what each module file requires directly to its newest version: the
# library's, the generators', the linters' and those of the modules within.
# Read the diff, then run .ci/run.
set -euo pipefail
cd "$(dirname "$0")/../.."

# bump NAME…: go get the newest of each, in the current directory. A module
# whose newest version cannot be had keeps its own, and is named.
bump() {
	local flags=()
	if [ "${1-}" = -tool ]; then
		flags=(-tool)
		shift
	fi
	for name in "$@"; do
		go get "${flags[@]}" "$name@latest" || printf '*** NOT BUMPED: %s ***\n' "$name" >&2
	done
	go mod tidy
}
direct() { go list -m -f '{{if not (or .Main .Indirect .Replace)}}{{.Path}}{{end}}' all; }
tools() { go mod edit -json | sed -n '/"Tool": \[/,/\]/s/.*"Path": "\(.*\)".*/\1/p'; }

printf -- '--- go.mod\n'
bump $(direct)
for file in api/tools api/lint; do
	# A module file of its own beside the sources: it is bumped where there are none.
	printf -- '--- %s.mod\n' "$file"
	work=$(mktemp -d)
	cp "$file.mod" "$work/go.mod"
	cp "$file.sum" "$work/go.sum"
	(cd "$work" && bump -tool $(tools))
	cp "$work/go.mod" "$file.mod"
	cp "$work/go.sum" "$file.sum"
	rm -rf "$work"
done
# The library that they replace has just changed: the go command may write go.mod.
export GOFLAGS="${GOFLAGS:-} -mod=mod"
for file in $(git ls-files '*/go.mod'); do
	printf -- '--- %s\n' "$file"
	(cd "$(dirname "$file")" && go generate ./... && bump $(direct) && bump -tool $(tools) && go generate ./... && go mod tidy)
done
go generate ./...
git diff --stat
