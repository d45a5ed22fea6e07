package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// apiError is an answer of the API other than the requested object.
type apiError struct {
	code            int
	reason, message string
}

func (e *apiError) Error() string { return e.message }

func failed(code int, reason, format string, values ...any) *apiError {
	return &apiError{code, reason, fmt.Sprintf(format, values...)}
}

func isNotFound(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.code == 404
}

const registry = "/registry/"

// store keeps objects in etcd below /registry, one key each.
type store struct{ etcd *clientv3.Client }

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 7*time.Second)
}

func unavailable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("etcdserver: request timed out")
	}
	return failed(500, "InternalError", "%v", err)
}

func storeKey(r resource, namespace, name string) string {
	key := registry + r.key() + "/"
	if r.Namespaced && namespace != "" {
		key += namespace + "/"
	}
	return key + name
}

func (s store) get(r resource, namespace, name string) (object, error) {
	ctx, cancel := limited()
	defer cancel()
	answer, err := s.etcd.Get(ctx, storeKey(r, namespace, name))
	if err != nil {
		return nil, unavailable(err)
	}
	if len(answer.Kvs) == 0 {
		return nil, failed(404, "NotFound", "%s %q not found", r.key(), name)
	}
	return decode(answer.Kvs[0].Value, answer.Kvs[0].ModRevision)
}

func decode(data []byte, revision int64) (object, error) {
	o, err := parseObject(data)
	if err != nil {
		return nil, failed(500, "InternalError", "stored object: %v", err)
	}
	return o.set(strconv.FormatInt(revision, 10), "metadata", "resourceVersion"), nil
}

func (s store) list(r resource, namespace, selector string) ([]object, error) {
	ctx, cancel := limited()
	defer cancel()
	prefix := storeKey(r, namespace, "")
	answer, err := s.etcd.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, unavailable(err)
	}
	result := []object{}
	for _, kv := range answer.Kvs {
		o, err := decode(kv.Value, kv.ModRevision)
		if err != nil {
			return nil, err
		}
		if matches(selector, o.labels()) {
			result = append(result, o)
		}
	}
	sort.SliceStable(result, func(a, b int) bool {
		return result[a].namespace()+"/"+result[a].name() < result[b].namespace()+"/"+result[b].name()
	})
	return result, nil
}

func (s store) create(r resource, o object) (object, error) {
	if name := o.str("metadata", "generateName"); name != "" && o.name() == "" {
		o.set(name+suffix(), "metadata", "name")
	}
	o.set(r.apiVersion(), "apiVersion").set(r.Kind, "kind")
	o.set(1.0, "metadata", "generation").set(uid(), "metadata", "uid").set(timestamp(), "metadata", "creationTimestamp")
	key := storeKey(r, o.namespace(), o.name())
	return s.put(key, o, clientv3.Compare(clientv3.CreateRevision(key), "=", 0),
		failed(409, "AlreadyExists", "%s %q already exists", r.key(), o.name()))
}

// update writes an object that was read before; a change in between is a conflict.
func (s store) update(r resource, o object) (object, error) {
	key := storeKey(r, o.namespace(), o.name())
	revision, _ := strconv.ParseInt(o.str("metadata", "resourceVersion"), 10, 64)
	return s.put(key, o, clientv3.Compare(clientv3.ModRevision(key), "=", revision),
		failed(409, "Conflict", "Operation cannot be fulfilled on %s %q: the object has been modified; please apply your changes to the latest version and try again", r.key(), o.name()))
}

func (s store) put(key string, o object, guard clientv3.Cmp, otherwise error) (object, error) {
	ctx, cancel := limited()
	defer cancel()
	o = o.clone().set(nil, "metadata", "resourceVersion")
	answer, err := s.etcd.Txn(ctx).If(guard).Then(clientv3.OpPut(key, string(o.json()))).Commit()
	if err != nil {
		return nil, unavailable(err)
	}
	if !answer.Succeeded {
		return nil, otherwise
	}
	return o.set(strconv.FormatInt(answer.Header.Revision, 10), "metadata", "resourceVersion"), nil
}

// change reads, changes and writes an object, and retries after a conflict; a change that returns nil writes nothing.
func (s store) change(r resource, namespace, name string, change func(object) object) (object, error) {
	for tries := 0; ; tries++ {
		o, err := s.get(r, namespace, name)
		if err != nil {
			return nil, err
		}
		before, spec := string(o.json()), string(o.sub("spec").json())
		changed := change(o)
		if changed == nil || string(changed.json()) == before {
			return o, nil
		}
		if string(changed.sub("spec").json()) != spec {
			changed.set(float64(changed.num("metadata", "generation")+1), "metadata", "generation")
		}
		written, err := s.update(r, changed)
		var e *apiError
		if errors.As(err, &e) && e.code == 409 && tries < 20 {
			continue
		}
		return written, err
	}
}

// ensure creates an object or applies it to the existing one.
func (s store) ensure(r resource, wanted object) error {
	wanted = normal(wanted)
	_, err := s.change(r, wanted.namespace(), wanted.name(), func(live object) object { return applied(live, wanted) })
	if isNotFound(err) {
		_, err = s.create(r, applied(object{}, wanted))
	}
	return err
}

func (s store) delete(r resource, namespace, name string) (object, error) {
	o, err := s.get(r, namespace, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := limited()
	defer cancel()
	if _, err := s.etcd.Delete(ctx, storeKey(r, namespace, name)); err != nil {
		return nil, unavailable(err)
	}
	return o, nil
}

// resources are the built-in ones and those of the definitions in the store.
func (s store) resources() ([]resource, error) {
	result := append([]resource{}, builtins...)
	definitions, err := s.list(builtin("customresourcedefinitions"), "", "")
	for _, crd := range definitions {
		result = append(result, fromDefinition(crd))
	}
	return result, err
}

func builtin(name string) resource {
	r, ok := named(builtins, name)
	if !ok {
		fatalf("no resource %s", name)
	}
	return r
}

func uid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func suffix() string { return strings.ReplaceAll(uid(), "-", "")[:5] }
