// Package fuzz x.
package fuzz
