package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/pkg/policy"
)

// Load reads a file, and the policy file beside it where it names one. What the
// file leaves out has its default. An error that lies in the content is a
// Problems and holds all of them.
func Load(path string, env Environment) (*Config, error) {
	document, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the configuration: %w: `tidemark config print > %s` makes one", err, path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the configuration: %w", err)
	}
	return parse(path, document, env)
}

func parse(file string, document []byte, env Environment) (*Config, error) {
	c := Default()
	r := reader{file: file, env: env, settings: c.settings(), lines: map[string]int{}, references: map[*yaml.Node]string{}}
	if root := r.tree(document); root != nil {
		r.expand("", root)
		r.section("", root.Content[0])
		r.readPolicy(c)
		r.validate(c)
	}
	if len(r.problems) > 0 {
		// In the order of the file, the policy's own file after it.
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			if a.File != b.File {
				return strings.Compare(fileOrder(a, file), fileOrder(b, file))
			}
			return a.Line - b.Line
		})
		return nil, r.problems
	}
	return c, nil
}

func fileOrder(p Problem, first string) string {
	if p.File == first {
		return ""
	}
	return p.File
}

// tree parses a document, or is nil where it is empty or not YAML.
func (r *reader) tree(document []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(hide(document)))
	var root yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if next := decoder.Decode(new(yaml.Node)); !errors.Is(next, io.EOF) {
			err = errors.New("more than one document: keep one")
		}
	}
	if err != nil {
		r.problems = append(r.problems, syntaxProblem(r.file, err))
		return nil
	}
	return &root
}

// syntaxProblem takes the line out of an error of the library, which reads
// "yaml: line 3: …".
func syntaxProblem(file string, err error) Problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(message, "unknown anchor ") {
		message = "a value that begins with * is an alias, and its anchor is not there: put it in quotes" // and do not repeat it: it may be a secret
	}
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			if strings.HasPrefix(text, "did not find expected") {
				line++ // the library counts the lines of its parser, not of its scanner, from 0
			}
			return Problem{File: file, Line: line, Message: "not YAML: " + text}
		}
	}
	return Problem{File: file, Message: "not YAML: " + message}
}

// readPolicy reads the policy from its section, or from the file that it names.
func (r *reader) readPolicy(c *Config) {
	if r.policy == nil || r.policy.Tag == refused {
		return
	}
	node := r.policyFile()
	if node == nil {
		r.parsePolicy(c, r.policy, r.file, "policy")
		return
	}
	file, ok := r.scalar("policy.file", node)
	switch {
	case !ok:
		return
	case file == "":
		r.add(node, "policy.file", "is empty: name a file, or write the policy here")
		return
	case len(r.policy.Content) > 2:
		r.add(node, "policy.file", "names another document: remove the other settings of policy here")
		return
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(r.file), file)
	}
	document, err := os.ReadFile(file)
	if err != nil {
		r.add(node, "policy.file", "opening the policy: "+err.Error())
		return
	}
	other := reader{file: file, env: r.env, references: map[*yaml.Node]string{}}
	if root := other.tree(document); root != nil {
		other.expand("", root)
		other.parsePolicy(c, root.Content[0], file, "")
	}
	c.PolicyFile = file
	r.problems = append(r.problems, other.problems...)
}

// policyFile is the value of policy.file, or nil where the policy is inline.
func (r *reader) policyFile() *yaml.Node {
	if r.policy.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(r.policy.Content); i += 2 {
		if r.policy.Content[i].Value == "file" {
			return r.policy.Content[i+1]
		}
	}
	return nil
}

func (r *reader) parsePolicy(c *Config, node *yaml.Node, file, prefix string) {
	prune(node)
	parsed, problems := policy.ParseNode(node)
	for _, p := range problems {
		path := strings.TrimSuffix(join(prefix, p.Path), ".")
		if p.Message == "unknown setting" {
			p.Message += suggestion(join("policy", p.Path))
		}
		if prefix == "" {
			p.Message = strings.Replace(p.Message, "mean policy.", "mean ", 1) // paths begin with the file
		}
		r.problems = append(r.problems, Problem{File: file, Line: p.Line, Path: path, Message: p.Message})
	}
	if parsed != nil {
		c.Policy = parsed
	}
}

// prune takes out what is a problem already: the rest of the policy is still to
// be checked, and these would be told twice.
func prune(node *yaml.Node) {
	var kept []*yaml.Node
	step := 1
	if node.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(node.Content); i += step {
		if node.Content[i+step-1].Tag != refused {
			prune(node.Content[i+step-1])
			kept = append(kept, node.Content[i:i+step]...)
		}
	}
	node.Content = kept
}
