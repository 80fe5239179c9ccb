package torture

import (
	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Mutation puts a mistake between the engine and the disk, to see whether the
// judges notice it: an engine that forgot a sync makes the same calls as one
// whose sync is not passed on.
type Mutation func(vfs.FS) vfs.FS

func (m Mutation) apply(fsys vfs.FS) vfs.FS {
	if m == nil {
		return fsys
	}
	return m(fsys)
}

// Unsynced leaves out the syncs of a kind (KindSync, KindSyncData, KindSyncDir)
// of files of a class, or of the directories.
func Unsynced(kind faultfs.Kind, class faultfs.Class) Mutation {
	return func(fsys vfs.FS) vfs.FS { return unsynced{fsys, kind, class} }
}

type unsynced struct {
	vfs.FS
	kind  faultfs.Kind
	class faultfs.Class
}

func (u unsynced) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := u.FS.OpenFile(path, flag)
	if err != nil || faultfs.ClassOf(path)&u.class == 0 {
		return f, err
	}
	return unsyncedFile{f, u.kind}, nil
}

func (u unsynced) SyncDir(path string) error {
	if u.kind&faultfs.KindSyncDir != 0 {
		return nil
	}
	return u.FS.SyncDir(path)
}

type unsyncedFile struct {
	vfs.File
	kind faultfs.Kind
}

func (f unsyncedFile) Sync() error {
	if f.kind&faultfs.KindSync != 0 {
		return nil
	}
	return f.File.Sync()
}

func (f unsyncedFile) SyncData() error {
	if f.kind&faultfs.KindSyncData != 0 {
		return nil
	}
	return f.File.SyncData()
}
