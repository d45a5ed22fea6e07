// The adversary: an unprivileged user who owns directories in which fmc works as root, and who races it.
//
//	adversary attack CONFIG.json     as that user; attacks until SIGTERM, then prints what it did as JSON
//	adversary arena CONFIG.json      as root; prints the state of the root-owned objects that lie in the user's directories
//	adversary snapshot FILE PATH…    as root; the state of the whole tree but for these paths
//	adversary compare OLD NEW        what differs between two snapshots, a line each
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Config says what the adversary owns and what it is after. All paths are absolute.
type Config struct {
	// It attacks only while this file exists.
	Go string
	// Directories that it owns, in which fmc works.
	Dirs []string
	// Names in them that fmc is told to care for. Names that it sees appear are attacked as well.
	Names []string
	// Directories that it owns (those and their ancestors), and the directory whose subdirectories it puts in their place.
	Swaps []Swap
	// Directories of files that belong to others, where links lead.
	Files []string
	// Directory of directories that belong to root, where links lead.
	VictimDirs string
	// A directory of root's in which links name what does not exist.
	Created string
	// Texts that it must never get to read.
	Canaries []string
	Attacks  []string
	Seed     int64
}

type Swap struct {
	Path string
	Pool string
}

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("adversary attack CONFIG | arena CONFIG | snapshot FILE PATH… | compare OLD NEW"))
	}
	var err error
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "attack":
		err = withConfig(args[0], attack)
	case "arena":
		err = withConfig(args[0], arena)
	case "snapshot":
		err = snapshot(args[0], args[1:])
	case "compare":
		err = compare(args[0], args[1])
	default:
		err = fmt.Errorf("there is no command %s", command)
	}
	if err != nil {
		fail(err)
	}
}

func withConfig(file string, do func(Config) error) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	return do(c)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
