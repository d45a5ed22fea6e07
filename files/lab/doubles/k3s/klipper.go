package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// release is what the labels of helm's Secret say.
type release struct {
	revision     int
	status, hash string
}

// history is how many revisions helm keeps (--history-max).
const history = 10

func releaseSelector(name string) string { return "owner=helm,name=" + name }

func (s *server) releases(chart object) ([]object, error) {
	list, err := s.store.list(builtin("secrets"), targetNamespace(chart), releaseSelector(chart.name()))
	slices.SortFunc(list, func(a, b object) int { return revisionOf(a) - revisionOf(b) })
	return list, err
}

func revisionOf(secret object) int {
	revision, _ := strconv.Atoi(secret.labels()["version"])
	return revision
}

// latestRelease is helm-controller's function of that name.
func (s *server) latestRelease(chart object) (release, error) {
	list, err := s.releases(chart)
	if err != nil || len(list) == 0 {
		return release{}, err
	}
	labels := list[len(list)-1].labels()
	return release{revisionOf(list[len(list)-1]), labels["status"], labels[configHash]}, nil
}

// record writes a new revision; one that is deployed supersedes the others.
func (s *server) record(chart object, revision int, status, hash string) error {
	secrets := builtin("secrets")
	list, err := s.releases(chart)
	if err != nil {
		return err
	}
	for i, old := range list {
		if i <= len(list)-history {
			if _, err := s.store.delete(secrets, old.namespace(), old.name()); err != nil && !isNotFound(err) {
				return err
			}
		} else if status == "deployed" && old.labels()["status"] == "deployed" {
			_, err := s.store.change(secrets, old.namespace(), old.name(), func(live object) object {
				return live.set("superseded", "metadata", "labels", "status")
			})
			if err != nil {
				return err
			}
		}
	}
	_, err = s.store.create(secrets, object{
		"metadata": map[string]any{
			"name": fmt.Sprintf("sh.helm.release.v1.%s.v%d", chart.name(), revision), "namespace": targetNamespace(chart),
			"labels":      map[string]any{"owner": "helm", "name": chart.name(), "status": status, "version": decimal(revision), configHash: hash},
			"annotations": map[string]any{madeBy: chartID(chart)},
		},
		"type": "helm.sh/release.v1", "data": map[string]any{"release": "bm90IGZvciBmbWM="},
	})
	return err
}

func (s *server) dropReleases(id string) {
	list, _ := s.store.list(builtin("secrets"), "", "owner=helm")
	for _, o := range list {
		if o.annotations()[madeBy] == id {
			_, _ = s.store.delete(builtin("secrets"), o.namespace(), o.name())
		}
	}
}

// ended is how a run of klipper-helm ended: its exit code, its log, and its termination message.
type ended struct {
	code         int
	log, message string
}

// klipper is the job image's script (klipper-helm v0.13.3, entry), with its exit codes. Its retry of a failed release ends
// with 0 whatever helm says, and so does a pod that was started again: it finds another revision than it expects.
func (s *server) klipper(chart, job object) (ended, error) {
	env := environment(job)
	override, err := s.configOf(chart)
	if err != nil {
		return ended{}, err
	}
	now, err := s.latestRelease(chart)
	if err != nil {
		return ended{}, err
	}
	if indexOf(s.clusterFault("helm-missing"), chart.name()) >= 0 && now.revision == 0 {
		return ended{1, fmt.Sprintf("Error: INSTALLATION FAILED: chart %q not found in %s repository\n", chart.str("spec", "chart"), chart.str("spec", "repo")), "Installing helm chart\n"}, nil
	}
	helm := func(verb string) (ended, error) { return s.helm(chart, override, verb, now.revision+1, env) }
	if now.revision == 0 {
		return helm("install")
	}
	if decimal(now.revision) != env["EXPECTED_RELEASE_REVISION"] {
		text := fmt.Sprintf("Current release revision %d does not match expected revision %s\n", now.revision, env["EXPECTED_RELEASE_REVISION"])
		return ended{0, text, text}, nil
	}
	if now.status == "deployed" {
		return helm("upgrade")
	}
	switch policy := env["FAILURE_POLICY"]; policy {
	case "abort":
		text := fmt.Sprintf("Release status is '%s' and failure policy is '%s'; waiting for operator intervention\n", now.status, policy)
		return ended{1, text, text}, nil
	case "reinstall":
		s.uninstall(chartID(chart))
		return helm("install")
	case "retry":
		result, err := helm("upgrade")
		result.code, result.message = 0, fmt.Sprintf("Upgrading %s from failed state\n", chart.name())
		return result, err
	default:
		text := fmt.Sprintf("Unknown failure policy '%s'\n", policy)
		return ended{1, text, text}, nil
	}
}

func environment(job object) map[string]string {
	result := map[string]string{}
	for _, container := range job.list("spec", "template", "spec", "containers") {
		for _, variable := range container.list("env") {
			result[variable.str("name")] = variable.str("value")
		}
	}
	return result
}

// helm installs or upgrades; a failure is recorded as a revision, too.
func (s *server) helm(chart, override object, verb string, revision int, env map[string]string) (ended, error) {
	values, failure := mergedValues(chart, override)
	if failure == nil {
		failure = s.createObjects(chart, values, env["FORCE_CONFLICTS"] == "true")
	}
	status, doing := "deployed", map[string]string{"install": "Installing", "upgrade": "Upgrading"}[verb]
	result := ended{0, "", doing + " helm chart\n"}
	if verb == "upgrade" {
		result.log = fmt.Sprintf("Release %q has been upgraded. Happy Helming!\n", chart.name())
	} else {
		result.log = fmt.Sprintf("NAME: %s\nSTATUS: deployed\n", chart.name())
	}
	if failure != nil {
		status = "failed"
		what := map[string]string{"install": "INSTALLATION FAILED", "upgrade": "UPGRADE FAILED"}[verb]
		result = ended{1, fmt.Sprintf("Error: %s: %v\n", what, failure), doing + " helm chart\n"}
	}
	return result, s.record(chart, revision, status, env["CONFIG_HASH"])
}

const helmApplied = "double/helm-applied"

// applyReleased applies an object on the server's side, as Helm 4 does: a field that somebody else has changed since helm
// set it, and to which helm now gives another value, is a conflict.
func (s *server) applyReleased(r resource, o object, forceConflicts bool) error {
	if replicas := o.at("spec", "replicas"); r.Kind == "Deployment" && replicas != nil {
		if _, number := normal(o).at("spec", "replicas").(float64); !number {
			return fmt.Errorf("%s in version %q cannot be handled as a %s: json: cannot unmarshal %s into Go struct field DeploymentSpec.spec.replicas of type int32", r.Kind, r.Version, r.Kind, kindOf(replicas))
		}
	}
	wanted := string(normal(object(o.sub("spec"))).json())
	live, err := s.store.get(r, o.namespace(), o.name())
	if err != nil && !isNotFound(err) {
		return err
	}
	if live != nil && !forceConflicts {
		var before object
		_ = json.Unmarshal([]byte(live.annotations()[helmApplied]), &before)
		if field := conflict(before, live.sub("spec"), normal(object(o.sub("spec"))), ".spec"); field != "" {
			return fmt.Errorf("conflict occurred while applying object %s/%s %s, Kind=%s: Apply failed with 1 conflict: conflict with %q using %s: %s",
				o.namespace(), o.name(), r.apiVersion(), r.Kind, "kubectl", r.apiVersion(), field)
		}
	}
	o.set(wanted, "metadata", "annotations", helmApplied)
	return s.store.ensure(r, o)
}

// conflict returns a field that helm set, somebody changed, and helm now wants to be otherwise.
func conflict(before, live, wanted object, path string) string {
	for _, key := range sortedKeys(wanted) {
		if m, ok := wanted[key].(map[string]any); ok {
			if field := conflict(before.sub(key), live.sub(key), m, path+"."+key); field != "" {
				return field
			}
			continue
		}
		was, is, want := fmt.Sprint(before[key]), fmt.Sprint(live[key]), fmt.Sprint(wanted[key])
		if before != nil && before[key] != nil && is != was && is != want {
			return path + "." + key
		}
	}
	return ""
}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	}
	return "object"
}
