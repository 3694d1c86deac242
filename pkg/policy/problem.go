package policy

import "strconv"

// Problem is one thing that is wrong with a policy.
type Problem struct {
	Path    string // of the setting, such as lifecycle.churn_after; empty for the whole document
	Message string // what is wrong and what would be right
	Line    int    // in the document, from 1; 0 where it is not known
}

// String shows the problem as line, path and message.
func (p Problem) String() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Line > 0 {
		text = "line " + strconv.Itoa(p.Line) + ": " + text
	}
	return text
}
