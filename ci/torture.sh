#!/usr/bin/env bash
# The judges' share of the check of every change: a fixed slice of each tier that
# takes about eight minutes on two cores and meets a million distinct disks.
#
#	ci/torture.sh           the slice; TORTURE_SEED chooses another one
#	ARTIFACTS=dir           keeps a page (.html) and a line of figures (.json) of each run
#
# It fails at a violation, at a boundary, call site or error that was left out, at
# a history without a verdict, and where the run of the exhaustive tier meets less
# than a million distinct disks. It asks for no speed: machines differ.
#
# What it costs on two idle cores, about: exhaustive three and a half minutes (1.4
# million distinct disks), errors two, everything else together two.
# ci/nightly.sh and ci/soak.sh share the function below;
# .github/workflows/torture.yml spreads seeds over machines.
set -uo pipefail

torture_begin() {
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	pages=${ARTIFACTS:-$work}
	mkdir -p "$pages" && go build -o "$work/quiver-torture" ./cmd/quiver-torture || exit 2
	judge=$work/quiver-torture
	failed=()
	distinct=0
}

# torture NAME FLAGS... is one run of $judge. What it finds does not hide what the
# ones after it find. A disk is distinct within its run: the sum over runs counts
# those again that more than one has met.
torture() {
	local name=$1 code=0
	shift
	echo "torture: $name: $*"
	"$judge" "$@" -json -report "$pages/$name.html" >"$work/out" || code=$?
	sed '$d' "$work/out"
	tail -n 1 "$work/out" >"$pages/$name.json"
	local n
	n=$(sed -nE 's/^\{"crash_points":[0-9]+,"crash_states":[0-9]+,"distinct_states":([0-9]+),.*/\1/p; q' "$pages/$name.json")
	distinct=$((distinct + ${n:-0}))
	((code == 0)) || failed+=("$name (exit code $code)")
}

torture_end() {
	echo "torture: $SECONDS s, and $distinct disks, distinct within each run, added up"
	if ((${#failed[@]})); then
		printf 'torture: FAILED: %s\n' "${failed[@]}" >&2
		exit 1
	fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	cd "$(dirname "$0")/.." || exit 2
	seed=${TORTURE_SEED:-1}
	torture_begin
	torture exhaustive -tier exhaustive -share 4 -bar -distinct 1000000 -seed "$seed"
	torture bounded -tier bounded -share 240 -bar -seed "$seed"
	torture snapshots -tier snapshots -share 20 -bar -seed "$seed"
	torture backups -tier backups -share 30 -bar -seed "$seed"
	torture errors -tier errors -bar -seed "$seed"
	torture silent -tier silent -share 4 -bar -seed "$seed"
	torture histories -tier histories -bar -seed "$seed"
	torture real -tier real -share 2 -seed "$seed"
	torture_end
fi
