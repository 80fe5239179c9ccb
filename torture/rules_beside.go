package torture

import (
	"path"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// outside tells whether a path is beside the database.
func outside(p string) bool {
	return strings.HasPrefix(p, "/"+backupFolder) || strings.HasPrefix(p, "/"+copyFolder)
}

// beside follows a call to a backup or a restored database: the file that makes it
// one takes effect last, when all else is durable.
func (r *rules) beside(c call, p string) {
	f := r.s.live[p]
	switch {
	case c.kind == faultfs.KindSyncDir && c.err == nil:
		r.s.syncDir(p)
	case c.kind == faultfs.KindRename:
		r.besideRename(c, p, f)
	case c.err != nil && !r.gone(p):
	case c.kind == faultfs.KindCreate:
		if f = r.s.create(p); c.cut {
			f.resize(0)
		}
	case c.kind == faultfs.KindRemove:
		if path.Base(p) == restoreName {
			r.allElse("R14 restore last", p)
		}
		r.s.remove(p)
	case f == nil:
	case c.kind == faultfs.KindWrite:
		f.write(c)
	case c.kind == faultfs.KindTruncate:
		f.resize(int(c.size))
	case c.kind == faultfs.KindAllocate && int(c.size) > len(f.content):
		f.resize(int(c.size))
	case c.kind&(faultfs.KindSync|faultfs.KindSyncData) != 0:
		f.sync(r.s.process)
	}
}

// restoreName marks a folder into which a restore is not complete.
const restoreName = "quiver-restore"

func (r *rules) besideRename(c call, from string, f *shadow) {
	to := clean(c.to)
	if f == nil || c.err != nil && !r.gone(from) {
		return
	}
	if f.dirty || f.created {
		r.flaw("R4 sync before rename", "%s was renamed to %s before it was synced", from, to)
	}
	if path.Base(from) == restoreName {
		r.allElse("R14 restore last", from)
	}
	switch path.Base(to) {
	case "manifest.json":
		if len(f.content) == 0 {
			break // it vouches for nothing
		}
		r.allElse("R13 manifest last", from)
	case metaName:
		r.allElse("R14 meta last", from)
	}
	r.s.rename(from, to)
}

// allElse: the other files in the folder of a path are durable with their names.
func (r *rules) allElse(rule, p string) {
	for name, f := range r.s.all() {
		if path.Dir(name) != path.Dir(p) || name == p || f.class&(faultfs.ClassTmp|faultfs.ClassLock) != 0 || path.Base(name) == "quiver-reserve" {
			continue
		}
		if f.dirty || f.created {
			r.flaw(rule, "%s was not synced before %s took effect", name, path.Base(p))
		}
		if _, pending := r.s.changed[name]; pending {
			r.flaw(rule, "the name of %s was not durable before %s took effect", name, path.Base(p))
		}
	}
}
