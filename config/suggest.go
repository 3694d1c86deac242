package config

import "strings"

// suggestion says what was probably meant by an unknown path, or nothing.
func suggestion(path string) string {
	switch known := nearest(path); known {
	case "":
		return ""
	case path:
		return ": write each part of the name on a line of its own, indented below the last"
	default:
		return ": did you mean " + known + "?"
	}
}

// nearest is a setting of the same name in another section, or of a similar
// name in the same section; or empty.
func nearest(path string) string {
	section, name := cut(path)
	similar := ""
	for _, candidate := range Default().paths() {
		for ; candidate != ""; candidate, _ = cut(candidate) {
			parent, last := cut(candidate)
			switch {
			case last == name:
				return candidate
			case similar == "" && parent == section && distance(name, last) <= 2:
				similar = candidate
			}
		}
	}
	return similar
}

// paths lists all settings, those of the policy included.
func (c *Config) paths() []string {
	var paths []string
	for _, s := range c.settings() {
		paths = append(paths, s.path)
	}
	for _, s := range policySettings(c.Policy) {
		paths = append(paths, s.path)
	}
	return append(paths, "policy.file")
}

// cut splits a path at its last dot.
func cut(path string) (section, name string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// distance is the number of letters to insert, remove or change to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
