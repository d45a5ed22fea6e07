package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// access is a parsed join token and the server it was checked against (pkg/clientaccess/token.go).
type access struct {
	caHash, user, password string
	base                   string
	ca                     []byte
}

func parseToken(token string) (*access, error) {
	if token == "" {
		return nil, errors.New("token must not be empty")
	}
	if !strings.HasPrefix(token, "K10") {
		return &access{password: token}, nil
	}
	hash, creds, found := strings.Cut(token[3:], "::")
	if !found {
		hash, creds = "", hash
	}
	if hash != "" && len(hash) != sha256.Size*2 {
		return nil, errors.New("invalid token CA hash length")
	}
	user, password, found := strings.Cut(creds, ":")
	if !found || password == "" {
		return nil, errors.New("invalid token format")
	}
	return &access{caHash: hash, user: user, password: password}, nil
}

func hashCA(ca []byte) string {
	sum := sha256.Sum256(ca)
	return hex.EncodeToString(sum[:])
}

func formatToken(ca []byte, user, password string) string {
	return "K10" + hashCA(ca) + "::" + user + ":" + password
}

func randomToken() string {
	data := make([]byte, 16)
	_, _ = rand.Read(data)
	return hex.EncodeToString(data)
}

// validate fetches the server's CA and compares it with the token's hash.
func validate(server, token, user string) (*access, error) {
	info, err := parseToken(token)
	if err != nil {
		return nil, err
	}
	info.user = user
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("Invalid server url, failed to parse: %s: %w", server, err)
	}
	if u.Scheme != "https" {
		return nil, errors.New("only https:// URLs are supported, invalid scheme: " + server)
	}
	info.base = strings.TrimRight(u.String(), "/")
	insecure := httpClient(&tls.Config{InsecureSkipVerify: true})
	if info.ca, err = get(insecure, info.base+"/cacerts", "", ""); err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	if _, err = info.get("/cacerts"); err != nil {
		return nil, fmt.Errorf("CA cert validation failed: %w", err)
	}
	if info.caHash == "" {
		warnf("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. Use the full token from the server's node-token file to enable Cluster CA validation.")
	} else if has := hashCA(info.ca); has != info.caHash {
		return nil, fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", info.caHash, has)
	}
	return info, nil
}

func (a *access) client() *http.Client {
	return httpClient(&tls.Config{RootCAs: certPool(a.ca), Time: now})
}

func (a *access) get(path string) ([]byte, error) {
	return get(a.client(), a.base+path, a.user, a.password)
}

// post sends a signing request with the node's name and password.
func (a *access) post(path string, body []byte, header map[string]string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodPost, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for key, value := range header {
		request.Header.Set(key, value)
	}
	return do(a.client(), request, a.user, a.password)
}

func httpClient(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, Proxy: nil},
	}
}

func get(client *http.Client, url, user, password string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(client, request, user, password)
}

func do(client *http.Client, request *http.Request, user, password string) ([]byte, error) {
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		var status struct{ Message string }
		if json.Unmarshal(data, &status) == nil && status.Message != "" {
			return nil, errors.New(status.Message)
		}
		return nil, fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return data, err
}
