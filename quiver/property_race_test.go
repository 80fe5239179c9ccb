//go:build race

package quiver_test

// The race detector makes everything several times slower.
const raceDetector = true
