package fuzz

// Properties are the functions behind the fuzz targets of this package, by the
// name of the target.
func Properties() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"FuzzMeta": Meta, "FuzzDir": Dir, "FuzzFree": Free, "FuzzSegmentName": SegmentName, "FuzzHash": Hash,
		"FuzzPage": Page, "FuzzRobinHood": RobinHood, "FuzzRobinHoodFar": RobinHoodFar, "FuzzOverflow": Overflow, "FuzzPlaceholder": Placeholder,
		"FuzzWALHeader": WALHeader, "FuzzWALRecord": WALRecord, "FuzzWALStream": WALStream,
		"FuzzFreezeFrame": FreezeFrame, "FuzzFrozenIndex": FrozenIndex, "FuzzStoreFrame": StoreFrame, "FuzzStoreIndex": StoreIndex,
		"FuzzRegistry": Registry, "FuzzManifest": Manifest,
	}
}
