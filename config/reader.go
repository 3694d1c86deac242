package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/pkg/policy"
)

// reader fills a Config from a tree of YAML nodes. The library could do it by
// struct tags and KnownFields, but it stops at the first value that it cannot
// convert, and knows no paths.
type reader struct {
	file     string
	env      Environment
	settings []setting
	lines    map[string]int // where each path was given
	policy   *yaml.Node     // the section of the policy, nil where there is none
	problems Problems

	references map[*yaml.Node]string // values that are one variable: ${NAME}
}

func (r *reader) add(node *yaml.Node, path, message string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: node.Line, Path: path, Message: message})
}

// section reads a mapping whose keys, after path, are settings or sections.
func (r *reader) section(path string, node *yaml.Node) {
	for key, value := range r.members(path, node) {
		member := join(path, key)
		i := slices.IndexFunc(r.settings, func(s setting) bool { return s.path == member })
		switch {
		case strings.Contains(key, "."):
			r.unknown(member) // kafka.brokers on one line is no other way to write the nesting
		case member == "policy":
			r.policy = value
		case i >= 0:
			r.leaf(r.settings[i], value)
		case slices.ContainsFunc(r.settings, func(s setting) bool { return strings.HasPrefix(s.path, member+".") }):
			r.section(member, value)
		default:
			r.unknown(member)
		}
	}
}

// members yields the keys and values of a mapping, each key once.
func (r *reader) members(path string, node *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if isNull(node) || node.Tag == refused {
			return
		}
		if node.Kind != yaml.MappingNode {
			r.add(node, path, "must be a mapping of names to values")
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			member := join(path, key.Value)
			if first, twice := r.lines[member]; twice {
				r.add(key, member, "given twice, first on line "+strconv.Itoa(first))
				continue
			}
			r.lines[member] = key.Line
			if !yield(key.Value, value) {
				return
			}
		}
	}
}

func (r *reader) unknown(path string) {
	message := "unknown setting" + suggestion(path)
	r.problems = append(r.problems, Problem{File: r.file, Line: r.lines[path], Path: path, Message: message})
}

func (r *reader) leaf(s setting, node *yaml.Node) {
	switch value := s.value.(type) {
	case *[]string:
		r.list(s.path, value, node)
		return
	case *[]Input:
		r.inputs(s.path, value, node)
		return
	}
	text, ok := r.scalar(s.path, node)
	if !ok {
		return
	}
	switch value := s.value.(type) {
	case *string:
		*value = text
	case *filename:
		*value = r.beside(text)
	case *Secret:
		r.secret(s.path, value, node)
	case *bool:
		if text != "true" && text != "false" {
			r.add(node, s.path, strconv.Quote(text)+" is neither true nor false")
			return
		}
		*value = text == "true"
	case *policy.Duration:
		d, err := policy.ParseDuration(text)
		if err != nil {
			r.add(node, s.path, err.Error())
			return
		}
		*value = d
	}
}

// filename is the path of a file. A relative one is meant from the folder of the
// configuration, wherever the process runs.
type filename string

func (r *reader) beside(name string) filename {
	if name == "" || filepath.IsAbs(name) {
		return filename(name)
	}
	return filename(filepath.Join(filepath.Dir(r.file), name))
}

// secret reads a value that must not stand in a file. What stands there all the
// same is not repeated.
func (r *reader) secret(path string, into *Secret, node *yaml.Node) {
	name, referred := r.references[node]
	switch {
	case node.Value == "" && !referred:
	case !referred:
		r.add(node, path, "must be a variable of the environment, such as ${PASSWORD}, and nothing else: a secret does not belong in this file")
	case node.Value == "":
		r.add(node, path, "the environment variable "+strings.Trim(name, "${}")+" is empty")
	default:
		*into = Secret{value: node.Value, reference: name}
	}
}

// list reads a list of texts. One text with commas is a list too: that is what
// an environment variable can hold.
func (r *reader) list(path string, into *[]string, node *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		r.add(node, path, "must be a list, such as [localhost:9092]")
		return
	}
	if node.Kind != yaml.SequenceNode {
		text, ok := r.scalar(path, node)
		if !ok {
			return
		}
		*into = nil
		for i, item := range strings.Split(text, ",") {
			r.lines[index(path, i)] = node.Line
			*into = append(*into, strings.TrimSpace(item))
		}
		return
	}
	*into = nil
	for i, item := range node.Content {
		r.lines[index(path, i)] = item.Line
		if text, ok := r.scalar(index(path, i), item); ok {
			*into = append(*into, text)
		}
	}
}

func (r *reader) inputs(path string, into *[]Input, node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		if node.Tag != refused {
			r.add(node, path, "must be a list, such as [{topic: purchases}]")
		}
		return
	}
	*into = nil
	for i, item := range node.Content {
		var input Input
		at := index(path, i)
		r.lines[at] = item.Line
		for key, value := range r.members(at, item) {
			if key != "topic" {
				r.unknown(join(at, key))
				continue
			}
			input.Topic, _ = r.scalar(join(at, key), value)
		}
		*into = append(*into, input)
	}
}

// scalar is the text of a single value. A key without one is refused rather
// than taken as the default: it is what remains of a value that a template
// failed to fill in.
func (r *reader) scalar(path string, node *yaml.Node) (string, bool) {
	switch {
	case node.Tag == refused:
	case isNull(node):
		r.add(node, path, "has no value: give one, or remove the key for the default")
	case node.Kind != yaml.ScalarNode:
		r.add(node, path, "must be a single value")
	default:
		return node.Value, true
	}
	return "", false
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Tag == "!!null"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string {
	return fmt.Sprintf("%s[%d]", path, i)
}
