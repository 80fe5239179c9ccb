#!/usr/bin/env bash
# Drawn cases and slices of the long tiers, round after round with seeds of their
# own, until the time is over. For release candidates, and for machines that have
# nothing else to do: give each another seed.
#
#	ci/soak.sh [HOURS [SEED]]      7 hours and the time of the start unless given
#
# A round takes about an hour on two cores. Round N of seed S has the seed
# S*1000+N: `ci/soak.sh 1 S` repeats the first one. Pages and figures go to
# $ARTIFACTS, or else to artifacts/, which git ignores.
cd "$(dirname "$0")/.." || exit 2
ARTIFACTS=${ARTIFACTS:-artifacts}
# shellcheck source=ci/torture.sh
. ci/torture.sh
hours=${1:-7}
first=${2:-$(date +%s)}
if ! [[ $hours =~ ^[1-9][0-9]*$ && $first =~ ^[0-9]+$ ]]; then
	echo "usage: ci/soak.sh [HOURS [SEED]]" >&2
	exit 2
fi
echo "soak: $hours hours, seed $first"

torture_begin
for ((round = 0; SECONDS < hours * 3600; round++)); do
	seed=$((first * 1000 + round))
	torture "swarm-$seed" -tier swarm -duration 25m -seed "$seed"
	torture "triple-$seed" -tier triple -share 1000 -bar -seed "$seed"
	torture "bounded-$seed" -tier bounded -share 20 -bar -seed "$seed"
	torture "snapshots-$seed" -tier snapshots -share 3 -bar -seed "$seed"
	torture "backups-$seed" -tier backups -share 3 -bar -seed "$seed"
	torture "histories-$seed" -tier histories -bar -duration 5m -seed "$seed"
	torture "silent-$seed" -tier silent -duration 3m -seed "$seed"
	torture "real-$seed" -tier real -duration 5m -seed "$seed"
	echo "soak: round $round is over: $SECONDS s, and $distinct disks, distinct within each run, added up"
done
torture_end
