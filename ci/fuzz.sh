#!/usr/bin/env bash
# A short run of every fuzz target: FUZZ_SECONDS each, or else one and a half
# minutes shared by all of them.
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
while read -r dir target; do
	echo "fuzz: $dir $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "./$dir"
done <<<"$targets"
