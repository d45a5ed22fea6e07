package main

import (
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

// The components packaged with K3s, by their names in `disable`; they are files in server/manifests, like K3s's own.
func packaged() map[string][]object {
	return map[string][]object{
		"coredns":        {workload("Deployment", "coredns", "kube-system", 1, tolerant())},
		"metrics-server": {workload("Deployment", "metrics-server", "kube-system", 1, tolerant())},
		"local-storage": {
			workload("Deployment", "local-path-provisioner", "kube-system", 1, tolerant()),
			{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "rancher.io/local-path",
				"metadata": map[string]any{"name": "local-path", "annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}}},
		},
		"traefik": {helmChart("traefik-crd"), helmChart("traefik")},
	}
}

func tolerant() object {
	return object{"tolerations": []any{
		map[string]any{"key": "CriticalAddonsOnly", "operator": "Exists"},
		map[string]any{"key": controlPlaneLabel, "operator": "Exists", "effect": "NoSchedule"},
	}}
}

func helmChart(name string) object {
	return object{
		"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": map[string]any{"name": name, "namespace": "kube-system"},
		"spec": map[string]any{
			"chart": "https://%{KUBERNETES_API}%/static/charts/" + name + "-double.tgz", "failurePolicy": "retry", "forceConflicts": true,
		},
	}
}

// applyPackaged writes the files of enabled components and removes those of disabled ones (pkg/deploy).
func (s *server) applyPackaged() error {
	disabled := s.cfg.list("disable")
	for name, objects := range packaged() {
		file := s.cfg.server("manifests", name+".yaml")
		if !slices.Contains(disabled, name) {
			var text []byte
			for _, o := range objects {
				data, err := yaml.Marshal(o)
				if err != nil {
					return err
				}
				text = append(append(text, "---\n"...), data...)
			}
			if err := writeFile(file, text, 0o600); err != nil {
				return err
			}
			continue
		}
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := s.removeAddon(name, objects); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) removeAddon(name string, objects []object) error {
	if _, err := s.store.delete(builtin("addons"), "kube-system", name); isNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	for _, o := range objects {
		r, _ := ofKind(builtins, o.str("apiVersion"), o.str("kind"))
		if _, err := s.store.delete(r, o.namespace(), o.name()); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}
