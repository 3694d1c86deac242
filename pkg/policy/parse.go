package policy

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a policy document in YAML. What it leaves out keeps the default; what is unknown, given twice or of the
// wrong kind is a problem, and so is what Validate finds. All problems come at once, in the order of the document, and
// the policy is nil if there are any.
func Parse(document []byte) (*Policy, []Problem) {
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) {
		return Default(), nil
	}
	if err != nil {
		return nil, []Problem{syntaxProblem(err)}
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, []Problem{{Message: "more than one YAML document: keep one"}}
	}
	return ParseNode(&root)
}

// ParseNode is Parse for a document that has been read already, or for a part of one.
func ParseNode(node *yaml.Node) (*Policy, []Problem) {
	p := Default()
	r := reader{leaves: p.settings(), lines: map[string]int{}}
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	r.section("", node)
	for _, problem := range p.Validate() {
		problem.Line = r.lines[problem.Path]
		r.problems = append(r.problems, problem)
	}
	if r.problems != nil {
		slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, r.problems
	}
	return p, nil
}

// syntaxProblem takes the line out of an error of the YAML library: "yaml: line 3: …".
func syntaxProblem(err error) Problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			return Problem{Message: "not YAML: " + text, Line: line}
		}
	}
	return Problem{Message: "not YAML: " + message}
}

// reader fills the settings of a policy from a tree of YAML nodes. The library could do it by struct tags, but would
// stop at the first value it cannot convert, and knows neither paths nor lines.
type reader struct {
	leaves   []setting
	lines    map[string]int // where each path was given
	problems []Problem
}

func (r *reader) add(line int, path, message string) {
	r.problems = append(r.problems, Problem{Path: path, Message: message, Line: line})
}

// refuse is add for a path that was given, at its line: that of an alias would be the line of what it stands for.
func (r *reader) refuse(path, message string) {
	r.add(r.lines[path], path, message)
}

// section reads a mapping whose keys, after prefix, are settings or further sections.
func (r *reader) section(prefix string, node *yaml.Node) {
	for path, value := range r.members(prefix, node) {
		if strings.Contains(path[len(prefix):], ".") {
			r.refuse(path, "unknown setting") // lifecycle.loyal_orders on one line is no other way to write the nesting
			continue
		}
		i := slices.IndexFunc(r.leaves, func(s setting) bool { return s.path == path })
		switch {
		case i >= 0:
			r.leaf(r.leaves[i], value)
		case r.isSection(path):
			r.section(path+".", value)
		default:
			r.refuse(path, "unknown setting")
		}
	}
}

func (r *reader) isSection(path string) bool {
	return slices.ContainsFunc(r.leaves, func(s setting) bool { return strings.HasPrefix(s.path, path+".") })
}

// members yields the paths and values of a mapping. A mapping that is there but null has none.
func (r *reader) members(prefix string, node *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		node = follow(node)
		if isNull(node) {
			return
		}
		if node.Kind != yaml.MappingNode {
			r.add(node.Line, strings.TrimSuffix(prefix, "."), "must be a mapping of names to values")
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := follow(node.Content[i]), follow(node.Content[i+1])
			path := prefix + key.Value
			if key.Kind != yaml.ScalarNode {
				r.add(key.Line, strings.TrimSuffix(prefix, "."), "a key must be a plain name")
				continue
			}
			if first, twice := r.lines[path]; twice {
				r.add(key.Line, path, "given twice, first on line "+strconv.Itoa(first))
				continue
			}
			r.lines[path] = key.Line
			if !yield(path, value) {
				return
			}
		}
	}
}

func (r *reader) leaf(s setting, node *yaml.Node) {
	if rates, ok := s.value.(*map[string]string); ok {
		r.table(s.path, rates, node)
		return
	}
	text, ok := r.scalar(s.path, node)
	if !ok {
		return
	}
	switch value := s.value.(type) {
	case *string:
		*value = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || strconv.Itoa(n) != text { // 010 is 8 to some readers of YAML
			r.refuse(s.path, strconv.Quote(text)+" is not a whole number")
			return
		}
		*value = n
	case *Duration:
		d, err := ParseDuration(text)
		if err != nil {
			r.refuse(s.path, err.Error())
			return
		}
		*value = d
	}
}

func (r *reader) table(path string, into *map[string]string, node *yaml.Node) {
	table := map[string]string{}
	for member, value := range r.members(path+".", node) {
		if text, ok := r.scalar(member, value); ok {
			table[strings.TrimPrefix(member, path+".")] = text
		}
	}
	if len(table) > 0 {
		*into = table
	}
}

// scalar is the text of a single value. A key without one is refused rather than taken as the default: it is what
// remains of a value that a template failed to fill in.
func (r *reader) scalar(path string, node *yaml.Node) (string, bool) {
	switch {
	case isNull(node):
		r.refuse(path, "has no value: give one, or remove the key for the default")
	case node.Kind != yaml.ScalarNode:
		r.refuse(path, "must be a single value")
	case !slices.Contains(plainTags, node.Tag):
		r.refuse(path, "must be a plain value without the tag "+node.Tag)
	default:
		return node.Value, true
	}
	return "", false
}

// plainTags are what YAML itself makes of values whose text is their meaning.
var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}

func isNull(node *yaml.Node) bool {
	return node.IsZero() || (node.Kind == yaml.ScalarNode && node.Tag == "!!null")
}

// follow replaces an alias by what it stands for.
func follow(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}
