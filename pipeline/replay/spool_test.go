package replay

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

func openSpool(t *testing.T, partitions int32) *spool {
	s, err := newSpool(partitions)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.close())
		require.NoDirExists(t, s.dir)
	})
	return s
}

func TestASpoolIsALog(t *testing.T) {
	s := openSpool(t, 2)
	var want []string
	for batch := range 200 {
		var records []sink.Record
		for i := range batch%7 + 1 {
			value := fmt.Sprintf("%d.%d", batch, i)
			want = append(want, value)
			records = append(records, sink.Record{Key: []byte("k"), Value: []byte(value), Time: int64(batch), Headers: []sink.Header{{Key: "h", Value: []byte("v")}}})
		}
		base, err := s.Produce(t.Context(), "t", 1, records)
		require.NoError(t, err)
		require.Equal(t, int64(len(want)-len(records)), base)
	}
	start, end, err := s.Bounds(t.Context(), "t", 1)
	require.NoError(t, err)
	require.Zero(t, start)
	require.Equal(t, int64(len(want)), end)

	// From every offset, in pieces of any size.
	for _, size := range []int32{1, 300, 10_000, 1 << 20} {
		for from := 0; from <= len(want); from += 13 {
			at := source.Position{Topic: "t", Partition: 1, Offset: int64(from), MaxBytes: size}
			var got []string
			for at.Offset < end {
				f, err := s.fetch(at)
				require.NoError(t, err)
				require.Equal(t, end, f.HighWatermark)
				var reader recordbatch.Reader
				reader.Reset(f.Raw, at.Offset, nil)
				var record recordbatch.Record
				for {
					more, err := reader.Next(&record)
					require.NoError(t, err)
					if !more {
						break
					}
					got = append(got, string(record.Value))
				}
				require.Greater(t, reader.Position(), at.Offset)
				at.Offset = reader.Position()
			}
			require.Equal(t, want[from:], append([]string{}, got...))
		}
	}
	all := 0
	require.NoError(t, s.read("t", 1, func(r recordbatch.Record) error {
		require.Equal(t, want[r.Offset], string(r.Value))
		all++
		return nil
	}))
	require.Equal(t, len(want), all)
	require.NoError(t, s.read("t", 0, func(recordbatch.Record) error { return errors.New("there is nothing") }))
	enough := errors.New("enough")
	require.ErrorIs(t, s.read("t", 1, func(recordbatch.Record) error { return enough }), enough)
}

func TestASpoolTakesLetters(t *testing.T) {
	s := openSpool(t, 3)
	letter := deadletter.Letter{Topic: "purchases", Partition: 2, Offset: 7, Reason: "malformed", RejectedAt: 5, Key: []byte("k"), Value: []byte("{")}
	require.NoError(t, deadletter.NewWriter(s, s, "letters").Write(t.Context(), []deadletter.Letter{letter}))
	read := 0
	require.NoError(t, s.read("letters", 2, func(r recordbatch.Record) error {
		got, err := deadletter.Parse(&r)
		require.Equal(t, letter, got)
		read++
		return err
	}))
	require.Equal(t, 1, read)
}

func TestASpoolTellsOfItsDisk(t *testing.T) {
	s := openSpool(t, 1)
	require.NoError(t, s.partitions[0].file.Close())
	_, err := s.Produce(t.Context(), "t", 0, []sink.Record{{}})
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorContains(t, err, "keeping 1 records of t/0")
	s.partitions[0].file = nil

	t.Setenv("TMPDIR", "none")
	_, err = newSpool(1)
	require.ErrorContains(t, err, "creating a folder for the replay")
	require.ErrorContains(t, err, "in TMPDIR")
}

func TestASpoolTakesNothingThatMayNotBeWritten(t *testing.T) {
	s := openSpool(t, 1)
	_, err := s.ProduceIf(t.Context(), "t", 0, []sink.Record{{}}, func() bool { return false })
	require.ErrorIs(t, err, sink.ErrWithheld)
	_, end, err := s.Bounds(t.Context(), "t", 0)
	require.NoError(t, err)
	require.Zero(t, end)
}
