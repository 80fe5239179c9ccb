package format

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of the files and folders under the root of a database.
const (
	MetaName      = "meta"
	DirName       = "dir"
	FreeName      = "free"
	WALName       = "wal-000001.log"
	LockName      = "LOCK"
	SnapshotsName = ".snapshots"
	SnapStoreName = ".snapstore" // unless another folder is configured
	TempSuffix    = ".tmp"       // of a file that is about to replace another

	RegistryName  = "registry.json" // in SnapshotsName
	FreezeName    = "freeze.bin"    // in the folder of a snapshot
	IndexName     = "index.bin"     // there and in the SnapStore
	HashIndexName = "hashindex.bin" // in the folder of a snapshot
	StoreName     = "store.bin"     // in the SnapStore

	PagesName      = "pages.bin" // in a backup folder
	BackupDirName  = "dir.bin"   // there
	BackupManifest = "manifest.json"
)

const (
	segmentPrefix = "data-"
	segmentSuffix = ".p1seg"
	segmentDigits = 6 // at least
)

// SegmentName is the name of segment n, which counts from 1.
func SegmentName(n uint64) string {
	return fmt.Sprintf("%s%0*d%s", segmentPrefix, segmentDigits, n, segmentSuffix)
}

// ParseSegmentName is the inverse of SegmentName; ok is false for every name
// that SegmentName does not make.
func ParseSegmentName(name string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, segmentSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || SegmentName(n) != name {
		return 0, false
	}
	return n, true
}

// PagesPerSegment is the number of pages in a full segment.
func PagesPerSegment(pageSize int) uint64 { return uint64(SegmentBytes / pageSize) }

// PageLocation is the segment of a page and the offset in it.
func PageLocation(id uint64, pageSize int) (segment uint64, offset int64) {
	per := PagesPerSegment(pageSize)
	return id/per + 1, int64(id%per) * int64(pageSize)
}
