package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// record is a line of the input of load: one of the three forms for the key
// and one for the value. Other fields are left alone, so that what other
// programs add to a dump does no harm.
type record struct {
	KeyHex   *hexBytes  `json:"key_hex"`
	KeyB64   *b64Bytes  `json:"key_b64"`
	Key      *textBytes `json:"key"`
	ValueHex *hexBytes  `json:"value_hex"`
	ValueB64 *b64Bytes  `json:"value_b64"`
	Value    *textBytes `json:"value"`
}

// pair gives the bytes of a record.
func (r record) pair() (key, value []byte, err error) {
	if key, err = oneOf("key", (*[]byte)(r.KeyHex), (*[]byte)(r.KeyB64), (*[]byte)(r.Key)); err != nil {
		return nil, nil, err
	}
	value, err = oneOf("value", (*[]byte)(r.ValueHex), (*[]byte)(r.ValueB64), (*[]byte)(r.Value))
	return key, value, err
}

func oneOf(name string, forms ...*[]byte) ([]byte, error) {
	var found []byte
	n := 0
	for _, f := range forms {
		if f != nil {
			found = *f
			n++
		}
	}
	if n != 1 {
		return nil, fmt.Errorf("%d of the fields %s_hex, %s_b64, %s instead of one", n, name, name, name)
	}
	return found, nil
}

// recordReader reads records one after another, however long a line is.
type recordReader struct {
	dec  *json.Decoder
	read int64 // records
}

func newRecordReader(r io.Reader) *recordReader { return &recordReader{dec: json.NewDecoder(r)} }

// next gives io.EOF behind the last record. A mistake in the input is wrong use
// and says where; an error of reading it is none.
func (r *recordReader) next() (key, value []byte, err error) {
	at := r.dec.InputOffset()
	var rec record
	err = r.dec.Decode(&rec)
	if err == nil {
		key, value, err = rec.pair()
	} else if err == io.EOF || !isMistake(err) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, usagef("record %d, behind byte %d: %w", r.read+1, at, err)
	}
	r.read++
	return key, value, nil
}

// isMistake tells what is wrong with the text from what went wrong reading it.
func isMistake(err error) bool {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		form   formError
	)
	return errors.As(err, &syntax) || errors.As(err, &kind) || errors.As(err, &form) || errors.Is(err, io.ErrUnexpectedEOF)
}

// formError is a string of the input that is not of its form.
type formError struct{ err error }

func (e formError) Error() string { return e.err.Error() }

type (
	hexBytes  []byte
	b64Bytes  []byte
	textBytes []byte
)

// UnmarshalJSON decodes from the input itself: a value of hundreds of megabytes
// is not copied into a string first.
func (h *hexBytes) UnmarshalJSON(quoted []byte) error {
	digits, err := plainString(quoted)
	if err != nil {
		return err
	}
	*h = make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(*h, digits); err != nil {
		return formError{err}
	}
	return nil
}

// UnmarshalJSON decodes standard base64 with padding.
func (b *b64Bytes) UnmarshalJSON(quoted []byte) error {
	digits, err := plainString(quoted)
	if err != nil {
		return err
	}
	*b = make([]byte, base64.StdEncoding.DecodedLen(len(digits)))
	n, err := base64.StdEncoding.Strict().Decode(*b, digits)
	if err != nil {
		return formError{err}
	}
	*b = (*b)[:n]
	return nil
}

// UnmarshalJSON refuses what encoding/json would silently replace: bytes that
// are no UTF-8, and half a surrogate pair.
func (t *textBytes) UnmarshalJSON(quoted []byte) error {
	if len(quoted) == 0 || quoted[0] != '"' {
		return formError{fmt.Errorf("%s is no string", shortened(string(quoted)))}
	}
	if !utf8.Valid(quoted) || hasLoneSurrogate(quoted) {
		return formError{errors.New("text that is not UTF-8; give these bytes in key_hex, value_hex")}
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return err
	}
	*t = []byte(s)
	return nil
}

// plainString is the content of a JSON string of digits, which has no escapes
// but \/ in some programs' base64.
func plainString(quoted []byte) ([]byte, error) {
	if len(quoted) < 2 || quoted[0] != '"' {
		return nil, formError{fmt.Errorf("%s is no string", shortened(string(quoted)))}
	}
	for _, c := range quoted {
		if c == '\\' {
			var s string
			err := json.Unmarshal(quoted, &s)
			return []byte(s), err
		}
	}
	return quoted[1 : len(quoted)-1], nil
}

// hasLoneSurrogate looks at the \u escapes of a valid JSON string.
func hasLoneSurrogate(quoted []byte) bool {
	low := false // the escape before was the first half of a pair
	for i := 0; i < len(quoted); i++ {
		isEscape := quoted[i] == '\\'
		unit := uint64(0)
		if isEscape && quoted[i+1] == 'u' {
			// A valid JSON string has four digits here.
			unit, _ = strconv.ParseUint(string(quoted[i+2:i+6]), 16, 16)
			i += 4
		}
		if isEscape {
			i++
		}
		if isLow := unit >= 0xDC00 && unit < 0xE000; isLow != low {
			return true
		}
		low = unit >= 0xD800 && unit < 0xDC00
	}
	return false
}
