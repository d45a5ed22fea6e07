package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
)

// reset is `k3s server --cluster-reset`: this member alone becomes a new cluster, with a snapshot's data if one is
// named (pkg/cli/server, pkg/cluster/managed.go, pkg/etcd Reset).
func (s *server) reset() {
	if err := s.tryReset(); err != nil {
		fatalf("Error: %v", err)
	}
	infof("Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes")
	os.Exit(0)
}

func (s *server) resetFlag() string { return s.cfg.server("db", "reset-flag") }

func (s *server) tryReset() error {
	if s.cfg.str("server", "") != "" {
		return errors.New("cannot perform cluster-reset while server URL is set - remove server from configuration before resetting")
	}
	path, token := s.cfg.str("cluster-reset-restore-path", ""), must(s.cfg.secret("token"))
	if _, err := os.Stat(s.cfg.server("token")); err != nil && path != "" && token == "" {
		return fmt.Errorf("%s does not exist, please pass --token to complete the restoration", s.cfg.server("token"))
	}
	if listener, err := net.Listen("tcp", "127.0.0.1:2379"); err != nil {
		return err
	} else {
		_ = listener.Close()
	}
	if _, err := os.Stat(s.resetFlag()); err == nil && path == "" {
		return fmt.Errorf("Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s normally. If you need to perform another cluster reset, you must first manually delete the file at %s", s.resetFlag())
	}
	var err error
	if s.serverPassword, err = s.password(token); err != nil {
		return err
	}
	if path != "" {
		err = s.restore(path)
	} else if !s.etcd.initialized() {
		err = fmt.Errorf("etcd database not found in %s", s.etcd.dir())
	}
	if err != nil {
		return err
	}
	if err := s.makeCertificates(); err != nil {
		return err
	}
	if err := writeFile(s.resetFlag(), nil, 0o600); err != nil {
		return err
	}
	if err := s.etcd.start(s.etcd.name+"="+s.etcd.peerURL(), "new", true); err != nil {
		return err
	}
	s.awaitEtcd()
	if err := s.takeBootstrap(); err != nil {
		return err
	}
	return s.writeAccess()
}

// restore moves the data aside and puts the snapshot's in its place.
func (s *server) restore(path string) error {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return fmt.Errorf("etcd: snapshot path does not exist: %s", path)
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("etcd: snapshot path must be a file, not a directory: %s", path)
	}
	if isDir(s.etcd.dir()) {
		old := fmt.Sprintf("%s-old-%d", s.etcd.dir(), time.Now().Unix())
		infof("Pre-restore etcd database moved to %s", old)
		if err := os.Rename(s.etcd.dir(), old); err != nil {
			return err
		}
	}
	s.etcd.name = s.cfg.nodeName() + "-" + uid()[:8]
	err = snapshot.NewV3(quiet).Restore(snapshot.RestoreConfig{
		SnapshotPath: path, Name: s.etcd.name, OutputDataDir: s.etcd.dir(), OutputWALDir: s.etcd.dir() + "/member/wal",
		PeerURLs: []string{s.etcd.peerURL()}, InitialCluster: s.etcd.name + "=" + s.etcd.peerURL(), InitialClusterToken: "etcd-cluster",
	})
	if err != nil {
		return fmt.Errorf("etcd: failed to restore snapshot: %w", err)
	}
	return writeFile(s.etcd.dir()+"/name", []byte(s.etcd.name), 0o600)
}

// takeBootstrap replaces the certificate authorities on disk by those in the data.
func (s *server) takeBootstrap() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	data, err := loadBootstrap(ctx, s.etcd.client, s.serverPassword)
	if err != nil || data == nil {
		return err
	}
	mine, err := s.tls.readBootstrap()
	if err == nil && string(mine) == string(data) {
		return nil
	}
	if err := s.tls.writeBootstrap(data); err != nil {
		return err
	}
	_ = os.Remove(s.tls.path("dynamic-cert.json"))
	for _, l := range s.leaves() {
		_ = os.Remove(s.tls.path(l.file + ".crt"))
	}
	return s.makeCertificates()
}

// afterReset prepares the first ordinary start after a reset: the node may have a new password.
func (s *server) afterReset() {
	if err := os.Remove(s.resetFlag()); err == nil {
		_, _ = s.store.delete(builtin("secrets"), "kube-system", s.cfg.nodeName()+".node-password.k3s")
	}
}
