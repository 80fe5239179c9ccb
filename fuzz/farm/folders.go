//go:build libfuzzer && folders

package main

import "github.com/quiverdb/quiverdb-go/fuzz/folder"

// properties are those of whole folders.
func properties() map[string]func([]byte) error { return folder.Properties() }
