package main

import (
	"slices"
	"strconv"
	"strings"
)

const enableLB = "svccontroller.k3s.cattle.io/enablelb"

func traefikObjects(values object, namespace string) []object {
	kind := values.str("deployment", "kind")
	if kind == "" {
		kind = "Deployment"
	}
	replicas := 1
	if values.at("deployment", "replicas") != nil {
		replicas = values.num("deployment", "replicas")
	}
	pod := tolerant()
	if selector := values.sub("nodeSelector"); selector != nil {
		pod["nodeSelector"] = map[string]any(selector)
	}
	service := object{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "traefik", "namespace": namespace},
		"spec": map[string]any{"type": "LoadBalancer", "externalTrafficPolicy": "Cluster"},
	}
	// Chart 40 ignores service.type.
	if kind := values.str("service", "spec", "type"); kind != "" {
		service.set(kind, "spec", "type")
	}
	if policy := values.str("service", "spec", "externalTrafficPolicy"); policy != "" {
		service.set(policy, "spec", "externalTrafficPolicy")
	}
	for entry, port := range map[string]string{"web": "80", "websecure": "443"} {
		service.set(strings.Join(trusted(values, entry), " "), "metadata", "annotations", "double/trusted-"+entry)
		switch service.str("spec", "type") {
		case "NodePort":
			port = decimal(values.num("ports", entry, "nodePort"))
		case "ClusterIP":
			port = decimal(values.num("ports", entry, "hostPort"))
		}
		service.set(port, "metadata", "annotations", "double/port-"+entry)
	}
	return []object{workload(kind, "traefik", namespace, replicas, pod), service}
}

// trusted returns the addresses from which an entry point accepts the PROXY protocol.
func trusted(values object, port string) []string {
	var result []string
	list, _ := values.at("ports", port, "proxyProtocol", "trustedIPs").([]any)
	for _, ip := range list {
		result = append(result, ip.(string))
	}
	if values.is("ports", port, "proxyProtocol", "insecure") {
		result = append(result, "0.0.0.0/0")
	}
	arguments, _ := values.at("additionalArguments").([]any)
	for _, argument := range arguments {
		text, _ := argument.(string)
		name, ips, _ := strings.Cut(strings.TrimLeft(text, "-"), "=")
		if strings.EqualFold(name, "entryPoints."+port+".proxyProtocol.trustedIPs") {
			result = append(result, strings.Split(ips, ",")...)
		}
	}
	return result
}

func decimal(n int) string { return strconv.Itoa(n) }

// edgeOf returns the ports that ServiceLB, kube-proxy or Traefik's own host ports open on a node, and how they behave.
func (s *server) edgeOf(name string) (object, error) {
	closed := object{"listen": false}
	service, err := s.store.get(builtin("services"), "kube-system", "traefik")
	if isNotFound(err) {
		return closed, nil
	}
	if err != nil {
		return nil, err
	}
	kind := service.str("spec", "type")
	if kind == "LoadBalancer" && slices.Contains(s.cfg.list("disable"), "servicelb") {
		return closed, nil
	}
	nodes, err := s.store.list(builtin("nodes"), "", "")
	if err != nil {
		return nil, err
	}
	chosen, mine := false, false
	for _, node := range nodes {
		value, has := node.labels()[enableLB]
		chosen = chosen || has
		mine = mine || node.name() == name && value == "true"
	}
	if kind == "LoadBalancer" && chosen && !mine {
		return closed, nil
	}
	pods, err := s.store.list(builtin("pods"), "kube-system", "app=traefik")
	if err != nil {
		return nil, err
	}
	local := kind == "ClusterIP" || service.str("spec", "externalTrafficPolicy") == "Local"
	for _, pod := range pods {
		if pod.str("status", "phase") == "Running" && (!local || pod.str("spec", "nodeName") == name) {
			return object{
				"listen": true, "local": local,
				"web":       service.annotations()["double/trusted-web"],
				"websecure": service.annotations()["double/trusted-websecure"],
				"ports": map[string]any{
					"web":       service.annotations()["double/port-web"],
					"websecure": service.annotations()["double/port-websecure"],
				},
			}, nil
		}
	}
	return closed, nil
}
