package main

import (
	"context"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// check opens a database, checks it and closes it.
func check(ctx context.Context, path string, o *quiver.Options, co quiver.CheckOptions) (quiver.CheckReport, error) {
	db, err := quiver.OpenReadOnly(path, o)
	if err != nil {
		return quiver.CheckReport{}, err
	}
	report, err := db.Check(ctx, co)
	if report.Findings == nil {
		report.Findings = []quiver.Finding{}
	}
	if closed := db.Close(); err == nil {
		err = closed
	}
	return report, err
}
