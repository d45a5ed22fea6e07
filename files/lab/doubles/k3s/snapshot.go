package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

// snapshotRequest is the command's request to the running server (pkg/etcd/snapshot_handler.go).
type snapshotRequest struct {
	Operation string
	Name      []string
	Dir       string
	Retention int
}

// etcdSnapshot is `k3s etcd-snapshot save|ls|delete|prune`.
func etcdSnapshot(args []string) {
	operation := "save"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		operation, args = args[0], args[1:]
	}
	if operation == "list" || operation == "l" {
		operation = "ls"
	}
	names, cfg := snapshotConfig(args)
	if operation == "delete" && len(names) == 0 {
		fatalf("Error: no snapshots given for removal")
	}
	if operation != "delete" {
		names = []string{cfg.str("name", "on-demand")}
	}
	request := snapshotRequest{operation, names, cfg.str("dir", cfg.server("db", "snapshots")), share(cfg.str("snapshot-retention", "5"), 0)}
	answer, err := askSnapshot(cfg, request)
	if err != nil {
		fatalf("Error: %v", err)
	}
	switch operation {
	case "ls":
		printSnapshots(answer, cfg.str("output", "table"))
	case "save":
		for _, name := range textsOf(answer.at("created")) {
			infof("Snapshot %s saved.", name)
		}
	}
	for _, name := range textsOf(answer.at("deleted")) {
		infof("Snapshot %s deleted.", name)
	}
}

// The flags of `k3s etcd-snapshot` (pkg/cli/cmds/etcd_snapshot.go); some have a second form, which is that of the server.
var snapshotFlags = words(`debug config log alsologtostderr node-name data-dir etcd-token etcd-server dir name
	snapshot-compress snapshot-retention output s3 s3-endpoint s3-bucket s3-region s3-folder s3-retention`)

var secondForms = map[string]string{"etcd-snapshot-dir": "dir", "etcd-snapshot-compress": "snapshot-compress",
	"etcd-snapshot-retention": "snapshot-retention", "etcd-s3": "s3", "etcd-s3-endpoint": "s3-endpoint",
	"etcd-s3-bucket": "s3-bucket", "etcd-s3-region": "s3-region", "etcd-s3-folder": "s3-folder", "etcd-s3-retention": "s3-retention"}

// snapshotConfig reads the server's configuration and the arguments of `k3s etcd-snapshot`: it warns of every line of the
// configuration that the command does not know, and refuses a flag in both of its forms (pkg/configfilearg, urfave/cli).
func snapshotConfig(args []string) (names []string, result config) {
	given, names := splitNames(args)
	file := given.str("config", defaultConfig)
	lines := config{}
	for _, name := range append([]string{file}, dropIns(file)...) {
		if err := readConfig(name, lines); err != nil && !(os.IsNotExist(err) && name == defaultConfig) {
			fatalf("Error: %v", err)
		}
	}
	all, err := oneForm(lines, given)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Incorrect Usage: %v\n\n", err)
		fatalf("Error: %v", err)
	}
	return names, all
}

func oneForm(lines, given config) (config, error) {
	result, form := config{}, map[string]string{}
	for i, source := range []config{lines, given} {
		for _, key := range sortedKeys(source) {
			first, second := secondForms[key]
			if !second {
				first = key
			}
			if i == 0 && !slices.Contains(snapshotFlags, first) {
				warnf("Unknown flag --%s found in config.yaml, skipping\n", key)
				continue
			}
			if other := form[first]; other != "" && other != key {
				return nil, fmt.Errorf("Cannot use two forms of the same flag: %s %s", other, key)
			}
			form[first], result[first] = key, source[key]
		}
	}
	return result, nil
}

func splitNames(args []string) (flags config, names []string) {
	flags = config{}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			names = append(names, args[i])
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if name == "o" {
			name = "output"
		}
		if !given && i+1 < len(args) && !strings.HasSuffix(name, "snapshot-compress") {
			i++
			value = args[i]
		}
		flags[name] = append(flags[name], value)
	}
	return flags, names
}

func askSnapshot(cfg config, request snapshotRequest) (object, error) {
	token, err := os.ReadFile(cfg.server("token"))
	if err != nil {
		return nil, err
	}
	info, err := validate("https://127.0.0.1:"+cfg.str("https-listen-port", "6443"), trimmed(string(token)), "server")
	if err != nil {
		return nil, err
	}
	body, _ := json.Marshal(request)
	answer, err := info.post("/db/snapshot", body, nil)
	if err != nil {
		return nil, fmt.Errorf("%w, see server log for details", err)
	}
	return parseObject(answer)
}

func printSnapshots(list object, format string) {
	if format == "json" {
		_ = printJSON(list)
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	defer w.Flush()
	fmt.Fprint(w, "Name\tLocation\tSize\tCreated\n")
	for _, file := range list.list("items") {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", file.str("spec", "snapshotName"), file.str("spec", "location"), file.str("status", "size"), file.str("status", "creationTime"))
	}
}

func (s *server) answerSnapshot(w http.ResponseWriter, r *http.Request) {
	var request snapshotRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		sendError(w, err)
		return
	}
	value, err := s.snapshot(request)
	answer(w, value, err)
}

func (s *server) snapshot(request snapshotRequest) (object, error) {
	if !s.ready.Load() {
		return nil, errNotReady
	}
	switch request.Operation {
	case "save":
		name := fmt.Sprintf("%s-%s-%d", request.Name[0], s.cfg.nodeName(), time.Now().Unix())
		return object{"created": []string{name}}, s.saveSnapshot(filepath.Join(request.Dir, name))
	case "ls":
		files, err := s.snapshots(request.Dir)
		return object{"kind": "ETCDSnapshotFileList", "apiVersion": "k3s.cattle.io/v1", "metadata": map[string]any{}, "items": files}, err
	case "delete":
		var deleted []string
		for _, name := range request.Name {
			if err := os.Remove(filepath.Join(request.Dir, filepath.Base(name))); err == nil {
				deleted = append(deleted, name)
			}
		}
		return object{"deleted": deleted}, nil
	case "prune":
		deleted, err := s.prune(request)
		return object{"deleted": deleted}, err
	}
	return nil, failed(400, "BadRequest", "invalid operation %s", request.Operation)
}

// saveSnapshot writes the database followed by its sha256, as in etcd's own snapshots.
func (s *server) saveSnapshot(file string) error {
	infof("Saving etcd snapshot to %s", file)
	database := s.etcd.etcd.Server.Backend().Snapshot()
	defer database.Close()
	var data bytes.Buffer
	if _, err := database.WriteTo(&data); err != nil {
		return err
	}
	sum := sha256.Sum256(data.Bytes())
	data.Write(sum[:])
	return writeFile(file, data.Bytes(), 0o600)
}

func (s *server) snapshots(dir string) ([]object, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return []object{}, nil
	}
	result := []object{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.IsDir() {
			continue
		}
		result = append(result, object{
			"kind": "ETCDSnapshotFile", "apiVersion": "k3s.cattle.io/v1", "metadata": map[string]any{"name": "local-" + entry.Name()},
			"spec":   map[string]any{"snapshotName": entry.Name(), "nodeName": s.cfg.nodeName(), "location": "file://" + filepath.Join(dir, entry.Name())},
			"status": map[string]any{"size": fmt.Sprint(info.Size()), "creationTime": info.ModTime().UTC().Format(time.RFC3339), "readyToUse": true},
		})
	}
	sort.SliceStable(result, func(a, b int) bool {
		return result[a].str("status", "creationTime") < result[b].str("status", "creationTime")
	})
	return result, err
}

// prune keeps the newest snapshots of a base name.
func (s *server) prune(request snapshotRequest) ([]string, error) {
	files, err := s.snapshots(request.Dir)
	if err != nil {
		return nil, err
	}
	var own, deleted []string
	for _, file := range files {
		if name := file.str("spec", "snapshotName"); strings.HasPrefix(name, request.Name[0]) {
			own = append(own, name)
		}
	}
	for len(own) > request.Retention {
		if err := os.Remove(filepath.Join(request.Dir, own[0])); err != nil {
			return deleted, err
		}
		deleted, own = append(deleted, own[0]), own[1:]
	}
	return deleted, nil
}
