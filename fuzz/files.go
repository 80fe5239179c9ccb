package fuzz

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Meta takes the bytes for the file meta.
func Meta(data []byte) error {
	m, err := format.DecodeMeta(data)
	second, ok := raw.ReadMeta(data)
	if err := acceptance("meta", err, ok, len(data)); err != nil {
		return err
	}
	third, judgeErr := judge.ParseMeta(data)
	if !ok {
		// The judge does not ask whether so many pages can be.
		if judgeErr == nil && third.NextPage <= math.MaxInt64/uint64(third.PageSize) {
			return differ("meta", err, third)
		}
		return nil
	}
	// The judge knows only what this project writes.
	if second.Version == 3 && data[40] <= 1 && judgeErr != nil {
		return differ("meta", m, judgeErr)
	}
	if judgeErr == nil && third != (judge.Meta{PageSize: int(m.PageSize), NextPage: m.NextPageID, LastLSN: m.LastLSN, Clean: m.Clean}) {
		return differ("meta", m, third)
	}
	if got := (raw.Meta{Version: m.Version, PageSize: m.PageSize, NextPage: m.NextPageID, LastLSN: m.LastLSN, Clean: m.Clean}); got != second {
		return differ("meta", got, second)
	}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("meta: accepted, and %w", err)
	}
	again, err := format.DecodeMeta(m.Encode())
	m.Version = format.MetaVersion
	if err != nil || again != m {
		return fmt.Errorf("meta: %+v comes back as %+v, %v", m, again, err)
	}
	return nil
}

// Dir takes the bytes for the file dir. The first one is no part of it: its
// lowest bit lets the checksum be made right.
func Dir(data []byte) error {
	r := reader{data}
	sealed := r.byte()&1 != 0
	b := bytes.Clone(r.rest)
	if sealed {
		sealDir(b)
	}
	var heads []uint64
	var checked bool
	var err error
	if err := bounded(2, len(b), func() { heads, checked, err = format.DecodeDir(b) }); err != nil {
		return fmt.Errorf("dir: %w", err)
	}
	second, ok := raw.ReadDir(b)
	if err := acceptance("dir", err, ok, len(b)); err != nil {
		return err
	}
	// The judge accepts no buckets at all, and neither bytes behind the last head
	// nor a directory without a checksum.
	third, judgeErr := judge.ParseDir(b)
	if judgeErr == nil && len(third) > 0 && !slices.Equal(third, heads) {
		return differ("dir", heads, third)
	}
	if ok && second.Vouched && len(b) == 24+8*len(second.Heads) && judgeErr != nil {
		return differ("dir", heads, judgeErr)
	}
	if !ok {
		return nil
	}
	if !slices.Equal(heads, second.Heads) || checked != second.Vouched {
		return differ("dir", fmt.Sprint(checked, heads), fmt.Sprint(second.Vouched, second.Heads))
	}
	file := format.EncodeDir(heads)
	if int64(len(file)) != format.DirSize(len(heads)) || checked && !bytes.HasPrefix(b, file) {
		return fmt.Errorf("dir: %d bytes with %d heads come back as % x", len(b), len(heads), file)
	}
	again, checked, err := format.DecodeDir(file)
	if err != nil || !checked || !slices.Equal(again, heads) {
		return fmt.Errorf("dir: %v come back as %v, checked %v, %v", heads, again, checked, err)
	}
	return nil
}

// Free takes the bytes for the file free. The first two are no part of it: with
// the lowest bit of the first the list is vouched for, for a meta whose last LSN
// is the second.
func Free(data []byte) error {
	r := reader{data}
	vouched, lastLSN := r.byte()&1 != 0, uint64(r.byte())
	b := bytes.Clone(r.rest)
	const nextPage = 1000
	if f, ok := raw.ReadFree(b); ok && vouched {
		put64(b, 16, raw.FreeMark(f.IDs, lastLSN, nextPage))
	}
	var f format.Free
	var err error
	if err := bounded(2, len(b), func() { f, err = format.DecodeFree(b) }); err != nil {
		return fmt.Errorf("free: %w", err)
	}
	second, ok := raw.ReadFree(b)
	if err := acceptance("free", err, ok, len(b)); err != nil {
		return err
	}
	// The judge accepts no list with a rest, or with another count.
	third, mark, judgeErr := judge.ParseFree(b)
	if judgeErr == nil && !(ok && slices.Equal(third, f.IDs) && mark == f.Reserved) {
		return differ("free", f, third)
	}
	if ok && second.Rest == 0 && int(second.Count) == len(second.IDs) && judgeErr != nil {
		return differ("free", f, judgeErr)
	}
	if !ok {
		return nil
	}
	if !slices.Equal(f.IDs, second.IDs) || f.Count != second.Count || f.Reserved != second.Reserved || f.Rest != second.Rest {
		return differ("free", f, second)
	}
	right := f.Rest == 0 && f.Reserved == raw.FreeMark(f.IDs, lastLSN, nextPage)
	if f.Vouched(lastLSN, nextPage) != right || vouched && f.Rest == 0 && !right {
		return differ("free: vouched for", !right, right)
	}
	part := f.Rest == 0 && f.Reserved == raw.FreePartMark(f.IDs, lastLSN, nextPage)
	if f.VouchedInPart(lastLSN, nextPage) != part || part && right {
		return differ("free: vouched for in part", !part, part)
	}
	again, err := format.DecodeFree(format.EncodeFree(f.IDs, f.Reserved))
	if err != nil || !slices.Equal(again.IDs, f.IDs) || again.Reserved != f.Reserved || int(again.Count) != len(f.IDs) || again.Rest != 0 {
		return fmt.Errorf("free: %+v comes back as %+v, %v", f, again, err)
	}
	return nil
}

// SegmentName takes the bytes for a name in the folder of a database.
func SegmentName(data []byte) error {
	name := string(data)
	n, ok := format.ParseSegmentName(name)
	if ok && format.SegmentName(n) != name {
		return fmt.Errorf("segment %d has the name %q, not %q", n, format.SegmentName(n), name)
	}
	if third := judge.SegmentNumber(name); ok && n < 1<<62 && uint64(third) != n {
		return differ("segment name", n, third)
	}
	// The judge accepts more zeros in front than there are.
	if third := judge.SegmentNumber(name); third > 0 && !ok && fmt.Sprintf("data-%06d.p1seg", third) == name {
		return differ("segment name", "none", third)
	}
	if m, ok := format.ParseSegmentName(format.SegmentName(n)); n > 0 && (!ok || m != n) {
		return fmt.Errorf("segment %d comes back as %d", n, m)
	}
	return nil
}

// Hash compares the hash of the bytes, and the bucket that follows from it.
func Hash(data []byte) error {
	h := format.Hash64(data)
	if second := judge.Hash64(data); h != second {
		return differ("hash", h, second)
	}
	for _, buckets := range []uint32{1, 2, 3, 128, 1000, 1 << 24} {
		if got := format.Bucket(h, buckets); uint64(got) != h%uint64(buckets) {
			return differ("bucket", got, h%uint64(buckets))
		}
	}
	return nil
}
