package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const defaultConfig = "/etc/rancher/k3s/config.yaml"

// The flags of `k3s agent` and, with serverFlags, of `k3s server`; from pkg/cli/cmds/{agent,server}.go.
var agentFlags = words(`config debug v vmodule log alsologtostderr data-dir token token-file server
	node-name with-node-id node-label node-taint image-credential-provider-bin-dir image-credential-provider-config
	selinux lb-server-port protect-kernel-defaults container-runtime-endpoint default-runtime image-service-endpoint
	disable-default-registry-endpoint nonroot-devices pause-image snapshotter private-registry system-default-registry
	node-ip bind-address node-external-ip node-internal-dns node-external-dns resolv-conf flannel-iface flannel-conf
	flannel-cni-conf kubelet-arg kube-proxy-arg enable-pprof rootless prefer-bundled-bin vpn-auth vpn-auth-file
	disable-apiserver-lb airgap-extra-registry`)

var serverFlags = words(`https-listen-port advertise-address advertise-port tls-san tls-san-security cluster-cidr
	service-cidr service-node-port-range cluster-dns cluster-domain flannel-backend flannel-ipv6-masq flannel-external-ip
	egress-selector-mode servicelb-namespace write-kubeconfig write-kubeconfig-mode write-kubeconfig-group
	helm-job-image agent-token agent-token-file cluster-init cluster-reset cluster-reset-restore-path kube-apiserver-arg
	etcd-arg kube-controller-manager-arg kube-scheduler-arg kube-cloud-controller-manager-arg datastore-endpoint
	datastore-cafile datastore-certfile datastore-keyfile etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-name
	etcd-snapshot-schedule-cron etcd-snapshot-reconcile-interval etcd-snapshot-retention etcd-snapshot-dir
	etcd-snapshot-compress etcd-s3 etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-skip-ssl-verify etcd-s3-access-key
	etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder
	etcd-s3-proxy etcd-s3-config-secret etcd-s3-insecure etcd-s3-timeout etcd-s3-retention default-local-storage-path
	disable disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy disable-helm-controller
	disable-agent disable-apiserver disable-controller-manager disable-etcd embedded-registry supervisor-metrics
	secrets-encryption secrets-encryption-provider multi-cluster-cidr kine-tls`)

var boolFlags = words(`debug selinux protect-kernel-defaults disable-default-registry-endpoint nonroot-devices
	enable-pprof rootless prefer-bundled-bin disable-apiserver-lb with-node-id alsologtostderr tls-san-security
	flannel-ipv6-masq flannel-external-ip cluster-init cluster-reset etcd-expose-metrics etcd-disable-snapshots
	etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify etcd-s3-insecure disable-scheduler disable-cloud-controller
	disable-kube-proxy disable-network-policy disable-helm-controller disable-agent disable-apiserver
	disable-controller-manager disable-etcd embedded-registry supervisor-metrics secrets-encryption kine-tls`)

var shortFlags = map[string]string{"s": "server", "t": "token", "c": "config", "d": "data-dir", "o": "write-kubeconfig", "l": "log"}

func words(text string) []string { return strings.Fields(text) }

type config map[string][]string

func (c config) str(key, fallback string) string {
	if values := c[key]; len(values) > 0 && values[len(values)-1] != "" {
		return values[len(values)-1]
	}
	return fallback
}

func (c config) is(key string) bool { return c.str(key, "false") == "true" }

// list returns the values of a flag that may be repeated or comma-separated.
func (c config) list(key string) []string {
	var result []string
	for _, value := range c[key] {
		for _, part := range strings.Split(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				result = append(result, part)
			}
		}
	}
	return result
}

func (c config) dataDir() string { return c.str("data-dir", "/var/lib/rancher/k3s") }

// server returns a path below the server's data directory.
func (c config) server(parts ...string) string {
	return filepath.Join(append([]string{c.dataDir(), "server"}, parts...)...)
}

func (c config) agent(parts ...string) string {
	return filepath.Join(append([]string{c.dataDir(), "agent"}, parts...)...)
}

func (c config) nodeName() string {
	host, _ := os.Hostname()
	return strings.ToLower(c.str("node-name", host))
}

// secret returns a token that is given directly or by the name of its file.
func (c config) secret(key string) (string, error) {
	file := c.str(key+"-file", "")
	if file == "" || c.str(key, "") != "" {
		return c.str(key, ""), nil
	}
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// loadConfig reads the configuration file and its drop-ins, then the arguments, which win. A server skips an unknown
// key with a warning; for an agent it is fatal (pkg/configfilearg).
func loadConfig(command string, args []string) config {
	known := agentFlags
	if command == "server" {
		known = append(slices.Clone(agentFlags), serverFlags...)
	}
	given, err := parseArgs(args, known)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Incorrect Usage: %v\n\n", err)
		fatalf("Error: %v", err)
	}
	file := given.str("config", defaultConfig)
	result := config{}
	for _, name := range append([]string{file}, dropIns(file)...) {
		if err := readConfig(name, result); err != nil && !(os.IsNotExist(err) && name == defaultConfig) {
			fatalf("Error: %v", err)
		}
	}
	for _, key := range sortedKeys(result) {
		if slices.Contains(known, key) {
			continue
		}
		if command == "agent" {
			fmt.Fprintf(os.Stderr, "Incorrect Usage: flag provided but not defined: -%s\n\n", key)
			fatalf("Error: flag provided but not defined: -%s", key)
		}
		warnf("Unknown flag --%s found in config.yaml, skipping\n", key)
		delete(result, key)
	}
	for key, values := range given {
		result[key] = values
	}
	return result
}

func dropIns(file string) []string {
	names, _ := filepath.Glob(file + ".d/*.yaml")
	more, _ := filepath.Glob(file + ".d/*.yml")
	names = append(names, more...)
	sort.Strings(names)
	return names
}

func readConfig(file string, into config) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("failed to read %s: %w", file, err)
	}
	for key, value := range values {
		name, appends := strings.CutSuffix(key, "+")
		texts := textsOf(value)
		if appends {
			texts = append(into[name], texts...)
		}
		into[name] = texts
	}
	return nil
}

func textsOf(value any) []string {
	if values, ok := value.([]any); ok {
		var result []string
		for _, v := range values {
			result = append(result, textsOf(v)...)
		}
		return result
	}
	if value == nil {
		return nil
	}
	if number, ok := value.(float64); ok {
		return []string{fmt.Sprintf("%.0f", number)}
	}
	return []string{fmt.Sprint(value)}
}

func parseArgs(args, known []string) (config, error) {
	result := config{}
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if long, ok := shortFlags[name]; ok {
			name = long
		}
		if !strings.HasPrefix(args[i], "-") || !slices.Contains(known, name) {
			return nil, fmt.Errorf("flag provided but not defined: -%s", name)
		}
		if !hasValue && slices.Contains(boolFlags, name) {
			value = "true"
		} else if !hasValue {
			if i++; i == len(args) {
				return nil, fmt.Errorf("flag needs an argument: -%s", name)
			}
			value = args[i]
		}
		result[name] = append(result[name], value)
	}
	return result, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
