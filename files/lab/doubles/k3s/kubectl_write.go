package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// input reads the objects of -f: a file, or - for stdin.
func (k *kube) input() ([]object, error) {
	file := k.flags["filename"]
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else if file != "" {
		data, err = os.ReadFile(file)
	} else {
		return nil, errors.New("error: must specify one of -f and -k")
	}
	if err != nil {
		return nil, fmt.Errorf("error: %w", err)
	}
	list, err := parseManifests(data)
	if err == nil && len(list) == 0 {
		err = errors.New("no objects passed")
	}
	if err != nil {
		return nil, fmt.Errorf("error: %w", err)
	}
	return list, nil
}

// place returns an object's resource and namespace.
func (k *kube) place(o object) (resource, string, error) {
	r, ok := ofKind(k.resources, o.str("apiVersion"), o.str("kind"))
	if !ok {
		if err := k.learn(); err != nil {
			return r, "", err
		}
		if r, ok = ofKind(k.resources, o.str("apiVersion"), o.str("kind")); !ok {
			return r, "", fmt.Errorf("error: resource mapping not found for name: %q namespace: %q from %q: no matches for kind %q in version %q\nensure CRDs are installed first",
				o.name(), o.namespace(), k.flags["filename"], o.str("kind"), o.str("apiVersion"))
		}
	}
	if !r.Namespaced {
		return r, r.path(""), nil
	}
	if o.namespace() == "" {
		o.set(k.namespace, "metadata", "namespace")
	}
	return r, r.path(o.namespace()), nil
}

// each calls a function for every object of -f until one fails; path is the collection of the object's resource.
func (k *kube) each(do func(o object, r resource, path string) error) error {
	list, err := k.input()
	if err != nil {
		return err
	}
	for _, o := range list {
		r, path, err := k.place(o)
		if err != nil {
			return err
		}
		if err := do(o, r, path); err != nil {
			return err
		}
	}
	return nil
}

func (k *kube) apply() error {
	return k.each(func(o object, r resource, path string) error {
		before, err := k.object(http.MethodGet, path+"/"+o.name(), "", nil)
		if err != nil && !isNotFound(err) {
			return err
		}
		after, err := k.object(http.MethodPatch, path+"/"+o.name(), "application/apply-patch+json", o.json())
		if err != nil {
			return err
		}
		switch {
		case before == nil:
			k.say(r, o.name(), "created")
		case before.str("metadata", "resourceVersion") == after.str("metadata", "resourceVersion"):
			k.say(r, o.name(), "unchanged")
		default:
			k.say(r, o.name(), "configured")
		}
		return nil
	})
}

func (k *kube) say(r resource, name, what string) {
	if k.flags["output"] == "name" {
		fmt.Println(slashed(r, name))
		return
	}
	fmt.Println(slashed(r, name), what)
}

func slashed(r resource, name string) string {
	kind := strings.ToLower(r.Kind)
	if r.Group != "" {
		kind += "." + r.Group
	}
	return kind + "/" + name
}

func (k *kube) create() error {
	if len(k.words) == 3 && (k.words[1] == "namespace" || k.words[1] == "ns") {
		o := object{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": k.words[2]}}
		r, path, err := k.place(o)
		if err != nil {
			return err
		}
		return k.createOne(o, r, path)
	}
	return k.each(k.createOne)
}

func (k *kube) createOne(o object, r resource, path string) error {
	made, err := k.object(http.MethodPost, path, "application/json", o.json())
	if err != nil {
		return err
	}
	if k.flags["output"] == "json" {
		return printJSON(made)
	}
	k.say(r, made.name(), "created")
	return nil
}

func (k *kube) replace() error {
	return k.each(func(o object, r resource, path string) error {
		if _, err := k.object(http.MethodPut, path+"/"+o.name(), "application/json", o.json()); err != nil {
			return err
		}
		k.say(r, o.name(), "replaced")
		return nil
	})
}

func (k *kube) delete() error {
	if k.flags["filename"] != "" {
		return k.each(func(o object, r resource, path string) error {
			return k.deleteOne(r, path+"/"+o.name(), o.name())
		})
	}
	refs, err := k.references(k.words[1:])
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.name != "" {
			if err := k.deleteOne(ref.resource, k.pathOf(ref.resource, ref.name), ref.name); err != nil {
				return err
			}
			continue
		}
		if k.flags["selector"] == "" && k.flags["all"] != "true" {
			return errors.New("error: resource(s) were provided, but no name was specified")
		}
		list, err := k.objects([]reference{ref})
		if err != nil {
			return err
		}
		for _, o := range list {
			if err := k.deleteOne(ref.resource, ref.resource.path(o.namespace())+"/"+o.name(), o.name()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *kube) deleteOne(r resource, path, name string) error {
	o, err := k.object(http.MethodDelete, path, "", nil)
	if isNotFound(err) && k.flags["ignore-not-found"] == "true" {
		return nil
	}
	if err != nil {
		return err
	}
	if err := k.awaitDeleted(r, path, name, o); err != nil {
		return err
	}
	if k.flags["output"] == "name" {
		fmt.Println(slashed(r, name))
		return nil
	}
	kind := strings.ToLower(r.Kind)
	if r.Group != "" {
		kind += "." + r.Group
	}
	fmt.Printf("%s %q deleted\n", kind, name)
	return nil
}

// awaitDeleted waits while finalizers keep an object, for ever or for --timeout.
func (k *kube) awaitDeleted(r resource, path, name string, o object) error {
	limit, _ := time.ParseDuration(k.flags["timeout"])
	uid := o.str("metadata", "uid")
	for begun := time.Now(); o.str("metadata", "deletionTimestamp") != "" && k.flags["wait"] != "false"; time.Sleep(200 * time.Millisecond) {
		now, err := k.object(http.MethodGet, path, "", nil)
		if isNotFound(err) || err == nil && now.str("metadata", "uid") != uid {
			return nil
		}
		if limit > 0 && time.Since(begun) > limit {
			return fmt.Errorf("error: timed out waiting for the condition on %s/%s", r.key(), name)
		}
	}
	return nil
}

func (k *kube) patch() error {
	text := []byte(k.flags["patch"])
	if file := k.flags["patch-file"]; file != "" {
		var err error
		if text, err = readFileOrStdin(file); err != nil {
			return fmt.Errorf("error: %w", err)
		}
	}
	if kind := k.flags["type"]; kind != "" && kind != "merge" && kind != "strategic" {
		return fmt.Errorf("error: the double knows merge patches only, not %s", kind)
	}
	body, err := yaml.YAMLToJSON(text)
	if err != nil || len(text) == 0 {
		return fmt.Errorf("error: unable to parse %q: %v", text, err)
	}
	return k.patchAll(k.words[1:], body, "patched")
}

func readFileOrStdin(file string) ([]byte, error) {
	if file == "-" || file == "/dev/stdin" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

func (k *kube) patchAll(args []string, body []byte, done string) error {
	refs, err := k.references(args)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		path := k.pathOf(ref.resource, ref.name)
		before, err := k.object(http.MethodGet, path, "", nil)
		if err != nil {
			return err
		}
		after, err := k.object(http.MethodPatch, path, "application/merge-patch+json", body)
		if err != nil {
			return err
		}
		what := done
		if before.str("metadata", "resourceVersion") == after.str("metadata", "resourceVersion") {
			what += " (no change)"
		}
		if k.flags["output"] == "json" {
			if err := printJSON(after); err != nil {
				return err
			}
			continue
		}
		k.say(ref.resource, ref.name, what)
	}
	return nil
}

func (k *kube) label() error    { return k.mark("labels", "labeled") }
func (k *kube) annotate() error { return k.mark("annotations", "annotated") }

// mark sets key=value and removes key-.
func (k *kube) mark(field, done string) error {
	var args []string
	changes := map[string]any{}
	for _, word := range k.words[1:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			changes[key] = value
		} else if key, ok := strings.CutSuffix(word, "-"); ok && len(args) > 0 && strings.ContainsAny(key, "./") {
			changes[key] = nil
		} else if ok && len(args) > 1 {
			changes[key] = nil
		} else {
			args = append(args, word)
		}
	}
	if len(changes) == 0 {
		return fmt.Errorf("error: at least one %s update is required", strings.TrimSuffix(field, "s"))
	}
	if err := k.checkOverwrite(args, field, changes); err != nil {
		return err
	}
	body, _ := json.Marshal(map[string]any{"metadata": map[string]any{field: changes}})
	return k.patchAll(args, body, done)
}

func (k *kube) checkOverwrite(args []string, field string, changes map[string]any) error {
	if k.flags["overwrite"] == "true" {
		return nil
	}
	refs, err := k.references(args)
	if err != nil {
		return err
	}
	list, err := k.objects(refs)
	if err != nil {
		return err
	}
	for _, o := range list {
		for key, value := range changes {
			if has, there := o.texts("metadata", field)[key]; there && value != nil && has != value {
				return fmt.Errorf("error: '%s' already has a value (%s), and --overwrite is false", key, has)
			}
		}
	}
	return nil
}

// taint sets key=value:effect and removes key-, key:effect-.
func (k *kube) taint() error {
	var names []string
	var changes []string
	for _, word := range k.words[1:] {
		if strings.Contains(word, ":") || (strings.HasSuffix(word, "-") && len(names) > 1) {
			changes = append(changes, word)
		} else {
			names = append(names, word)
		}
	}
	refs, err := k.references(names)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		node, err := k.object(http.MethodGet, k.pathOf(ref.resource, ref.name), "", nil)
		if err != nil {
			return err
		}
		body, _ := json.Marshal(map[string]any{"spec": map[string]any{"taints": changeTaints(node.list("spec", "taints"), changes)}})
		if _, err := k.object(http.MethodPatch, k.pathOf(ref.resource, ref.name), "application/merge-patch+json", body); err != nil {
			return err
		}
		fmt.Printf("node/%s tainted\n", ref.name)
	}
	return nil
}

func changeTaints(taints []object, changes []string) []any {
	for _, change := range changes {
		text, gone := strings.CutSuffix(change, "-")
		wanted := parseTaints([]string{text})[0].(map[string]any)
		var kept []object
		for _, taint := range taints {
			if taint["key"] != wanted["key"] || (wanted["effect"] != "" && taint["effect"] != wanted["effect"]) {
				kept = append(kept, taint)
			}
		}
		if !gone {
			kept = append(kept, wanted)
		}
		taints = kept
	}
	result := []any{}
	for _, taint := range taints {
		result = append(result, map[string]any(taint))
	}
	return result
}

func (k *kube) cordon() error   { return k.schedulable(false) }
func (k *kube) uncordon() error { return k.schedulable(true) }

func (k *kube) schedulable(wanted bool) error {
	if len(k.words) < 2 {
		return errors.New("error: USAGE: cordon NODE [flags]")
	}
	for _, name := range k.words[1:] {
		if err := k.setSchedulable(strings.TrimPrefix(name, "node/"), wanted); err != nil {
			return err
		}
	}
	return nil
}

func (k *kube) setSchedulable(name string, wanted bool) error {
	path := nodes + "/" + name
	node, err := k.object(http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	word := "cordoned"
	if wanted {
		word = "uncordoned"
	}
	if node.is("spec", "unschedulable") != wanted {
		fmt.Printf("node/%s already %s\n", name, word)
		return nil
	}
	setTaint(node, "node.kubernetes.io/unschedulable", !wanted)
	spec := map[string]any{"unschedulable": true, "taints": node.at("spec", "taints")}
	if wanted {
		spec["unschedulable"] = nil
	}
	body, _ := json.Marshal(map[string]any{"spec": spec})
	if _, err := k.object(http.MethodPatch, path, "application/merge-patch+json", body); err != nil {
		return err
	}
	fmt.Printf("node/%s %s\n", name, word)
	return nil
}

func (k *kube) version() error {
	data, err := k.send(http.MethodGet, "/version", "", nil)
	fmt.Printf("Client Version: %s\n", Version)
	if err != nil {
		return err
	}
	o, err := parseObject(data)
	fmt.Printf("Server Version: %s\n", o.str("gitVersion"))
	return err
}

func age(o object) string {
	made, err := time.Parse(time.RFC3339, o.str("metadata", "creationTimestamp"))
	if err != nil {
		return "<unknown>"
	}
	d := time.Since(made)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 3*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
