package main

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

// page writes the report: one file, which loads nothing from elsewhere.
func page(w io.Writer, s *summary) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, s)
}
