package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOutputReplacesItsFileOnlyWhenItIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o600))
	o, err := Create(path, nil)
	require.NoError(t, err)
	require.NoError(t, o.Line([]byte("new")))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old\n", string(content))
	require.NoError(t, o.Close())
	o.Discard() // does nothing any more
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new\n", string(content))
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "the draft is gone")
}

func TestADiscardedOutputLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	o, err := Create(filepath.Join(dir, "changes.jsonl"), nil)
	require.NoError(t, err)
	require.NoError(t, o.Line([]byte("new")))
	o.Discard()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestAPackedOutputHasTheSameBytesEachTime(t *testing.T) {
	var last []byte
	for range 2 {
		path := filepath.Join(t.TempDir(), "changes.jsonl.gz")
		o, err := Create(path, nil)
		require.NoError(t, err)
		require.NoError(t, o.Line([]byte("a")))
		require.NoError(t, o.Line([]byte("b")))
		require.NoError(t, o.Close())
		packed, err := os.ReadFile(path)
		require.NoError(t, err)
		if last != nil {
			require.Equal(t, last, packed)
		}
		last = packed
		r, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "a\nb\n", string(content))
	}
}

func TestADeviceIsWrittenToAndNotReplaced(t *testing.T) {
	o, err := Create(os.DevNull, nil)
	require.NoError(t, err)
	require.NoError(t, o.Line([]byte("gone")))
	require.NoError(t, o.Close())
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular())
}

func TestTheStandardOutput(t *testing.T) {
	var stdout bytes.Buffer
	o, err := Create("-", &stdout)
	require.NoError(t, err)
	require.NoError(t, o.Line([]byte("a")))
	o.Discard()
	require.NoError(t, o.Close())
	require.Equal(t, "a\n", stdout.String())

	o, err = Create("-", failing{})
	require.NoError(t, err)
	require.NoError(t, o.Line([]byte("a")))
	require.ErrorContains(t, o.Close(), "writing the standard output: disk full")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAnOutputThatNobodyWants(t *testing.T) {
	var o *Output
	require.NoError(t, o.Line([]byte("a")))
	o.Discard()
	require.NoError(t, o.Close())
}
