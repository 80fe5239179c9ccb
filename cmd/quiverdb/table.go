package main

import (
	"bufio"
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// table prints a struct: as JSON, or a field a line under the same names, so
// that people and machines are always told the same.
func (a *app) table(v any) error {
	if a.json {
		return a.result(v)
	}
	return a.buffered(func(w *bufio.Writer) error {
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		if err := writeFields(columns, "", reflect.ValueOf(v)); err != nil {
			return err
		}
		return columns.Flush()
	})
}

// writeFields writes the fields of a struct, those of a struct within under
// both names.
func writeFields(w *tabwriter.Writer, prefix string, s reflect.Value) error {
	for i := range s.NumField() {
		field, value := s.Type().Field(i), s.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		hidden := name == "-" || !field.IsExported() && !field.Anonymous
		if hidden || strings.Contains(options, "omit") && value.IsZero() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		name = prefix + strings.ReplaceAll(name, "_", " ")
		var err error
		switch {
		case value.Kind() == reflect.Struct && field.Anonymous:
			err = writeFields(w, prefix, value)
		case value.Kind() == reflect.Struct:
			err = writeFields(w, name+" ", value)
		default:
			_, err = fmt.Fprintf(w, "%s\t%s\n", name, cell(name, value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cell(name string, v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	var n int64
	switch {
	case v.CanInt():
		n = v.Int()
	case v.CanUint() && v.Uint() <= 1<<62:
		n = int64(v.Uint())
	case v.Kind() == reflect.Bool && v.Bool():
		return "yes"
	case v.Kind() == reflect.Bool:
		return "no"
	default:
		return fmt.Sprint(v.Interface())
	}
	text := humanize.Comma(n)
	if strings.HasSuffix(name, "bytes") && n >= 1024 {
		text += " (" + humanize.IBytes(uint64(n)) + ")"
	}
	return text
}
