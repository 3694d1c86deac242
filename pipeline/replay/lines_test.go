package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// all reads lines to their end.
func all(l *Lines) []string {
	var lines []string
	for line, ok := l.Next(); ok; line, ok = l.Next() {
		lines = append(lines, string(line))
	}
	return lines
}

func pack(t *testing.T, content string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.String()
}

func TestALineEndsAtALineFeedAlone(t *testing.T) {
	long := strings.Repeat("x", 3*lineBuffer+17)
	for name, c := range map[string]struct {
		content string
		lines   []string
	}{
		"nothing":             {"", nil},
		"one":                 {"a\n", []string{"a"}},
		"the last without":    {"a\nb", []string{"a", "b"}},
		"blank ones":          {"\n\na\n\n", []string{"", "", "a", ""}},
		"carriage returns":    {"a\r\nb\rc\n\r\n", []string{"a\r", "b\rc", "\r"}},
		"other line ends":     {"a\u2028b\u0085c\vd\x00e\n", []string{"a\u2028b\u0085c\vd\x00e"}},
		"no UTF-8":            {"\xff\xfe\n\x80", []string{"\xff\xfe", "\x80"}},
		"longer than buffers": {"a\n" + long + "\nb\n" + long, []string{"a", long, "b", long}},
		"as long as a buffer": {long[:lineBuffer] + "\n" + long[:lineBuffer-1] + "\n", []string{long[:lineBuffer], long[:lineBuffer-1]}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plain, packed := filepath.Join(dir, "plain"), filepath.Join(dir, "packed.gz")
			require.NoError(t, os.WriteFile(plain, []byte(c.content), 0o600))
			require.NoError(t, os.WriteFile(packed, []byte(pack(t, c.content)), 0o600))

			lines := Open([]string{"-"}, iotest.HalfReader(strings.NewReader(c.content)))
			require.Equal(t, c.lines, all(lines))
			require.NoError(t, lines.Err())
			require.Equal(t, int64(len(c.content)), lines.Bytes())

			// A file's last line ends with it: nothing runs on into the next.
			lines = Open([]string{plain, packed, plain}, nil)
			require.Equal(t, append(append(append([]string(nil), c.lines...), c.lines...), c.lines...), all(lines))
			require.NoError(t, lines.Err())
		})
	}
}

func TestWhatEndsLinesEarlyIsTold(t *testing.T) {
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.gz")
	packed := pack(t, strings.Repeat("a line of some length\n", 1000))
	require.NoError(t, os.WriteFile(cut, []byte(packed[:len(packed)-9]), 0o600))

	lines := Open([]string{cut}, nil)
	all(lines)
	require.ErrorIs(t, lines.Err(), io.ErrUnexpectedEOF)
	require.ErrorContains(t, lines.Err(), "reading "+cut)

	lines = Open([]string{filepath.Join(dir, "none")}, nil)
	require.Empty(t, all(lines))
	require.ErrorIs(t, lines.Err(), os.ErrNotExist)

	broken := errors.New("broken pipe")
	lines = Open([]string{"-"}, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)))
	require.Equal(t, []string{"a"}, all(lines), "half a line is none")
	require.ErrorIs(t, lines.Err(), broken)

	lines = Open([]string{dir}, nil)
	require.Empty(t, all(lines))
	require.ErrorContains(t, lines.Err(), "reading "+dir)
}
