package snap

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func snapshotsDir(root string) string { return filepath.Join(root, format.SnapshotsName) }

func registryPath(root string) string {
	return filepath.Join(snapshotsDir(root), format.RegistryName)
}

// LoadRegistry reads the list of the snapshots that outlive their process. A
// database without the file has none, which is nil. A file that cannot be decoded is a
// *CorruptError.
func LoadRegistry(fsys vfs.FS, root string) ([]format.Snapshot, error) {
	path := registryPath(root)
	b, err := readWhole(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("load snapshot registry: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	entries, err := format.DecodeRegistry(b)
	if err != nil {
		return nil, undecodable(path, err)
	}
	if entries == nil {
		entries = []format.Snapshot{}
	}
	return entries, nil
}

// SaveRegistry replaces the list, durably: after a crash it is the old or the
// new one, the new one if SaveRegistry has returned nil. The folder of all snapshots
// is there, and lasts: Create, or SettleRegistry, has seen to it.
func SaveRegistry(fsys vfs.FS, root string, entries []format.Snapshot) error {
	for _, e := range entries {
		if !format.ValidSnapshotID(e.ID) {
			return fmt.Errorf("save snapshot registry: %q is no snapshot id", e.ID)
		}
	}
	if err := replaceFile(fsys, registryPath(root), format.EncodeRegistry(entries)); err != nil {
		return fmt.Errorf("save snapshot registry: %w", err)
	}
	return nil
}

// SettleRegistry makes the list durable that LoadRegistry has given: a process
// that died, or whose sync failed, may have left it under a name that the next
// power cut takes back. The file is written anew, since a sync alone may find
// nothing to do. Where there is no room for that, the names as they are must do. The
// original makes the folder and syncs no name.
//
// The file is read again for it, so that fields of others stay. It has no checksum: if
// the two reads do not say the same one of them was wrong, and nothing is written.
func SettleRegistry(fsys vfs.FS, root string, loaded []format.Snapshot) error {
	path := registryPath(root)
	b, err := readWhole(fsys, path)
	if err != nil || b == nil {
		return err
	}
	again, err := format.DecodeRegistry(b)
	if err != nil {
		return undecodable(path, err)
	}
	if !slices.Equal(again, loaded) {
		return &CorruptError{Path: path, Offset: noOffset, Reason: "two reads of it differ"}
	}
	err = replaceFile(fsys, path, b)
	if !isSyncError(err) && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		err = syncDir(fsys, snapshotsDir(root))
	}
	if err == nil {
		err = syncDir(fsys, root)
	}
	if err != nil {
		return fmt.Errorf("settle snapshot registry: %w", err)
	}
	return nil
}

// SyncRegistry is what a reader can do: it syncs the names.
func SyncRegistry(fsys vfs.FS, root string) error {
	for _, dir := range []string{snapshotsDir(root), root} {
		if err := syncDir(fsys, dir); err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// makeSnapshotsDir makes the folder of all snapshots, and does not sync its name.
func makeSnapshotsDir(fsys vfs.FS, root string) error {
	if err := fsys.Mkdir(snapshotsDir(root)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// RemoveFolder removes the folder of all snapshots if nothing is in it: after a
// failed sync of its name only a new one is sure to last. It is no error when it is
// not there. A link is not removed: whoever made that wants the snapshots elsewhere,
// and its name is none of ours.
func RemoveFolder(fsys vfs.FS, root string) error {
	in, err := folderInfo(fsys, root)
	if err != nil || in == nil {
		return err
	}
	if !in.Dir || in.Link {
		return &fs.PathError{Op: "remove", Path: snapshotsDir(root), Err: syscall.ENOTDIR}
	}
	return vfs.RemoveIfThere(fsys, snapshotsDir(root))
}

// FolderSure reports, after a Create that failed, whether the next one may count on
// the name of the folder of all snapshots: it is not there, or not one that this
// program has made, or holds a registry, which is made only when the name is durable.
func FolderSure(fsys vfs.FS, root string) bool {
	if in, err := folderInfo(fsys, root); err == nil && (in == nil || !in.Dir || in.Link) {
		return true
	}
	_, err := fsys.Stat(registryPath(root))
	return err == nil
}

// folderInfo is the entry of the folder of all snapshots, nil if there is none.
func folderInfo(fsys vfs.FS, root string) (*vfs.Info, error) {
	infos, err := fsys.ReadDir(root)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(infos, func(in vfs.Info) bool { return in.Name == format.SnapshotsName })
	if i < 0 {
		return nil, nil
	}
	return &infos[i], nil
}

// List names the folders under .snapshots, sorted: those of the snapshots of
// the registry, and what dead processes have left. It is nil without .snapshots.
func List(fsys vfs.FS, root string) ([]string, error) {
	infos, err := fsys.ReadDir(snapshotsDir(root))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	ids := []string{}
	for _, i := range infos {
		if i.Dir && format.ValidSnapshotID(i.Name) {
			ids = append(ids, i.Name)
		}
	}
	return ids, nil
}
