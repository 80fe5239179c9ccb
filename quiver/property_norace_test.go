//go:build !race

package quiver_test

const raceDetector = false
