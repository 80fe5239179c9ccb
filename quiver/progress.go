package quiver

import "github.com/quiverdb/quiverdb-go/quiver/internal/pager"

// Progress is a step of something that takes long. Each phase is told at its
// start, now and then, and once more when all of it has succeeded: only that call
// has Done == Total. Done never goes back, and Total stays. The calls come from
// the goroutine that does the work, which waits for them.
type Progress struct {
	Phase string // "read log", "inspect", "redo", "recount", "count", "check", "snapstore", "snapshots", "backup", "restore"
	Done  int64
	Total int64 // 0 where there is nothing to do, which is told once
}

// phaseOf makes Progress of the steps of one phase, each worth unit.
func phaseOf(progress func(Progress), name string, unit int64) func(done, total int64) {
	if progress == nil {
		return nil
	}
	return func(done, total int64) { progress(Progress{name, done * unit, total * unit}) }
}

func beginPhase(progress func(Progress), name string, total, unit int64) *pager.Phase {
	return pager.BeginPhase(phaseOf(progress, name, unit), total)
}
