package main

import (
	"slices"
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
	if policy := values.str("service", "spec", "externalTrafficPolicy"); policy != "" {
		service.set(policy, "spec", "externalTrafficPolicy")
	}
	service.set(strings.Join(trusted(values, "web"), " "), "metadata", "annotations", "double/trusted-web")
	service.set(strings.Join(trusted(values, "websecure"), " "), "metadata", "annotations", "double/trusted-websecure")
	return []object{workload(kind, "traefik", namespace, replicas, pod), service}
}

// trusted are the addresses from which an entry point takes the PROXY protocol.
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

// edgeOf says what ServiceLB and Traefik make of a node: whether it takes ports 80 and 443, and how.
func (s *server) edgeOf(name string) (object, error) {
	closed := object{"listen": false}
	service, err := s.store.get(builtin("services"), "kube-system", "traefik")
	if isNotFound(err) || slices.Contains(s.cfg.list("disable"), "servicelb") {
		return closed, nil
	}
	if err != nil {
		return nil, err
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
	if chosen && !mine {
		return closed, nil
	}
	pods, err := s.store.list(builtin("pods"), "kube-system", "app=traefik")
	if err != nil {
		return nil, err
	}
	local := service.str("spec", "externalTrafficPolicy") == "Local"
	for _, pod := range pods {
		if pod.str("status", "phase") == "Running" && (!local || pod.str("spec", "nodeName") == name) {
			return object{
				"listen": true, "local": local,
				"web":       service.annotations()["double/trusted-web"],
				"websecure": service.annotations()["double/trusted-websecure"],
			}, nil
		}
	}
	return closed, nil
}
