package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/fuzz/disk"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// view is what one handle answers.
type view struct {
	opened error // why there is no handle
	// got and refused are the answers to gets of every key that the scene ever had.
	got     map[string][]byte
	refused map[string]error
	// scan is the answer to a scan; scanErr is why it ends early.
	scan    map[string][]byte
	scanErr error
	// findings are the errors that Check lists; checkErr is why it ends early.
	findings []quiver.Finding
	checkErr error
	recovery quiver.RecoveryInfo
	// kept are the snapshots of the registry; registryErr is why they are not known.
	kept        map[string]*kept
	registryErr error
}

// sound reports whether the handle found nothing wrong.
func (v *view) sound() bool {
	return v.opened == nil && len(v.refused) == 0 && v.scanErr == nil && v.checkErr == nil && len(v.findings) == 0
}

// options are what folders are opened with: nothing happens in the background,
// and logs are small.
func (r *Recipe) options(d *disk.Disk) *quiver.Options {
	o := &quiver.Options{FS: d, Inline: true, LockWait: -1, WALCoalesce: -1, ReservePages: 4, LogBytes: 50 << 10, LogChunkBytes: 8 << 10}
	o.RefuseFlagLies = r.Way&wayRefuseLies != 0
	o.NoDataFsync = r.Way&wayNoDataSync != 0
	if r.Way&wayNoCache != 0 {
		o.PageCachePages, o.LocatorBytes = -1, -1
	}
	if r.Way&waySnap != 0 {
		o.SnapPersist, o.SnapDedup, o.Clock = true, true, fixedClock{2}
	}
	return o
}

// typed checks that an error is one that a damaged folder may be answered with.
func (r *Recipe) typed(err error) error {
	var ce *quiver.CorruptionError
	if errors.As(err, &ce) {
		if !errors.Is(err, quiver.ErrCorrupt) || !strings.HasPrefix(ce.Path, root) || ce.Offset < -1 {
			return fmt.Errorf("corruption error without a place: %w", err)
		}
		return nil
	}
	for _, known := range []error{quiver.ErrIncompatible, quiver.ErrIncomplete, quiver.ErrNoDatabase, quiver.ErrUnclean, quiver.ErrFull} {
		if errors.Is(err, known) {
			if !strings.Contains(err.Error(), root) {
				return fmt.Errorf("the error names no file: %w", err)
			}
			return nil
		}
	}
	var pe *fs.PathError
	if r.Dirs && errors.As(err, &pe) {
		return nil
	}
	return fmt.Errorf("untyped error: %w", err)
}

// open opens the folder and looks at it. The handle is nil if that is refused.
func (r *Recipe) open(d *disk.Disk, readOnly, salvage bool) (*quiver.DB, *view, error) {
	return r.openAt(root, d, readOnly, salvage)
}

// openAt does the same with another folder of the disk.
func (r *Recipe) openAt(dir string, d *disk.Disk, readOnly, salvage bool) (*quiver.DB, *view, error) {
	o := r.options(d)
	o.Salvage = salvage
	open := quiver.Open
	if readOnly {
		open = quiver.OpenReadOnly
	}
	db, err := open(dir, o)
	if err != nil {
		if n := d.Open(); n > 0 {
			return nil, nil, fmt.Errorf("open refused (%w) and left %d files or locks open", err, n)
		}
		return nil, &view{opened: err}, r.typed(err)
	}
	// To read them in all handles would take most of the time.
	v, err := r.look(db, !salvage && (readOnly || r.Way&waySnap != 0))
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, v, nil
}

// look asks for everything. Errors of the answers must be typed; what is returned
// is a broken rule.
func (r *Recipe) look(db *quiver.DB, snapshots bool) (*view, error) {
	v := &view{got: map[string][]byte{}, refused: map[string]error{}, scan: map[string][]byte{}, recovery: db.Recovery()}
	for key := range r.Scene.Ever {
		value, found, err := db.Get([]byte(key))
		switch {
		case err != nil:
			v.refused[key] = err
		case found:
			v.got[key] = value
		}
	}
	twice := ""
	for item, err := range db.Scan(quiver.ScanOptions{}) {
		if err != nil {
			v.scanErr = err
			break
		}
		if _, there := v.scan[string(item.Key)]; there {
			twice = string(item.Key)
		}
		v.scan[string(item.Key)] = item.Value
	}
	if snapshots {
		if err := r.lookSnapshots(db, v); err != nil {
			return nil, err
		}
	}
	report, err := db.Check(context.Background(), quiver.CheckOptions{})
	v.findings, v.checkErr = report.Findings, err
	for _, err := range slices.Concat(slices.Collect(maps.Values(v.refused)), []error{v.scanErr, v.checkErr}) {
		if err == nil {
			continue
		}
		if err := r.typed(err); err != nil {
			return nil, err
		}
	}
	if len(v.findings) == 0 && v.checkErr == nil {
		if twice != "" {
			return nil, fmt.Errorf("scan gave key %q twice, and Check finds nothing", twice)
		}
		return v, r.consistent(v)
	}
	return v, nil
}

// consistent holds where Check finds nothing: then everything can be read, and
// gets and scans agree.
func (r *Recipe) consistent(v *view) error {
	if v.registryErr != nil {
		return fmt.Errorf("the registry cannot be read, and Check finds nothing: %w", v.registryErr)
	}
	if v.scanErr != nil {
		return fmt.Errorf("the scan fails, and Check finds nothing: %w", v.scanErr)
	}
	for key, err := range v.refused {
		return fmt.Errorf("get %q fails, and Check finds nothing: %w", key, err)
	}
	for key := range r.Scene.Ever {
		got, found := v.got[key]
		scanned, listed := v.scan[key]
		if found != listed || !bytes.Equal(got, scanned) {
			return fmt.Errorf("get %q: %v, %.40q; scan: %v, %.40q; and Check finds nothing", key, found, got, listed, scanned)
		}
	}
	return nil
}

// sameAnswers compares what two handles answer. One may refuse where the other
// does not: recovery makes segments whole again, with zeros, which can be what had
// been there.
func sameAnswers(a, b *view) error {
	if (a.opened == nil) != (b.opened == nil) {
		return fmt.Errorf("one opens: %w; the other: %w", orNone(a.opened), orNone(b.opened))
	}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(a.got)), slices.Collect(maps.Keys(b.got))) {
		if a.refused[key] != nil || b.refused[key] != nil {
			continue
		}
		one, in := a.got[key]
		other, also := b.got[key]
		if in != also || !bytes.Equal(one, other) {
			return fmt.Errorf("get %q: one says %v, %.40q; the other %v, %.40q", key, in, one, also, other)
		}
	}
	if a.scanErr != nil || b.scanErr != nil {
		return nil
	}
	if d := diff(a.scan, b.scan); d != "" {
		return errors.New("scans: " + d)
	}
	return nil
}

var errNone = errors.New("no error")

func orNone(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

// diff says how two contents differ, "" if they do not.
func diff(want, got map[string][]byte) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, there := got[key]
		if !there {
			return fmt.Sprintf("key %.40q is missing", key)
		}
		if !bytes.Equal(value, want[key]) {
			return fmt.Sprintf("key %.40q has %d bytes %.40q instead of %d bytes %.40q", key, len(value), value, len(want[key]), want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[key]; !there {
			return fmt.Sprintf("key %.40q should not be there", key)
		}
	}
	return ""
}
