package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	stdlog "log"
	"net/http"
	"os"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// listen serves the supervisor's and the API's paths on one port (pkg/server/handlers/router.go) until the context ends.
func (s *server) listen() (stop func() error) {
	cert, err := s.listenerCertificate()
	if err != nil {
		fatalf("Error: preparing server: %v", err)
	}
	ca, err := os.ReadFile(s.tls.path("client-ca.crt"))
	if err != nil {
		fatalf("Error: preparing server: %v", err)
	}
	port := s.cfg.str("https-listen-port", "6443")
	listener, err := tls.Listen("tcp", s.cfg.str("bind-address", "")+":"+port, &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    certPool(ca),
		Time:         now,
		NextProtos:   []string{"h2", "http/1.1"},
	})
	if err != nil {
		fatalf("Error: %v", err)
	}
	web := &http.Server{Handler: s.routes(), ErrorLog: stdlog.New(io.Discard, "", 0)}
	go func() {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fatalf("Error: %v", err)
		}
	}()
	return web.Close
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") })
	mux.HandleFunc("/cacerts", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		http.ServeFile(w, r, s.tls.path("server-ca.crt"))
	})
	mux.HandleFunc("/v1-k3s/server-bootstrap", s.as("server", s.sendBootstrap))
	mux.HandleFunc("/db/info", s.as("server", s.sendMembers))
	mux.HandleFunc("/db/snapshot", s.as("server", s.answerSnapshot))
	mux.HandleFunc("/v1-k3s/config", s.as("node", s.sendConfig))
	mux.HandleFunc("/v1-k3s/apiservers", s.as("node", s.sendAPIServers))
	mux.HandleFunc("/v1-k3s/client-kubelet.crt", s.as("node", s.signKubelet))
	mux.HandleFunc("/", s.kubernetes)
	return mux
}

// as admits clients with the server token or, on the paths of nodes, with the agent token. Where a separate agent token
// is configured, the server token does not join agents (pkg/daemons/control/deps genUsers).
func (s *server) as(role string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		nodePassword := s.serverPassword
		if s.agentToken != "" {
			nodePassword = s.agentToken
		}
		server := user == "server" && password == s.serverPassword
		node := user == "node" && password == nodePassword
		if !server && !(node && role == "node") {
			sendError(w, failed(http.StatusUnauthorized, "Unauthorized", "not authorized"))
			return
		}
		next(w, r)
	}
}

func (s *server) sendBootstrap(w http.ResponseWriter, _ *http.Request) {
	data, err := s.tls.readBootstrap()
	if err != nil {
		sendError(w, err)
		return
	}
	_, _ = w.Write(data)
}

func (s *server) sendMembers(w http.ResponseWriter, _ *http.Request) {
	ctx, cancel := limited()
	defer cancel()
	if s.etcd.client == nil {
		sendError(w, failed(http.StatusServiceUnavailable, "ServiceUnavailable", "etcd not ready"))
		return
	}
	list, err := s.etcd.client.MemberList(ctx)
	if err != nil {
		own := &etcdserverpb.Member{Name: s.etcd.name, PeerURLs: []string{s.etcd.peerURL()}, ClientURLs: []string{"https://" + s.address + ":2379"}}
		sendJSON(w, map[string]any{"members": []any{own}})
		return
	}
	sendJSON(w, map[string]any{"members": list.Members})
}

func (s *server) sendConfig(w http.ResponseWriter, _ *http.Request) { sendJSON(w, s.cfg.critical()) }

func (s *server) sendAPIServers(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		sendError(w, errNotReady)
		return
	}
	nodes, err := s.store.list(builtin("nodes"), "", controlPlaneLabel+"=true")
	if err != nil {
		sendError(w, err)
		return
	}
	addresses := []string{}
	for _, node := range nodes {
		addresses = append(addresses, internalIP(node)+":6443")
	}
	sendJSON(w, addresses)
}

const nodePasswordRejected = "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag"

// signKubelet signs a node's certificate if its password is the one that the first node of that name registered with.
func (s *server) signKubelet(w http.ResponseWriter, r *http.Request) {
	name, password := r.Header.Get("k3s-Node-Name"), r.Header.Get("k3s-Node-Password")
	if name == "" || password == "" {
		sendError(w, failed(http.StatusBadRequest, "BadRequest", "node name not set"))
		return
	}
	if !s.ready.Load() {
		sendError(w, errNotReady)
		return
	}
	if err := s.checkNodePassword(name, password); err != nil {
		sendError(w, err)
		return
	}
	der, err := io.ReadAll(r.Body)
	if err != nil {
		sendError(w, err)
		return
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		sendError(w, failed(http.StatusBadRequest, "BadRequest", "%v", err))
		return
	}
	cert, err := s.tls.sign(leaf{ca: "client-ca", cn: "system:node:" + name, orgs: []string{"system:nodes"}, client: true}, request.PublicKey)
	if err != nil {
		sendError(w, err)
		return
	}
	_, _ = w.Write(cert)
}

func (s *server) checkNodePassword(name, password string) error {
	secrets, hash := builtin("secrets"), hashCA([]byte(password))
	kept, err := s.store.get(secrets, "kube-system", name+".node-password.k3s")
	if isNotFound(err) {
		_, err = s.store.create(secrets, object{
			"metadata": map[string]any{"name": name + ".node-password.k3s", "namespace": "kube-system"},
			"data":     map[string]any{"hash": hash},
		})
		return err
	}
	if err == nil && kept.str("data", "hash") != hash {
		return failed(http.StatusForbidden, "Forbidden", "%s", nodePasswordRejected)
	}
	return err
}

func sendJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

var errNotReady = failed(http.StatusServiceUnavailable, "ServiceUnavailable", "apiserver not ready")

// sendError answers an error as a Status object.
func sendError(w http.ResponseWriter, err error) {
	e, ok := err.(*apiError)
	if !ok {
		e = failed(http.StatusInternalServerError, "InternalError", "%v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"message": strings.TrimSpace(e.message), "reason": e.reason, "code": e.code,
	})
}
