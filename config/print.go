package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/pkg/policy"
)

// commentColumn is where comments begin, unless a value is in the way.
const commentColumn = 50

// Print writes c as a file that loads to the same configuration, with a
// comment for each field.
func Print(w io.Writer, c *Config) error {
	var out bytes.Buffer
	out.WriteString("# Tidemark's configuration. What is left out has the value shown by `tidemark config print`.\n")
	out.WriteString("# ${NAME} in a value is replaced by the environment variable NAME.\n")
	var section string
	for _, s := range append(c.settings(), policySettings(c.Policy)...) {
		section = heading(&out, section, s.path)
		if err := field(&out, s); err != nil {
			return err
		}
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// heading opens the sections of a path that the last one was not in.
func heading(out *bytes.Buffer, last, path string) string {
	section, _ := cut(path)
	names := strings.Split(section, ".")
	for i, name := range names {
		opened := strings.Join(names[:i+1], ".")
		if section == "" || last == opened || strings.HasPrefix(last, opened+".") {
			continue
		}
		line := strings.Repeat("  ", i) + name + ":"
		if name == "policy" {
			line = pad(line) + "# what can change a result; its hash is the policy's version. Or policy: {file: policy.yaml}"
		}
		out.WriteString(line + "\n")
	}
	return section
}

func field(out *bytes.Buffer, s setting) error {
	section, name := cut(s.path)
	value, err := text(s.value)
	if err != nil {
		return fmt.Errorf("printing %s: %w", s.path, err)
	}
	depth := 0
	if section != "" {
		depth = 1 + strings.Count(section, ".")
	}
	line := strings.Repeat("  ", depth) + name + ": " + value
	out.WriteString(pad(line) + "# " + s.comment + "\n")
	return nil
}

func pad(line string) string {
	return line + strings.Repeat(" ", max(1, commentColumn-len(line)))
}

// text is a value as YAML on one line.
func text(value any) (string, error) {
	var node yaml.Node
	switch v := value.(type) {
	case *[]Input:
		topics := make([]map[string]string, len(*v))
		for i, input := range *v {
			topics[i] = map[string]string{"topic": input.Topic}
		}
		value = topics
	case *policy.Duration:
		value = v.String()
	case *filename:
		value = string(*v)
	case *Secret:
		if v.reference == "" {
			return `""`, nil
		}
		return v.reference, nil // it stays one: whoever loads what is printed needs the variable, too
	}
	if err := node.Encode(value); err != nil {
		return "", err
	}
	flow(&node)
	line, err := yaml.Marshal(&node)
	// What stands for itself here would be expanded when the file is read.
	return strings.ReplaceAll(strings.TrimSuffix(string(line), "\n"), "${", "$${"), err
}

// flow lays a tree out on one line.
func flow(node *yaml.Node) {
	node.Style |= yaml.FlowStyle
	if node.Kind == yaml.ScalarNode {
		node.Style &^= yaml.FlowStyle | yaml.LiteralStyle | yaml.FoldedStyle
		if strings.ContainsAny(node.Value, "\n") {
			node.Style |= yaml.DoubleQuotedStyle
		}
	}
	for _, child := range node.Content {
		flow(child)
	}
}

// policySettings lists the fields of a policy by the YAML names that package
// policy gives them, with our comments.
func policySettings(p *policy.Policy) []setting {
	var node yaml.Node
	if err := node.Encode(p); err != nil {
		panic(err) // a struct of texts and numbers has always a YAML form
	}
	var settings []setting
	var walk func(path string, node *yaml.Node)
	walk = func(path string, node *yaml.Node) {
		if node.Kind == yaml.MappingNode && path != "policy.rates" {
			for i := 0; i+1 < len(node.Content); i += 2 {
				walk(join(path, node.Content[i].Value), node.Content[i+1])
			}
			return
		}
		settings = append(settings, setting{path, policyComments[path], node})
	}
	walk("policy", &node)
	return settings
}
