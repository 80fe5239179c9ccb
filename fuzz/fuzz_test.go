package fuzz

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/fuzz/native"
)

func run(f *testing.F, target string) { native.Run(f, Properties()[target]) }

func FuzzMeta(f *testing.F)          { run(f, "FuzzMeta") }
func FuzzDir(f *testing.F)           { run(f, "FuzzDir") }
func FuzzFree(f *testing.F)          { run(f, "FuzzFree") }
func FuzzSegmentName(f *testing.F)   { run(f, "FuzzSegmentName") }
func FuzzHash(f *testing.F)          { run(f, "FuzzHash") }
func FuzzPage(f *testing.F)          { run(f, "FuzzPage") }
func FuzzPageChanges(f *testing.F)   { run(f, "FuzzPageChanges") }
func FuzzRobinHoodPage(f *testing.F) { run(f, "FuzzRobinHoodPage") }
func FuzzRobinHood(f *testing.F)     { run(f, "FuzzRobinHood") }
func FuzzRobinHoodFar(f *testing.F)  { run(f, "FuzzRobinHoodFar") }
func FuzzOverflow(f *testing.F)      { run(f, "FuzzOverflow") }
func FuzzPlaceholder(f *testing.F)   { run(f, "FuzzPlaceholder") }
func FuzzWALHeader(f *testing.F)     { run(f, "FuzzWALHeader") }
func FuzzWALRecord(f *testing.F)     { run(f, "FuzzWALRecord") }
func FuzzWALStream(f *testing.F)     { run(f, "FuzzWALStream") }
func FuzzFreezeFrame(f *testing.F)   { run(f, "FuzzFreezeFrame") }
func FuzzFrozenIndex(f *testing.F)   { run(f, "FuzzFrozenIndex") }
func FuzzStoreFrame(f *testing.F)    { run(f, "FuzzStoreFrame") }
func FuzzStoreIndex(f *testing.F)    { run(f, "FuzzStoreIndex") }
func FuzzRegistry(f *testing.F)      { run(f, "FuzzRegistry") }
func FuzzManifest(f *testing.F)      { run(f, "FuzzManifest") }
