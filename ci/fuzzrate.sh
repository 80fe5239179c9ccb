#!/usr/bin/env bash
# How many inputs a core tries in a second, by fuzz target, against the bar of the
# target. It is a measurement and no part of a CI run.
#
#	ci/fuzzrate.sh [TARGET…]        RATE_SECONDS=10 for each, FUZZ_CACHE=dir for a warm start
#
# A core is a second of processor time for every second: the rate is the inputs of
# one worker divided by all the processor time, user and system, of that worker and
# of the process that keeps the corpus, start and minimizing included. So it says
# the same, roughly, on a busy machine; caches and clocks that others share still
# cost. The last column is the same figure of a target that does nothing and
# imports nothing, in the same minute: how fast the machine is just then. Targets
# are built as ci/fuzz.sh builds them, with fewer counters than go test -fuzz.
#
# First the same time is spent without being counted: at the beginning nearly all
# is new to the engine, which then minimizes and writes instead of trying. What is
# measured starts from what that found, as a night or a farm does, with more inputs
# that get far than the committed ones. With FUZZ_CACHE it starts from a copy of
# what ci/fuzz.sh found there.
#
# The bars: 25000 for decoders, 1000 for whole folders. Targets that do a list of
# operations with a second implementation beside, or make whole logs, have none (-). The exit code is 1
# if a target stays below its bar.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=ci/fuzzbuild.sh
. ci/fuzzbuild.sh

seconds=${RATE_SECONDS:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
code=0

bar() {
	case $1 in
	FuzzFolder | FuzzLog | FuzzBackup) echo 1000 ;;
	FuzzPageChanges | FuzzRobinHood | FuzzRobinHoodFar | FuzzScanRecords) echo - ;;
	*) echo 25000 ;;
	esac
}

# rate BINARY DIR TARGET prints the inputs and the processor seconds of a run.
rate() {
	local TIMEFORMAT='%U %S' cache=$work/cache/$2
	mkdir -p "$cache"
	if ! { time env -C "$2" "$1" -test.run '^$' -test.fuzz "^$3\$" -test.fuzztime "${seconds}s" -test.parallel 1 \
		-test.fuzzminimizetime 50x -test.fuzzcachedir "$cache" >"$work/out" 2>&1; } 2>"$work/cpu"; then
		# Go's engine now and then calls the end of its time a failure.
		grep -q 'context deadline exceeded' "$work/out" || cat "$work/out" >&2
	fi
	sed -nE 's/.*execs: ([0-9]+).*/\1/p' "$work/out" | tail -1 | tr '\n' ' '
	awk '{ print $1 + $2 }' "$work/cpu"
}

# The empty target is a module of its own: none of ours is linked to it.
mkdir "$work/empty"
printf 'module empty\n\ngo 1.24\n' >"$work/empty/go.mod"
cat >"$work/empty/empty_test.go" <<'GO'
package empty

import (
	"flag"
	"runtime"
	"testing"
)

func FuzzEmpty(f *testing.F) {
	if flag.Lookup("test.fuzzworker").Value.String() == "true" {
		runtime.GOMAXPROCS(1)
	}
	f.Add([]byte("input"))
	f.Fuzz(func(*testing.T, []byte) {})
}
GO
(cd "$work/empty" && go test -c -fuzz '^Fuzz' -o "$work/empty.test")

printf '%-20s %10s %8s %12s %7s %8s %14s\n' target inputs "cpu s" "inputs/cpu s" bar "" "empty target"
for dir in fuzz fuzz/folder quiver/internal/wal; do
	fuzz_build "$dir" "$work/fuzz.test"
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | cut -d' ' -f2); do
		if (($# > 0)) && [[ " $* " != *" $target "* ]]; then
			continue
		fi
		read -r empty empty_cpu < <(cd "$work" && seconds=2 rate "$work/empty.test" empty FuzzEmpty)
		if [ -d "${FUZZ_CACHE:-}/$dir/$target" ]; then
			mkdir -p "$work/cache/$dir"
			cp -r "$FUZZ_CACHE/$dir/$target" "$work/cache/$dir"
		else
			rate "$work/fuzz.test" "$dir" "$target" >"$work/first"
		fi
		read -r execs cpu < <(rate "$work/fuzz.test" "$dir" "$target")
		awk -v t="$target" -v n="$execs" -v c="$cpu" -v bar="$(bar "$target")" -v en="$empty" -v ec="$empty_cpu" 'BEGIN {
			r = n / c
			below = bar != "-" && r < bar
			printf "%-20s %10d %8.2f %12.0f %7s %8s %14.0f\n", t, n, c, r, bar, below ? "BELOW" : "", en / ec
			exit below
		}' || code=1
	done
done
exit "$code"
