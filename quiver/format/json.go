package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// object is a JSON object whose fields are read by their exact names, and of
// which absent and null fields can be told from zero values.
type object struct {
	structure string
	fields    map[string]json.RawMessage
}

func decodeObject(structure string, b []byte) (object, error) {
	o := object{structure: structure}
	dec := json.NewDecoder(bytes.NewReader(b))
	err := dec.Decode(&o.fields)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return o, faultf(ErrTruncated, structure, len(b), "the object does not end")
	}
	at := int(dec.InputOffset())
	if err != nil {
		return o, faultf(ErrField, structure, at, "%v", err)
	}
	if len(bytes.TrimLeft(b[at:], " \t\r\n")) > 0 {
		return o, faultf(ErrField, structure, at, "bytes behind the object")
	}
	if o.fields == nil {
		return o, faultf(ErrField, structure, 0, "null where an object belongs")
	}
	return o, nil
}

func (o object) has(name string) bool {
	v, ok := o.fields[name]
	return ok && string(v) != "null"
}

// field reads a field that must be there and must not be null.
func (o object) field(name string, into any) error {
	if !o.has(name) {
		return faultf(ErrField, o.structure, 0, "no field %q", name)
	}
	return o.optional(name, into)
}

// optional reads a field into a value that stays as it is if the field is
// absent or null.
func (o object) optional(name string, into any) error {
	if !o.has(name) {
		return nil
	}
	if err := json.Unmarshal(o.fields[name], into); err != nil {
		return faultf(ErrField, o.structure, 0, "field %q: %v", name, err)
	}
	return nil
}

// jsonField is a field that a decoder reads into a value.
type jsonField struct {
	name string
	into any
}

func (o object) requireAll(fields ...jsonField) error {
	for _, f := range fields {
		if err := o.field(f.name, f.into); err != nil {
			return err
		}
	}
	return nil
}
