package main

import "strings"

// resource is one kind of object and its place in the API.
type resource struct {
	Group, Version, Kind, Plural string
	Namespaced                   bool
	Short                        []string
}

// key names the resource in the store and on the command line: nodes, volumes.longhorn.io.
func (r resource) key() string {
	if r.Group == "" {
		return r.Plural
	}
	return r.Plural + "." + r.Group
}

func (r resource) apiVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// path returns the collection's path in the API.
func (r resource) path(namespace string) string {
	root := "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		root = "/api/" + r.Version
	}
	if r.Namespaced && namespace != "" {
		root += "/namespaces/" + namespace
	}
	return root + "/" + r.Plural
}

// Spelled: group/version Kind plural [short,…]; a trailing ! means cluster-wide.
const builtinTable = `
v1 Node nodes no !
v1 Namespace namespaces ns !
v1 PersistentVolume persistentvolumes pv !
v1 Pod pods po
v1 Service services svc
v1 Endpoints endpoints ep
v1 Secret secrets
v1 ConfigMap configmaps cm
v1 ServiceAccount serviceaccounts sa
v1 PersistentVolumeClaim persistentvolumeclaims pvc
v1 Event events ev
v1 ResourceQuota resourcequotas quota
v1 LimitRange limitranges limits
apps/v1 Deployment deployments deploy
apps/v1 DaemonSet daemonsets ds
apps/v1 StatefulSet statefulsets sts
apps/v1 ReplicaSet replicasets rs
batch/v1 Job jobs
batch/v1 CronJob cronjobs cj
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb
coordination.k8s.io/v1 Lease leases
storage.k8s.io/v1 StorageClass storageclasses sc !
storage.k8s.io/v1 CSIDriver csidrivers !
storage.k8s.io/v1 VolumeAttachment volumeattachments !
networking.k8s.io/v1 Ingress ingresses ing
networking.k8s.io/v1 IngressClass ingressclasses !
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol
scheduling.k8s.io/v1 PriorityClass priorityclasses pc !
rbac.authorization.k8s.io/v1 Role roles
rbac.authorization.k8s.io/v1 RoleBinding rolebindings
rbac.authorization.k8s.io/v1 ClusterRole clusterroles !
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings !
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd !
apiregistration.k8s.io/v1 APIService apiservices !
helm.cattle.io/v1 HelmChart helmcharts
helm.cattle.io/v1 HelmChartConfig helmchartconfigs
k3s.cattle.io/v1 Addon addons
k3s.cattle.io/v1 ETCDSnapshotFile etcdsnapshotfiles !
`

var builtins = parseTable(builtinTable)

func parseTable(table string) []resource {
	var result []resource
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		f := strings.Fields(line)
		r := resource{Kind: f[1], Plural: f[2], Namespaced: true}
		r.Group, r.Version = splitVersion(f[0])
		for _, extra := range f[3:] {
			if extra == "!" {
				r.Namespaced = false
			} else {
				r.Short = append(r.Short, extra)
			}
		}
		result = append(result, r)
	}
	return result
}

func splitVersion(apiVersion string) (group, version string) {
	if group, version, ok := strings.Cut(apiVersion, "/"); ok {
		return group, version
	}
	return "", apiVersion
}

// named finds a resource by any name that kubectl accepts: node, nodes, no, deployments.apps, volumes.longhorn.io, Node.
func named(list []resource, name string) (resource, bool) {
	plain, group, _ := strings.Cut(strings.ToLower(name), ".")
	for _, r := range list {
		if group != "" && group != r.Group && group != r.Version+"."+r.Group {
			continue
		}
		if plain == r.Plural || plain == strings.ToLower(r.Kind) {
			return r, true
		}
		for _, short := range r.Short {
			if plain == short {
				return r, true
			}
		}
	}
	return resource{}, false
}

func ofKind(list []resource, apiVersion, kind string) (resource, bool) {
	for _, r := range list {
		if r.apiVersion() == apiVersion && r.Kind == kind {
			return r, true
		}
	}
	return resource{}, false
}

// fromDefinition returns the resource that a CustomResourceDefinition defines.
func fromDefinition(crd object) resource {
	r := resource{
		Group:      crd.str("spec", "group"),
		Kind:       crd.str("spec", "names", "kind"),
		Plural:     crd.str("spec", "names", "plural"),
		Namespaced: crd.str("spec", "scope") != "Cluster",
	}
	for _, version := range crd.list("spec", "versions") {
		if r.Version == "" || version.is("storage") {
			r.Version = version.str("name")
		}
	}
	names, _ := crd.at("spec", "names", "shortNames").([]any)
	for _, name := range names {
		r.Short = append(r.Short, name.(string))
	}
	return r
}
