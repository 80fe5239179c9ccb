package format

// Frame of the SnapStore's store.bin: one page image under the name of its hash.
//
//	 0  8  Hash64 of the image
//	 8  4  image length
//	12  4  CRC32 (IEEE) of the 12 bytes before it and the image
//	16  n  image
//
// Entry of the SnapStore's index.bin, 24 bytes, in no order; the file is
// rewritten as a whole:
//
//	 0  8  Hash64 of the image
//	 8  8  offset of the frame in store.bin
//	16  4  reference count
//	20  4  zero
const (
	StoreFrameHeaderSize = 16
	StoreEntrySize       = 24

	storeHashOff = 0
	storeLenOff  = 8
	storeCRCOff  = 12

	storeEntryHashOff   = 0
	storeEntryOffsetOff = 8
	storeEntryRefsOff   = 16
	storeEntryZeroOff   = 20
)

// StoreFrame is the header of an image in store.bin.
type StoreFrame struct {
	Hash uint64
	Len  uint32 // bytes of the image
	CRC  uint32
}

// AppendStoreFrame appends the whole frame of this image to dst. Hash is
// Hash64(image).
func AppendStoreFrame(dst []byte, hash uint64, image []byte) []byte {
	var h [StoreFrameHeaderSize]byte
	le.PutUint64(h[storeHashOff:], hash)
	le.PutUint32(h[storeLenOff:], uint32(len(image)))
	le.PutUint32(h[storeCRCOff:], sum(h[:storeCRCOff], image))
	return append(append(dst, h[:]...), image...)
}

// DecodeStoreFrameHeader reads the first StoreFrameHeaderSize bytes of b. The
// length is a page size when there is no error; nothing else is checked
// before VerifyImage.
func DecodeStoreFrameHeader(b []byte) (StoreFrame, error) {
	if len(b) < StoreFrameHeaderSize {
		return StoreFrame{}, faultf(ErrTruncated, "store frame", len(b), "%d bytes are less than the header", len(b))
	}
	f := StoreFrame{
		Hash: le.Uint64(b[storeHashOff:]),
		Len:  le.Uint32(b[storeLenOff:]),
		CRC:  le.Uint32(b[storeCRCOff:]),
	}
	if f.Len > PageSizeMax || !ValidPageSize(int(f.Len)) {
		return StoreFrame{}, faultf(ErrField, "store frame", storeLenOff, "image of %d bytes", f.Len)
	}
	return f, nil
}

// VerifyImage reports whether image has the frame's length and the CRC is
// right. Header is the bytes that the frame was decoded from.
func (f StoreFrame) VerifyImage(header, image []byte) bool {
	return uint64(len(image)) == uint64(f.Len) && sum(header[:storeCRCOff], image) == f.CRC
}

// DecodeStoreFrame reads the frame at the start of b, checks it and returns its
// image, which aliases b. A frame that b ends in is ErrTruncated. A right CRC
// beside a wrong hash is ErrChecksum too.
func DecodeStoreFrame(b []byte) (f StoreFrame, image []byte, err error) {
	if f, err = DecodeStoreFrameHeader(b); err != nil {
		return StoreFrame{}, nil, err
	}
	end := StoreFrameHeaderSize + int(f.Len)
	if len(b) < end {
		return StoreFrame{}, nil, faultf(ErrTruncated, "store frame", len(b), "%d bytes of a frame of %d", len(b), end)
	}
	image = b[StoreFrameHeaderSize:end:end]
	if !f.VerifyImage(b, image) {
		return StoreFrame{}, nil, faultf(ErrChecksum, "store frame", storeCRCOff, "image %016x", f.Hash)
	}
	if h := Hash64(image); h != f.Hash {
		return StoreFrame{}, nil, faultf(ErrChecksum, "store frame", storeHashOff, "image %016x has the hash %016x", f.Hash, h)
	}
	return f, image, nil
}

// StoreEntry is an entry of the SnapStore's index.bin.
type StoreEntry struct {
	Hash   uint64
	Offset uint64 // of the frame in store.bin
	Refs   uint32
}

// EncodeStoreIndex is the SnapStore's index.bin with these entries.
func EncodeStoreIndex(entries []StoreEntry) []byte {
	b := make([]byte, 0, StoreEntrySize*len(entries))
	for _, e := range entries {
		b = le.AppendUint64(b, e.Hash)
		b = le.AppendUint64(b, e.Offset)
		b = le.AppendUint32(b, e.Refs)
		b = le.AppendUint32(b, 0)
	}
	return b
}

// DecodeStoreIndex reads the SnapStore's index.bin. Its length must be a
// multiple of StoreEntrySize.
func DecodeStoreIndex(b []byte) ([]StoreEntry, error) {
	if rest := len(b) % StoreEntrySize; rest != 0 {
		return nil, faultf(ErrTruncated, "store index", len(b)-rest, "%d bytes of an entry", rest)
	}
	entries := make([]StoreEntry, len(b)/StoreEntrySize)
	for i := range entries {
		e := b[StoreEntrySize*i:]
		if v := le.Uint32(e[storeEntryZeroOff:]); v != 0 {
			return nil, faultf(ErrField, "store index", StoreEntrySize*i+storeEntryZeroOff, "reserved bytes are %#x", v)
		}
		entries[i] = StoreEntry{
			Hash:   le.Uint64(e[storeEntryHashOff:]),
			Offset: le.Uint64(e[storeEntryOffsetOff:]),
			Refs:   le.Uint32(e[storeEntryRefsOff:]),
		}
	}
	return entries, nil
}
