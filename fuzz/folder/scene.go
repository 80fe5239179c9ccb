package folder

import (
	"archive/zip"
	"bytes"
	_ "embed" // for the scenes
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// diskBytes is the room on the disk of a scene: enough for all that a recipe makes
// and the engine writes, and not for a meta that claims many more pages.
const diskBytes = 32 << 20

// root is where the database of a scene stands on its disk.
const root = "/db"

// Scene is a small database that nobody has open, and what is known of it.
type Scene struct {
	Name  string
	Files map[string][]byte // by name below the folder
	Names []string          // sorted
	State
}

// State is what a scene holds.
type State struct {
	Now map[string][]byte
	// Before is what it held before its last group of commits, nil where there is
	// no log.
	Before map[string][]byte
	// Ever lists every value that a key had.
	Ever map[string][][]byte
	// Kept is what each snapshot holds that has not ended, and each backup of a
	// scene that is backups.
	Kept map[string]map[string][]byte `json:",omitempty"`
	// Half: a restore into the folder was interrupted.
	Half bool `json:",omitempty"`
}

// stateName is the file of a scene that holds its State; it is no file of the
// database.
const stateName = "state.json"

//go:embed scenes.zip
var scenesZip []byte

// backupPrefix begins the names of the scenes that are folders of backups, each
// with a full one and one that goes over it.
const backupPrefix = "backup"

// Scenes are the databases among the scenes.
func Scenes() []*Scene { return kinds().databases }

// Backups are the backups among the scenes.
func Backups() []*Scene { return kinds().backups }

type sceneKinds struct{ databases, backups []*Scene }

var kinds = sync.OnceValue(func() sceneKinds { return sortScenes(allScenes()) })

func sortScenes(list []*Scene) (k sceneKinds) {
	for _, s := range list {
		if strings.HasPrefix(s.Name, backupPrefix) {
			k.backups = append(k.backups, s)
		} else {
			k.databases = append(k.databases, s)
		}
	}
	return k
}

// allScenes are the scenes that are kept beside this file. The engine wrote them
// once; they stay as they are, so that recipes keep their meaning.
var allScenes = sync.OnceValue(func() []*Scene {
	list, err := readScenes(scenesZip)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return list
})

func readScenes(b []byte) ([]*Scene, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var list []*Scene
	for _, f := range z.File {
		scene, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			return nil, fmt.Errorf("%s stands in no scene", f.Name)
		}
		if len(list) == 0 || list[len(list)-1].Name != scene {
			list = append(list, &Scene{Name: scene, Files: map[string][]byte{}})
		}
		s := list[len(list)-1]
		content, err := readMember(f)
		if err != nil {
			return nil, err
		}
		if name == stateName {
			err = json.Unmarshal(content, &s.State)
		} else {
			s.Files[name] = content
			s.Names = append(s.Names, name)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func readMember(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
