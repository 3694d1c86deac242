package config

import (
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File    string
	Line    int    // from 1; 0 where the file does not say it
	Path    string // such as kafka.inputs[1].topic; empty for the file as a whole
	Message string // what is wrong, and what would be right
}

// String is file:line: path: message, which editors can jump to.
func (p Problem) String() string {
	text := p.File
	if p.Line > 0 {
		text += ":" + strconv.Itoa(p.Line)
	}
	if p.Path != "" {
		text += ": " + p.Path
	}
	return text + ": " + p.Message
}

// Problems are all that is wrong, in the order of the file.
type Problems []Problem

// Error shows each problem on a line of its own.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
