// Package model is the reference that the engine is judged by: a map, and a
// history of commits of which the last ones may be in doubt. It imports
// nothing of ours, so that no mistake is made on both sides.
//
// A State is what a database holds at one moment. Step is a model of single
// calls for a checker of histories. A Store follows one sequence of commits
// and knows which of its states a crash may leave.
package model
