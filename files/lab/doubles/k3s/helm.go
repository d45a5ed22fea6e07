package main

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	madeBy     = "double/chart"
	configHash = "helmcharts.helm.cattle.io/configHash"
	chartLabel = "helmcharts.helm.cattle.io/chart"
)

// clusterFault returns a word list from the ConfigMap kube-system/k3s-double.
func (s *server) clusterFault(name string) []string {
	o, err := s.store.get(builtin("configmaps"), "kube-system", "k3s-double")
	if err != nil {
		return nil
	}
	return strings.Fields(o.str("data", name))
}

// installCharts is helm-controller: a job per HelmChart, and another one when the chart or its HelmChartConfig changed, or
// when the release is not what the job should have made.
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

func targetNamespace(chart object) string {
	if namespace := chart.str("spec", "targetNamespace"); namespace != "" {
		return namespace
	}
	return chart.namespace()
}

// settings is what helm-controller puts into a job's environment, and what its hash is made of.
type settings struct {
	failurePolicy  string
	forceConflicts bool
	hash           string
}

// settingsOf merges a HelmChart and its HelmChartConfig, whose settings win (getJobAndRelatedResources).
func settingsOf(chart, override object) settings {
	result := settings{failurePolicy: "reinstall", forceConflicts: chart.is("spec", "forceConflicts")}
	for _, source := range []object{chart, override} {
		if policy := source.str("spec", "failurePolicy"); policy != "" {
			result.failurePolicy = policy
		}
	}
	if force, ok := override.at("spec", "forceConflicts").(bool); ok {
		result.forceConflicts = force
	}
	sum := sha256.Sum256(append(object(chart.sub("spec")).json(), object(override.sub("spec")).json()...))
	result.hash = fmt.Sprintf("SHA256=%X", sum)
	return result
}

// labelOf is the hash as a label: without its prefix, 63 characters.
func labelOf(hash string) string { return strings.TrimPrefix(hash, "SHA256=")[:63] }

func (s *server) configOf(chart object) (object, error) {
	override, err := s.store.get(builtin("helmchartconfigs"), chart.namespace(), chart.name())
	if isNotFound(err) {
		return nil, nil
	}
	return override, err
}

func (s *server) installChart(chart object) error {
	if indexOf(s.clusterFault("helm-lags"), chart.name()) >= 0 {
		return nil
	}
	override, err := s.configOf(chart)
	if err != nil {
		return err
	}
	want := settingsOf(chart, override)
	job, err := s.store.get(builtin("jobs"), chart.namespace(), "helm-install-"+chart.name())
	if err != nil && !isNotFound(err) {
		return err
	}
	latest, err := s.latestRelease(chart)
	if err != nil {
		return err
	}
	switch {
	case job == nil:
		return s.startJob(chart, want, latest)
	case hasCondition(job, "Suspended") && job.num("metadata", "generation") == 1 && job.is("spec", "suspend"):
		return s.suspend(job, false)
	case hasCondition(job, "Failed"):
		return s.chartFailed(chart)
	case hasCondition(job, "Complete"):
		if latest.status == "deployed" && latest.hash == labelOf(want.hash) {
			return nil
		}
	case hashOfJob(job) == want.hash:
		return nil
	}
	return s.replaceJob(chart, job, want, latest)
}

func hashOfJob(job object) string {
	return object(job.sub("spec", "template", "metadata", "annotations")).str(configHash)
}

func hasCondition(job object, kind string) bool {
	for _, condition := range job.list("status", "conditions") {
		if condition.str("type") == kind {
			return condition.str("status") == "True"
		}
	}
	return false
}

func (s *server) suspend(job object, suspended bool) error {
	_, err := s.store.change(builtin("jobs"), job.namespace(), job.name(), func(live object) object {
		return live.set(suspended, "spec", "suspend")
	})
	return err
}

// replaceJob suspends the old job, waits until the job controller has seen it and its pods are gone (reconcileJob), and
// only then deletes it.
func (s *server) replaceJob(chart, job object, want settings, latest release) error {
	if err := s.suspend(job, true); err != nil {
		return err
	}
	if len(job.list("status", "conditions")) == 0 || job.num("status", "active") > 0 {
		return nil
	}
	if err := s.deleteJob(job); err != nil {
		return err
	}
	return s.startJob(chart, want, latest)
}

// startJob makes the job, suspended, for the revision of now.
func (s *server) startJob(chart object, want settings, latest release) error {
	name := "helm-install-" + chart.name()
	labels := map[string]any{chartLabel: chart.name()}
	env := []any{}
	for _, pair := range [][2]string{
		{"FAILURE_POLICY", want.failurePolicy}, {"FORCE_CONFLICTS", fmt.Sprint(want.forceConflicts)},
		{"EXPECTED_RELEASE_REVISION", decimal(latest.revision)}, {"CONFIG_HASH", labelOf(want.hash)},
	} {
		env = append(env, map[string]any{"name": pair[0], "value": pair[1]})
	}
	_, err := s.store.create(builtin("jobs"), object{
		"metadata": map[string]any{"name": name, "namespace": chart.namespace(), "labels": labels},
		"spec": map[string]any{
			"backoffLimit": 1000, "completions": 1, "parallelism": 1, "suspend": true,
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels, "annotations": map[string]any{configHash: want.hash}},
				"spec":     map[string]any{"restartPolicy": "OnFailure", "containers": []any{map[string]any{"name": "helm", "env": env}}},
			},
		},
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

func (s *server) chartFailed(chart object) error {
	_, err := s.store.change(builtin("helmcharts"), chart.namespace(), chart.name(), func(live object) object {
		if hasCondition(live, "Failed") {
			return nil
		}
		return normal(live.set(conditions("JobCreated", "True", "", "Failed", "True",
			"Job has reached configured number of retries without succeeding"), "status", "conditions"))
	})
	return err
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

// createObjects creates or applies those objects of a chart that fmc looks at.
func (s *server) createObjects(chart, values object, forceConflicts bool) error {
	namespace := targetNamespace(chart)
	if indexOf(s.clusterFault("helm-fail"), chart.name()) >= 0 {
		return fmt.Errorf("the fault helm-fail names %s", chart.name())
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
		if err := s.applyReleased(r, o, forceConflicts); err != nil {
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
	if name == "kube-prometheus-stack" {
		return []object{
			definition("monitoring.coreos.com", "Prometheus", "prometheuses", true), definition("monitoring.coreos.com", "Alertmanager", "alertmanagers", true),
			workload("Deployment", "monitoring-grafana", namespace, 1, nil),
		}
	}
	o := workload("Deployment", chart.name(), namespace, 1, nil)
	if replicas := values.at("replicaCount"); replicas != nil {
		o.set(replicas, "spec", "replicas")
	}
	return []object{o}
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
	for _, kind := range append([]string{"secrets"}, releasedKinds...) {
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
	s.dropReleases(id)
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
