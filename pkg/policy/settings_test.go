package policy

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// A setting that is missing from the list would be neither read nor part of the version, and two workers with different
// results would take each other for equals.
func TestSettingsAreTheFieldsOfPolicy(t *testing.T) {
	p := Default()
	want := map[string]any{}
	collect(reflect.ValueOf(p).Elem(), "", want)
	got := map[string]any{}
	for _, s := range p.settings() {
		require.NotContains(t, got, s.path)
		got[s.path] = s.value
	}
	require.Equal(t, keys(want), keys(got))
	for path, pointer := range want {
		require.Same(t, pointer, got[path], path)
	}
}

func TestEverySettingChangesTheVersion(t *testing.T) {
	versions := map[string]string{Default().Version(): "the default"}
	for i, s := range Default().settings() {
		p := Default()
		switch value := p.settings()[i].value.(type) {
		case *string:
			*value += "x"
		case *int:
			*value++
		case *Duration:
			*value++
		case *map[string]string:
			*value = map[string]string{"USD": "0.92"}
		default:
			require.Fail(t, "a kind of setting that this test does not know", s.path)
		}
		version := p.Version()
		require.NotContains(t, versions, version, s.path)
		versions[version] = s.path
	}
}

func collect(v reflect.Value, prefix string, into map[string]any) {
	for i := range v.NumField() {
		path := prefix + v.Type().Field(i).Tag.Get("yaml")
		if v.Field(i).Kind() == reflect.Struct {
			collect(v.Field(i), path+".", into)
			continue
		}
		into[path] = v.Field(i).Addr().Interface()
	}
}

func keys(m map[string]any) map[string]bool {
	set := map[string]bool{}
	for key := range m {
		set[key] = true
	}
	return set
}
