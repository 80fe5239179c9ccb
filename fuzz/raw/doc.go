// Package raw is the second reading of every structure of the on-disk formats.
//
// The fuzz targets compare it with package format of the engine, with which it
// shares no line. It was written from the description of the formats, for being
// easy to compare with that and not for speed: one field after another at its
// written offset, no reuse of buffers, no clever arithmetic. Every function
// takes any bytes. Reports are plain: the value, and whether the bytes are one.
//
// The judge of crash states (package torture/raw) reads whole databases and is
// stricter: it accepts only what this project's engine leaves. Here everything
// is accepted that the formats allow.
package raw
