package format

// Frame of freeze.bin and of a backup's pages.bin: one page image.
//
//	 0  8  page id
//	 8  8  page LSN
//	16  4  page length
//	20  4  CRC32 (IEEE) of the 20 bytes before it and the image
//	24  n  image
const (
	FrameHeaderSize = 24

	framePageIDOff = 0
	frameLSNOff    = 8
	frameLenOff    = 16
	frameCRCOff    = 20
)

// Frame is the header of a page image in freeze.bin or pages.bin.
type Frame struct {
	PageID uint64
	LSN    uint64
	Len    uint32 // bytes of the image
	CRC    uint32
}

// PutFrameHeader fills the first FrameHeaderSize bytes of dst for this image.
func PutFrameHeader(dst []byte, pageID, lsn uint64, image []byte) {
	dst = dst[:FrameHeaderSize]
	le.PutUint64(dst[framePageIDOff:], pageID)
	le.PutUint64(dst[frameLSNOff:], lsn)
	le.PutUint32(dst[frameLenOff:], uint32(len(image)))
	le.PutUint32(dst[frameCRCOff:], sum(dst[:frameCRCOff], image))
}

// AppendFrame appends the whole frame of this image to dst.
func AppendFrame(dst []byte, pageID, lsn uint64, image []byte) []byte {
	var h [FrameHeaderSize]byte
	PutFrameHeader(h[:], pageID, lsn, image)
	return append(append(dst, h[:]...), image...)
}

// DecodeFrameHeader reads the first FrameHeaderSize bytes of b. The length is
// a page size when there is no error; nothing else is checked before
// VerifyImage.
func DecodeFrameHeader(b []byte) (Frame, error) {
	if len(b) < FrameHeaderSize {
		return Frame{}, faultf(ErrTruncated, "frame", len(b), "%d bytes are less than the header", len(b))
	}
	f := Frame{
		PageID: le.Uint64(b[framePageIDOff:]),
		LSN:    le.Uint64(b[frameLSNOff:]),
		Len:    le.Uint32(b[frameLenOff:]),
		CRC:    le.Uint32(b[frameCRCOff:]),
	}
	if f.Len > PageSizeMax || !ValidPageSize(int(f.Len)) {
		return Frame{}, faultf(ErrField, "frame", frameLenOff, "image of %d bytes", f.Len)
	}
	return f, nil
}

// VerifyImage reports whether image has the frame's length and the CRC is
// right. Header is the bytes that the frame was decoded from.
func (f Frame) VerifyImage(header, image []byte) bool {
	return uint64(len(image)) == uint64(f.Len) && sum(header[:frameCRCOff], image) == f.CRC
}

// DecodeFrame reads the frame at the start of b, checks it and returns its
// image, which aliases b. A frame that b ends in is ErrTruncated.
func DecodeFrame(b []byte) (f Frame, image []byte, err error) {
	if f, err = DecodeFrameHeader(b); err != nil {
		return Frame{}, nil, err
	}
	end := FrameHeaderSize + int(f.Len)
	if len(b) < end {
		return Frame{}, nil, faultf(ErrTruncated, "frame", len(b), "%d bytes of a frame of %d", len(b), end)
	}
	image = b[FrameHeaderSize:end:end]
	if !f.VerifyImage(b, image) {
		return Frame{}, nil, faultf(ErrChecksum, "frame", frameCRCOff, "page %d", f.PageID)
	}
	return f, image, nil
}

// Entry of a snapshot's index.bin, 24 bytes; the last entry of a page wins:
//
//	 0  8  page id
//	 8  8  offset of the frame in freeze.bin
//	16  8  page LSN
//
// Entry of a snapshot's hashindex.bin, 24 bytes; the last entry of a page wins:
//
//	 0  8  page id
//	 8  8  Hash64 of the image, its name in the SnapStore
//	16  8  page LSN
const (
	FrozenEntrySize = 24

	frozenPageIDOff = 0
	frozenWhereOff  = 8
	frozenLSNOff    = 16
)

// FrozenEntry is an entry of index.bin or hashindex.bin.
type FrozenEntry struct {
	PageID uint64
	Where  uint64 // offset in freeze.bin (index.bin) or hash of the image (hashindex.bin)
	LSN    uint64
}

// AppendFrozenEntry appends the bytes of e to dst.
func AppendFrozenEntry(dst []byte, e FrozenEntry) []byte {
	dst = le.AppendUint64(dst, e.PageID)
	dst = le.AppendUint64(dst, e.Where)
	return le.AppendUint64(dst, e.LSN)
}

// DecodeFrozenEntries reads index.bin or hashindex.bin. If the file ends inside
// an entry, the whole entries are returned together with ErrTruncated: that is
// what a crash while one was appended leaves.
func DecodeFrozenEntries(b []byte) ([]FrozenEntry, error) {
	entries := make([]FrozenEntry, 0, len(b)/FrozenEntrySize)
	for len(b) >= FrozenEntrySize {
		entries = append(entries, FrozenEntry{
			PageID: le.Uint64(b[frozenPageIDOff:]),
			Where:  le.Uint64(b[frozenWhereOff:]),
			LSN:    le.Uint64(b[frozenLSNOff:]),
		})
		b = b[FrozenEntrySize:]
	}
	if len(b) > 0 {
		return entries, faultf(ErrTruncated, "frozen index", len(entries)*FrozenEntrySize, "%d bytes of an entry", len(b))
	}
	return entries, nil
}
