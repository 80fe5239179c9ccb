package format

// Placeholder: the value that a KV record holds in place of a value that
// stands in a chain of overflow pages.
//
//	 0  1  0xFF
//	 1  1  zero
//	 2  8  total length of the value
//	10  8  page id of the first overflow page
//
// The reference takes every stored value of exactly 18 bytes that begins with
// 0xFF for a placeholder. A user's value of that shape must therefore stand in
// an overflow page, never inline; NeedsOverflow sees to it.
const (
	PlaceholderSize = 18

	placeholderMark     = 0xFF
	placeholderMarkOff  = 0
	placeholderZeroOff  = 1
	placeholderTotalOff = 2
	placeholderHeadOff  = 10
)

// EncodePlaceholder fills the first PlaceholderSize bytes of dst.
func EncodePlaceholder(dst []byte, total, head uint64) {
	dst = dst[:PlaceholderSize]
	dst[placeholderMarkOff] = placeholderMark
	dst[placeholderZeroOff] = 0
	le.PutUint64(dst[placeholderTotalOff:], total)
	le.PutUint64(dst[placeholderHeadOff:], head)
}

// IsPlaceholder reports whether the stored value v is taken for a placeholder,
// by the rule of the reference, which does not look at the second byte.
func IsPlaceholder(v []byte) bool {
	return len(v) == PlaceholderSize && v[placeholderMarkOff] == placeholderMark
}

// DecodePlaceholder reads the placeholder v; ok is IsPlaceholder(v). Total and
// head come without any check, also not against each other.
func DecodePlaceholder(v []byte) (total, head uint64, ok bool) {
	if !IsPlaceholder(v) {
		return 0, 0, false
	}
	return le.Uint64(v[placeholderTotalOff:]), le.Uint64(v[placeholderHeadOff:]), true
}

// ValidatePlaceholder checks the fields that DecodePlaceholder passes on
// unseen: the second byte, a length above 0 and a head that is a page.
func ValidatePlaceholder(v []byte) error {
	total, head, ok := DecodePlaceholder(v)
	switch {
	case !ok:
		return faultf(ErrMagic, "placeholder", placeholderMarkOff, "%d bytes that are no placeholder", len(v))
	case v[placeholderZeroOff] != 0:
		return faultf(ErrField, "placeholder", placeholderZeroOff, "second byte is %#x", v[placeholderZeroOff])
	case total == 0:
		return faultf(ErrField, "placeholder", placeholderTotalOff, "length 0")
	case head == NoPage:
		return faultf(ErrField, "placeholder", placeholderHeadOff, "no first page")
	}
	return nil
}

// MaxKeyLen is the length of the longest key that can be stored: its record
// with a placeholder still fits on an empty page.
func MaxKeyLen(pageSize int) int {
	return pageSize - PageHeaderSize - slotSize - recordHeaderSize - PlaceholderSize
}

// NeedsOverflow reports whether a value of vlen bytes must stand in overflow
// pages: it is longer than the threshold, its record does not fit on an empty
// page, or it would be taken for a placeholder.
func NeedsOverflow(pageSize, threshold, klen, vlen int, value []byte) bool {
	return vlen > threshold ||
		recordHeaderSize+klen+vlen+slotSize+PageHeaderSize > pageSize ||
		IsPlaceholder(value)
}
