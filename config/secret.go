package config

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

// GoString keeps the value out of %#v.
func (s Secret) GoString() string { return s.reference }
