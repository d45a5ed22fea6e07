package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// kube is a client of the API, as a kubeconfig describes it.
type kube struct {
	base      string
	client    *http.Client
	namespace string
	flags     map[string]string
	words     []string
	resources []resource
}

var kubectlCommands = map[string]func(*kube) error{
	"get": (*kube).get, "apply": (*kube).apply, "create": (*kube).create, "delete": (*kube).delete, "patch": (*kube).patch,
	"label": (*kube).label, "annotate": (*kube).annotate, "taint": (*kube).taint, "cordon": (*kube).cordon,
	"uncordon": (*kube).uncordon, "drain": (*kube).drain, "version": (*kube).version, "replace": (*kube).replace,
	"logs": (*kube).logs,
}

// kubectl returns the exit code and prints errors on stderr, in the words of the real kubectl.
func kubectl(args []string) int {
	k, err := parseKubectl(args)
	if err == nil {
		err = kubectlCommands[k.words[0]](k)
	}
	if err == nil {
		return 0
	}
	var status *apiError
	if errors.As(err, &status) && status.reason != "" {
		fmt.Fprintf(os.Stderr, "Error from server (%s): %s\n", status.reason, status.message)
	} else {
		fmt.Fprintln(os.Stderr, strings.TrimPrefix(err.Error(), "Error: "))
	}
	return 1
}

var kubectlShort = map[string]string{"n": "namespace", "o": "output", "l": "selector", "f": "filename", "L": "label-columns", "A": "all-namespaces", "p": "patch", "w": "watch"}

var kubectlSwitches = words(`all-namespaces ignore-daemonsets delete-emptydir-data force overwrite ignore-not-found
	no-headers server-side force-conflicts all disable-eviction client now dry-run previous follow`)

func parseKubectl(args []string) (*kube, error) {
	k := &kube{flags: map[string]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			k.words = append(k.words, arg)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "--") && len(name) > 1 {
			name, value, given = name[:1], name[1:], true
		}
		if long, ok := kubectlShort[name]; ok {
			name = long
		}
		if slices.Contains(kubectlSwitches, name) {
			if !given {
				value = "true"
			}
		} else if !given {
			if i++; i == len(args) {
				return nil, fmt.Errorf("error: flag needs an argument: --%s", name)
			}
			value = args[i]
		}
		k.flags[name] = value
	}
	if len(k.words) == 0 || kubectlCommands[k.words[0]] == nil {
		return nil, fmt.Errorf("error: the double's kubectl does not know %q", strings.Join(k.words, " "))
	}
	k.namespace = k.flags["namespace"]
	if k.namespace == "" && k.flags["all-namespaces"] != "true" {
		k.namespace = "default"
	}
	k.resources = builtins
	return k, k.readKubeconfig()
}

func (k *kube) readKubeconfig() error {
	file := k.flags["kubeconfig"]
	if file == "" {
		file = os.Getenv("KUBECONFIG")
	}
	if file == "" {
		file = "/etc/rancher/k3s/k3s.yaml"
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("error: error loading config file \"%s\": %w", file, err)
	}
	var o object
	if err := yaml.Unmarshal(data, &o); err != nil || len(o.list("clusters")) == 0 || len(o.list("users")) == 0 {
		return fmt.Errorf("error: error loading config file \"%s\": %v", file, err)
	}
	cluster, user := o.list("clusters")[0].sub("cluster"), o.list("users")[0].sub("user")
	k.base = strings.TrimRight(cluster.str("server"), "/")
	if server := k.flags["server"]; server != "" {
		k.base = server
	}
	ca, _ := base64.StdEncoding.DecodeString(cluster.str("certificate-authority-data"))
	crt, _ := base64.StdEncoding.DecodeString(user.str("client-certificate-data"))
	key, _ := base64.StdEncoding.DecodeString(user.str("client-key-data"))
	cert, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return fmt.Errorf("error: %w", err)
	}
	k.client = &http.Client{Timeout: k.timeout(), Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: certPool(ca), Certificates: []tls.Certificate{cert}, Time: now,
	}}}
	return nil
}

func (k *kube) timeout() time.Duration {
	if limit, err := time.ParseDuration(k.flags["request-timeout"]); err == nil && limit > 0 {
		return limit
	}
	return 30 * time.Second
}

// send returns the answer's body; a Status becomes an error.
func (k *kube) send(method, path, kind string, body []byte) ([]byte, error) {
	request, err := http.NewRequest(method, k.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	response, err := k.client.Do(request)
	if err != nil {
		return nil, k.unreachable(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		return nil, statusOf(response, data)
	}
	return data, err
}

func statusOf(response *http.Response, data []byte) error {
	var status struct {
		Kind, Message, Reason string
	}
	if json.Unmarshal(data, &status) == nil && status.Kind == "Status" {
		if response.StatusCode == http.StatusUnauthorized {
			return errors.New("error: You must be logged in to the server (Unauthorized)")
		}
		return &apiError{response.StatusCode, status.Reason, status.Message}
	}
	return failed(response.StatusCode, "InternalError", "an error on the server (%q) has prevented the request from succeeding", string(data))
}

func (k *kube) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	host := strings.TrimPrefix(k.base, "https://")
	if strings.Contains(err.Error(), "refused") {
		return fmt.Errorf("The connection to the server %s was refused - did you specify the right host or port?", host)
	}
	return fmt.Errorf("Unable to connect to the server: %w", err)
}

// readAnswer returns the answer as an object.
func readAnswer(response *http.Response, err error) (object, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		var status struct{ Message, Reason string }
		_ = json.Unmarshal(data, &status)
		return nil, failed(response.StatusCode, status.Reason, "%s", status.Message)
	}
	return parseObject(data)
}

func (k *kube) object(method, path, kind string, body []byte) (object, error) {
	data, err := k.send(method, path, kind, body)
	if err != nil {
		return nil, err
	}
	return parseObject(data)
}

// find returns a resource; it asks the server only about kinds that are not built in.
func (k *kube) find(name string) (resource, error) {
	if r, ok := named(k.resources, name); ok {
		return r, nil
	}
	if err := k.learn(); err != nil {
		return resource{}, err
	}
	if r, ok := named(k.resources, name); ok {
		return r, nil
	}
	return resource{}, fmt.Errorf("error: the server doesn't have a resource type %q", name)
}

func (k *kube) learn() error {
	data, err := k.send(http.MethodGet, "/double/resources", "", nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, &k.resources)
}

func (k *kube) pathOf(r resource, name string) string {
	path := r.path(k.namespace)
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// reference is one object named on the command line: kind name, kind/name, or several of them.
type reference struct {
	resource resource
	name     string
}

func (k *kube) references(args []string) ([]reference, error) {
	var result []reference
	if len(args) == 0 {
		return nil, errors.New("error: You must specify the type of resource")
	}
	if !strings.Contains(args[0], "/") {
		for _, kind := range strings.Split(args[0], ",") {
			r, err := k.find(kind)
			if err != nil {
				return nil, err
			}
			if len(args) == 1 {
				result = append(result, reference{r, ""})
			}
			for _, name := range args[1:] {
				result = append(result, reference{r, name})
			}
		}
		return result, nil
	}
	for _, arg := range args {
		kind, name, _ := strings.Cut(arg, "/")
		r, err := k.find(kind)
		if err != nil {
			return nil, err
		}
		result = append(result, reference{r, name})
	}
	return result, nil
}

// objects fetches the objects that references, -l and --field-selector select.
func (k *kube) objects(refs []reference) ([]object, error) {
	result := []object{}
	for _, ref := range refs {
		if ref.name != "" {
			o, err := k.object(http.MethodGet, k.pathOf(ref.resource, ref.name), "", nil)
			if isNotFound(err) && k.flags["ignore-not-found"] == "true" {
				continue
			}
			if err != nil {
				return result, err
			}
			result = append(result, o)
			continue
		}
		query := url.Values{}
		for flag, key := range map[string]string{"selector": "labelSelector", "field-selector": "fieldSelector"} {
			if value := k.flags[flag]; value != "" {
				query.Set(key, value)
			}
		}
		list, err := k.object(http.MethodGet, k.pathOf(ref.resource, "")+"?"+query.Encode(), "", nil)
		if err != nil {
			return result, err
		}
		result = append(result, list.list("items")...)
	}
	return result, nil
}
