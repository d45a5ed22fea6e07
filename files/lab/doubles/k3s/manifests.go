package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

var documentMark = regexp.MustCompile(`(?m)^---.*$`)

// parseManifests reads the documents of a YAML or JSON text.
func parseManifests(data []byte) ([]object, error) {
	var result []object
	for _, text := range documentMark.Split(string(data), -1) {
		if strings.TrimSpace(text) == "" {
			continue
		}
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			return nil, fmt.Errorf("error parsing: %w", err)
		}
		if len(o) == 0 {
			continue
		}
		if strings.HasSuffix(o.str("kind"), "List") && o.at("items") != nil {
			result = append(result, o.list("items")...)
			continue
		}
		result = append(result, o)
	}
	return result, nil
}

// deployed holds what this process applied last, by file.
var deployed = map[string]string{}

// deployManifests applies the files of server/manifests that changed, as objects of an Addon (pkg/deploy).
func (s *server) deployManifests() {
	dir := s.cfg.server("manifests")
	_ = os.MkdirAll(dir, 0o700)
	names, _ := filepath.Glob(filepath.Join(dir, "*.*"))
	for _, file := range names {
		if !strings.HasSuffix(file, ".yaml") && !strings.HasSuffix(file, ".yml") && !strings.HasSuffix(file, ".json") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(data)
		checksum := hex.EncodeToString(sum[:])
		if deployed[file] == checksum {
			continue
		}
		if err := s.deployFile(file, data, checksum); err != nil {
			if deployed[file] != err.Error() {
				errorf("Failed to process config: failed to process %s: %v", file, err)
			}
			deployed[file] = err.Error()
			continue
		}
		deployed[file] = checksum
	}
}

func (s *server) deployFile(file string, data []byte, checksum string) error {
	objects, err := parseManifests(bytes.TrimSpace(data))
	if err != nil {
		return err
	}
	list, err := s.store.resources()
	if err != nil {
		return err
	}
	for _, o := range objects {
		r, ok := ofKind(list, o.str("apiVersion"), o.str("kind"))
		if !ok {
			return fmt.Errorf("no matches for kind %q in version %q", o.str("kind"), o.str("apiVersion"))
		}
		if r.Namespaced && o.namespace() == "" {
			o.set("default", "metadata", "namespace")
		}
		if err := s.checkNamespace(o.namespace()); err != nil {
			return err
		}
		if err := s.store.ensure(r, o); err != nil {
			return err
		}
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return s.store.ensure(builtin("addons"), object{
		"metadata": map[string]any{"name": name, "namespace": "kube-system"},
		"spec":     map[string]any{"source": file, "checksum": checksum},
	})
}
