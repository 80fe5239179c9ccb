package snap

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// headsName is a file of ours in the folder of a snapshot: the bytes of a file
// dir with the heads as of the snapshot, and behind them, where a dir has no
// meaning:
//
//	0  8  LSN of the snapshot
//	8  4  CRC32 (IEEE) of everything before it
//
// The LSN ties the heads to the entry of the registry: a folder that something
// else left under the same id is not taken for this snapshot's.
const headsName = "heads.bin"

const headsTrailerSize = 12

func encodeHeads(heads []uint64, lsn uint64) []byte {
	b := binary.LittleEndian.AppendUint64(format.EncodeDir(heads), lsn)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// decodeHeads reads the file of the snapshot with this LSN.
func decodeHeads(path string, b []byte, lsn uint64) ([]uint64, error) {
	heads, _, err := format.DecodeDir(b)
	if err != nil {
		return nil, undecodable(path, err)
	}
	at := int(format.DirSize(len(heads)))
	if len(b) != at+headsTrailerSize {
		return nil, &CorruptError{Path: path, Offset: int64(at), Reason: fmt.Sprintf("%d bytes behind the heads", len(b)-at)}
	}
	crc := binary.LittleEndian.Uint32(b[at+8:])
	if crc != crc32.ChecksumIEEE(b[:at+8]) {
		return nil, &CorruptError{Path: path, Offset: int64(at) + 8, Reason: "checksum mismatch"}
	}
	if got := binary.LittleEndian.Uint64(b[at:]); got != lsn {
		return nil, &CorruptError{Path: path, Offset: int64(at), Reason: fmt.Sprintf("LSN %d in the folder of the snapshot of LSN %d", got, lsn)}
	}
	return heads, nil
}

// Entered reports whether a snapshot must have been entered in a registry: it has
// heads, as those have that outlive their process, and frozen pages, which come
// only after that. It is true also where nobody can tell.
func Entered(fsys vfs.FS, root, id string) bool {
	for _, name := range []string{headsName, format.FreezeName} {
		if _, err := fsys.Stat(filepath.Join(snapshotsDir(root), id, name)); absent(err) {
			return false
		}
	}
	return true
}
