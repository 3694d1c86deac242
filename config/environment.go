package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Environment looks up a variable, as os.LookupEnv does.
type Environment func(name string) (value string, found bool)

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	reference    = regexp.MustCompile(`(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
)

// Braces end a value in a flow such as [${ADDR}]. So that a reference may stand
// in any value, quoted or not, it goes through the YAML parser under two letters
// of the private use area, which mean nothing to anyone.
const opening, closing = "\uE000", "\uE001"

func hide(document []byte) []byte {
	return reference.ReplaceAllFunc(document, func(match []byte) []byte {
		groups := reference.FindSubmatch(match)
		if len(groups[1]) > 0 {
			return match // $${ is no reference
		}
		return []byte(opening + string(groups[2]) + closing)
	})
}

var reveal = strings.NewReplacer(opening, "${", closing, "}").Replace

// expand replaces ${NAME} in every value of a tree; $${ stands for ${ itself.
// It works on values that have been parsed, so what a variable holds can never
// be taken for YAML: a password may hold colons, quotes and line ends.
func (r *reader) expand(path string, node *yaml.Node) {
	switch node.Kind {
	case yaml.DocumentNode:
		r.expand(path, node.Content[0])
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			node.Content[i].Value = reveal(node.Content[i].Value)
			r.expand(join(path, node.Content[i].Value), node.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			r.expand(fmt.Sprintf("%s[%d]", path, i), item)
		}
	case yaml.AliasNode:
		// One more copy for each of them would let nine lines grow to gigabytes.
		r.add(node, path, "aliases are not supported: write the value out")
		*node = yaml.Node{Kind: yaml.ScalarNode, Tag: refused, Line: node.Line}
	case yaml.ScalarNode:
		r.expandScalar(path, node)
	}
}

// refused marks a value that is a problem already, so that it is not looked at
// again. No file can give this tag: tags have no spaces.
const refused = "refused already"

func (r *reader) expandScalar(path string, node *yaml.Node) {
	node.Value = reveal(node.Value)
	if !strings.Contains(node.Value, "${") {
		return
	}
	if match := reference.FindStringSubmatch(node.Value); match != nil && match[1] == "" && match[0] == node.Value {
		r.references[node] = node.Value
	}
	expanded, err := expandText(node.Value, r.env)
	if err != nil {
		r.add(node, path, err.Error())
		node.Tag = refused
		return
	}
	// A number stays readable as one: settings are read from the text.
	node.Value, node.Tag = expanded, "!!str"
}

func expandText(text string, env Environment) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return out.String() + text, nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(literal + "${")
			text = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !variableName.MatchString(name) {
			return "", errors.New("${ must be followed by the name of an environment variable and }: write $${ for ${ itself")
		}
		value, set := env(name)
		if !set {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		out.WriteString(before + value)
		text = after
	}
}
