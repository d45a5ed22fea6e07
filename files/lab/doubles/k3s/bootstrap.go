package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The files that make a server part of its cluster. A joining server gets them over HTTPS, a restore from etcd, where
// they are encrypted with the token (pkg/cluster/{bootstrap,storage,encrypt}.go).
func bootstrapFiles() []string {
	files := []string{"service.key"}
	for _, ca := range sortedKeys(authorities) {
		files = append(files, ca+".crt", ca+".key")
	}
	return files
}

func (p pki) readBootstrap() ([]byte, error) {
	contents := map[string]string{}
	for _, file := range bootstrapFiles() {
		data, err := os.ReadFile(p.path(file))
		if err != nil {
			return nil, err
		}
		contents[file] = string(data)
	}
	return json.Marshal(contents)
}

func (p pki) writeBootstrap(data []byte) error {
	var contents map[string]string
	if err := json.Unmarshal(data, &contents); err != nil {
		return err
	}
	for _, file := range bootstrapFiles() {
		mode := os.FileMode(0o600)
		if filepath.Ext(file) == ".crt" {
			mode = 0o644
		}
		if err := writeFile(p.path(file), []byte(contents[file]), mode); err != nil {
			return err
		}
	}
	return nil
}

const bootstrapPrefix = "/bootstrap/"

var errOtherToken = errors.New("bootstrap data already found and encrypted with different token")

func bootstrapKey(password string) string {
	sum := sha256.Sum256([]byte(password))
	return bootstrapPrefix + hex.EncodeToString(sum[:])[:12]
}

func sealer(password string) (cipher.AEAD, error) {
	sum := sha256.Sum256([]byte("k3s-double " + password))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// saveBootstrap stores the files, once per cluster.
func saveBootstrap(etcd *clientv3.Client, password string, data []byte) error {
	seal, err := sealer(password)
	if err != nil {
		return err
	}
	nonce := make([]byte, seal.NonceSize())
	_, _ = rand.Read(nonce)
	ctx, cancel := limited()
	defer cancel()
	_, err = etcd.Put(ctx, bootstrapKey(password), string(seal.Seal(nonce, nonce, data, nil)))
	return err
}

// loadBootstrap returns the stored files, or nil when there are none.
func loadBootstrap(ctx context.Context, etcd *clientv3.Client, password string) ([]byte, error) {
	answer, err := etcd.Get(ctx, bootstrapPrefix, clientv3.WithPrefix())
	if err != nil || len(answer.Kvs) == 0 {
		return nil, err
	}
	for _, kv := range answer.Kvs {
		if string(kv.Key) != bootstrapKey(password) {
			continue
		}
		seal, err := sealer(password)
		if err != nil {
			return nil, err
		}
		return seal.Open(nil, kv.Value[:seal.NonceSize()], kv.Value[seal.NonceSize():], nil)
	}
	return nil, errOtherToken
}

// critical is the configuration that must be equal on all servers of a cluster (pkg/daemons/config CriticalControlArgs).
func (c config) critical() map[string]string {
	result := map[string]string{}
	for flag, fallback := range map[string]string{
		"cluster-cidr": "10.42.0.0/16", "service-cidr": "10.43.0.0/16", "cluster-dns": "10.43.0.10",
		"cluster-domain": "cluster.local", "flannel-backend": "vxlan", "egress-selector-mode": "agent",
		"disable-cloud-controller": "false", "disable-kube-proxy": "false", "disable-network-policy": "false",
		"disable-helm-controller": "false", "embedded-registry": "false", "flannel-ipv6-masq": "false",
		"flannel-external-ip": "false", "multi-cluster-cidr": "false", "secrets-encryption": "false",
		"supervisor-metrics": "false",
	} {
		result[flag] = strings.Join(c[flag], ",")
		if result[flag] == "" {
			result[flag] = fallback
		}
	}
	result["servicelb"] = "true"
	for _, item := range c.list("disable") {
		if item == "servicelb" {
			result["servicelb"] = "false"
		}
	}
	return result
}

func compareCritical(mine, theirs map[string]string) error {
	same := true
	for _, flag := range sortedKeys(mine) {
		if mine[flag] != theirs[flag] {
			warnf("critical configuration mismatched: %s", flag)
			same = false
		}
	}
	if !same {
		return errors.New("critical configuration value mismatch between servers")
	}
	return nil
}

// fetchBootstrap checks token and configuration against a server of the cluster and copies its certificate authorities.
func fetchBootstrap(cfg config, tls pki, serverURL, token string) (*access, error) {
	info, err := validate(serverURL, token, "server")
	if err != nil {
		return nil, fmt.Errorf("failed to check if bootstrap data has been initialized: failed to validate token: %w", err)
	}
	data, err := info.get("/v1-k3s/config")
	if err != nil {
		return nil, fmt.Errorf("failed to validate server configuration: %w", err)
	}
	var theirs map[string]string
	if err := json.Unmarshal(data, &theirs); err != nil {
		return nil, err
	}
	if err := compareCritical(cfg.critical(), theirs); err != nil {
		return nil, fmt.Errorf("failed to validate server configuration: %w", err)
	}
	files, err := info.get("/v1-k3s/server-bootstrap")
	if err != nil {
		return nil, err
	}
	return info, tls.writeBootstrap(files)
}
