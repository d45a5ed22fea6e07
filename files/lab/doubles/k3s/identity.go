package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func trimmed(text string) string { return strings.TrimSpace(text) }

// leaves are the certificates of a server, except the listener's.
func (s *server) leaves() []leaf {
	node, local := s.cfg.nodeName(), []string{"localhost", "127.0.0.1", "::1"}
	etcdSans := append(local, s.address, node)
	return []leaf{
		{file: "client-admin", ca: "client-ca", cn: "system:admin", orgs: []string{"system:masters"}, client: true},
		{file: "client-controller", ca: "client-ca", cn: "system:kube-controller-manager", client: true},
		{file: "client-scheduler", ca: "client-ca", cn: "system:kube-scheduler", client: true},
		{file: "client-kube-apiserver", ca: "client-ca", cn: "system:apiserver", orgs: []string{"system:masters"}, client: true},
		{file: "client-kube-proxy", ca: "client-ca", cn: "system:kube-proxy", client: true},
		{file: "client-k3s-controller", ca: "client-ca", cn: "system:k3s-controller", client: true},
		{file: "client-k3s-cloud-controller", ca: "client-ca", cn: "k3s-cloud-controller-manager", client: true},
		{file: "client-supervisor", ca: "client-ca", cn: "system:k3s-supervisor", orgs: []string{"system:masters"}, client: true},
		{file: "client-auth-proxy", ca: "request-header-ca", cn: "system:auth-proxy", client: true},
		{file: "serving-kube-apiserver", ca: "server-ca", cn: "kube-apiserver", sans: s.listenerNames(), server: true},
		{file: "etcd/client", ca: "etcd/server-ca", cn: "etcd-client", client: true},
		{file: "etcd/server-client", ca: "etcd/server-ca", cn: "etcd-server", sans: etcdSans, server: true, client: true},
		{file: "etcd/peer-server-client", ca: "etcd/peer-ca", cn: "etcd-peer", sans: etcdSans, server: true, client: true},
	}
}

func (s *server) listenerNames() []string {
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", "::1", "10.43.0.1", s.cfg.nodeName(), s.address}
	return append(names, s.cfg.list("tls-san")...)
}

// listenerCertificate is stored in dynamic-cert.json: names that are added later need `k3s certificate rotate`.
func (s *server) listenerCertificate() (tls.Certificate, error) {
	cache := s.tls.path("dynamic-cert.json")
	var kept struct{ Cert, Key string }
	if data, err := os.ReadFile(cache); err == nil {
		_ = json.Unmarshal(data, &kept)
		certs, err := parseCerts([]byte(kept.Cert))
		_, again := os.Stat(s.tls.path("dynamic-cert-regenerate"))
		fresh := err == nil && certs[0].NotAfter.After(now().Add(renewDays*day)) && certs[0].VerifyHostname(s.address) == nil
		if fresh && again != nil {
			return tls.X509KeyPair([]byte(kept.Cert), []byte(kept.Key))
		}
	}
	listener := leaf{file: "k3s-listener", ca: "server-ca", cn: "k3s", orgs: []string{"k3s"}, sans: s.listenerNames(), server: true}
	key, err := newKey(s.tls.path("k3s-listener.key"))
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := s.tls.sign(listener, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	pem, err := os.ReadFile(s.tls.path("k3s-listener.key"))
	if err != nil {
		return tls.Certificate{}, err
	}
	_ = os.Remove(s.tls.path("k3s-listener.key"))
	kept.Cert, kept.Key = string(cert), string(pem)
	data, _ := json.Marshal(kept)
	if err := writeFile(cache, data, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	_ = os.Remove(s.tls.path("dynamic-cert-regenerate"))
	return tls.X509KeyPair(cert, pem)
}

// writeAccess writes the tokens and the administrator's kubeconfig to K3s's places.
func (s *server) writeAccess() error {
	ca, err := os.ReadFile(s.tls.path("server-ca.crt"))
	if err != nil {
		return err
	}
	token := formatToken(ca, "server", s.serverPassword) + "\n"
	if err := writeFile(s.cfg.server("token"), []byte(token), 0o600); err != nil {
		return err
	}
	agentToken := token
	if s.agentToken != "" {
		agentToken = formatToken(ca, "node", s.agentToken) + "\n"
	}
	if err := writeFile(s.cfg.server("agent-token"), []byte(agentToken), 0o600); err != nil {
		return err
	}
	_ = os.Remove(s.cfg.server("node-token"))
	if err := os.Symlink(s.cfg.server("token"), s.cfg.server("node-token")); err != nil {
		return err
	}
	text, err := s.kubeconfig(ca)
	if err != nil {
		return err
	}
	mode, err := strconv.ParseUint(s.cfg.str("write-kubeconfig-mode", "600"), 8, 32)
	if err != nil {
		return fmt.Errorf("invalid write-kubeconfig-mode: %w", err)
	}
	if err := writeFile(s.cfg.server("cred", "admin.kubeconfig"), text, 0o600); err != nil {
		return err
	}
	file := s.cfg.str("write-kubeconfig", "/etc/rancher/k3s/k3s.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return writeFile(file, text, os.FileMode(mode))
}

func (s *server) kubeconfig(ca []byte) ([]byte, error) {
	crt, err := os.ReadFile(s.tls.path("client-admin.crt"))
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(s.tls.path("client-admin.key"))
	if err != nil {
		return nil, err
	}
	base := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: https://127.0.0.1:%s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, base(ca), s.cfg.str("https-listen-port", "6443"), base(crt), base(key)), nil
}

// localAccess is the access of the server's own node to the API.
func (s *server) localAccess() *access {
	ca, _ := os.ReadFile(s.tls.path("server-ca.crt"))
	base := "https://127.0.0.1:" + s.cfg.str("https-listen-port", "6443")
	return &access{user: "server", password: s.serverPassword, base: base, ca: ca}
}
