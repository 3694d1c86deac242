package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pkg/money"
)

// Version is the first 12 hex digits of the SHA-256 of the policy's content. How the document was written does not
// matter: the order of its keys, 90d or 2160h, a rate of 0.92 or 0.920. Every setting does.
func (p *Policy) Version() string {
	sum := sha256.Sum256(p.canonical())
	return hex.EncodeToString(sum[:6])
}

// canonical is one line per setting, path=value, with durations in milliseconds, rates sorted by currency and in one
// spelling, and text in quotes, so that no text can look like a line of its own.
func (p *Policy) canonical() []byte {
	var out []byte
	for _, s := range p.settings() {
		switch v := s.value.(type) {
		case *string:
			out = fmt.Appendf(out, "%s=%q\n", s.path, *v)
		case *int:
			out = fmt.Appendf(out, "%s=%d\n", s.path, *v)
		case *Duration:
			out = fmt.Appendf(out, "%s=%d\n", s.path, int64(*v))
		case *map[string]string:
			for _, code := range slices.Sorted(maps.Keys(*v)) {
				out = fmt.Appendf(out, "%s.%q=%s\n", s.path, code, canonicalRate((*v)[code]))
			}
		}
	}
	return out
}

func canonicalRate(text string) string {
	rate, err := money.ParseRate(text, 0, 0)
	if err != nil {
		return strconv.Quote(text) // not a valid policy, but still one with a version
	}
	return rate.String()
}
