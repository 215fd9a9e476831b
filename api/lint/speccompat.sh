#!/usr/bin/env bash
# speccompat.sh RELEASED CURRENT CHANGELOG fails on a breaking change of the
# specification that the change log does not announce.
set -euo pipefail
cd "$(dirname "$0")/../.."

found=$(go tool -modfile=api/lint.mod oasdiff breaking --allow-external-refs=false \
	--severity-levels api/lint/oasdiff.levels --format json "$1" "$2")
printf '%s' "$found" | go run ./api/lint/breaking spec -changelog "$3"
