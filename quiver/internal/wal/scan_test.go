package wal

import (
	"errors"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// stateRow is a log, what meta says, and what must be read.
type stateRow struct {
	name   string
	log    []byte
	meta   uint64 // last_lsn
	clean  bool
	held   func(uint64, uint64) (bool, error)
	live   []uint64 // LSNs of the images
	last   uint64
	max    uint64
	kind   Kind
	stale  bool
	torn   int64
	damage int64 // offset, 0 = none; -1 = offset 0
}

func (r stateRow) run(t *testing.T) {
	res, err := scanBytes(t, r.log, ScanOptions{MetaLastLSN: r.meta, Clean: r.clean, Held: r.held})
	if r.damage != 0 {
		d := isDamage(err)
		if d == nil || d.Offset != max(r.damage, 0) {
			t.Fatalf("got %v and %+v, want damage at %d", err, res, r.damage)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !equalLSNs(lsns(res), r.live) || res.LastLSN != r.last || res.MaxLSN != r.max ||
		res.Kind != r.kind || res.Stale != r.stale || res.TornBytes != r.torn {
		t.Fatalf("got %+v", res)
	}
}

func runRows(t *testing.T, rows []stateRow) {
	for _, r := range rows {
		t.Run(r.name, r.run)
	}
}

func TestNoRecord(t *testing.T) {
	h := format.EncodeWALHeader()
	whole := logOf(room, groupOf(0, 11, 2))
	runRows(t, []stateRow{
		{name: "cut", log: h[:]},
		{name: "no byte"},
		{name: "beginning of the magic", log: h[:5]},
		{name: "magic only", log: h[:12]},
		{name: "16 zeros of an interrupted creation", log: zeros(16)},
		{name: "7 other bytes", log: []byte("P1WBL00"), damage: -1},
		{name: "zeros where records follow", log: put(whole, 0, zeros(16)), damage: -1},
		{name: "wrong magic", log: flip(whole, 3, 1), damage: -1},
		{name: "bytes 8 to 15 are not looked at", log: flip(h[:], 9, 1)},
		{name: "preallocated", log: logOf(zeros(40000))},
		{name: "grown by noise", log: logOf([]byte{1, 0x80, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7})},
		{name: "cut inside the first header, LSN not there", log: whole[:begin+11], meta: 10, damage: begin},
		{name: "cut behind the flags", log: whole[:begin+2], meta: 10, damage: begin},
		{name: "cut before the flags", log: whole[:begin+1], meta: 10},
		{name: "cut inside the first header", log: whole[:begin+12], meta: 10, damage: begin},
		{name: "cut inside the first page", log: whole[:begin+500], meta: 10, damage: begin},
		{name: "cut inside a stale first page", log: whole[:begin+500], meta: 12},
		{name: "cut inside the first page of the original", log: logOf(nil, foreignRecs(11, 1))[:900],
			meta: 10, max: 11, torn: 884},
	})
}

func TestMarkedEnds(t *testing.T) {
	two := logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 3))
	gap := logOf(room, groupOf(0, 11, 2), groupOf(1, 100, 1))
	runRows(t, []stateRow{
		{name: "two groups", log: two, meta: 10, live: upTo(11, 14), last: 14, max: 14, kind: Marked},
		{name: "LSNs jump between groups", log: gap, meta: 10, live: []uint64{11, 12, 100}, last: 100, max: 100, kind: Marked},
		{name: "one group, next torn at its start", log: flip(two, slot(1)+99, 4), meta: 10,
			live: upTo(11, 11), last: 11, max: 14, kind: Marked, torn: 3 * stride},
		{name: "torn in its middle", log: put(two, slot(2), zeros(stride)), meta: 10,
			live: upTo(11, 11), last: 11, max: 14, kind: Marked, torn: 3 * stride},
		{name: "torn at its end", log: put(two, slot(3)+600, zeros(3000)), meta: 10,
			live: upTo(11, 11), last: 11, max: 14, kind: Marked, torn: 3 * stride},
		{name: "only the payload is left", log: put(two, slot(1), zeros(2*stride+28)), meta: 10,
			live: upTo(11, 11), last: 11, max: 11, kind: Marked},
		{name: "first group torn", log: put(logOf(room, groupOf(0, 11, 2)), slot(0), zeros(100)), meta: 10,
			max: 12, kind: Marked, torn: 2 * stride},
		{name: "first group torn, LSNs far above", log: flip(logOf(room, groupOf(0, 5000, 2)), slot(1)+100, 9), meta: 10,
			max: 5001, kind: Marked, torn: 2 * stride},
		{name: "older generation behind", log: logOf(room, groupOf(0, 11, 1), groupOf(1, 3, 1), groupOf(2, 4, 1)), meta: 10,
			live: upTo(11, 11), last: 11, max: 11, kind: Marked},
		{name: "torn over an older generation", log: logOf(room, groupOf(0, 3, 2), groupOf(0, 13, 1), groupOf(1, 6, 1)), meta: 10,
			held: allHeld, max: 13, kind: Marked, stale: true, torn: 3 * stride},
		{name: "unmarked records prove nothing", log: logOf(room, groupOf(0, 11, 1), foreignRecs(50, 2)), meta: 10,
			live: upTo(11, 11), last: 11, max: 51, kind: Marked},
		{name: "own types are counted and not redone", meta: 10, live: upTo(12, 12), last: 12, max: 12, kind: Marked,
			log: logOf(room, []rec{{lsn: 11, typ: 77, flags: format.GroupFlags(0, false), payload: zeros(pageSize)},
				{lsn: 12, flags: format.GroupFlags(0, true)}})},
		{name: "28 bytes behind are enough", log: logOf(zeros(28), groupOf(0, 11, 2)), meta: 10,
			live: upTo(11, 12), last: 12, max: 12, kind: Marked},
		{name: "group numbers begin again after 63", log: wrapped(nil), meta: 10, live: upTo(11, 76), last: 76, max: 76, kind: Marked},
		{name: "absurd LSN in a torn header", meta: 10, live: upTo(11, 11), last: 11, max: 11, kind: Marked,
			log: flip(logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 1)), slot(1)+4+5, 0x80)},
	})
}

// wrapped is a log of 66 groups of one record, with changes.
func wrapped(change func(i int, r *rec)) []byte {
	var g []rec
	for i := range 66 {
		r := groupOf(uint64(i), uint64(11+i), 1)[0]
		if change != nil {
			change(i, &r)
		}
		g = append(g, r)
	}
	return logOf(room, g)
}

// TestPlaces: where the live log and its last group are.
func TestPlaces(t *testing.T) {
	torn := put(logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 3), groupOf(2, 15, 1)), slot(4), zeros(99))
	for _, c := range []struct {
		name            string
		log             []byte
		end             int64
		last            [2]int64
		records, groups int
	}{
		{"nothing", logOf(room), begin, [2]int64{}, 0, 0},
		{"marked", torn, slot(4), [2]int64{slot(1), slot(4)}, 4, 2},
		{"foreign", logOf(zeros(7), foreignRecs(11, 3)), slot(3), [2]int64{0, slot(3)}, 3, 3},
	} {
		res, err := scanBytes(t, c.log, ScanOptions{MetaLastLSN: 10})
		if err != nil || res.End != c.end || res.LastGroup != c.last || res.Records != c.records || res.Groups != c.groups {
			t.Errorf("%s: %v, %+v", c.name, err, res)
		}
	}
}

func TestMarkedDamage(t *testing.T) {
	four := logOf(room, groupOf(0, 11, 2), groupOf(1, 13, 1), groupOf(2, 14, 2), groupOf(3, 16, 1))
	other := groupOf(0, 11, 2)[1].bytes()
	badPage := groupOf(1, 13, 1)
	badPage[0].payload = newPage(13%7, 13) // not sealed
	wrongID := groupOf(1, 13, 1)
	wrongID[0].page = 99
	wrongID[0].payload = newPage(13%7, 13)
	format.SealPage(wrongID[0].payload, 13)
	wrongLSN := groupOf(1, 13, 1)
	wrongLSN[0].payload = newPage(13%7, 12)
	format.SealPage(wrongLSN[0].payload, 12)
	long := []rec{{lsn: 13, page: 6, flags: format.GroupFlags(1, true), payload: zeros(8192)}}
	runRows(t, []stateRow{
		{name: "first group", log: flip(four, slot(0)+70, 1), meta: 10, damage: slot(0)},
		{name: "second record of the first group", log: flip(four, slot(1)+70, 1), meta: 10, damage: slot(1)},
		{name: "second group", log: flip(four, slot(2)+4000, 1), meta: 10, damage: slot(2)},
		{name: "group before the last", log: put(four, slot(4), zeros(512)), meta: 10, damage: slot(4)},
		{name: "a record of another group in its place", log: put(four, slot(4), other), meta: 10, damage: slot(4)},
		{name: "groups swapped, nothing behind", meta: 10, damage: slot(2),
			log: logOf(room, groupOf(0, 11, 2), groupOf(2, 14, 1), groupOf(1, 13, 1))},
		{name: "records of the last group swapped", meta: 10, damage: slot(2),
			log: logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 3)[2:], groupOf(1, 12, 3)[1:2], groupOf(1, 12, 3)[:1])},
		{name: "last record of the last group in the place of its first", meta: 10, damage: slot(2),
			log: logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 2)[1:], groupOf(1, 12, 2)[1:])},
		{name: "group missing", meta: 10, damage: slot(2), log: logOf(room, groupOf(0, 11, 2), groupOf(2, 14, 1))},
		{name: "first group missing", meta: 10, damage: slot(0), log: logOf(room, groupOf(1, 14, 1))},
		{name: "no last mark, and the next group", meta: 10, damage: slot(2),
			log: logOf(room, groupOf(0, 11, 3)[:2], groupOf(1, 14, 1))},
		{name: "file ends behind the last record", meta: 10, damage: slot(6), log: four[:slot(6)+27]},
		{name: "file ends at the last record", meta: 10, damage: slot(6), log: four[:slot(6)]},
		{name: "file ends inside the last record", meta: 10, damage: slot(5), log: four[:slot(6)-1]},
		{name: "file ends inside its header", meta: 10, damage: slot(5), log: four[:slot(5)+5]},
		{name: "file ends inside a later record of a torn group", meta: 10, damage: slot(4),
			log: put(four, slot(3), zeros(28))[:slot(4)+100]},
		{name: "image is no page", meta: 10, damage: slot(2), log: logOf(room, groupOf(0, 11, 2), badPage)},
		{name: "image of another page", meta: 10, damage: slot(2), log: logOf(room, groupOf(0, 11, 2), wrongID)},
		{name: "image with another LSN", meta: 10, damage: slot(2), log: logOf(room, groupOf(0, 11, 2), wrongLSN)},
		{name: "record of another page size", meta: 10, damage: slot(2), log: logOf(room, groupOf(0, 11, 2), long)},
		{name: "whole log of another page size", meta: 10, damage: slot(0), log: logOf(room, long)},
		{name: "only the 63rd group behind is left", meta: 10, damage: slot(1),
			log: wrapped(func(i int, r *rec) {
				if i > 0 && i != 64 {
					r.typ, r.flags = 9, 0
				}
			})},
	})
}

func TestStale(t *testing.T) {
	gen := logOf(room, groupOf(0, 11, 2), groupOf(1, 13, 1), groupOf(2, 14, 3))
	runRows(t, []stateRow{
		{name: "applied", log: gen, meta: 16, held: allHeld, max: 16, kind: Marked, stale: true},
		{name: "one page is not", log: gen, meta: 16, held: heldExcept(13 % 7), damage: slot(2)},
		{name: "none is", log: gen, meta: 16, damage: slot(5)},
		{name: "meta too low by one group is damage of its own", log: gen, meta: 12, held: allHeld, damage: slot(0)},
		{name: "meta ends inside the first group", log: logOf(room, groupOf(0, 11, 3)), meta: 11, held: heldExcept(13 % 7), damage: slot(2)},
		{name: "last group was dropped by a recovery", log: put(gen, slot(5), zeros(28)), meta: 16, held: heldExcept(14 % 7),
			max: 15, kind: Marked, stale: true},
		{name: "damaged, but stale behind", log: put(gen, slot(1), zeros(28)), meta: 16, held: heldExcept(13 % 7),
			max: 16, kind: Marked, stale: true},
		{name: "first record gone", log: put(gen, slot(0), zeros(28)), meta: 16, max: 16, kind: Marked},
	})
}

// TestStaleThenTornFirstGroup is the corner where what is left of a torn first
// group continues the numbers of the generation that it overwrites.
func TestStaleThenTornFirstGroup(t *testing.T) {
	var old []rec
	for i := range 64 {
		old = append(old, groupOf(uint64(i), uint64(11+i), 1)...)
	}
	const meta = 74
	fresh := groupOf(0, meta+1, 66)
	applied := func(_, lsn uint64) (bool, error) { return lsn <= meta, nil }
	runRows(t, []stateRow{
		{name: "legal", log: logOf(room, old, fresh[64:]), meta: meta, held: applied,
			max: meta + 66, kind: Marked, stale: true, torn: 66 * stride},
		{name: "the same generation goes on", log: logOf(room, old, groupOf(64, meta+1, 1)), meta: meta, held: applied,
			damage: slot(64)},
	})
}

func TestForeign(t *testing.T) {
	odd := []rec{
		{lsn: 11, page: 11 % 7}, {lsn: 11, typ: format.RecordTruncate, payload: []byte{}},
		{lsn: 12, page: 12 % 7}, {lsn: 99, typ: 200, payload: []byte("0123456789012345678901234567890")},
		{lsn: 13, page: 13 % 7}, {lsn: 14, page: 14 % 7}, {lsn: 15, page: 15 % 7},
	}
	oddAt := begin + 3*int64(stride) + 28 + 28 + 31 // of LSN 14
	log := logOf(nil, foreignRecs(11, 5))
	short := foreignRecs(11, 2)
	short[1].payload = zeros(100)
	wrongID := foreignRecs(11, 2)
	wrongID[1].page = 99
	wrongID[1].payload = newPage(5, 12)
	format.SealPage(wrongID[1].payload, 12)
	runRows(t, []stateRow{
		{name: "whole", log: log, live: upTo(11, 15), last: 15, max: 15, kind: Foreign},
		{name: "live however high meta stands", log: log, meta: 500, clean: true, live: upTo(11, 15), last: 15, max: 15, kind: Foreign},
		{name: "other types count", log: logOf(nil, odd), live: upTo(11, 15), last: 99, max: 99, kind: Foreign},
		{name: "record cut", log: log[:slot(4)+99], live: upTo(11, 14), last: 14, max: 15, kind: Foreign, torn: 99},
		{name: "header cut", log: log[:slot(4)+7], live: upTo(11, 14), last: 14, max: 14, kind: Foreign, torn: 7},
		{name: "last record bad", log: flip(log, slot(4)+2000, 1), live: upTo(11, 14), last: 14, max: 15, kind: Foreign, torn: stride},
		{name: "zeros behind", log: logOf(zeros(9000), foreignRecs(11, 5)), live: upTo(11, 15), last: 15, max: 15, kind: Foreign, torn: 9000},
		{name: "marked records prove nothing", log: logOf(nil, foreignRecs(11, 2), groupOf(0, 20, 2)),
			live: upTo(11, 12), last: 12, max: 21, kind: Foreign, torn: 2 * stride},
		{name: "bad in the middle", log: flip(log, slot(2)+2000, 1), damage: slot(2)},
		{name: "first bad", log: flip(log, slot(0)+2000, 1), damage: slot(0)},
		{name: "absurd length", log: flip(log, slot(2)+23, 0x40), damage: slot(2)},
		{name: "bad behind other types", log: flip(logOf(nil, odd), oddAt+100, 1), damage: oddAt},
		{name: "clean and bad, the rest held", log: flip(log, slot(2)+2000, 1), clean: true, held: heldExcept(13 % 7),
			live: upTo(11, 12), last: 12, max: 15, kind: Foreign, torn: 3 * stride},
		{name: "clean and bad, one behind is not held", log: flip(log, slot(2)+2000, 1), clean: true, held: heldExcept(15 % 7),
			damage: slot(2)},
		{name: "image of another length", log: logOf(nil, short), damage: slot(1)},
		{name: "image of another page", log: logOf(nil, wrongID), damage: slot(1)},
	})
}

func TestSalvage(t *testing.T) {
	marked := logOf(room, groupOf(0, 11, 2), groupOf(1, 13, 1), groupOf(2, 14, 2), groupOf(3, 16, 1))
	foreign := logOf(nil, foreignRecs(11, 6))
	for _, c := range []struct {
		name     string
		log      []byte
		meta     uint64
		live     []uint64
		max      uint64
		damage   int64
		salvaged int64
	}{
		{"marked", flip(marked, slot(2)+99, 1), 10, upTo(11, 12), 16, slot(2), 4 * stride},
		{"marked inside a group", flip(marked, slot(4)+99, 1), 10, upTo(11, 13), 16, slot(4), 3 * stride},
		{"marked, short", marked[:slot(6)+3], 10, upTo(11, 16), 16, slot(6), 0},
		{"marked, header", flip(marked, 0, 1), 10, upTo(11, 16), 16, 0, 0},
		{"marked, meta says stale", marked, 16, upTo(11, 16), 16, slot(5), 0},
		{"marked, meta in the middle", marked, 13, upTo(11, 16), 16, slot(0), 0},
		{"foreign", flip(foreign, slot(3)+99, 1), 10, upTo(11, 13), 16, slot(3), 3 * stride},
		{"foreign, header", flip(foreign, 7, 1), 10, upTo(11, 16), 16, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := scanBytes(t, c.log, ScanOptions{MetaLastLSN: c.meta}); isDamage(err) == nil {
				t.Fatalf("without salvage: %v", err)
			}
			res, err := scanBytes(t, c.log, ScanOptions{MetaLastLSN: c.meta, Salvage: true})
			if err != nil {
				t.Fatal(err)
			}
			if !equalLSNs(lsns(res), c.live) || res.MaxLSN != c.max || res.Damage == nil ||
				res.Damage.Offset != c.damage || res.Salvaged != c.salvaged || res.Stale {
				t.Fatalf("got %+v, damage %v", res, res.Damage)
			}
		})
	}
}

func TestScanErrors(t *testing.T) {
	log := logOf(room, groupOf(0, 11, 2))
	boom := errors.New("boom")
	held := func(uint64, uint64) (bool, error) { return false, boom }
	if _, err := scanBytes(t, log, ScanOptions{MetaLastLSN: 12, Held: held}); !errors.Is(err, boom) {
		t.Errorf("error of Held: got %v", err)
	}
	if _, err := scanBytes(t, log, ScanOptions{Progress: func(_, _ int64) error { return boom }}); !errors.Is(err, boom) {
		t.Errorf("error of Progress: got %v", err)
	}
	var done, total int64
	watch := func(d, n int64) error {
		if d < done || d > n {
			t.Errorf("progress went from %d to %d of %d", done, d, n)
		}
		done, total = d, n
		return nil
	}
	if _, err := scanBytes(t, log, ScanOptions{Progress: watch}); err != nil || done != total || total != int64(len(log)) {
		t.Errorf("progress ended at %d of %d: %v", done, total, err)
	}
	if _, err := Scan(&bytesFile{b: log}, ScanOptions{PageSize: 4097}); err == nil {
		t.Error("page size 4097 was taken")
	}
	shrinks := &bytesFile{b: log}
	o := ScanOptions{PageSize: pageSize, Progress: func(_, _ int64) error { shrinks.b = nil; return nil }}
	shrinks.b = logOf(zeros(2*windowBytes), groupOf(0, 11, 2))
	if _, err := Scan(shrinks, o); isDamage(err) == nil {
		t.Errorf("file that shrinks: got %v", err)
	}
}
