package fuzz

// Properties are the functions behind the fuzz targets of this package, by the
// name of the target. They keep memory from one input to the next: those of one
// map are for one goroutine at a time.
func Properties() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"FuzzMeta": Meta, "FuzzDir": Dir, "FuzzFree": Free, "FuzzSegmentName": SegmentName, "FuzzHash": Hash,
		"FuzzPage": new(buffers).Page, "FuzzPageChanges": new(buffers).PageChanges,
		"FuzzRobinHoodPage": new(buffers).RobinHoodPage, "FuzzRobinHood": RobinHood, "FuzzRobinHoodFar": RobinHoodFar,
		"FuzzOverflow": new(buffers).Overflow, "FuzzPlaceholder": Placeholder,
		"FuzzWALHeader": WALHeader, "FuzzWALRecord": new(buffers).WALRecord, "FuzzWALStream": new(buffers).WALStream,
		"FuzzFreezeFrame": new(buffers).FreezeFrame, "FuzzFrozenIndex": FrozenIndex,
		"FuzzStoreFrame": new(buffers).StoreFrame, "FuzzStoreIndex": StoreIndex,
		"FuzzRegistry": Registry, "FuzzManifest": Manifest,
	}
}
