package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	day       = 24 * time.Hour
	leafDays  = 365
	renewDays = 120 // pkg/daemons/config: CertificateRenewDays
)

// The authorities of a cluster, the same on every server (pkg/daemons/control/deps).
var authorities = map[string]string{
	"server-ca":         "k3s-server-ca",
	"client-ca":         "k3s-client-ca",
	"request-header-ca": "k3s-request-header-ca",
	"etcd/server-ca":    "etcd-server-ca",
	"etcd/peer-ca":      "etcd-peer-ca",
}

type leaf struct {
	file, ca, cn string
	orgs         []string
	sans         []string
	server       bool
	client       bool
}

// pki is a directory of certificates: server/tls or, on an agent, agent.
type pki struct{ dir string }

func (p pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p pki) makeAuthorities() error {
	for _, file := range sortedKeys(authorities) {
		if _, err := os.Stat(p.path(file + ".crt")); err == nil {
			continue
		}
		key, err := newKey(p.path(file + ".key"))
		if err != nil {
			return err
		}
		template := &x509.Certificate{
			SerialNumber:          serial(),
			Subject:               pkix.Name{CommonName: fmt.Sprintf("%s@%d", authorities[file], now().Unix())},
			NotBefore:             now().UTC(),
			NotAfter:              now().Add(3650 * day).UTC(),
			KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
			BasicConstraintsValid: true,
			IsCA:                  true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return err
		}
		if err := writePEM(p.path(file+".crt"), "CERTIFICATE", der, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ensure makes a certificate that is missing or expires within renewDays. As in K3s it is valid from the day of its
// authority (dynamiclistener NewSignedCert).
func (p pki) ensure(l leaf) error {
	crt := p.path(l.file + ".crt")
	if certs, err := readCerts(crt); err == nil && certs[0].NotAfter.After(now().Add(renewDays*day)) {
		return nil
	}
	key, err := newKey(p.path(l.file + ".key"))
	if err != nil {
		return err
	}
	bundle, err := p.sign(l, key.Public())
	if err != nil {
		return err
	}
	return writeFile(crt, bundle, 0o644)
}

// sign returns the certificate and its authority's, both as PEM.
func (p pki) sign(l leaf, public any) ([]byte, error) {
	ca, err := tls.LoadX509KeyPair(p.path(l.ca+".crt"), p.path(l.ca+".key"))
	if err != nil {
		return nil, err
	}
	parent, err := x509.ParseCertificate(ca.Certificate[0])
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: l.cn, Organization: l.orgs},
		NotBefore:    parent.NotBefore,
		NotAfter:     now().Add(leafLife()).UTC(),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	if l.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if l.client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, san := range l.sans {
		if ip := net.ParseIP(san); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, san)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, ca.PrivateKey)
	if err != nil {
		return nil, err
	}
	return append(encodePEM("CERTIFICATE", der), encodePEM("CERTIFICATE", ca.Certificate[0])...), nil
}

// leafLife is a year, or the fault cert-days.
func leafLife() time.Duration {
	if days := faultSeconds("cert-days") / time.Second; days != 0 {
		return days * day
	}
	return leafDays * day
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(file, "EC PRIVATE KEY", der, 0o600)
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return writeFile(file, encodePEM(kind, der), mode)
}

func writeFile(file string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", data, mode); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func readCerts(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseCerts(data)
}

func parseCerts(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("data does not contain any valid RSA or ECDSA certificates")
	}
	return certs, nil
}

func certPool(data []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	return pool
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	return n
}
