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

func (c config) snapshotDir() string {
	return c.str("etcd-snapshot-dir", c.server("db", "snapshots"))
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
	names, flags := splitNames(args)
	cfg := loadConfig("server", flags)
	if operation == "delete" && len(names) == 0 {
		fatalf("Error: no snapshots given for removal")
	}
	if operation != "delete" {
		names = []string{cfg.str("etcd-snapshot-name", map[bool]string{true: "on-demand", false: "etcd-snapshot"}[operation == "save"])}
	}
	request := snapshotRequest{operation, names, cfg.snapshotDir(), share(cfg.str("etcd-snapshot-retention", "5"), 0)}
	answer, err := askSnapshot(cfg, request)
	if err != nil {
		fatalf("Error: %v", err)
	}
	switch operation {
	case "ls":
		printSnapshots(answer, cfg.str("log", "table"))
	case "save":
		for _, name := range textsOf(answer.at("created")) {
			infof("Snapshot %s saved.", name)
		}
	}
	for _, name := range textsOf(answer.at("deleted")) {
		infof("Snapshot %s deleted.", name)
	}
}

var snapshotFlags = map[string]string{"name": "etcd-snapshot-name", "dir": "etcd-snapshot-dir", "snapshot-dir": "etcd-snapshot-dir",
	"snapshot-retention": "etcd-snapshot-retention", "output": "log", "o": "log", "snapshot-compress": "etcd-snapshot-compress"}

// splitNames translates the command's spelling of flags into the server's.
func splitNames(args []string) (names, flags []string) {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			names = append(names, args[i])
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if long, ok := snapshotFlags[name]; ok {
			name = long
		}
		if !given && i+1 < len(args) && name != "etcd-snapshot-compress" {
			i++
			value = args[i]
		}
		flags = append(flags, "--"+name+"="+value)
	}
	return names, flags
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
		if name := file.str("spec", "snapshotName"); strings.HasPrefix(name, request.Name[0]+"-"+s.cfg.nodeName()+"-") {
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
