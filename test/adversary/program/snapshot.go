package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// Everything that a program may do to an object but for its times: those change when it is read.
func stateOf(path string, withLinks bool) (string, error) {
	st, ok := lstat(path)
	if !ok {
		return "", os.ErrNotExist
	}
	state := fmt.Sprintf("%06o %d:%d", st.Mode, st.Uid, st.Gid)
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		sum, err := sumOf(path)
		if err != nil {
			return "", err
		}
		state += fmt.Sprintf(" %d bytes %s", st.Size, sum)
		if withLinks {
			state += fmt.Sprintf(" links %d", st.Nlink)
		}
	case syscall.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		state += " → " + target
	}
	return state + accessAttributes(path), nil
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:12]), nil
}

// What the adversary itself links and unlinks has no fixed number of names.
const deputies = "/deputy/"

func snapshot(file string, but []string) error {
	found := map[string]string{}
	skip := map[string]bool{}
	for _, path := range but {
		skip[path] = true
	}
	err := filepath.WalkDir("/", func(path string, entry fs.DirEntry, err error) error {
		if skip[path] {
			if entry != nil && entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if err == nil {
			found[path], err = stateOf(path, !strings.Contains(path, deputies))
		}
		if os.IsNotExist(err) {
			delete(found, path)
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func compare(before, after string) error {
	var a, b map[string]string
	for file, into := range map[string]*map[string]string{before: &a, after: &b} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	paths := map[string]bool{}
	for path := range a {
		paths[path] = true
	}
	for path := range b {
		paths[path] = true
	}
	lines := []string{}
	for path := range paths {
		if a[path] != b[path] {
			lines = append(lines, fmt.Sprintf("%s: %s ⇒ %s", path, orNone(a[path]), orNone(b[path])))
		}
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	return nil
}

func orNone(state string) string {
	if state == "" {
		return "nothing"
	}
	return state
}

// arena prints, by inode, the state of every root-owned directory that lies in the adversary's directories under a
// deputy's name, with all that is in it. The adversary may rename them; it can neither change nor remove them.
func arena(c Config) error {
	found := map[string]string{}
	for _, dir := range c.Dirs {
		for _, name := range names(dir) {
			path := filepath.Join(dir, name)
			st, ok := lstat(path)
			if !ok || !isDir(st) {
				continue
			}
			state, err := stateOf(path, false)
			if err != nil {
				return err
			}
			inside := []string{}
			for _, child := range names(path) {
				s, err := stateOf(filepath.Join(path, child), false)
				if err != nil {
					return err
				}
				inside = append(inside, child+": "+s)
			}
			found[fmt.Sprint(st.Ino)] = state + " {" + strings.Join(inside, ", ") + "}"
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}
