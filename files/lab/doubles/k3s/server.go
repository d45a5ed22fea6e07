package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// server is one running `k3s server`.
type server struct {
	cfg                        config
	tls                        pki
	etcd                       *member
	store                      store
	address                    string
	serverPassword, agentToken string
	ready                      atomic.Bool
}

// runServer starts in K3s's own order: configuration, bootstrap data, supervisor, etcd, API, node.
func runServer(args []string) {
	cfg := loadConfig("server", args)
	s := &server{cfg: cfg, tls: pki{cfg.server("tls")}, address: nodeIP(cfg)}
	s.etcd = &member{cfg: cfg, tls: s.tls, address: s.address}
	infof("Starting k3s %s (double)", Version)
	if !cfg.is("cluster-reset") {
		complainAsUsual()
	}
	if cfg.is("cluster-reset") {
		s.reset()
		return
	}
	known, err := s.prepare()
	if err != nil {
		fatalf("Error: preparing server: %v", err)
	}
	stopListening := s.listen()
	onSignal(func() {
		_ = stopListening()
		s.etcd.stop()
	})
	if err := s.startEtcd(known); err != nil {
		fatalf("ETCD join failed: %v", err)
	}
	s.awaitEtcd()
	if err := s.begin(); err != nil {
		fatalf("Error: starting kubernetes: %v", err)
	}
	time.Sleep(faultSeconds("slow-start"))
	s.ready.Store(true)
	infof("k3s is up and running")
	if _, silent := fault("no-notify"); !silent {
		sdNotify("READY=1")
	}
	go s.control()
	go s.watchQuorum()
	if why, dies := fault("kubelet-dies"); dies {
		time.Sleep(time.Second)
		klogError("kubelet.go:1703", "Failed to start ContainerManager", why)
		os.Exit(1)
	}
	runNode(cfg, s.localAccess())
}

// prepare writes the authorities and certificates to disk. For a joining server it returns the members of the cluster.
func (s *server) prepare() ([]*etcdserverpb.Member, error) {
	if err := s.etcd.setAsideRemoved(); err != nil {
		return nil, err
	}
	token, err := s.cfg.secret("token")
	if err != nil {
		return nil, err
	}
	if s.agentToken, err = s.cfg.secret("agent-token"); err != nil {
		return nil, err
	}
	var known []*etcdserverpb.Member
	serverURL := s.cfg.str("server", "")
	switch {
	case s.etcd.initialized():
		infof("Managed etcd cluster bootstrap already complete and initialized")
	case serverURL != "":
		if token == "" {
			return nil, errors.New("K3S_TOKEN is required to join a cluster")
		}
		if known, err = s.introduce(serverURL, token); err != nil {
			return nil, fmt.Errorf("failed to bootstrap cluster data: %w", err)
		}
	case s.cfg.is("cluster-init"):
		infof("Managed etcd cluster initializing")
	default:
		return nil, errors.New("the double has embedded etcd only: set cluster-init or server")
	}
	if s.serverPassword, err = s.password(token); err != nil {
		return nil, err
	}
	if err := s.makeCertificates(); err != nil {
		return nil, err
	}
	return known, s.writeAccess()
}

// introduce fetches what a new member needs from a server of the cluster.
func (s *server) introduce(serverURL, token string) ([]*etcdserverpb.Member, error) {
	infof("Managed etcd cluster not yet initialized")
	info, err := fetchBootstrap(s.cfg, s.tls, serverURL, token)
	if err != nil {
		return nil, err
	}
	data, err := info.get("/db/info")
	if err != nil {
		return nil, err
	}
	var list struct{ Members []*etcdserverpb.Member }
	return list.Members, json.Unmarshal(data, &list)
}

// password returns the secret part of the server token: configured, stored earlier, or made now.
func (s *server) password(token string) (string, error) {
	if token == "" {
		kept, err := os.ReadFile(s.cfg.server("token"))
		if os.IsNotExist(err) {
			return randomToken(), nil
		}
		if err != nil {
			return "", err
		}
		token = string(kept)
	}
	info, err := parseToken(token)
	if err != nil {
		return "", fmt.Errorf("failed to normalize server token: %w", err)
	}
	return trimmed(info.password), nil
}

func (s *server) makeCertificates() error {
	if err := s.tls.makeAuthorities(); err != nil {
		return err
	}
	if _, err := os.Stat(s.tls.path("service.key")); err != nil {
		if _, err := newKey(s.tls.path("service.key")); err != nil {
			return err
		}
	}
	for _, l := range s.leaves() {
		if err := s.tls.ensure(l); err != nil {
			return err
		}
	}
	return nil
}

// startEtcd starts a new cluster, joins one or continues with the data on disk, which wins over cluster-init and server.
func (s *server) startEtcd(known []*etcdserverpb.Member) error {
	fresh := !s.etcd.initialized()
	if err := s.etcd.setName(false); err != nil {
		return err
	}
	if !fresh {
		return s.etcd.start("", "existing", false)
	}
	if known != nil {
		return s.etcd.join(known)
	}
	return s.etcd.start(s.etcd.name+"="+s.etcd.peerURL(), "new", false)
}

func (s *server) awaitEtcd() {
	said := ""
	for {
		err := s.etcd.test()
		if err == nil {
			return
		}
		if err.Error() != said {
			infof("Failed to test etcd connection: %v", err)
			said = err.Error()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// begin reconciles the token with the datastore and creates the objects of every cluster.
func (s *server) begin() error {
	s.store = store{s.etcd.client}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	kept, err := loadBootstrap(ctx, s.etcd.client, s.serverPassword)
	if err != nil {
		return err
	}
	if kept == nil {
		data, err := s.tls.readBootstrap()
		if err != nil {
			return err
		}
		if err := saveBootstrap(s.etcd.client, s.serverPassword, data); err != nil {
			return err
		}
	}
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		namespace := object{"metadata": map[string]any{"name": name}, "status": map[string]any{"phase": "Active"}}
		if _, err := s.store.create(builtin("namespaces"), namespace); err != nil && !alreadyExists(err) {
			return err
		}
	}
	s.afterReset()
	return s.applyPackaged()
}

func alreadyExists(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.reason == "AlreadyExists"
}

// watchQuorum ends the process when its controllers would have lost their leases because there is no quorum.
func (s *server) watchQuorum() {
	lost := time.Time{}
	for range time.Tick(time.Second) {
		if s.etcd.etcd.Server.Leader() != 0 {
			lost = time.Time{}
		} else if lost.IsZero() {
			lost = time.Now()
		} else if time.Since(lost) > quorumPatience() {
			fatalf("leaderelection lost for k3s")
		}
	}
}

// nodeIP is node-ip or the address of the default route's interface.
func nodeIP(cfg config) string {
	if ip := cfg.list("node-ip"); len(ip) > 0 {
		return ip[0]
	}
	conn, err := net.Dial("udp", "198.51.100.1:9")
	if err != nil {
		fatalf("Error: no default routes found in \"/proc/net/route\" or \"/proc/net/ipv6_route\"")
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}
