package customer_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/segment"
)

// scenario is one named block of a file in testdata; testdata/README.txt explains the language.
type scenario struct {
	name  string
	line  int
	steps []step
}

// step is one statement, parsed: run carries it out, or says how the expectation is not met.
type step struct {
	line int
	text string
	run  func(*world) error
}

// parseScenarios reads a file's scenarios. An error begins with file and line, as an editor wants it.
func parseScenarios(file, text string) ([]scenario, error) {
	var all []scenario
	named := map[string]int{}
	for i, raw := range strings.Split(text, "\n") {
		line := i + 1
		statement, _, _ := strings.Cut(raw, "#")
		words := strings.Fields(statement)
		if len(words) == 0 {
			continue
		}
		if words[0] == "scenario" {
			name := strings.Join(words[1:], " ")
			if name == "" {
				return nil, fmt.Errorf("%s:%d: a scenario needs a name", file, line)
			}
			if first, taken := named[name]; taken {
				return nil, fmt.Errorf("%s:%d: scenario %q is already in line %d", file, line, name, first)
			}
			named[name] = line
			all = append(all, scenario{name: name, line: line})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%s:%d: %q stands before the first scenario", file, line, words[0])
		}
		run, err := parseStatement(words)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, line, err)
		}
		current := &all[len(all)-1]
		current.steps = append(current.steps, step{line: line, text: strings.Join(words, " "), run: run})
	}
	return all, nil
}

func parseStatement(words []string) (func(*world) error, error) {
	switch words[0] {
	case "policy":
		return parsePolicy(words[1:])
	case "advance":
		return parseAdvance(words[1:])
	case "expect":
		return parseExpect(words[1:])
	default:
		return parseEvent(words)
	}
}

// parsePolicy reads one setting under the name that it has in the policy document.
func parsePolicy(words []string) (func(*world) error, error) {
	name := ""
	if len(words) > 0 {
		name, words = words[0], words[1:]
	}
	var value string
	switch {
	case name == "rates" && len(words) == 2:
		value = fmt.Sprintf("%s: %q", words[0], words[1])
	case name != "" && name != "rates" && len(words) == 1:
		value = fmt.Sprintf("%s: %s", name, words[0])
	default:
		return nil, fmt.Errorf("policy: want a setting and its value, as in `policy window 30d` or `policy rates USD 0.92`")
	}
	parent := ""
	switch name {
	case "rates", "loyal_orders", "active_within", "churn_after", "engaged_within", "prospect_churn_after":
		if parent = "lifecycle"; name == "rates" {
			parent = "rates"
		}
	}
	entry := setting{parent: parent, value: value}
	if _, err := readPolicy([]setting{entry}); err != nil {
		return nil, err
	}
	return func(w *world) error { return w.setPolicy(entry) }, nil
}

// setting is one line of a policy document, perhaps below a parent such as lifecycle.
type setting struct{ parent, value string }

// readPolicy lets the policy's own parser read the settings, so that scenarios know the same names,
// spellings and limits as a configuration.
func readPolicy(settings []setting) (*policy.Policy, error) {
	below := map[string][]string{}
	var document strings.Builder
	for _, s := range settings {
		if s.parent == "" {
			document.WriteString(s.value + "\n")
			continue
		}
		below[s.parent] = append(below[s.parent], s.value)
	}
	for parent, values := range below {
		fmt.Fprintf(&document, "%s: {%s}\n", parent, strings.Join(values, ", "))
	}
	p, problems := policy.Parse([]byte(document.String()))
	if len(problems) > 0 {
		return nil, fmt.Errorf("policy: %s: %s", problems[0].Path, problems[0].Message)
	}
	return p, nil
}

func parseAdvance(words []string) (func(*world) error, error) {
	if len(words) == 2 && words[0] == "to" {
		at, err := parseTime(words[1])
		if err != nil {
			return nil, err
		}
		return func(w *world) error { return w.advance(at) }, nil
	}
	if len(words) != 1 || words[0] == "to" {
		return nil, fmt.Errorf("advance: want a span or `to` and a time, as in `advance 90d-1ms`")
	}
	span, err := parseSpan(words[0])
	if err != nil {
		return nil, err
	}
	return func(w *world) error {
		if w.now == instant.None {
			return errors.New("nothing has happened yet; begin with `at` and a time, or `advance to`")
		}
		return w.advance(w.now + span)
	}, nil
}

// parseTime reads a day (its first millisecond, UTC) or an instant in the contract's grammar.
func parseTime(word string) (int64, error) {
	text := word
	if len(text) == len("2026-01-01") {
		text += "T00:00:00Z"
	}
	ms, ok := instant.Parse(text)
	if !ok {
		return 0, fmt.Errorf("%q is no time; want 2026-01-31 or 2026-01-31T10:00:00.000Z", word)
	}
	return ms, nil
}

var (
	spanPattern = regexp.MustCompile(`^\d+(d|h|m|s|ms)([+-]\d+(d|h|m|s|ms))*$`)
	spanPart    = regexp.MustCompile(`([+-]?)(\d+)(d|h|ms|m|s)`)
	spanUnits   = map[string]int64{"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
)

// parseSpan reads 90d, 36h, 5m, 30s, 1ms and sums of them such as 90d-1ms, in milliseconds.
func parseSpan(word string) (int64, error) {
	if !spanPattern.MatchString(word) {
		return 0, fmt.Errorf("%q is no span of time; want 90d, 36h, 5m, 30s, 250ms, or a sum such as 90d-1ms", word)
	}
	var sum int64
	for _, part := range spanPart.FindAllStringSubmatch(word, -1) {
		n, err := strconv.ParseInt(part[2], 10, 40)
		if err != nil {
			return 0, fmt.Errorf("%q is too long a span of time", word)
		}
		if part[1] == "-" {
			n = -n
		}
		sum += n * spanUnits[part[3]]
	}
	return sum, nil
}

// parseSegment reads a segment's name, or none.
func parseSegment(word string) (segment.Segment, error) {
	if word == "none" {
		return segment.None, nil
	}
	s, ok := segment.Parse(word)
	if !ok || s == segment.None {
		return segment.None, fmt.Errorf("%q is no segment; want loyal, potential, edge, churned or none", word)
	}
	return s, nil
}

// parseCount reads a whole number from 0.
func parseCount(word string) (int64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no count; want a whole number from 0", word)
	}
	return n, nil
}
