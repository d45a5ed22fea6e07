package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// serveEdge listens on Traefik's ports of this node as long as the real Traefik would.
func (n *node) serveEdge() {
	var open []net.Listener
	was := ""
	for ; ; time.Sleep(time.Second) {
		edge, err := n.call(http.MethodGet, "/double/edge?node="+n.name, "", nil)
		if err != nil || string(edge.json()) == was {
			continue
		}
		for _, listener := range open {
			_ = listener.Close()
		}
		open, was = nil, string(edge.json())
		if edge.is("listen") {
			open = openEdge(edge)
		}
	}
}

func openEdge(edge object) []net.Listener {
	var open []net.Listener
	for _, name := range []string{"web", "websecure"} {
		port := edge.str("ports", name)
		if port == "0" {
			continue
		}
		plain, err := net.Listen("tcp", ":"+port)
		if err != nil {
			errorf("traefik: %v", err)
			continue
		}
		open = append(open, plain)
		var listener net.Listener = proxied{plain, strings.Fields(edge.str(name)), edge.is("local")}
		if name == "websecure" {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{defaultCertificate()}})
		}
		web := &http.Server{Handler: http.HandlerFunc(answerClient), ReadHeaderTimeout: 10 * time.Second, ErrorLog: stdlog.New(io.Discard, "", 0)}
		go func() { _ = web.Serve(listener) }()
	}
	return open
}

// answerClient answers 404, as Traefik does without a route, and adds the client that it sees.
func answerClient(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	w.Header().Set("X-Double-Client", host)
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "404 page not found\nclient %s\n", host)
}

var defaultCertificate = sync.OnceValue(func() tls.Certificate {
	scratch := pki{"/run/k3s-double"}
	_ = scratch.makeAuthorities()
	_ = scratch.ensure(leaf{file: "traefik", ca: "server-ca", cn: "TRAEFIK DEFAULT CERT", server: true})
	cert, _ := tls.LoadX509KeyPair(scratch.path("traefik.crt"), scratch.path("traefik.key"))
	return cert
})

// proxied reads the client's address from the PROXY protocol if the peer is trusted with it. Unless the service's
// traffic stays on the node, a pod sees an address of the cluster as its peer.
type proxied struct {
	net.Listener
	trusted []string
	local   bool
}

func (p proxied) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &proxiedConn{Conn: conn, reader: bufio.NewReader(conn), peer: conn.RemoteAddr()}
	if !p.local {
		c.peer = &net.TCPAddr{IP: net.IPv4(10, 42, 0, 1)}
	}
	host, _, _ := net.SplitHostPort(c.peer.String())
	c.trusts = contains(p.trusted, net.ParseIP(host))
	return c, nil
}

func contains(list []string, ip net.IP) bool {
	for _, text := range list {
		if _, network, err := net.ParseCIDR(text); err == nil && network.Contains(ip) || net.ParseIP(text).Equal(ip) {
			return true
		}
	}
	return false
}

type proxiedConn struct {
	net.Conn
	reader *bufio.Reader
	peer   net.Addr
	trusts bool
	once   sync.Once
}

func (c *proxiedConn) header() {
	c.once.Do(func() {
		if !c.trusts {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if client, err := readProxyHeader(c.reader); err == nil && client != nil {
			c.peer = client
		}
		_ = c.SetReadDeadline(time.Time{})
	})
}

func (c *proxiedConn) Read(b []byte) (int, error) { c.header(); return c.reader.Read(b) }
func (c *proxiedConn) RemoteAddr() net.Addr       { c.header(); return c.peer }

const signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"

// readProxyHeader consumes a header of version 1 or 2. It returns nil without a header, or with one that has no address.
func readProxyHeader(r *bufio.Reader) (net.Addr, error) {
	first, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] == 'P' {
		if start, err := r.Peek(6); err != nil || string(start) != "PROXY " {
			return nil, err
		}
		line, err := r.ReadString('\n')
		if f := strings.Fields(line); err == nil && len(f) == 6 {
			return &net.TCPAddr{IP: net.ParseIP(f[2])}, nil
		}
		return nil, err
	}
	if start, err := r.Peek(16); err != nil || string(start[:12]) != signatureV2 {
		return nil, err
	}
	return readV2(r)
}

func readV2(r *bufio.Reader) (net.Addr, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[14:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	switch {
	case head[12]&0xf == 0:
		return nil, nil
	case head[13]>>4 == 1 && len(body) >= 12:
		return &net.TCPAddr{IP: net.IP(body[:4]), Port: int(binary.BigEndian.Uint16(body[8:]))}, nil
	case head[13]>>4 == 2 && len(body) >= 36:
		return &net.TCPAddr{IP: net.IP(body[:16]), Port: int(binary.BigEndian.Uint16(body[32:]))}, nil
	}
	return nil, errors.New("unknown PROXY header")
}
