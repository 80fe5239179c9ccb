package quiver

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// CheckOptions say how strict Check is.
type CheckOptions struct {
	// Strict makes a finding of what is only unusual too: orphaned pages, images
	// of the SnapStore that are kept for nothing, and older copies of keys as the
	// original program leaves them.
	Strict bool
	// Progress must not use the handle. It is told of the phases "check" in buckets,
	// those of persisted snapshots too, "snapstore" in images that are named, where
	// there is a SnapStore, and "snapshots", where there are any.
	Progress func(Progress)
}

// Finding is something that Check found.
type Finding struct {
	Severity string `json:"severity"` // "error", or "warning": unusual, nothing is lost
	File     string `json:"file"`
	Page     uint64 `json:"page"`   // format.NoPage if it concerns none
	Offset   int64  `json:"offset"` // in the file, -1 if it has no place there
	Message  string `json:"message"`
}

// CheckReport is what Check saw.
type CheckReport struct {
	Usage
	Findings []Finding `json:"findings"`
}

// Check reads everything that the visible state reaches, from memory or disk,
// and compares it: checksums, page ids, chains and their ends, the bucket of
// every key, the tables in the pages, long values, pages that are reached twice,
// the free list, the files of persisted snapshots, and the SnapStore with its
// reference counts. It lists all findings and changes nothing. An error means
// that the check could not be done to the end. It fails with ErrRecounting while
// a recount runs. Reads, writes and snapshots go on beside it, but for the moment
// in which the lists of references of the SnapStore are read; RemoveSnapshot,
// CompactSnapStore, Repair and Close wait for it.
func (db *DB) Check(ctx context.Context, o CheckOptions) (CheckReport, error) {
	r := CheckReport{Findings: []Finding{}}
	tell := func(f bucket.Fault) {
		// A walk from a snapshot stumbles over the damage that its files show too.
		if found := db.finding(f); (!f.Warning || o.Strict) && !slices.Contains(r.Findings, found) {
			r.Findings = append(r.Findings, found)
		}
	}
	u, err := db.examine(ctx, tell, o.Progress, "check")
	if err == nil {
		err = db.checkSnapshots(ctx, tell, o.Progress)
	}
	r.Usage = Usage(u)
	return r, err
}

func (db *DB) finding(f bucket.Fault) Finding {
	out := Finding{Severity: "error", File: filepath.Join(db.pg.Dir(), format.FreeName), Page: f.Page, Offset: pager.NoOffset, Message: f.Err.Error()}
	if f.Warning {
		out.Severity, out.File = "warning", db.pg.Dir()
	}
	var ce *CorruptionError
	if errors.As(f.Err, &ce) {
		out.File, out.Page, out.Offset, out.Message = ce.Path, ce.Page, ce.Offset, ce.Reason
		if ce.Err != nil {
			out.Message = f.Err.Error()
		}
	}
	return out
}
