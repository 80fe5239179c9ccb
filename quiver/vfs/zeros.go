package vfs

import "io"

// writeZeros writes zeros over [from, to). It is the way to get real space
// where no system call reserves it, and must only be used behind the end of
// the file: inside, it would overwrite data that others write meanwhile.
func writeZeros(w io.WriterAt, path string, from, to int64) error {
	if from >= to {
		return nil
	}
	zeros := make([]byte, min(to-from, 1<<18))
	for from < to {
		piece := zeros[:min(to-from, int64(len(zeros)))]
		if err := WriteFull(w, path, piece, from); err != nil {
			return err
		}
		from += int64(len(piece))
	}
	return nil
}
