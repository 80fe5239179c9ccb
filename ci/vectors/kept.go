package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
)

// snapshotNames and backupNames are the vectors with more than a database.
func snapshotNames() []string { return []string{"18-snapshots", "19-snapstore-custom-dir"} }
func backupNames() []string   { return []string{"20-backup", "26-backup-sparse"} }

// command runs quiverdb and gives its standard output.
func command(ctx context.Context, bin string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// asked decodes what quiverdb prints with --json.
func asked[T any](ctx context.Context, bin string, env []string, args ...string) (v T, err error) {
	out, err := command(ctx, bin, env, append(args, "--json")...)
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	return v, err
}

// decodeFile reads a JSON file.
func decodeFile(path string, v any) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	return err
}

type entry struct {
	ID    string `json:"id"`
	LSN   uint64 `json:"lsn"`
	Time  uint64 `json:"ts_nanos"`
	Ended bool   `json:"ended"`
}

// trySnapshots lists the original's snapshots, removes them one after another
// with the counts that the original would leave, and compacts.
func trySnapshots(ctx context.Context, bin, dir string) error {
	var expect struct {
		Store    string `json:"snapstore_dir"`
		PageSize int    `json:"page_size"`
		Registry struct {
			Entries []entry `json:"entries"`
		} `json:"registry"`
	}
	if err := decodeFile(filepath.Join(dir, "expect.json"), &expect); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "quiver-vector")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	db, err := copyDatabase(dir, work)
	if err != nil {
		return err
	}
	if err := writable(db); err != nil {
		return err
	}
	env := []string{"P1_SNAPSTORE_DIR=" + expect.Store}
	err = unchanged(db, func() error {
		list, err := asked[[]entry](ctx, bin, env, "snapshots", "--path", db)
		if err == nil && !reflect.DeepEqual(list, expect.Registry.Entries) {
			err = fmt.Errorf("snapshots: %v instead of %v", list, expect.Registry.Entries)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range expect.Registry.Entries {
		if err := removeSnapshot(ctx, bin, env, db, filepath.Join(db, expect.Store), e.ID); err != nil {
			return fmt.Errorf("snapshot %s: %w", e.ID, err)
		}
	}
	return nil
}

func removeSnapshot(ctx context.Context, bin string, env []string, db, store, id string) error {
	want, err := counts(store)
	if err != nil {
		return err
	}
	names, err := os.ReadFile(filepath.Join(db, ".snapshots", id, "hashindex.bin"))
	if err != nil {
		return err
	}
	once := map[uint64]bool{}
	for ; len(names) >= 24; names = names[24:] {
		if h := binary.LittleEndian.Uint64(names[8:]); !once[h] {
			once[h] = true
			want[h]--
		}
	}
	if _, err := command(ctx, bin, env, "snap-rm", "--path", db, "--id", id); err != nil {
		return err
	}
	if got, err := counts(store); err != nil || !reflect.DeepEqual(got, want) {
		return errors.Join(err, fmt.Errorf("counts %v instead of %v", got, want))
	}
	info, err := asked[struct {
		Dropped int `json:"dropped_pages"`
	}](ctx, bin, env, "snap-compact", "--path", db)
	if err != nil {
		return err
	}
	dropped := 0
	for h, n := range want {
		if n == 0 {
			dropped++
			delete(want, h)
		}
	}
	if got, err := counts(store); err != nil || dropped != info.Dropped || !reflect.DeepEqual(got, want) {
		return errors.Join(err, fmt.Errorf("compacted: counts %v instead of %v, %d dropped instead of %d", got, want, info.Dropped, dropped))
	}
	if _, err := os.Stat(filepath.Join(db, ".snapshots", id)); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, errors.New("the folder is still there"))
	}
	return nil
}

// counts reads index.bin of a SnapStore.
func counts(store string) (map[uint64]uint32, error) {
	b, err := os.ReadFile(filepath.Join(store, "index.bin"))
	list := map[uint64]uint32{}
	for ; len(b) >= 24; b = b[24:] {
		list[binary.LittleEndian.Uint64(b)] = binary.LittleEndian.Uint32(b[16:])
	}
	return list, err
}

// tryBackups restores the original's full backup and the incremental one over it,
// and backs up and restores the same database.
func tryBackups(ctx context.Context, bin, dir string) error {
	want, err := loadExpectation(filepath.Join(dir, "expect.json"))
	if err != nil {
		return err
	}
	var file struct {
		Full *[][2]string `json:"pairs_full"`
		LSN  uint64       `json:"full_lsn"`
	}
	if err := decodeFile(filepath.Join(dir, "expect.json"), &file); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"pairs": file.Full})
	if err != nil {
		return err
	}
	full, err := parseExpectation(text)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "quiver-vector")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	db, err := copyDatabase(dir, work)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(work, name) }
	since := fmt.Sprint(file.LSN)
	for _, step := range []struct {
		args []string
		to   string // then read
		want expectation
	}{
		{[]string{"restore", "--verify", "--from", filepath.Join(dir, "full"), "--path", at("copy")}, at("copy"), full},
		{[]string{"restore", "--verify", "--from", filepath.Join(dir, "incr"), "--path", at("copy")}, at("copy"), want},
		{[]string{"backup", "--path", db, "--out", at("full")}, db, want},
		{[]string{"backup", "--path", db, "--out", at("incr"), "--since-lsn", since}, db, want},
		{[]string{"restore", "--verify", "--from", at("full"), "--path", at("ours")}, at("ours"), want},
		{[]string{"restore", "--from", filepath.Join(dir, "full"), "--path", at("mixed")}, at("mixed"), full},
		{[]string{"restore", "--verify", "--from", at("incr"), "--path", at("mixed")}, at("mixed"), want},
	} {
		if _, err := command(ctx, bin, nil, step.args...); err != nil {
			return err
		}
		if err := scan(ctx, bin, step.to, nil, step.want); err != nil {
			return fmt.Errorf("after %v: %w", step.args, err)
		}
	}
	return nil
}
