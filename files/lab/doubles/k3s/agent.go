package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"
)

// runAgent is `k3s agent`: it retries with the configured server until that admits it, then balances over all servers.
func runAgent(args []string) {
	cfg := loadConfig("agent", args)
	infof("Starting k3s agent %s (double)", Version)
	serverURL, token := cfg.str("server", ""), must(cfg.secret("token"))
	if serverURL == "" {
		fatalf("Error: --server is required")
	}
	if token == "" {
		fatalf("Error: --token is required")
	}
	known := knownServers(cfg, serverURL)
	var info *access
	for said := ""; info == nil; {
		for _, server := range known {
			found, err := validate(server, token, "node")
			if err == nil {
				info = found
				break
			}
			if said != err.Error() {
				said = err.Error()
				errorf("Failed to validate connection to cluster at %s: %v", server, err)
			}
		}
		if info == nil {
			time.Sleep(2 * time.Second)
		}
	}
	go followServers(cfg, info)
	runNode(cfg, info)
}

const balancerFile = "etc/k3s-agent-load-balancer.json"

// knownServers returns the configured server and those learned earlier.
func knownServers(cfg config, first string) []string {
	result := []string{strings.TrimRight(first, "/")}
	var kept struct{ ServerAddresses []string }
	if data, err := os.ReadFile(cfg.agent(balancerFile)); err == nil {
		_ = json.Unmarshal(data, &kept)
	}
	for _, address := range kept.ServerAddresses {
		if url := "https://" + address; url != result[0] {
			result = append(result, url)
		}
	}
	return result
}

var learned = make(chan []string, 1)

// followServers keeps the load balancer's list of servers current.
func followServers(cfg config, info *access) {
	for ; ; time.Sleep(5 * time.Second) {
		for _, server := range knownServers(cfg, info.base) {
			other := *info
			other.base = server
			data, err := other.get("/v1-k3s/apiservers")
			var addresses []string
			if err != nil || json.Unmarshal(data, &addresses) != nil || len(addresses) == 0 {
				continue
			}
			kept, _ := json.Marshal(map[string]any{"ServerURL": info.base, "ServerAddresses": addresses})
			_ = writeFile(cfg.agent(balancerFile), kept, 0o600)
			select {
			case learned <- knownServers(cfg, info.base):
			default:
			}
			break
		}
	}
}
