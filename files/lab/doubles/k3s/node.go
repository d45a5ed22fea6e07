package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const heartbeat = 3 * time.Second

// node does the kubelet's part: it registers and then renews its lease every few seconds.
type node struct {
	cfg     config
	name    string
	access  *access
	tls     pki
	mutex   sync.Mutex
	servers []string
	client  *http.Client
}

// runNode runs the node and never returns.
func runNode(cfg config, info *access) {
	n := &node{cfg: cfg, name: cfg.nodeName(), access: info, tls: pki{cfg.agent()}, servers: []string{info.base}}
	n.awaitCertificate()
	n.register()
	if cfg.str("server", "") != "" && !isDir(cfg.server("db")) {
		infof("k3s agent is up and running")
		sdNotify("READY=1")
	}
	go n.serveEdge()
	for {
		n.beat()
		time.Sleep(heartbeat)
	}
}

// awaitCertificate retries until a server signs: a wrong secret or node password is not fatal for an agent (pkg/agent/config).
func (n *node) awaitCertificate() {
	for said := ""; ; time.Sleep(time.Second) {
		err := n.fetchCertificate()
		if err == nil {
			return
		}
		if said != err.Error() {
			said = err.Error()
			infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		}
	}
}

func (n *node) fetchCertificate() error {
	if _, err := n.access.get("/v1-k3s/config"); err != nil {
		return fmt.Errorf("failed to retrieve configuration from server: %w", err)
	}
	password, err := nodePassword()
	if err != nil {
		return err
	}
	key, err := newKey(n.tls.path("client-kubelet.key"))
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: n.name}}, key)
	if err != nil {
		return err
	}
	var crt []byte
	for _, server := range n.servers {
		info := *n.access
		info.base = server
		header := map[string]string{"k3s-Node-Name": n.name, "k3s-Node-Password": password}
		if crt, err = info.post("/v1-k3s/client-kubelet.crt", request, header); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := writeFile(n.tls.path("client-kubelet.crt"), crt, 0o600); err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(n.tls.path("client-kubelet.crt"), n.tls.path("client-kubelet.key"))
	if err != nil {
		return err
	}
	n.client = &http.Client{Timeout: 4 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: certPool(n.access.ca), Certificates: []tls.Certificate{cert}, Time: now,
	}}}
	return writeFile(n.tls.path("server-ca.crt"), n.access.ca, 0o644)
}

// nodePassword returns the machine's password, made once.
func nodePassword() (string, error) {
	const file = "/etc/rancher/node/password"
	if data, err := os.ReadFile(file); err == nil {
		return trimmed(string(data)), nil
	}
	password := randomToken()
	return password, writeFile(file, []byte(password+"\n"), 0o600)
}

// call tries the servers in turn, beginning with the one that answered last.
func (n *node) call(method, path, kind string, body any) (object, error) {
	data, _ := json.Marshal(body)
	n.mutex.Lock()
	select {
	case n.servers = <-learned:
	default:
	}
	servers := n.servers
	n.mutex.Unlock()
	err := errors.New("no servers")
	for i, server := range servers {
		var answer object
		if answer, err = n.callOne(method, server+path, kind, data); err == nil || isNotFound(err) {
			if i > 0 {
				n.prefer(server)
			}
			return answer, err
		}
	}
	return nil, err
}

func (n *node) callOne(method, url, kind string, data []byte) (object, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	return readAnswer(n.client.Do(request))
}

func (n *node) prefer(server string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	first := []string{server}
	for _, other := range n.servers {
		if other != server {
			first = append(first, other)
		}
	}
	n.servers = first
}

func (n *node) register() {
	for said := ""; ; time.Sleep(time.Second) {
		err := n.tryRegister()
		if err == nil {
			infof("Successfully registered node %s", n.name)
			return
		}
		if said != err.Error() {
			said = err.Error()
			errorf("Unable to register node with API server: %v", err)
		}
	}
}

const nodes = "/api/v1/nodes"

// tryRegister registers the node; labels and taints of the configuration apply at its first registration only (docs.k3s.io, agent).
func (n *node) tryRegister() error {
	_, err := n.call(http.MethodGet, nodes+"/"+n.name, "", nil)
	if isNotFound(err) {
		if _, err = n.call(http.MethodPost, nodes, "application/json", n.fresh()); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	_, err = n.call(http.MethodPatch, nodes+"/"+n.name, "application/merge-patch+json", n.status())
	return err
}

func (n *node) isServer() bool { return isDir(n.cfg.server("db", "etcd")) }

func (n *node) fresh() object {
	labels := map[string]any{
		"kubernetes.io/hostname": n.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64", "node.kubernetes.io/instance-type": "k3s",
	}
	for _, label := range n.cfg.list("node-label") {
		key, value, _ := strings.Cut(label, "=")
		labels[key] = value
	}
	spec := map[string]any{"providerID": "k3s://" + n.name}
	if taints := parseTaints(n.cfg.list("node-taint")); len(taints) > 0 {
		spec["taints"] = taints
	}
	return object{"metadata": map[string]any{"name": n.name, "labels": labels}, "spec": spec}
}

func parseTaints(texts []string) []any {
	var taints []any
	for _, text := range texts {
		pair, effect, _ := strings.Cut(text, ":")
		key, value, _ := strings.Cut(pair, "=")
		taint := map[string]any{"key": key, "effect": effect}
		if value != "" {
			taint["value"] = value
		}
		taints = append(taints, taint)
	}
	return taints
}

// status is what every start of the kubelet overwrites.
func (n *node) status() object {
	o := object{}
	if n.isServer() {
		name, _ := os.ReadFile(n.cfg.server("db", "etcd", "name"))
		o.set("true", "metadata", "labels", controlPlaneLabel).set("true", "metadata", "labels", "node-role.kubernetes.io/etcd")
		o.set(string(name), "metadata", "annotations", "etcd.k3s.cattle.io/node-name")
		o.set(nodeIP(n.cfg), "metadata", "annotations", "etcd.k3s.cattle.io/node-address")
	}
	args, _ := json.Marshal(os.Args[1:])
	o.set(string(args), "metadata", "annotations", "k3s.io/node-args")
	o.set(nodeIP(n.cfg), "metadata", "annotations", "k3s.io/internal-ip")
	o.set([]any{
		map[string]any{"type": "InternalIP", "address": nodeIP(n.cfg)},
		map[string]any{"type": "Hostname", "address": n.name},
	}, "status", "addresses")
	cpus, memory := capacity()
	for _, what := range []string{"capacity", "allocatable"} {
		o.set(map[string]any{"cpu": fmt.Sprint(cpus), "memory": fmt.Sprintf("%dKi", memory), "pods": "110"}, "status", what)
	}
	o.set(map[string]any{
		"kubeletVersion": Version, "osImage": osImage(), "operatingSystem": "linux", "architecture": "amd64",
		"containerRuntimeVersion": "double://0", "machineID": trimmed(readText("/etc/machine-id")),
		"bootID": bootID(), "kernelVersion": trimmed(readText("/proc/sys/kernel/osrelease")),
	}, "status", "nodeInfo")
	return o
}

// bootID identifies a boot by the start of init: machines of the lab share the kernel's own boot id.
func bootID() string {
	stat := strings.Fields(readText("/proc/1/stat"))
	return hashCA([]byte(readText("/proc/sys/kernel/random/boot_id") + stat[21]))[:32]
}

func readText(file string) string {
	data, _ := os.ReadFile(file)
	return string(data)
}

func osImage() string {
	for _, line := range strings.Split(readText("/etc/os-release"), "\n") {
		if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "Linux"
}

func capacity() (cpus, memoryKi int) {
	cpus = strings.Count(readText("/proc/cpuinfo"), "\nprocessor") + 1
	_, _ = fmt.Sscanf(strings.TrimPrefix(readText("/proc/meminfo"), "MemTotal:"), "%d", &memoryKi)
	return cpus, memoryKi
}

// beat renews the node's lease and reports the kubelet's own conditions.
func (n *node) beat() {
	ready := "true"
	if why, faulty := fault("not-ready"); faulty {
		ready = "false: " + why
	}
	lease := object{
		"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
		"metadata": map[string]any{"name": n.name, "namespace": "kube-node-lease", "annotations": map[string]any{"double/ready": ready}},
		"spec":     map[string]any{"holderIdentity": n.name, "leaseDurationSeconds": 40, "renewTime": time.Now().UTC().Format(time.RFC3339Nano)},
	}
	_, err := n.call(http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+n.name, "application/json", lease)
	if err != nil {
		errorf("Failed to update lease: %v", err)
	}
}
