// Package folder opens whole databases whose files were changed at will, and says
// what must hold of the answers.
//
// The input is a recipe: it chooses one of the scenes, small databases that the
// engine wrote, and lists changes of their files. Some changes make checksums
// right again, so that a fuzzer gets to what only well-made bytes can reach.
// Whatever the recipe, the engine gives right pairs or typed errors: see Folder
// for the rules. Log does the same with logs that are made record by record, and
// Backup restores folders of backups.
package folder
