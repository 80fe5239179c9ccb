package folder

// Properties are the functions behind the fuzz targets of this package, by the
// name of the target.
func Properties() map[string]func([]byte) error {
	return map[string]func([]byte) error{"FuzzFolder": Folder, "FuzzLog": Log, "FuzzBackup": Backup}
}
