package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// object is one Kubernetes object, as JSON has it.
type object map[string]any

func (o object) at(path ...string) any {
	var value any = map[string]any(o)
	for _, key := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = m[key]
	}
	return value
}

func (o object) str(path ...string) string {
	text, _ := o.at(path...).(string)
	return text
}

func (o object) num(path ...string) int {
	number, _ := o.at(path...).(float64)
	return int(number)
}

func (o object) is(path ...string) bool {
	truth, _ := o.at(path...).(bool)
	return truth
}

func (o object) sub(path ...string) object {
	m, _ := o.at(path...).(map[string]any)
	return m
}

func (o object) list(path ...string) []object {
	values, _ := o.at(path...).([]any)
	result := make([]object, 0, len(values))
	for _, value := range values {
		if m, ok := value.(map[string]any); ok {
			result = append(result, m)
		}
	}
	return result
}

func (o object) texts(path ...string) map[string]string {
	result := map[string]string{}
	for key, value := range o.sub(path...) {
		result[key] = fmt.Sprint(value)
	}
	return result
}

func (o object) name() string      { return o.str("metadata", "name") }
func (o object) namespace() string { return o.str("metadata", "namespace") }

func (o object) labels() map[string]string      { return o.texts("metadata", "labels") }
func (o object) annotations() map[string]string { return o.texts("metadata", "annotations") }

// set sets a value and makes the maps that lead to it.
func (o object) set(value any, path ...string) object {
	m := map[string]any(o)
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	if value == nil {
		delete(m, path[len(path)-1])
	} else {
		m[path[len(path)-1]] = value
	}
	return o
}

func (o object) json() []byte {
	data, _ := json.Marshal(o)
	return data
}

func (o object) clone() object { return must(parseObject(o.json())) }

func parseObject(data []byte) (object, error) {
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, err
	}
	return o, nil
}

func must[T any](value T, err error) T {
	if err != nil {
		fatalf("%v", err)
	}
	return value
}

// normal returns a value as it is after a round trip through JSON.
func normal(o object) object { return o.clone() }

// merge is an RFC 7386 merge patch.
func merge(into, patch map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for key, value := range patch {
		if value == nil {
			delete(into, key)
			continue
		}
		if m, ok := value.(map[string]any); ok {
			old, _ := into[key].(map[string]any)
			into[key] = merge(old, m)
			continue
		}
		into[key] = value
	}
	return into
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// applied is the three-way merge of `kubectl apply`: fields that were applied before and are missing now are removed.
func applied(live, wanted object) object {
	result := live.clone()
	if before, err := parseObject([]byte(live.annotations()[lastApplied])); err == nil {
		removeMissing(result, before, wanted)
	}
	merge(result, wanted.clone())
	return result.set(string(wanted.json()), "metadata", "annotations", lastApplied)
}

func removeMissing(live, before, wanted map[string]any) {
	for key, old := range before {
		now, kept := wanted[key]
		if !kept {
			delete(live, key)
			continue
		}
		a, ok1 := live[key].(map[string]any)
		b, ok2 := old.(map[string]any)
		c, ok3 := now.(map[string]any)
		if ok1 && ok2 && ok3 {
			removeMissing(a, b, c)
		}
	}
}

// matches evaluates an equality and set selector: a=b, a!=b, a, !a, a in (b,c).
func matches(selector string, labels map[string]string) bool {
	for _, term := range splitSelector(selector) {
		if !matchesTerm(term, labels) {
			return false
		}
	}
	return true
}

func splitSelector(selector string) []string {
	var terms []string
	depth, start := 0, 0
	for i, r := range selector {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			terms = append(terms, selector[start:i])
			start = i + 1
		}
	}
	return append(terms, selector[start:])
}

func matchesTerm(term string, labels map[string]string) bool {
	term = strings.TrimSpace(term)
	if term == "" {
		return true
	}
	if key, value, ok := strings.Cut(term, "!="); ok {
		return labels[strings.TrimSpace(key)] != strings.TrimSpace(value)
	}
	if key, set, ok := strings.Cut(term, " in ("); ok {
		for _, value := range strings.Split(strings.TrimSuffix(set, ")"), ",") {
			if has, there := labels[strings.TrimSpace(key)]; there && has == strings.TrimSpace(value) {
				return true
			}
		}
		return false
	}
	if key, value, ok := strings.Cut(strings.Replace(term, "==", "=", 1), "="); ok {
		has, there := labels[strings.TrimSpace(key)]
		return there && has == strings.TrimSpace(value)
	}
	key, absent := strings.CutPrefix(term, "!")
	_, there := labels[key]
	return there != absent
}

// matchesSet evaluates a LabelSelector with matchLabels.
func matchesSet(selector object, labels map[string]string) bool {
	for key, value := range selector.texts("matchLabels") {
		if labels[key] != value {
			return false
		}
	}
	return true
}

func timestamp() string { return time.Now().UTC().Format(time.RFC3339) }
