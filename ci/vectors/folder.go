package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyDatabase puts a copy of the vector's database under work and tells where.
func copyDatabase(vector, work string) (string, error) {
	db := filepath.Join(work, "db")
	err := os.CopyFS(db, os.DirFS(filepath.Join(vector, "db")))
	if !errors.Is(err, fs.ErrNotExist) {
		return db, err
	}
	return db, unpack(filepath.Join(vector, "db.tar.gz"), work)
}

// writable: the vectors may be kept read-only, and so the copy of a folder is.
func writable(db string) error {
	return filepath.WalkDir(db, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// unpack: os.Root keeps every name of the archive inside the folder.
func unpack(archive, into string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, entry, entries); err != nil {
			return fmt.Errorf("%s: %s: %w", archive, entry.Name, err)
		}
	}
}

func unpackEntry(root *os.Root, entry *tar.Header, content io.Reader) error {
	switch entry.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(filepath.Clean(entry.Name), 0o755)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(entry.Name), 0o755); err != nil {
			return err
		}
		f, err := root.Create(entry.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("entry of type %q", entry.Typeflag)
}

// unchanged runs do and fails if a file of the folder is another one after it.
func unchanged(folder string, do func() error) error {
	before, err := fingerprint(folder)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := fingerprint(folder)
	if err != nil {
		return err
	}
	for name, sum := range before {
		if after[name] != sum {
			return fmt.Errorf("%s was changed", name)
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			return fmt.Errorf("%s was created", name)
		}
	}
	return nil
}

// fingerprint sums up every file but LOCK, which a reader may create.
func fingerprint(folder string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		content, err := os.ReadFile(p)
		sums[p] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	return sums, err
}
