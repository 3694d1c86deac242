package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Difference is a setting that two policies have different values of.
type Difference struct {
	Path         string // of the setting, such as lifecycle.churn_after
	Theirs, Ours string // as one would write them; empty where one has no such setting
}

// String tells both values.
func (d Difference) String() string {
	value := func(text string) string {
		if text == "" {
			return "nothing"
		}
		return text
	}
	return d.Path + " is " + value(d.Theirs) + " there and " + value(d.Ours) + " here"
}

// Document is the content of the policy, which Version is a hash of: one line per setting, path=value. It is for
// Differences, in this version of the program or a later one; people read and write YAML.
func (p *Policy) Document() string { return string(p.canonical()) }

// Differences tells in what the policy of another Document differs from p, in the order of p's settings. Settings that
// p does not know, of a newer version, come last. Where nothing differs, the versions are equal too.
func (p *Policy) Differences(document string) []Difference {
	theirs, ours := lines(document), lines(p.Document())
	var all []Difference
	add := func(path string) {
		if theirs[path] != ours[path] {
			all = append(all, Difference{Path: plain(path), Theirs: p.readable(path, theirs[path]), Ours: p.readable(path, ours[path])})
		}
		delete(theirs, path)
		delete(ours, path)
	}
	for _, s := range p.settings() {
		add(s.path)
		for _, path := range slices.Sorted(maps.Keys(mergeKeys(theirs, ours))) {
			if strings.HasPrefix(path, s.path+".") {
				add(path)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(theirs)) {
		add(path)
	}
	return all
}

// lines takes a document apart. Text stands in quotes there, so that a line is a setting.
func lines(document string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(document) {
		if path, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			values[path] = value
		}
	}
	return values
}

func mergeKeys(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// plain is rates.USD for rates."USD".
func plain(path string) string { return strings.ReplaceAll(path, `"`, "") }

// readable is a value as it is written in YAML: durations have units there.
func (p *Policy) readable(path, value string) string {
	for _, s := range p.settings() {
		if _, ok := s.value.(*Duration); !ok || s.path != path {
			continue
		}
		if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
			return Duration(ms).String()
		}
	}
	return value
}
