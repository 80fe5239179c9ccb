#!/usr/bin/env bash
# A night of two cores, about seven hours: every tier in full, every law that a
# power cut may follow, and time for what is drawn. The seed is the day, so that
# options and drawn cases differ from night to night; NIGHT_SEED repeats a night.
#
#	ARTIFACTS=dir ci/nightly.sh
#
# A step that fails does not hide the ones after it. Pages and figures go to
# $ARTIFACTS, or else to artifacts/, which git ignores.
cd "$(dirname "$0")/.." || exit 2
ARTIFACTS=${ARTIFACTS:-artifacts}
# shellcheck source=ci/torture.sh
. ci/torture.sh
seed=${NIGHT_SEED:-$(($(date +%s) / 86400))}
echo "nightly: NIGHT_SEED=$seed"

# other NAME COMMAND... is a step beside the judges.
other() {
	local name=$1
	shift
	echo "nightly: $name"
	"$@" || failed+=("$name (exit code $?)")
}

torture_begin
torture exhaustive -tier exhaustive -bar -seed "$seed"
for law in ext4ish ordered prefix garbage="$seed" split-rename nopsow kill; do
	torture "exhaustive-${law%%=*}" -tier exhaustive -share 8 -profile "$law" -bar -seed "$seed"
done
torture bounded -tier bounded -bar -seed "$seed"
torture triple -tier triple -share 500 -bar -seed "$seed"
torture snapshots -tier snapshots -bar -seed "$seed"
torture backups -tier backups -bar -seed "$seed"
torture errors -tier errors -depth 8 -bar -seed "$seed"
torture silent -tier silent -depth -1 -bar -seed "$seed"
torture histories -tier histories -duration 20m -bar -seed "$seed"
torture real -tier real -duration 20m -seed "$seed"
torture swarm -tier swarm -duration 90m -seed "$seed"
for token in torture/testdata/*.token; do
	name=$(basename "$token" .token)
	torture "replay-$name" -replay "@$token" -times 100
done
torture exam -mutants
# Where goroutines meet: everything else runs one after another.
if go build -race -o "$work/quiver-torture-race" ./cmd/quiver-torture; then
	judge=$work/quiver-torture-race
	torture histories-race -tier histories -bar -duration 15m -seed "$seed"
	torture real-race -tier real -duration 5m -seed "$seed"
else
	failed+=("the build with -race")
fi
other "the disk in memory against the real one" env TMPDIR=/dev/shm \
	go test ./faultfs -run TestSameAsSystem -timeout 60m -operations 1000000 -first-seed "$((seed * 10000))"
other "fuzzing" env FUZZ_SECONDS=120 FUZZ_CACHE="$ARTIFACTS/fuzz" ci/fuzz.sh
other "churn" go test -race -timeout 60m ./quiver -run TestChurn -churn.keys=100000
other "race" go test -race -timeout 60m ./quiver/...
torture_end
