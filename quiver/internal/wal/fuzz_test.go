package wal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/fuzz/native"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// ScanProperties are the functions behind the fuzz targets of this package, by the
// name of the target, for engines other than Go's: fuzz/build.sh.
func ScanProperties() map[string]func([]byte) error {
	return map[string]func([]byte) error{"FuzzScan": scanProperty, "FuzzScanRecords": scanRecordsProperty}
}

func FuzzScan(f *testing.F)        { native.Run(f, ScanProperties()["FuzzScan"]) }
func FuzzScanRecords(f *testing.F) { native.Run(f, ScanProperties()["FuzzScanRecords"]) }

// Flags in the first byte of both inputs; the second one is last_lsn of the meta.
const (
	fuzzHeld  = 1 << 0 // all pages stand in their segments
	fuzzClean = 1 << 1 // the clean flag of the meta is set
)

// scanProperty takes the bytes behind the first two for a whole log.
func scanProperty(data []byte) error {
	if len(data) < 2 {
		return nil
	}
	return scanAnything(data[2:], uint64(data[1]), data[0])
}

// Bits of the page id of a record in the input of scanRecordsProperty; its lowest
// three are the id.
const (
	fuzzTorn     = 1 << 3 // the record's CRC is wrong
	fuzzOtherLSN = 1 << 4 // the image has another LSN than the record
)

// maxFuzzRecords bounds what one log costs.
const maxFuzzRecords = 12

// scanRecordsProperty makes a log of records in any order: two bytes behind the
// first two are how many zeros follow the last one, and each four bytes are type
// (0 = a page image), flags, LSN and page of one. Some have other lengths.
func scanRecordsProperty(data []byte) error {
	if len(data) < 4 {
		return nil
	}
	tail := (int(data[2]) | int(data[3])<<8) % (2 * stride)
	header := format.EncodeWALHeader()
	log := header[:]
	for list, n := data[4:], 0; len(list) >= 4 && n < maxFuzzRecords; list, n = list[4:], n+1 {
		log = append(log, fuzzRecord(list)...)
	}
	return scanAnything(append(log, zeros(tail)...), uint64(data[1]), data[0])
}

func fuzzRecord(b []byte) []byte {
	r := rec{typ: b[0], flags: b[1], lsn: uint64(b[2]), page: uint64(b[3] % 8)}
	if r.typ > 128 {
		r.payload = zeros(int(r.typ))
	} else if b[3]&fuzzOtherLSN != 0 {
		r.payload = newPage(r.page, r.lsn+1)
		format.SealPage(r.payload, r.lsn+1)
	}
	out := r.bytes()
	if b[3]&fuzzTorn != 0 {
		out[len(out)-1] ^= 1
	}
	return out
}

// scanAnything: no bytes make a scan panic, break the promises of Result, or find an
// image whose record's CRC is wrong; a salvage reads whatever a scan reads; and the
// judge, which shares no code with this package, reads the same.
func scanAnything(b []byte, meta uint64, flags byte) error {
	o := ScanOptions{PageSize: pageSize, MetaLastLSN: meta, Clean: flags&fuzzClean != 0}
	if flags&fuzzHeld != 0 {
		o.Held = allHeld
	}
	res, err := Scan(&bytesFile{b: b}, o)
	if err == nil {
		err = consistent(b, res)
	}
	damage := isDamage(err)
	if err != nil && damage == nil {
		return err
	}
	if damage != nil && (damage.Offset < 0 || damage.Offset > int64(len(b)) || damage.Reason == "") {
		return fmt.Errorf("damage outside of %d bytes: %w", len(b), err)
	}
	for _, im := range res.Images {
		header := b[im.Offset-format.RecordHeaderSize:]
		r, err := format.DecodeRecordHeader(header)
		if err != nil || !r.VerifyPayload(header, b[im.Offset:][:pageSize]) {
			return fmt.Errorf("image at %d of a record that is not valid", im.Offset)
		}
	}
	if err := judged(b, res, damage, meta); err != nil {
		return err
	}
	o.Salvage = true
	salvaged, salvageErr := Scan(&bytesFile{b: b}, o)
	if salvageErr == nil {
		salvageErr = consistent(b, salvaged)
	}
	if salvageErr != nil {
		return fmt.Errorf("salvage: %w", salvageErr)
	}
	if err == nil && !equalLSNs(lsns(res), lsns(salvaged)) {
		return fmt.Errorf("read %v, salvaged %v", lsns(res), lsns(salvaged))
	}
	return nil
}

// judged compares with the judge's reading. The judge knows only logs of this project
// that hold page images and nothing else; what it calls damage is damage here, and
// more is: images that are no pages, and a stale log whose pages are in no segment.
func judged(b []byte, res Result, damage *DamageError, meta uint64) error {
	if res.Kind == Foreign || len(b) < begin {
		return nil // a creation that was interrupted leaves a part of a header
	}
	for off := begin; off < len(b); off += stride {
		if typ := b[off]; typ != 0 && typ != format.RecordPageImage {
			return nil
		}
	}
	j := judge.ReadLog(b, meta, pageSize)
	if damage != nil {
		return nil
	}
	if len(j.Faults) > 0 && !(len(b) == begin && format.IsZeroPage(b)) {
		return errors.New("the scan finds no damage, the judge: " + j.Faults[0])
	}
	var images []Image
	for _, g := range j.Groups {
		for _, r := range g {
			images = append(images, Image{LSN: r.LSN, PageID: r.Page, Offset: int64(r.Off) + format.RecordHeaderSize})
		}
	}
	if res.Groups != len(j.Groups) || len(images) != len(res.Images) {
		return fmt.Errorf("%d groups of %d images, the judge reads %d of %d", res.Groups, len(res.Images), len(j.Groups), len(images))
	}
	for i, im := range images {
		if res.Images[i] != im {
			return fmt.Errorf("image %d is %+v, the judge reads %+v", i, res.Images[i], im)
		}
	}
	if res.MaxLSN < j.MaxLSN {
		return fmt.Errorf("the highest LSN is %d, the judge reads %d", res.MaxLSN, j.MaxLSN)
	}
	return nil
}
