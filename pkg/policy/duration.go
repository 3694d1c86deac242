package policy

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Duration is a length of time in milliseconds. It is written as a whole number of one unit: 365d, 36h, 90m, 30s, 250ms.
type Duration int64

// Units of a Duration. A day has 24 hours: all time is UTC.
const (
	Millisecond Duration = 1
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
)

// units from the largest to the smallest: the order in which String looks for one that divides.
var units = []struct {
	suffix string
	length Duration
}{{"d", Day}, {"h", Hour}, {"m", Minute}, {"s", Second}, {"ms", Millisecond}}

// ParseDuration reads a whole number, not negative, with one unit.
func ParseDuration(s string) (Duration, error) {
	number := strings.TrimRight(s, "dhms")
	for _, unit := range units {
		if s[len(number):] != unit.suffix {
			continue
		}
		count, err := strconv.ParseUint(number, 10, 63)
		switch {
		case err == nil && Duration(count) <= math.MaxInt64/unit.length:
			return Duration(count) * unit.length, nil
		case err == nil || errors.Is(err, strconv.ErrRange):
			return 0, fmt.Errorf("%q is too long", s)
		}
	}
	return 0, fmt.Errorf("%q is not a whole number with one unit, such as 365d, 36h, 90m, 30s or 250ms", s)
}

// String uses the largest unit that divides the duration.
func (d Duration) String() string {
	for _, unit := range units {
		if d%unit.length == 0 {
			return strconv.FormatInt(int64(d/unit.length), 10) + unit.suffix
		}
	}
	panic("unreachable: every duration is a whole number of milliseconds")
}

// MarshalYAML writes what String shows.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalYAML reads what ParseDuration reads.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := ParseDuration(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*d = parsed
	return nil
}
