package otelhooks_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/middleware/otelhooks"
)

// TestWrapCallsNext calls each hook. Each calls the program's own with the same arguments,
// and returns what that returns. So no hook is lost that is added later.
func TestWrapCallsNext(t *testing.T) {
	type key struct{}
	refusal := errors.New("refused")
	called := make(map[string]int)
	var next cognito.Hooks
	eachHook(reflect.ValueOf(&next).Elem(), "", func(name string, hook reflect.Value) {
		hook.Set(reflect.MakeFunc(hook.Type(), func(args []reflect.Value) []reflect.Value {
			called[name]++
			if args[0].Interface().(context.Context).Value(key{}) != "request" {
				t.Errorf("%s: the context has lost its values", name)
			}
			var results []reflect.Value
			for out := range hook.Type().Outs() {
				switch out {
				case reflect.TypeFor[error]():
					results = append(results, reflect.ValueOf(&refusal).Elem())
				case reflect.TypeFor[context.Context]():
					ctx := context.WithValue(args[0].Interface().(context.Context), key{}, name)
					results = append(results, reflect.ValueOf(&ctx).Elem())
				default:
					t.Fatalf("%s returns a %v", name, out)
				}
			}
			return results
		}))
	})
	for _, test := range []struct {
		name string
		next cognito.Hooks
	}{{"with hooks", next}, {"without hooks", cognito.Hooks{}}} {
		wrapped, err := otelhooks.Wrap(test.next, nil)
		if err != nil {
			t.Fatal(err)
		}
		clear(called)
		eachHook(reflect.ValueOf(&wrapped).Elem(), "", func(name string, hook reflect.Value) {
			if hook.IsNil() {
				if test.name == "with hooks" {
					t.Errorf("%s is lost", name)
				}
				return
			}
			args := []reflect.Value{reflect.ValueOf(context.WithValue(context.Background(), key{}, "request"))}
			for i := 1; i < hook.Type().NumIn(); i++ {
				args = append(args, reflect.Zero(hook.Type().In(i)))
			}
			for _, result := range hook.Call(args) {
				ctx, isContext := result.Interface().(context.Context)
				want := any("request")
				if test.name == "with hooks" {
					want = name
				}
				if isContext && ctx.Value(key{}) != want || !isContext && (result.IsNil() == (test.name == "with hooks")) {
					t.Errorf("%s, %s: returns %v", test.name, name, result)
				}
			}
			if test.name == "with hooks" && called[name] != 1 {
				t.Errorf("%s is called %d times", name, called[name])
			}
		})
	}
	if len(called) > 0 {
		t.Errorf("without hooks: %v", called)
	}
}

// eachHook calls f for each field that is a function.
func eachHook(v reflect.Value, prefix string, f func(name string, hook reflect.Value)) {
	for i := range v.NumField() {
		name, field := prefix+v.Type().Field(i).Name, v.Field(i)
		if field.Kind() == reflect.Struct {
			eachHook(field, name+".", f)
			continue
		}
		f(name, field)
	}
}

// TestNilContext: a hook of the program that returns no context changes nothing.
func TestNilContext(t *testing.T) {
	var next cognito.Hooks
	next.Session.RefreshStarted = func(context.Context) context.Context { return nil }
	wrapped, err := otelhooks.Wrap(next, nil)
	if err != nil {
		t.Fatal(err)
	}
	if wrapped.Session.RefreshStarted(t.Context()) == nil {
		t.Error("the context is lost")
	}
}
