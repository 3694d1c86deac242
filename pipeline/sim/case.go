package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Case is a run that can be told in one line: a seed, and what is left out of
// the scenario that follows from it. The zero Case but for its seed leaves out
// nothing.
type Case struct {
	Seed uint64
	Salt uint64 // another course of events in the same scenario

	Without   []string // kinds of faults left out, by the names of the fields of faults; "truncation" too
	Workers   int      // how many there are, 0: as many as the seed says
	Customers []int    // those left out, by their place in the workload
	Events    []span   // records that are sent, by their place in the workload; nil: all
}

// span is a range of numbers, both ends included.
type span struct{ from, to int }

// String is the case as ParseCase reads it.
func (c Case) String() string {
	words := []string{strconv.FormatUint(c.Seed, 10)}
	if c.Salt > 0 {
		words = append(words, "salt="+strconv.FormatUint(c.Salt, 10))
	}
	if len(c.Without) > 0 {
		words = append(words, "without="+strings.Join(c.Without, ","))
	}
	if c.Workers > 0 {
		words = append(words, "workers="+strconv.Itoa(c.Workers))
	}
	if len(c.Customers) > 0 {
		words = append(words, "customers=-"+joined(c.Customers, strconv.Itoa))
	}
	if c.Events != nil {
		words = append(words, "events="+joined(c.Events, span.String))
	}
	return strings.Join(words, " ")
}

func (s span) String() string {
	if s.from == s.to {
		return strconv.Itoa(s.from)
	}
	return fmt.Sprintf("%d-%d", s.from, s.to)
}

func joined[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, ",")
}

// ParseCase reads what String writes.
func ParseCase(text string) (Case, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Case{}, fmt.Errorf("reading a case: it is empty; begin with a seed")
	}
	var c Case
	var err error
	if c.Seed, err = strconv.ParseUint(words[0], 10, 64); err != nil {
		return Case{}, fmt.Errorf("reading a case: %q is no seed", words[0])
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "salt":
			c.Salt, err = strconv.ParseUint(value, 10, 64)
		case "without":
			c.Without = strings.Split(value, ",")
			for _, fault := range c.Without {
				if fault != truncationKind && !slices.Contains(kinds(), fault) {
					err = fmt.Errorf("%q is no kind of fault; there are %s, truncation", fault, strings.Join(kinds(), ", "))
				}
			}
		case "workers":
			c.Workers, err = strconv.Atoi(value)
		case "customers":
			c.Customers, err = numbers(strings.TrimPrefix(value, "-"))
		case "events":
			c.Events, err = spans(value)
		default:
			err = fmt.Errorf("there are salt, without, workers, customers and events")
		}
		if err != nil {
			return Case{}, fmt.Errorf("reading a case: %q: %w", word, err)
		}
	}
	return c, nil
}

func numbers(text string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func spans(text string) ([]span, error) {
	list := []span{}
	if text == "" {
		return list, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		ends, err := numbers(from + "," + to)
		if err != nil {
			return nil, err
		}
		list = append(list, span{ends[0], ends[1]})
	}
	return list, nil
}

// scenario is that of the seed, less what the case leaves out.
func (c Case) scenario() Scenario {
	s := NewScenario(c.Seed)
	s.Salt, s.leftOut, s.sent = c.Salt, c.Customers, c.Events
	for _, kind := range c.Without {
		if kind == truncationKind {
			s.Truncation = truncation{}
			continue
		}
		s.Faults.drop(kind)
	}
	if c.Workers > 0 {
		s.Workers = c.Workers
	}
	return s
}

// sends reports that a record of the workload is part of the run.
func (s *Scenario) sends(record, customer int) bool {
	if slices.Contains(s.leftOut, customer) {
		return false
	}
	return s.sent == nil || slices.ContainsFunc(s.sent, func(r span) bool { return r.from <= record && record <= r.to })
}

// kinds are the names of all faults, in the order in which they are declared.
func kinds() []string {
	var names []string
	for field := range reflect.TypeFor[faults]().Fields() {
		if field.IsExported() {
			names = append(names, kindOf(field))
		}
	}
	return names
}

func kindOf(field reflect.StructField) string {
	return strings.ToLower(field.Name[:1]) + field.Name[1:]
}

// drop sets one kind of fault to none.
func (f *faults) drop(kind string) {
	v := reflect.ValueOf(f).Elem()
	for field, value := range v.Fields() {
		if field.IsExported() && kindOf(field) == kind {
			value.SetZero()
		}
	}
}

// present lists the kinds of which there are some.
func (f *faults) present() []string {
	var names []string
	for field, value := range reflect.ValueOf(f).Elem().Fields() {
		if field.IsExported() && !value.IsZero() {
			names = append(names, kindOf(field))
		}
	}
	return names
}

// truncationKind stands for a loss in Kafka among the kinds of faults.
const truncationKind = "truncation"
