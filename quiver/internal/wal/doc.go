// Package wal reads and appends the write-ahead log.
//
// [Scan] looks into a log and says what of it is live; it never writes. A [Log]
// appends groups of page images. When the log is read, redone, started again
// or cut is not decided here: the pager alone knows the order of writes.
//
// # What a log of ours looks like
//
// A file header of 16 bytes, then slots of one stride each (28 bytes of record
// header and one page). A generation begins in the first slot with group 0. A
// group is what one sync makes durable: its records carry its number mod 64,
// LSNs that rise by one, and an end mark on the last; 28 zero bytes follow it.
// Behind those may stand zeros or records of older generations, which are
// recognised by their LSN: it is not above meta.last_lsn, which was durable
// before the first of them was overwritten.
//
// What a crash can do to it follows from the order in which a [Log] writes:
//
//   - a group enters after the sync of the group before it, so that at most the
//     last group is torn, and what a torn group leaves, in any subset of its
//     sectors, carries that group's number or is what stood there before;
//   - a group enters after the sync of the growth that it needs, so that the
//     file never ends inside a record, nor before the 28 bytes behind the last;
//   - a torn growth is behind the last group, where zeros or noise end the log.
//
// Damage is whatever contradicts this.
//
// # A marked log, case by case
//
// The *bad record* is the first slot that is not the live successor of the one
// before it: not valid, not marked, of another length than a page, of another
// group than the one that is due, or with an LSN that does not follow. L is the
// LSN of the last good record, those of an unfinished group included, or
// meta.last_lsn if there is none; n is the number of the group that the bad
// record belongs to: the unfinished one, else the next, 0 in the first slot.
//
//	what stands there                              verdict  because
//	zeros or noise                                 end      unused or grown space
//	a record not above meta.last_lsn               end      an older generation, dead by its LSN
//	a torn record, or one of group n out of place  end      the last group was torn
//	the same, and behind it records of group n     end      they are what is left of the same group
//	the same, and at it or behind it, at a whole   damage   another group entered only after group n
//	  stride, a valid marked record above                   was synced; one that is not above L is
//	  meta.last_lsn whose number is not n                   out of its place
//	a valid marked record that is not a stride     damage   a log has one stride; meta or log is wrong
//	  long
//	a live record with a valid CRC whose page      damage   it was logged as a whole, valid page
//	  has another id or LSN, or is not valid
//	less than 28 bytes behind a live record        damage   growth was synced before the group entered
//	the header of the live successor, and the      damage   the same
//	  end of the file before the end of its page
//	an unfinished group before any of these        dropped  it is torn
//	in the first slot a valid marked record not    stale    meta.last_lsn was raised after all images
//	  above meta.last_lsn                                   stood in synced segments
//	the same, and a page imaged by a whole group   damage   meta.last_lsn is not that of this log
//	  of that generation is not in its segment
//
// Two corners. A stale generation may be followed, in sequence by number alone,
// by what is left of a torn first group of the next generation (number 0 in a
// slot whose index is a multiple of 64); that group proves nothing, and is told
// by its LSN, which lies at least as far above meta.last_lsn as its slot is from
// the first. And the last group of a stale generation may be one that a recovery
// dropped before it raised meta.last_lsn, so only whole groups count there.
//
// Damage inside the last synced group cannot be told from a torn write, unless it
// leaves a record of another group in its place: the group is dropped. So are
// groups of which no later one is left readable, as where one bad sector holds
// the end of a group and the beginning of the last. A header without a valid
// record proves nothing there: a torn write may have mixed it from two.
//
// # A foreign log, case by case
//
// The original marks nothing, never overwrites and never preallocates. Each
// record is a group of its own and live however high meta.last_lsn stands (the
// original raises it before the pages are durable), and has its own length.
//
//	what stands there                              verdict  because
//	a record of an unknown type                    skipped  its LSN counts
//	end of the file                                end      the log was not cut
//	a short or bad record                          end      torn
//	the same, and behind it at whole strides       damage   something was lost that had been written
//	  valid unmarked records
//	the same under a set clean flag                end      if all images behind stand in their
//	                                                        segments: a normal close; else damage
//	a page image that is not a page long           damage   the original refuses it too
//	a page image whose header names another page   damage   redo would put it in the wrong place
//	  or another LSN
//
// The rest of a foreign image is not judged here: its record's CRC vouches that
// the original wrote those bytes, and the page is checked when it is read.
//
// # Which kind of log it is
//
// The first valid record at offset 16 or whole strides behind it decides. A
// marked one must be one page long to count. In a marked log unmarked records
// prove nothing, and the other way round. Arbitrary offsets are never looked at:
// values may contain logs.
//
// A file of less than 16 bytes, or of 16, holds no record: it is empty if it is
// the beginning of a header or zero, as an interrupted creation leaves it. A
// longer file without a valid header is damage.
//
// # LSNs of what is dropped
//
// Result.MaxLSN covers every valid record at the offsets looked at, live or not.
// A record that is torn counts by its header if the header is that of the torn
// group: marked, of one page, with that group's number, and an LSN that is the
// one due in that slot, or, where the group's first LSN is not known, at most
// 2^32 above L. Noise passes that with a chance below 2^-60, and a flipped bit
// in a header raises the counter by less than 2^33. LSNs of which nothing can be
// read may be given again: no image with them exists.
//
// # Salvage
//
// With ScanOptions.Salvage damage is not an error: the live records before it
// are the result, and what is given up is counted. If the first slot is called
// stale by a meta.last_lsn that is not to be believed, the log is read as if it
// were 0; an image older than what the segment holds loses there by its LSN.
package wal
