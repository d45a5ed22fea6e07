package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"
)

func (k *kube) get() error {
	if raw := k.flags["raw"]; raw != "" {
		data, err := k.send(http.MethodGet, raw, "", nil)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(data)
		return err
	}
	refs, err := k.references(k.words[1:])
	if err != nil {
		return err
	}
	list, err := k.objects(refs)
	if err != nil {
		return err
	}
	one := len(refs) == 1 && refs[0].name != ""
	output := k.flags["output"]
	switch {
	case output == "json" || output == "yaml":
		return printAs(output, list, one)
	case output == "name":
		for _, o := range list {
			group, _ := splitVersion(o.str("apiVersion"))
			fmt.Println(slashed(resource{Kind: o.str("kind"), Group: group}, o.name()))
		}
		return nil
	case strings.HasPrefix(output, "jsonpath="):
		return printPath(strings.TrimPrefix(output, "jsonpath="), list, one)
	case output == "" || output == "wide":
		return k.table(list)
	}
	return fmt.Errorf("error: unable to match a printer suitable for the output format %q", output)
}

func printAs(format string, list []object, one bool) error {
	var value object
	if one {
		if len(list) == 0 {
			return nil
		}
		value = list[0]
	} else {
		value = object{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""}, "items": list}
	}
	if format == "json" {
		return printJSON(value)
	}
	data, err := yaml.Marshal(value)
	_, _ = os.Stdout.Write(data)
	return err
}

func printJSON(value object) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "    ")
	return encoder.Encode(value)
}

// printPath supports {.a.b} and {.items[*].a.b}, with \. in keys.
func printPath(template string, list []object, one bool) error {
	path := strings.Trim(template, "'{}")
	rest, each := strings.CutPrefix(path, ".items[*]")
	if strings.ContainsAny(rest, "[{ ") || (!each && !one) {
		return fmt.Errorf("error: the double's jsonpath knows {.a.b} and {.items[*].a.b} only")
	}
	const dot = "\x00"
	keys := strings.Split(strings.TrimPrefix(strings.ReplaceAll(rest, `\.`, dot), "."), ".")
	for i := range keys {
		keys[i] = strings.ReplaceAll(keys[i], dot, ".")
	}
	var texts []string
	for _, o := range list {
		switch value := o.at(keys...).(type) {
		case nil:
		case string:
			texts = append(texts, value)
		default:
			data, _ := json.Marshal(value)
			texts = append(texts, string(data))
		}
	}
	fmt.Print(strings.Join(texts, " "))
	return nil
}

func (k *kube) table(list []object) error {
	if len(list) == 0 {
		if k.namespace != "" && k.flags["all-namespaces"] != "true" {
			fmt.Fprintf(os.Stderr, "No resources found in %s namespace.\n", k.namespace)
		} else {
			fmt.Fprintln(os.Stderr, "No resources found")
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 3, ' ', 0)
	defer w.Flush()
	wide := k.flags["all-namespaces"] == "true" && list[0].namespace() != ""
	head, row := columns(list[0].str("kind"))
	if wide {
		head = append([]string{"NAMESPACE"}, head...)
	}
	labels := strings.FieldsFunc(k.flags["label-columns"], func(r rune) bool { return r == ',' })
	for _, label := range labels {
		head = append(head, strings.ToUpper(label[strings.LastIndex(label, "/")+1:]))
	}
	if k.flags["no-headers"] != "true" {
		fmt.Fprintln(w, strings.Join(head, "\t"))
	}
	for _, o := range list {
		cells := row(o)
		if wide {
			cells = append([]string{o.namespace()}, cells...)
		}
		for _, label := range labels {
			cells = append(cells, o.labels()[label])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return nil
}

func columns(kind string) ([]string, func(object) []string) {
	switch kind {
	case "Node":
		return []string{"NAME", "STATUS", "ROLES", "AGE", "VERSION"}, func(o object) []string {
			return []string{o.name(), nodeStatus(o), roles(o), age(o), o.str("status", "nodeInfo", "kubeletVersion")}
		}
	case "Pod":
		return []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE", "NODE"}, func(o object) []string {
			ready := "0/1"
			if isReady(o) {
				ready = "1/1"
			}
			return []string{o.name(), ready, o.str("status", "phase"), "0", age(o), o.str("spec", "nodeName")}
		}
	}
	if kind == "Secret" {
		return []string{"NAME", "TYPE", "DATA", "AGE"}, func(o object) []string {
			return []string{o.name(), o.str("type"), decimal(len(o.sub("data"))), age(o)}
		}
	}
	return []string{"NAME", "AGE"}, func(o object) []string { return []string{o.name(), age(o)} }
}

func nodeStatus(o object) string {
	status := "NotReady"
	if isReady(o) {
		status = "Ready"
	}
	if o.is("spec", "unschedulable") {
		status += ",SchedulingDisabled"
	}
	return status
}

func roles(o object) string {
	var found []string
	for _, key := range sortedKeys(o.labels()) {
		if role, ok := strings.CutPrefix(key, "node-role.kubernetes.io/"); ok {
			found = append(found, role)
		}
	}
	if found == nil {
		return "<none>"
	}
	return strings.Join(found, ",")
}

// logs prints the log of helm's pods, the only ones that have one here; --follow ends with the container.
func (k *kube) logs() error {
	name := strings.TrimPrefix(k.words[len(k.words)-1], "pod/")
	for until := time.Now().Add(k.timeout()); ; {
		refs, err := k.references([]string{"pods", name})
		if err != nil {
			return err
		}
		list, err := k.objects(refs)
		if err != nil {
			return err
		}
		pod := list[0]
		if k.flags["previous"] == "true" {
			if containerOf(pod).at("lastState") == nil {
				return fmt.Errorf("Error from server (BadRequest): previous terminated container \"helm\" in pod %q not found", name)
			}
			fmt.Print(pod.annotations()[podOldLog])
			return nil
		}
		if pod.str("status", "phase") == "Pending" {
			return fmt.Errorf("Error from server (BadRequest): container \"helm\" in pod %q is waiting to start: ContainerCreating", name)
		}
		if containerOf(pod).at("state", "waiting") != nil {
			fmt.Print(pod.annotations()[podOldLog])
			return nil
		}
		text, ended := pod.annotations()[podLog]
		if ended || k.flags["follow"] != "true" {
			fmt.Print(text)
			return nil
		}
		if time.Now().After(until) {
			return errors.New("error: net/http: request canceled (Client.Timeout or context cancellation while reading body)")
		}
		time.Sleep(200 * time.Millisecond)
	}
}
