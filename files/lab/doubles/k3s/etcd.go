package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// member is this server's etcd.
type member struct {
	cfg     config
	tls     pki
	name    string
	address string
	etcd    *embed.Etcd
	client  *clientv3.Client
	// stopping is set when this process ends deliberately.
	stopping atomic.Bool
}

func (m *member) dir() string       { return m.cfg.server("db", "etcd") }
func (m *member) peerURL() string   { return "https://" + m.address + ":2380" }
func (m *member) initialized() bool { return isDir(filepath.Join(m.dir(), "member", "wal")) }

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// setName stores the member's name, <node>-<8 hex digits>, with its data (pkg/etcd setName).
func (m *member) setName(force bool) error {
	file := filepath.Join(m.dir(), "name")
	if data, err := os.ReadFile(file); err == nil && !force {
		m.name = string(data)
		return nil
	}
	m.name = m.cfg.nodeName() + "-" + uid()[:8]
	return writeFile(file, []byte(m.name), 0o600)
}

// start starts etcd and returns before it may have a leader.
func (m *member) start(cluster, state string, force bool) error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = m.name, m.dir()
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = urls(m.peerURL()), urls(m.peerURL())
	cfg.AdvertiseClientUrls = urls("https://" + m.address + ":2379")
	cfg.ListenClientUrls = urls("https://127.0.0.1:2379", "https://"+m.address+":2379")
	cfg.ListenMetricsUrls = urls("http://127.0.0.1:2381")
	cfg.InitialCluster, cfg.ClusterState, cfg.ForceNewCluster = cluster, state, force
	cfg.InitialClusterToken = "etcd-cluster"
	cfg.ClientTLSInfo = m.tlsInfo("server-client", "server-ca")
	cfg.PeerTLSInfo = m.tlsInfo("peer-server-client", "peer-ca")
	cfg.TickMs, cfg.ElectionMs = 200, 2000
	cfg.SnapshotCount = 5000
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = "periodic", "5m"
	cfg.UnsafeNoFsync = true // a lab machine loses its processes, never the page cache
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdLogger())
	if err := os.MkdirAll(m.dir(), 0o700); err != nil {
		return err
	}
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	m.etcd, m.client = etcd, v3client.New(etcd.Server)
	go m.watchEnd()
	return nil
}

func urls(texts ...string) []url.URL {
	var result []url.URL
	for _, text := range texts {
		result = append(result, *must(url.Parse(text)))
	}
	return result
}

func (m *member) tlsInfo(leaf, ca string) transport.TLSInfo {
	return transport.TLSInfo{
		CertFile:       m.tls.path("etcd/" + leaf + ".crt"),
		KeyFile:        m.tls.path("etcd/" + leaf + ".key"),
		TrustedCAFile:  m.tls.path("etcd/" + ca + ".crt"),
		ClientCertAuth: true,
	}
}

// watchEnd writes a tombstone when the member was removed, so that its next start joins the cluster again (pkg/daemons/executor/etcd.go).
func (m *member) watchEnd() {
	select {
	case <-m.etcd.Server.StopNotify():
	case err := <-m.etcd.Err():
		errorf("etcd exited: %v", err)
	}
	if m.stopping.Load() {
		return
	}
	if !memberRemoved.Load() && !m.etcd.Server.IsIDRemoved(uint64(m.etcd.Server.MemberID())) {
		fatalf("etcd stopped")
	}
	_ = os.WriteFile(filepath.Join(m.dir(), "tombstone"), nil, 0o600)
	infof("This node has been removed from the cluster - please restart k3s to rejoin the cluster")
	time.Sleep(2 * time.Second)
	fatalf("leaderelection lost for k3s-etcd")
}

// stop transfers the leadership, as etcd does in an orderly shutdown.
func (m *member) stop() {
	m.stopping.Store(true)
	if m.etcd == nil {
		return
	}
	infof("Stopping etcd server...")
	_ = m.etcd.Server.TryTransferLeadershipOnShutdown()
	m.etcd.Server.HardStop()
}

// setAsideRemoved moves the data of a removed member aside (pkg/etcd Register).
func (m *member) setAsideRemoved() error {
	if _, err := os.Stat(filepath.Join(m.dir(), "tombstone")); err != nil {
		return nil
	}
	infof("tombstone file has been detected, removing ${datadir}/server/db to rejoin the cluster")
	return os.Rename(m.dir(), fmt.Sprintf("%s-backup-%d", m.dir(), time.Now().Unix()))
}

// remoteClient connects to the members of a cluster that this server may not have joined yet.
func (m *member) remoteClient(endpoints []string) (*clientv3.Client, error) {
	cert, err := tls.LoadX509KeyPair(m.tls.path("etcd/client.crt"), m.tls.path("etcd/client.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(m.tls.path("etcd/server-ca.crt"))
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: 2 * time.Second,
		TLS:         &tls.Config{RootCAs: certPool(ca), Certificates: []tls.Certificate{cert}, Time: now},
		Logger:      quiet,
	})
}

// join adds this server as a learner and starts it; it waits while another learner is catching up (pkg/etcd join).
func (m *member) join(known []*etcdserverpb.Member) error {
	var endpoints []string
	for _, other := range known {
		endpoints = append(endpoints, other.ClientURLs...)
	}
	client, err := m.remoteClient(endpoints)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		cluster, err := m.addTo(client)
		if err == nil {
			infof("Starting etcd for cluster %v", cluster)
			return m.start(strings.Join(cluster, ","), "existing", false)
		}
		if !strings.Contains(err.Error(), "too many learner members") && !strings.Contains(err.Error(), "unhealthy cluster") &&
			!strings.Contains(err.Error(), "not enough started members") {
			return err
		}
		infof("Waiting for other members to finish joining etcd cluster: %v", err)
		time.Sleep(2 * time.Second)
	}
}

func (m *member) addTo(client *clientv3.Client) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	var cluster []string
	add := true
	for _, other := range list.Members {
		mine := other.PeerURLs[0] == m.peerURL()
		if mine && (other.Name == "" || other.Name == m.name) {
			other.Name, add = m.name, false
		}
		if node := other.Name[:max(strings.LastIndex(other.Name, "-"), 0)]; other.Name != m.name && node == m.cfg.nodeName() {
			_ = os.Remove(filepath.Join(m.dir(), "name"))
			return nil, errors.New("duplicate node name found, please use a unique name for this node")
		}
		cluster = append(cluster, other.Name+"="+other.PeerURLs[0])
	}
	if !add {
		return cluster, nil
	}
	infof("Adding member %s=%s to etcd cluster %v", m.name, m.peerURL(), cluster)
	if _, err := client.MemberAddAsLearner(ctx, []string{m.peerURL()}); err != nil {
		return nil, err
	}
	return append(cluster, m.name+"="+m.peerURL()), nil
}

// test returns the reason why this member does not serve yet (pkg/etcd Test).
func (m *member) test() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// etcd panics when it is asked whether it learns before it has read that it is a member at all, as after a power cut.
	if m.etcd.Server.Cluster().Member(m.etcd.Server.MemberID()) == nil {
		return errors.New("this server has not yet learned that it is a member of the etcd cluster")
	}
	if m.etcd.Server.IsLearner() {
		return errors.New("this server has not yet been promoted from learner to voting member")
	}
	list, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, other := range list.Members {
		if other.Name == m.name && other.PeerURLs[0] == m.peerURL() {
			_, err := m.client.Get(ctx, "health")
			return err
		}
	}
	return fmt.Errorf("this server is a not a member of the etcd cluster. Found %v, expect: %s=%s", list.Members, m.name, m.address)
}

func (m *member) leads() bool {
	return m.etcd.Server.Leader() == m.etcd.Server.MemberID()
}

// promote makes learners that have caught up voters; the leader calls it every second (pkg/etcd manageLearners).
func (m *member) promote() {
	if _, stalls := fault("promotion-stalls"); stalls || !m.leads() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	list, err := m.client.MemberList(ctx)
	if err != nil {
		return
	}
	for _, other := range list.Members {
		if other.IsLearner && other.Name != "" {
			if _, err := m.client.MemberPromote(ctx, other.ID); err == nil {
				infof("Promoted learner %s", other.Name)
			}
		}
	}
}

// tryRemove removes a deleted node's member; etcd may refuse for a while (pkg/etcd RemovePeer).
func (m *member) tryRemove(name string) error {
	ctx, cancel := limited()
	defer cancel()
	list, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, other := range list.Members {
		if other.Name == name {
			infof("Removing name=%s id=%d address=%v from etcd", name, other.ID, other.PeerURLs)
			_, err = m.client.MemberRemove(ctx, other.ID)
			return err
		}
	}
	return nil
}
