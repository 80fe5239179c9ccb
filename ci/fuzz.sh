#!/usr/bin/env bash
# A short run of every fuzz target: FUZZ_SECONDS each, or else a minute and a
# quarter shared by all of them, which leaves room for the builds. A package is
# built once for all its targets. The runs start from the committed inputs;
# FUZZ_CACHE is a folder that keeps what they find from run to run.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=ci/fuzzbuild.sh
. ci/fuzzbuild.sh

targets=$(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs grep -HoE '^func Fuzz[A-Za-z0-9_]*' |
	sed -E 's#/[^/]*:func # #' | sort -u) || true
if [ -z "$targets" ]; then
	echo "fuzz: no targets"
	exit 0
fi
share=$((75 / $(wc -l <<<"$targets")))
seconds=${FUZZ_SECONDS:-$((share > 10 ? 10 : share < 1 ? 1 : share))}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
cache=$(realpath -m "${FUZZ_CACHE:-$bin/cache}")

# run DIR TARGET. Now and then Go's engine calls the end of its time a failure: one
# that says nothing else has found nothing.
run() {
	local code=0
	(cd "$1" && "$bin/fuzz.test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "${seconds}s" \
		-test.fuzzminimizetime 50x -test.fuzzcachedir "$cache/$1") 2>&1 | tee "$bin/out" || code=$?
	if ((code != 0)) && [ "$(grep -A 9 '^--- FAIL' "$bin/out" | sed 1d | tr -d ' \n')" = "contextdeadlineexceededFAIL" ]; then
		echo "fuzz: nothing found"
		code=0
	fi
	return "$code"
}

built=
while read -r dir target; do
	echo "fuzz: $dir $target"
	if [ "$dir" != "$built" ]; then
		fuzz_build "$dir" "$bin/fuzz.test"
		built=$dir
	fi
	run "$dir" "$target"
done <<<"$targets"
