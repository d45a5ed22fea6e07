package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// kubernetes is the API: 503 until it serves, then 401 for clients without a certificate (anonymous-auth=false).
func (s *server) kubernetes(w http.ResponseWriter, r *http.Request) {
	if !s.ready.Load() {
		sendError(w, errNotReady)
		return
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		sendError(w, failed(http.StatusUnauthorized, "Unauthorized", "Unauthorized"))
		return
	}
	switch r.URL.Path {
	case "/readyz", "/livez", "/healthz":
		s.sendHealth(w, r)
	case "/version":
		sendJSON(w, map[string]any{"gitVersion": Version, "major": "1", "minor": strings.Split(Version, ".")[1], "platform": "linux/amd64"})
	case "/double/resources":
		list, err := s.store.resources()
		answer(w, list, err)
	case "/double/edge":
		edge, err := s.edgeOf(r.URL.Query().Get("node"))
		answer(w, edge, err)
	default:
		s.sendResource(w, r)
	}
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		sendError(w, err)
		return
	}
	sendJSON(w, value)
}

// sendHealth checks etcd with a read that needs a quorum, for two seconds as the API server does (etcd-readycheck-timeout).
func (s *server) sendHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	_, err := s.etcd.client.Get(ctx, "health")
	if _, faulty := fault("readyz-fails"); faulty && err == nil {
		err = fmt.Errorf("fault readyz-fails")
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n%s check failed\n", name)
		return
	}
	if r.URL.Query().Has("verbose") {
		fmt.Fprintf(w, "[+]ping ok\n[+]log ok\n[+]etcd ok\n%s check passed\n", name)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// target is a parsed path of the API.
type target struct {
	resource             resource
	namespace, name, sub string
}

func (s *server) parsePath(path string) (target, error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	unknown := failed(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	var group, version string
	switch {
	case len(parts) > 2 && parts[0] == "api":
		version, parts = parts[1], parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, version, parts = parts[1], parts[2], parts[3:]
	default:
		return target{}, unknown
	}
	t := target{}
	if parts[0] == "namespaces" && len(parts) > 2 {
		t.namespace, parts = parts[1], parts[2:]
	}
	parts = append(parts, "", "")
	t.name, t.sub = parts[1], parts[2]
	list := builtins
	find := func() bool {
		for _, r := range list {
			if r.Group == group && r.Version == version && r.Plural == parts[0] {
				t.resource = r
				return true
			}
		}
		return false
	}
	if find() {
		return t, nil
	}
	var err error
	if list, err = s.store.resources(); err != nil {
		return t, err
	}
	if !find() {
		return t, unknown
	}
	return t, nil
}

func (s *server) sendResource(w http.ResponseWriter, r *http.Request) {
	t, err := s.parsePath(r.URL.Path)
	if err != nil {
		sendError(w, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		sendError(w, err)
		return
	}
	switch r.Method {
	case http.MethodGet:
		if t.name == "" {
			list, err := s.store.list(t.resource, t.namespace, r.URL.Query().Get("labelSelector"))
			answer(w, listOf(t.resource, fieldsMatch(list, r.URL.Query().Get("fieldSelector"))), err)
			return
		}
		o, err := s.store.get(t.resource, t.namespace, t.name)
		answer(w, o, err)
	case http.MethodPost:
		o, err := s.createFrom(t, body)
		if err == nil {
			w.WriteHeader(http.StatusCreated)
		}
		answer(w, o, err)
	case http.MethodPut, http.MethodPatch:
		o, err := s.change(t, r.Header.Get("Content-Type"), r.Method, body)
		answer(w, o, err)
	case http.MethodDelete:
		o, err := s.deleteObject(t)
		answer(w, o, err)
	default:
		sendError(w, failed(http.StatusMethodNotAllowed, "MethodNotAllowed", "method not allowed"))
	}
}

func listOf(r resource, items []object) object {
	return object{"kind": r.Kind + "List", "apiVersion": r.apiVersion(), "metadata": map[string]any{}, "items": items}
}

// fieldsMatch supports the field selectors that kubectl and fmc use: dotted paths with = or !=.
func fieldsMatch(list []object, selector string) []object {
	if selector == "" {
		return list
	}
	result := []object{}
	for _, o := range list {
		ok := true
		for _, term := range strings.Split(selector, ",") {
			if path, value, not := strings.Cut(term, "!="); not {
				ok = ok && o.str(strings.Split(path, ".")...) != value
			} else {
				path, value, _ := strings.Cut(strings.Replace(term, "==", "=", 1), "=")
				ok = ok && o.str(strings.Split(path, ".")...) == value
			}
		}
		if ok {
			result = append(result, o)
		}
	}
	return result
}

func (s *server) createFrom(t target, body []byte) (object, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, failed(http.StatusBadRequest, "BadRequest", "%v", err)
	}
	if t.sub == "eviction" {
		return s.evict(t.namespace, t.name)
	}
	if t.resource.Namespaced {
		o.set(t.namespace, "metadata", "namespace")
	}
	if err := s.checkNamespace(t.namespace); err != nil {
		return nil, err
	}
	return s.store.create(t.resource, o)
}

func (s *server) checkNamespace(namespace string) error {
	if namespace == "" {
		return nil
	}
	_, err := s.store.get(builtin("namespaces"), "", namespace)
	return err
}

func (s *server) change(t target, contentType, method string, body []byte) (object, error) {
	patch, err := parseObject(body)
	if err != nil {
		return nil, failed(http.StatusBadRequest, "BadRequest", "%v", err)
	}
	apply := strings.HasPrefix(contentType, "application/apply-patch")
	replace := method == http.MethodPut
	o, err := s.store.change(t.resource, t.namespace, t.name, func(live object) object {
		switch {
		case replace:
			return patch.set(live.at("metadata", "uid"), "metadata", "uid").set(live.at("metadata", "resourceVersion"), "metadata", "resourceVersion")
		case apply:
			return applied(live, patch)
		default:
			return merge(live, patch.clone())
		}
	})
	if isNotFound(err) && (apply || replace && t.resource.Plural == "leases") {
		if err := s.checkNamespace(t.namespace); err != nil {
			return nil, err
		}
		if apply {
			patch = applied(object{}, patch)
		}
		return s.store.create(t.resource, patch)
	}
	return o, err
}

// deleteObject also deletes what belongs to the object: a node's password, lease and pods, and all objects that it owns.
func (s *server) deleteObject(t target) (object, error) {
	if t.resource.key() == "nodes" {
		if o, err := s.markDeleted(t.name); o != nil || err != nil {
			return o, err
		}
	}
	o, err := s.store.delete(t.resource, t.namespace, t.name)
	if err != nil {
		return nil, err
	}
	switch t.resource.key() {
	case "nodes":
		s.forgetNode(o)
	case "namespaces":
		s.emptyNamespace(t.name)
	}
	return o, nil
}

// markDeleted marks the Node of a server, which its finalizer keeps until its member has left etcd. nil: it has none.
func (s *server) markDeleted(name string) (object, error) {
	node, err := s.store.get(builtin("nodes"), "", name)
	if err != nil || node.annotations()["etcd.k3s.cattle.io/node-name"] == "" {
		return nil, err
	}
	if _, keep := fault("keep-member"); keep {
		return nil, nil
	}
	return s.store.change(builtin("nodes"), "", name, func(live object) object {
		if live.str("metadata", "deletionTimestamp") != "" {
			return nil
		}
		return live.set(timestamp(), "metadata", "deletionTimestamp").set([]any{memberFinalizer}, "metadata", "finalizers")
	})
}

func (s *server) forgetNode(node object) {
	_, _ = s.store.delete(builtin("secrets"), "kube-system", node.name()+".node-password.k3s")
	_, _ = s.store.delete(builtin("leases"), "kube-node-lease", node.name())
}

func (s *server) emptyNamespace(name string) {
	list, err := s.store.resources()
	if err != nil {
		return
	}
	for _, r := range list {
		if !r.Namespaced {
			continue
		}
		objects, _ := s.store.list(r, name, "")
		for _, o := range objects {
			_, _ = s.store.delete(r, name, o.name())
		}
	}
}

func internalIP(node object) string {
	for _, address := range node.list("status", "addresses") {
		if address.str("type") == "InternalIP" {
			return address.str("address")
		}
	}
	return ""
}
