package main

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	madeBy     = "double/chart"
	configHash = "helmcharts.helm.cattle.io/configHash"
	// installTime is the shortest time of helm's job.
	installTime = time.Second
)

// clusterFault returns a word list from the ConfigMap kube-system/k3s-double.
func (s *server) clusterFault(name string) []string {
	o, err := s.store.get(builtin("configmaps"), "kube-system", "k3s-double")
	if err != nil {
		return nil
	}
	return strings.Fields(o.str("data", name))
}

// installCharts is helm-controller: a job per HelmChart, again when the chart or its HelmChartConfig changed.
func (s *server) installCharts() error {
	charts, err := s.store.list(builtin("helmcharts"), "", "")
	if err != nil {
		return err
	}
	present := map[string]bool{}
	for _, chart := range charts {
		present[chartID(chart)] = true
		if err := s.installChart(chart); err != nil {
			return fmt.Errorf("HelmChart %s: %w", chart.name(), err)
		}
	}
	return s.uninstallOrphans(present)
}

func chartID(chart object) string { return chart.namespace() + "." + chart.name() }

func (s *server) installChart(chart object) error {
	override, err := s.store.get(builtin("helmchartconfigs"), chart.namespace(), chart.name())
	if err != nil && !isNotFound(err) {
		return err
	}
	hash := hashCA(append(object(chart.sub("spec")).json(), object(override.sub("spec")).json()...))
	jobs, name := builtin("jobs"), "helm-install-"+chart.name()
	job, err := s.store.get(jobs, chart.namespace(), name)
	if err != nil && !isNotFound(err) {
		return err
	}
	if job == nil || job.annotations()[configHash] != hash {
		return s.startJob(chart, name, hash)
	}
	started, _ := time.Parse(time.RFC3339Nano, job.str("status", "startTime"))
	if job.num("status", "active") == 0 || time.Since(started) < installTime || !s.hasRoom(chart) {
		return nil
	}
	values, failure := mergedValues(chart, override)
	if failure == nil {
		failure = s.release(chart, values)
	}
	if failure != nil && !hasPolicy(chart, override, "abort") {
		s.uninstall(chartID(chart))
	}
	return s.endJob(chart, name, failure)
}

func hasPolicy(chart, override object, policy string) bool {
	if own := override.str("spec", "failurePolicy"); own != "" {
		return own == policy
	}
	return chart.str("spec", "failurePolicy") == policy
}

func (s *server) startJob(chart object, name, hash string) error {
	_, err := s.store.delete(builtin("jobs"), chart.namespace(), name)
	if err != nil && !isNotFound(err) {
		return err
	}
	_, err = s.store.create(builtin("jobs"), object{
		"metadata": map[string]any{
			"name": name, "namespace": chart.namespace(), "annotations": map[string]any{configHash: hash},
			"labels": map[string]any{"helmcharts.helm.cattle.io/chart": chart.name()},
		},
		"spec":   map[string]any{"backoffLimit": 1000, "completions": 1, "parallelism": 1},
		"status": map[string]any{"active": 1, "startTime": time.Now().UTC().Format(time.RFC3339Nano)},
	})
	if err != nil {
		return err
	}
	_, err = s.store.change(builtin("helmcharts"), chart.namespace(), chart.name(), func(live object) object {
		return live.set(name, "status", "jobName").set(conditions("JobCreated", "True", "", "Failed", "False", ""), "status", "conditions")
	})
	return err
}

func conditions(triples ...string) []any {
	var result []any
	for i := 0; i+2 < len(triples); i += 3 {
		result = append(result, map[string]any{"type": triples[i], "status": triples[i+1], "message": triples[i+2], "lastTransitionTime": timestamp()})
	}
	return result
}

func (s *server) endJob(chart object, name string, failure error) error {
	infof("Helm job %s of chart %s ended: %v", name, chart.name(), failure)
	_, err := s.store.change(builtin("jobs"), chart.namespace(), name, func(job object) object {
		job.set(nil, "status", "active").set(timestamp(), "status", "completionTime")
		if failure != nil {
			return normal(job.set(1, "status", "failed").set(conditions("Failed", "True", failure.Error()), "status", "conditions"))
		}
		return normal(job.set(1, "status", "succeeded").set(conditions("Complete", "True", ""), "status", "conditions"))
	})
	if err != nil || failure == nil {
		return err
	}
	_, err = s.store.change(builtin("helmcharts"), chart.namespace(), chart.name(), func(live object) object {
		return normal(live.set(conditions("JobCreated", "True", "", "Failed", "True", failure.Error()), "status", "conditions"))
	})
	return err
}

// hasRoom returns whether the job, a pod, finds a node; bootstrap charts tolerate the control plane.
func (s *server) hasRoom(chart object) bool {
	nodes, err := s.store.list(builtin("nodes"), "", "")
	for _, node := range nodes {
		if isReady(node) && !node.is("spec", "unschedulable") && (chart.is("spec", "bootstrap") || fits(object{}, node, false)) {
			return err == nil
		}
	}
	return false
}

// mergedValues merges valuesContent and set of the chart with those of its HelmChartConfig, which win.
func mergedValues(chart, override object) (object, error) {
	values := object{}
	for _, source := range []object{chart, override} {
		var more map[string]any
		if err := yaml.Unmarshal([]byte(source.str("spec", "valuesContent")), &more); err != nil {
			return nil, fmt.Errorf("failed to parse values: %w", err)
		}
		merge(values, more)
		for key, value := range source.sub("spec", "set") {
			values.set(value, strings.Split(key, ".")...)
		}
	}
	return values, nil
}

// release creates those objects of a chart that fmc looks at.
func (s *server) release(chart, values object) error {
	for _, name := range s.clusterFault("helm-fail") {
		if name == chart.name() {
			return fmt.Errorf("the fault helm-fail names %s", name)
		}
	}
	namespace := chart.str("spec", "targetNamespace")
	if namespace == "" {
		namespace = chart.namespace()
	}
	if _, err := s.store.get(builtin("namespaces"), "", namespace); isNotFound(err) {
		if !chart.is("spec", "createNamespace") {
			return fmt.Errorf("create: failed to create: namespaces %q not found", namespace)
		}
		made := object{"metadata": map[string]any{"name": namespace}, "status": map[string]any{"phase": "Active"}}
		if _, err := s.store.create(builtin("namespaces"), made); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	made := map[string]bool{}
	for _, o := range objectsOf(chart, values, namespace) {
		made[o.str("kind")+"/"+o.name()] = true
		r, ok := ofKind(builtins, o.str("apiVersion"), o.str("kind"))
		if !ok {
			return fmt.Errorf("no matches for kind %q", o.str("kind"))
		}
		o.set(chartID(chart), "metadata", "annotations", madeBy).set("Helm", "metadata", "labels", "app.kubernetes.io/managed-by")
		o.set(chart.name(), "metadata", "labels", "app.kubernetes.io/instance")
		if err := s.store.ensure(r, o); err != nil {
			return err
		}
	}
	return s.dropReleased(chartID(chart), made)
}

// dropReleased removes objects of an earlier version of a release that this version lacks.
func (s *server) dropReleased(id string, kept map[string]bool) error {
	for _, kind := range releasedKinds {
		list, err := s.store.list(builtin(kind), "", "")
		if err != nil {
			return err
		}
		for _, o := range list {
			if o.annotations()[madeBy] != id || kept[o.str("kind")+"/"+o.name()] || kind == "customresourcedefinitions" {
				continue
			}
			if _, err := s.store.delete(builtin(kind), o.namespace(), o.name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// objectsOf returns the objects of the charts that it knows; of any other, one Deployment with the chart's name.
func objectsOf(chart, values object, namespace string) []object {
	name := chart.str("spec", "chart")
	name = name[strings.LastIndex(name, "/")+1:]
	switch {
	case name == "longhorn":
		return longhornObjects(values, namespace)
	case strings.HasPrefix(name, "traefik-crd"):
		return []object{definition("traefik.io", "IngressRoute", "ingressroutes", true), definition("traefik.io", "Middleware", "middlewares", true)}
	case strings.HasPrefix(name, "traefik"):
		return traefikObjects(values, namespace)
	case strings.HasPrefix(name, "csi-driver-nfs"):
		return []object{
			workload("Deployment", "csi-nfs-controller", namespace, 1, nil),
			workload("DaemonSet", "csi-nfs-node", namespace, 0, object{"tolerations": []any{map[string]any{"operator": "Exists"}}}),
			{"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": map[string]any{"name": "nfs.csi.k8s.io"}},
		}
	}
	return []object{workload("Deployment", chart.name(), namespace, 1, nil)}
}

func workload(kind, name, namespace string, replicas int, podSpec object) object {
	labels := map[string]any{"app": name}
	spec := map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any(podSpec)},
	}
	if podSpec == nil {
		spec["template"].(map[string]any)["spec"] = map[string]any{}
	}
	if kind != "DaemonSet" {
		spec["replicas"] = replicas
	}
	return object{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}, "spec": spec}
}

func definition(group, kind, plural string, namespaced bool) object {
	scope, version := "Cluster", "v1alpha1"
	if namespaced {
		scope = "Namespaced"
	}
	if group == "longhorn.io" {
		version = "v1beta2"
	}
	return object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group, "scope": scope, "names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{"name": version, "served": true, "storage": true}},
		},
	}
}

var releasedKinds = []string{"deployments", "daemonsets", "statefulsets", "storageclasses", "csidrivers", "services", "customresourcedefinitions"}

// uninstallOrphans uninstalls the releases of deleted HelmCharts.
func (s *server) uninstallOrphans(present map[string]bool) error {
	for _, kind := range releasedKinds {
		list, err := s.store.list(builtin(kind), "", "")
		if err != nil {
			return err
		}
		for _, o := range list {
			if id := o.annotations()[madeBy]; id != "" && !present[id] {
				s.uninstall(id)
				return nil
			}
		}
	}
	return nil
}

// uninstall removes a release. Removing a definition removes all objects of its kind, Longhorn's volumes too.
func (s *server) uninstall(id string) {
	infof("Uninstalling release of chart %s", id)
	for _, kind := range releasedKinds {
		list, _ := s.store.list(builtin(kind), "", "")
		for _, o := range list {
			if o.annotations()[madeBy] != id {
				continue
			}
			if kind == "customresourcedefinitions" {
				s.dropAll(fromDefinition(o))
			}
			_, _ = s.store.delete(builtin(kind), o.namespace(), o.name())
		}
	}
}

func (s *server) dropAll(r resource) {
	list, _ := s.store.list(r, "", "")
	for _, o := range list {
		_, _ = s.store.delete(r, o.namespace(), o.name())
	}
}
