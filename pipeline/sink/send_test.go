package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// script answers one request after the other; after its end everything is good.
type script struct {
	most    int   // records that the topic takes at once
	large   error // what it says to more
	answers []error
	sent    []int // records of each request that was good
}

func (s *script) Produce(_ context.Context, _ string, _ int32, records []Record) (int64, error) {
	if s.most > 0 && len(records) > s.most {
		return 0, fmt.Errorf("writing: %w", cmp.Or[error](s.large, kafka.MessageSizeTooLarge))
	}
	if len(s.answers) > 0 {
		err := s.answers[0]
		s.answers = s.answers[1:]
		if err != nil {
			return 0, err
		}
	}
	s.sent = append(s.sent, len(records))
	return 0, nil
}

func TestSendTakesWhatTheTopicTakes(t *testing.T) {
	records := make([]Record, 10)
	for _, large := range []error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge} { // of a record, of a segment
		log := &script{most: 3, large: large}
		n, err := Send(t.Context(), log, "t", 0, records)
		require.NoError(t, err)
		require.Equal(t, 10, n)
		sum := 0
		for _, sent := range log.sent {
			require.LessOrEqual(t, sent, 3)
			sum += sent
		}
		require.Equal(t, 10, sum)
	}

	large := []Record{{Value: make([]byte, 700<<10)}, {Value: make([]byte, 700<<10)}}
	log := &script{}
	_, err := Send(t.Context(), log, "t", 0, large)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, log.sent, "about 1 MiB at once")
}

func TestSendTellsHowManyAreThere(t *testing.T) {
	away := errors.New("away")
	records := []Record{{Value: make([]byte, 700<<10)}, {Value: make([]byte, 700<<10)}}
	n, err := Send(t.Context(), &script{answers: []error{nil, away}}, "t", 0, records)
	require.Equal(t, away, err)
	require.Equal(t, 1, n)

	n, err = Send(t.Context(), &script{most: -1, answers: []error{kafka.MessageSizeTooLarge}}, "t", 0, records[:1])
	require.True(t, TooLarge(err))
	require.Zero(t, n)
}

func TestWhatIsTooLargeAloneIsPacked(t *testing.T) {
	large := fmt.Errorf("writing: %w", kafka.MessageSizeTooLarge)
	plain, packed := &script{answers: []error{large, nil, large, errors.New("away")}}, &script{}
	records := make([]Record, 4)
	for i := range records {
		records[i].Value = make([]byte, 300<<10)
	}
	n, err := Send(t.Context(), Packing(plain, packed), "t", 0, records)
	require.ErrorContains(t, err, "away")
	require.Equal(t, 2, n)
	require.Equal(t, []int{1}, plain.sent, "several are sent in smaller batches first")
	require.Equal(t, []int{1}, packed.sent, "one that is too large alone is packed")

	_, err = Packing(&script{answers: []error{large}}, &script{answers: []error{large}}).Produce(t.Context(), "t", 0, make([]Record, 1))
	require.True(t, TooLarge(err), "even so")
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		log := &script{answers: []error{io.EOF, kafka.NotLeaderForPartition, io.EOF}}
		_, err := Patient(log).Produce(t.Context(), "t", 0, make([]Record, 2))
		require.NoError(t, err)
		require.Equal(t, []int{2}, log.sent)
		require.Equal(t, 350*time.Millisecond, time.Since(began), "50, 100, 200")

		began = time.Now()
		_, err = Patient(&script{answers: slices.Repeat([]error{io.EOF}, 106)}).Produce(t.Context(), "t", 0, nil)
		require.NoError(t, err)
		require.Equal(t, 3150*time.Millisecond+100*longestPause, time.Since(began), "back soon after a long time away")

		_, err = Patient(&script{answers: []error{kafka.TopicAuthorizationFailed}}).Produce(t.Context(), "t", 0, nil)
		require.ErrorIs(t, err, kafka.TopicAuthorizationFailed, "it does not pass")

		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
		defer cancel()
		_, err = Patient(&script{answers: []error{io.EOF, io.EOF, io.EOF}}).Produce(ctx, "t", 0, nil)
		require.ErrorIs(t, err, io.EOF)
	})
}
