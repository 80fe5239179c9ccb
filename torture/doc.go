// Package torture judges the engine by the crashes that it could meet.
//
// A workload, a short list of calls on a small database, runs once on a disk
// in memory that knows what a power cut may leave (package faultfs). Then every
// disk that any power cut in it could have left is opened, and must hold what
// package model says: the state after one of the calls, not before the last
// that was acknowledged, not after the last that had begun. See README.md.
package torture
