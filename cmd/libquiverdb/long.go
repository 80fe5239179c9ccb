//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

import (
	"context"
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// watched gives a progress function of Go that calls the one of C, and ends the
// context when that says so. The engine reports progress on the goroutine of the
// call, so that it arrives on the thread of the call.
func watched(parent context.Context, progress C.qdb_progress, arg C.uintptr_t) (context.Context, context.CancelFunc, func(quiver.Progress)) {
	ctx, cancel := context.WithCancel(parent)
	if progress == nil {
		return ctx, cancel, nil
	}
	return ctx, cancel, func(p quiver.Progress) {
		if ctx.Err() == nil && C.qdb_internal_progress(progress, arg, C.uint64_t(p.Done), C.uint64_t(p.Total)) != 0 {
			cancel()
		}
	}
}

//export qdbgoBackup
func qdbgoBackup(h C.uintptr_t, dir C.qdb_text_in, since C.int64_t, progress C.qdb_progress, arg C.uintptr_t, lsn *C.uint64_t) C.int {
	return on(h, func(d *database) error {
		to, err := textIn(dir, "the folder")
		if err != nil {
			return err
		}
		var o quiver.BackupOptions
		switch {
		case since >= 0:
			from := uint64(since)
			o.Since = &from
		case since < -1:
			return fmt.Errorf("%w: %d is no LSN, and full is -1", quiver.ErrInvalid, since)
		}
		ctx, cancel, tell := watched(d.alive, progress, arg)
		defer cancel()
		o.Progress = tell
		info, err := d.db.Backup(ctx, to, o)
		if err == nil && lsn != nil {
			*lsn = C.uint64_t(info.LSN)
		}
		return err
	})
}

//export qdbgoRestore
func qdbgoRestore(path, dir C.qdb_text_in, flags C.uint32_t, progress C.qdb_progress, arg C.uintptr_t) C.int {
	return do(func() error {
		to, err := textIn(path, "the path")
		if err != nil {
			return err
		}
		from, err := textIn(dir, "the folder of the backup")
		if err != nil {
			return err
		}
		if err := flagsIn(flags, C.QDB_RESTORE_VERIFY); err != nil {
			return err
		}
		ctx, cancel, tell := watched(context.Background(), progress, arg)
		defer cancel()
		_, err = quiver.Restore(ctx, to, from, quiver.RestoreOptions{Verify: flags&C.QDB_RESTORE_VERIFY != 0, Progress: tell})
		return err
	})
}

//export qdbgoCheck
func qdbgoCheck(path C.qdb_text_in, flags C.uint32_t, progress C.qdb_progress, arg C.uintptr_t) *C.char {
	return jsonOut(func() (any, error) {
		p, err := textIn(path, "the path")
		if err != nil {
			return nil, err
		}
		if err := flagsIn(flags, C.QDB_CHECK_STRICT); err != nil {
			return nil, err
		}
		o, err := options(nil)
		if err != nil {
			return nil, err
		}
		ctx, cancel, tell := watched(context.Background(), progress, arg)
		defer cancel()
		o.Context, o.Progress = ctx, tell
		return check(ctx, p, o, quiver.CheckOptions{Strict: flags&C.QDB_CHECK_STRICT != 0, Progress: tell})
	})
}

//export qdbgoRepair
func qdbgoRepair(path C.qdb_text_in, flags C.uint32_t, progress C.qdb_progress, arg C.uintptr_t) *C.char {
	return jsonOut(func() (any, error) {
		p, err := textIn(path, "the path")
		if err != nil {
			return nil, err
		}
		if err := flagsIn(flags, C.QDB_REPAIR_SOLE_OWNER); err != nil {
			return nil, err
		}
		o, err := options(nil)
		if err != nil {
			return nil, err
		}
		ctx, cancel, tell := watched(context.Background(), progress, arg)
		defer cancel()
		o.Context, o.Progress = ctx, tell
		return repair(ctx, p, o, quiver.RepairOptions{SoleOwner: flags&C.QDB_REPAIR_SOLE_OWNER != 0, Progress: tell})
	})
}

//export qdbgoStats
func qdbgoStats(h C.uintptr_t) *C.char {
	return jsonOf(h, func(d *database) (any, error) { return d.db.Stats() })
}
