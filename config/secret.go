package config

import "fmt"

// Secret is a value that no file, message or printed configuration shows. A
// file gives it as a variable of the environment; that is what is printed, so
// what is printed loads to the same.
type Secret struct {
	value     string
	reference string // ${NAME}
}

// Reveal returns the value, empty where none was given.
func (s Secret) Reveal() string { return s.value }

// String is where the value comes from.
func (s Secret) String() string { return s.reference }

// Format keeps the value out of every verb: with String alone %d would show it.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.reference)) }

// MarshalText is for whoever writes a configuration as JSON, YAML or into a log.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.reference), nil }
