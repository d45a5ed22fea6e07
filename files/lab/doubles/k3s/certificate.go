package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

type certInfo struct {
	Filename, Subject, Issuer string
	Usages                    []string
	ExpiryTime                time.Time
	ResidualTime              time.Duration
	Status                    string
}

// certificate is `k3s certificate check|rotate` (pkg/cli/cert).
func certificate(args []string) {
	if len(args) == 0 || args[0] != "check" && args[0] != "rotate" {
		fatalf("Error: the double knows certificate check and certificate rotate")
	}
	format := "text"
	var rest []string
	for i := 1; i < len(args); i++ {
		name, value, given := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if name != "output" && name != "o" {
			rest = append(rest, args[i])
			continue
		}
		if !given && i+1 < len(args) {
			i++
			value = args[i]
		}
		format = value
	}
	cfg := loadConfig("server", rest)
	if args[0] == "rotate" {
		rotate(cfg)
		return
	}
	printCerts(checkCerts(cfg), format)
}

// certFiles returns a server's certificates or, without server data, an agent's.
func certFiles(cfg config) (files []string, isServer bool) {
	if isServer = isDir(cfg.server()); isServer {
		infof("Server detected, checking agent and server certificates")
		for _, l := range (&server{cfg: cfg, address: nodeIP(cfg)}).leaves() {
			files = append(files, cfg.server("tls", l.file+".crt"))
		}
	} else {
		infof("Agent detected, checking agent certificates")
	}
	return append(files, cfg.agent("client-kubelet.crt")), isServer
}

func checkCerts(cfg config) []certInfo {
	files, isServer := certFiles(cfg)
	if isServer {
		for _, ca := range sortedKeys(authorities) {
			files = append(files, cfg.server("tls", ca+".crt"))
		}
	}
	result := []certInfo{}
	for _, file := range files {
		certs, _ := readCerts(file)
		for _, cert := range certs {
			info := certInfo{
				Filename: filepath.Base(file), Subject: cert.Subject.CommonName, Issuer: cert.Issuer.CommonName,
				ExpiryTime: cert.NotAfter, ResidualTime: cert.NotAfter.Sub(now()), Status: "OK",
			}
			if cert.IsCA {
				info.Usages = append(info.Usages, "CertSign")
			}
			for _, usage := range cert.ExtKeyUsage {
				info.Usages = append(info.Usages, map[int]string{1: "ServerAuth", 2: "ClientAuth"}[int(usage)])
			}
			switch {
			case now().Before(cert.NotBefore):
				info.Status, info.ExpiryTime = "NOT YET VALID", cert.NotBefore
			case now().After(cert.NotAfter):
				info.Status = "EXPIRED"
			case cert.NotAfter.Before(now().Add(renewDays * day)):
				info.Status = "WARNING"
			}
			result = append(result, info)
		}
	}
	return result
}

func printCerts(list []certInfo, format string) {
	switch format {
	case "json":
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"Certificates": list})
	case "table":
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
		defer w.Flush()
		fmt.Fprint(w, "\nFILENAME\tSUBJECT\tUSAGES\tEXPIRES\tRESIDUAL TIME\tSTATUS\n--------\t-------\t------\t-------\t-------------\t------\n")
		for _, c := range list {
			days := int(c.ResidualTime / day)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d days\t%s\n", c.Filename, c.Subject, strings.Join(c.Usages, ","), c.ExpiryTime.Format("Jan 02, 2006 15:04 MST"), days, c.Status)
		}
	case "text":
		for _, c := range list {
			name := fmt.Sprintf("%s: certificate %s (%s)", c.Filename, c.Subject, strings.Join(c.Usages, ","))
			at := c.ExpiryTime.Format(time.RFC3339)
			switch c.Status {
			case "OK":
				infof("%s is ok, expires at %s", name, at)
			case "WARNING":
				warnf("%s will expire within %d days at %s", name, renewDays, at)
			case "EXPIRED":
				errorf("%s expired at %s", name, at)
			default:
				errorf("%s is not valid before %s", name, at)
			}
		}
	default:
		fatalf("Error: invalid output format %s", format)
	}
}

// rotate moves the certificates aside; the next start makes new ones.
func rotate(cfg config) {
	files, isServer := certFiles(cfg)
	backup := cfg.agent(fmt.Sprintf("tls-%d", time.Now().Unix()))
	if isServer {
		backup = cfg.server(fmt.Sprintf("tls-%d", time.Now().Unix()))
		if out, err := exec.Command("cp", "-a", cfg.server("tls"), backup).CombinedOutput(); err != nil {
			fatalf("Error: %v %s", err, out)
		}
		_ = writeFile(cfg.server("tls", "dynamic-cert-regenerate"), nil, 0o600)
		infof("Rotating dynamic listener certificate")
	}
	for _, file := range files {
		_ = os.Remove(file)
		_ = os.Remove(strings.TrimSuffix(file, ".crt") + ".key")
	}
	infof("Successfully backed up certificates to %s, please restart k3s server or agent to rotate certificates", backup)
}
