package main

import (
	"context"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// repair opens a database, repairs it and closes it.
func repair(ctx context.Context, path string, o *quiver.Options, ro quiver.RepairOptions) (quiver.RepairReport, error) {
	// The search for orphaned pages of a handle would be beside that of Repair.
	o.NoRecount = true
	db, err := quiver.Open(path, o)
	if err != nil {
		return quiver.RepairReport{}, err
	}
	report, err := db.Repair(ctx, ro)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return report, err
}
