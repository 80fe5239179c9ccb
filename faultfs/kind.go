package faultfs

import (
	"fmt"
	"math/bits"
	"strings"
)

// Kind is a set of kinds of calls. A record carries exactly one; a fault or a
// counter may name several. 0 stands for all of them.
type Kind uint32

const (
	KindOpen   Kind = 1 << iota
	KindCreate      // an open that made the file
	KindMkdir
	KindRemove
	KindRename
	KindReadDir
	KindStat
	KindSyncDir
	KindLock
	KindUnlock
	KindHolder // Lock.SetHolder
	KindRead
	KindWrite
	KindTruncate
	KindAllocate
	KindSize
	KindSync
	KindSyncData
	KindClose
	KindNote   // FS.Note: not a call of the engine
	KindTamper // a silent change, or SyncAll: not a call of the engine
)

// KindFsync is every call that makes something durable.
const KindFsync = KindSync | KindSyncData | KindSyncDir

const kindReads = KindReadDir | KindStat | KindRead | KindSize

var kindNames = [...]string{"open", "create", "mkdir", "remove", "rename", "readdir", "stat", "syncdir", "lock", "unlock",
	"holder", "read", "write", "truncate", "allocate", "size", "sync", "syncdata", "close", "note", "tamper"}

func (k Kind) String() string { return setString(uint32(k), kindNames[:]) }

// Class is a set of path classes. A path has exactly one; 0 stands for all.
type Class uint32

const (
	ClassWAL  Class = 1 << iota // wal-*
	ClassSeg                    // *.p1seg
	ClassMeta                   // meta
	ClassDir                    // the file dir, not directories
	ClassFree                   // free
	ClassLock                   // LOCK
	ClassTmp                    // *.tmp
	ClassSnap                   // anything below .snapshots or .snapstore
	ClassOther
	ClassBackup // the files of a backup: pages.bin, dir.bin, manifest.json
)

var classNames = [...]string{"wal", "seg", "meta", "dir", "free", "lock", "tmp", "snap", "other", "backup"}

func (c Class) String() string { return setString(uint32(c), classNames[:]) }

// ClassOf is the class of a path.
func ClassOf(path string) Class {
	base := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.Contains(path, "/.snapshots") || strings.Contains(path, "/.snapstore"):
		return ClassSnap
	case strings.HasSuffix(base, ".tmp"):
		return ClassTmp
	case strings.HasPrefix(base, "wal-"):
		return ClassWAL
	case strings.HasSuffix(base, ".p1seg"):
		return ClassSeg
	}
	switch base {
	case "meta":
		return ClassMeta
	case "dir":
		return ClassDir
	case "free":
		return ClassFree
	case "LOCK":
		return ClassLock
	case "pages.bin", "dir.bin", "manifest.json":
		return ClassBackup
	}
	return ClassOther
}

func setString(set uint32, names []string) string {
	if set == 0 {
		return "*"
	}
	var parts []string
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		if i >= len(names) {
			parts = append(parts, fmt.Sprintf("bit%d", i))
			continue
		}
		parts = append(parts, names[i])
	}
	return strings.Join(parts, "|")
}

func parseSet(s string, names []string) (uint32, error) {
	if s == "*" || s == "" {
		return 0, nil
	}
	var set uint32
next:
	for _, part := range strings.Split(s, "|") {
		for i, name := range names {
			if name == part {
				set |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("faultfs: unknown name %q, want one of %s", part, strings.Join(names, " "))
	}
	return set, nil
}
