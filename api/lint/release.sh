#!/usr/bin/env bash
# release.sh VERSION makes what is here the release that later changes are
# compared with, and gives the entries of the change log its name. It commits
# and tags nothing. CONTRIBUTING.md says what comes before and after.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${1:?say the version, such as 0.2.0, or candidate}
if ! [[ $version =~ ^([0-9]+\.[0-9]+\.[0-9]+|candidate)$ ]]; then
	echo "$version is no version such as 0.2.0"
	exit 2
fi
released=api/lint/released
mkdir -p "$released"
cp openapi.yaml "$released/openapi.yaml"
printf '%s\n' "$version" >"$released/VERSION"
if [ "$version" != candidate ]; then
	sed -i "s/^## Unreleased$/## Unreleased\n\n## $version - $(date -u +%Y-%m-%d)/" CHANGELOG.md
fi
echo "$released now has what $version has. Read its diff before you commit it."
