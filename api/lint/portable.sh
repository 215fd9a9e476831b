#!/usr/bin/env bash
# Holds a specification against tools that are not ours: ogen and oapi-codegen as
# they come, Redocly, Spectral, openapi-typescript, and a Prism mock that the
# command and a create call talk to. Without Node.js 20 or later, what needs it
# is skipped; with CI=true, that fails.
#
#	api/lint/portable.sh [SPEC [TOOL...]]
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD node=$PWD/api/lint/node
spec=$(realpath "${1:-openapi.yaml}")
[ $# -gt 0 ] && shift
only=${*:-ogen oapi-codegen redocly spectral typescript prism}

work=$(mktemp -d)
# The exceptions of Redocly and Spectral are for a file of that name.
mkdir -p "$work/api/lint/node"
cp "$node"/*.yaml "$node"/.redocly* "$work/api/lint/node"
cp "$spec" "$work/openapi.yaml"
# What is compiled lies in the benchmark's module, which requires what it imports; go ./... does not look there.
code=$(mktemp -d "$root/facade/bench/_portable.XXXXXX")
trap 'rm -rf "$work" "$code"' EXIT

check_ogen() {
	echo 'ogen: what it writes compiles'
	(cd facade/bench && go tool ogen --config ogen/ogen.yml --target "$code/client" --package client --clean "$spec" && go build "./${code##*/}/client")
}

check_oapi-codegen() {
	echo 'oapi-codegen without our configuration: what it writes compiles'
	mkdir "$code/stock"
	go tool -modfile=api/tools.mod oapi-codegen -generate types,client -package stock -o "$code/stock/stock.gen.go" "$spec" &&
		(cd facade/bench && go build "./${code##*/}/stock")
}

check_redocly() {
	echo 'Redocly, recommended'
	# Its exit code counts errors alone: warnings fail, too.
	(cd "$work/api/lint/node" && "$bin/redocly" lint --config redocly.yaml --format json ../../../openapi.yaml) >"$work/redocly.json" 2>"$work/redocly.log" || true
	node -e '
		const found = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
		const open = found.problems.filter((p) => !p.ignored);
		for (const p of open) console.log(p.ruleId + ": " + p.message, JSON.stringify(p.location?.map((l) => l.pointer)));
		process.exit(open.length ? 1 : 0);
	' "$work/redocly.json" || { cat "$work/redocly.log"; return 1; }
}

check_spectral() {
	echo 'Spectral, spectral:oas'
	(cd "$work/api/lint/node" && "$bin/spectral" lint --quiet --fail-severity=hint -r spectral.yaml ../../../openapi.yaml)
}

check_typescript() {
	echo 'openapi-typescript: an open vocabulary is a string'
	"$bin/openapi-typescript" "$spec" -o "$work/openapi.d.ts" >/dev/null || return 1
	cp "$node/words.ts" "$work"
	"$bin/tsc" --noEmit --strict --skipLibCheck false "$work/words.ts"
}

check_prism() {
	echo 'Prism: the command reads me, certs and users, and a certification is created'
	go build -o "$work/credkit" ./cmd/credkit
	cat >"$work/calls.sh" <<'CALLS'
set -eu
printed() { # WANT COMMAND…
	want=$1
	shift
	out=$("$@") || { echo "$* failed" >&2; exit 1; }
	case $out in *"$want"*) ;; *) printf '%s\nprinted no "%s" but:\n%s\n' "$*" "$want" "$out" >&2; exit 1 ;; esac
}
printed 'Ada Lovelace' "$1" me --output json
printed 'Tower climber and rescuer' "$1" certs --output json
printed 'ada@example.com' "$1" users --output json
printed 201 node -e '
	fetch(process.env.BASE + "/v1/certifications", {
		method: "POST", headers: { Authorization: "Bearer mock", "Content-Type": "application/json" }, body: JSON.stringify({ expires_on: "2027-03-14" }),
	}).then((response) => console.log(response.status))'
CALLS
	HOME=$work node "$node/mock.mjs" "$spec" "$tools/node_modules/@stoplight/prism-cli/dist/index.js" sh "$work/calls.sh" "$work/credkit"
}

status=0
for tool in $only; do
	case $tool in
	ogen | oapi-codegen) "check_$tool" || status=1 ;;
	*) needs_node=yes ;;
	esac
done
[ "${needs_node:-}" ] || exit $status

if ! command -v npm >/dev/null || [ "$(node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)" -lt 20 ]; then
	printf '\n*** NO NODE.JS 20 WITH NPM: Redocly, Spectral, openapi-typescript and Prism are skipped, and fail with CI=true. ***\n\n' >&2
	[ "${CI:-}" != true ] || status=1
	exit $status
fi

# Installed once for a lock file, outside of the tree, where go ./... does not look.
tools=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/credkit-lint/$(sha256sum "$node/package-lock.json" | cut -c1-16)
if [ ! -e "$tools/installed" ]; then
	mkdir -p "$tools"
	cp "$node"/package*.json "$tools"
	(cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch installed)
fi
bin=$tools/node_modules/.bin
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
for tool in $only; do
	case $tool in
	ogen | oapi-codegen) ;;
	*) "check_$tool" || status=1 ;;
	esac
done
exit $status
