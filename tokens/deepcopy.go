package tokens

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"time"
)

// isFlat reports whether a copy of a value shares no memory with it that can be changed.
func isFlat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return isFlat(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() { // no method changes what it points to
			return true
		}
		fields := t.NumField() // Type.Fields allocates
		for i := range fields {
			if !isFlat(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return false
	}
	return true
}

// isCopyable reports whether deepCopy copies all of a value that encoding/json has made. It
// does not know what a method for decoding hides in a type. within are the types around
// this one, which may contain itself.
func isCopyable(t reflect.Type, within []reflect.Type) bool {
	if isFlat(t) || slices.Contains(within, t) {
		return true
	}
	p := reflect.PointerTo(t)
	if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return false
	}
	within = append(slices.Clip(within), t)
	switch t.Kind() {
	case reflect.Array, reflect.Pointer, reflect.Slice:
		return isCopyable(t.Elem(), within)
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Map:
		return isFlat(t.Key()) && isCopyable(t.Elem(), within)
	case reflect.Struct:
		fields := t.NumField()
		for i := range fields {
			if f := t.Field(i); !isFlat(f.Type) && (!f.IsExported() || !isCopyable(f.Type, within)) {
				return false
			}
		}
		return true
	}
	return false
}

// deepCopy returns a copy of a value of a type that isCopyable. They share nothing that can
// be changed.
func deepCopy(v reflect.Value) reflect.Value {
	t := v.Type()
	if isFlat(t) || t.Kind() != reflect.Array && t.Kind() != reflect.Struct && v.IsNil() {
		return v
	}
	c := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Interface:
		c.Set(deepCopy(v.Elem()))
	case reflect.Map:
		c.Set(reflect.MakeMapWithSize(t, v.Len()))
		for key, value := range v.Seq2() {
			c.SetMapIndex(key, deepCopy(value))
		}
	case reflect.Pointer:
		c.Set(reflect.New(t.Elem()))
		c.Elem().Set(deepCopy(v.Elem()))
	case reflect.Slice:
		c.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		copyElements(c, v)
	case reflect.Array:
		copyElements(c, v)
	case reflect.Struct:
		c.Set(v)
		for i := range t.NumField() {
			if !isFlat(t.Field(i).Type) {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	}
	return c
}

func copyElements(to, from reflect.Value) {
	if isFlat(from.Type().Elem()) {
		reflect.Copy(to, from)
		return
	}
	for i := range from.Len() {
		to.Index(i).Set(deepCopy(from.Index(i)))
	}
}
