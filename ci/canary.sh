#!/bin/sh
# A canary: the engine is broken on purpose, and the run that judges it must turn
# red. If it stays green the judges see nothing any more, and no green run of
# theirs can be believed.
#
#	ci/canary.sh [M01|M20|M43]
#
# Without an argument the commit decides which of the three it is.
set -u
cd "$(dirname "$0")/.."

id=${1:-}
if [ -z "$id" ]; then
	commit=$(git rev-parse --short=4 HEAD 2>/dev/null || echo 0)
	case $((0x$commit % 3)) in
	0) id=M01 ;;
	1) id=M20 ;;
	*) id=M43 ;;
	esac
fi
# Where the mistake shows first: a put that is acknowledged, a name that is not
# durable, a page that is on the free list and in use.
case $id in
M43) match='|free|put(' ;;
*) match='|fresh|put(' ;;
esac

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
overlay=$(go run ./torture/mutants/exam -only "$id" -lay "$dir") &&
	go build -overlay "$overlay" -ldflags '-s -w' -o "$dir/quiver-torture" ./cmd/quiver-torture || {
	echo "canary $id: it could not be built" >&2
	exit 2
}
"$dir/quiver-torture" -tier exhaustive -limit 1 -match "$match" >"$dir/out" 2>&1
code=$?
case $code in
1)
	echo "canary $id: red, as it must be: $(grep -m1 -E '^[A-Za-z].*: ' "$dir/out")"
	exit 0
	;;
0) echo "canary $id: the run is green although the engine is broken" >&2 ;;
*) echo "canary $id: the run has ended with $code instead of 1" >&2 ;;
esac
tail -n 20 "$dir/out" >&2
exit 1
