#!/usr/bin/env bash
# A short run of every fuzz target: FUZZ_SECONDS each, or else one and a half
# minutes shared by all of them. A package is built once for all its targets. The
# runs start from the committed inputs; FUZZ_CACHE is a folder that keeps what they
# find from run to run.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=$(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs grep -HoE '^func Fuzz[A-Za-z0-9_]*' |
	sed -E 's#/[^/]*:func # #' | sort -u) || true
if [ -z "$targets" ]; then
	echo "fuzz: no targets"
	exit 0
fi
share=$((90 / $(wc -l <<<"$targets")))
seconds=${FUZZ_SECONDS:-$((share > 10 ? 10 : share < 1 ? 1 : share))}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
cache=$(realpath -m "${FUZZ_CACHE:-$bin/cache}")
built=
while read -r dir target; do
	echo "fuzz: $dir $target"
	if [ "$dir" != "$built" ]; then
		# With -fuzz the package is instrumented, for whichever target.
		go test -c -fuzz '^Fuzz' -o "$bin/fuzz.test" "./$dir"
		built=$dir
	fi
	(cd "$dir" && "$bin/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "${seconds}s" \
		-test.fuzzminimizetime 50x -test.fuzzcachedir "$cache/$dir")
done <<<"$targets"
