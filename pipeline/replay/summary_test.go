package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestTheSummaryForPeople(t *testing.T) {
	s := Summary{StreamTime: instant.None, Elapsed: 1500 * time.Millisecond}
	one, two := store.NewState([]string{"clicks", "purchases"}), store.NewState([]string{"clicks", "purchases"})
	one.Clock = 1767225600000
	one.Topics[0].Counts = store.Counts{Consumed: 2000, Applied: 1990, Erased: 3, Stale: 1, Dead: [event.Count]int64{event.Malformed: 4, event.TooLate: 2}}
	one.Sizes[segment.Loyal], one.Sizes[segment.Churned] = 1, 1200
	two.Topics[1].Counts = store.Counts{Consumed: 500, Applied: 500}
	two.Sizes[segment.Loyal] = 2
	s.Add(&one)
	s.Add(&two)
	for range 1500 {
		s.Moved(segment.None, segment.Potential)
	}
	s.Moved(segment.Potential, segment.Loyal)
	s.Moved(segment.Loyal, segment.None)

	var text strings.Builder
	require.NoError(t, s.Print(&text))
	require.Equal(t, `2,500 events in 1.5 s (1,666/s): 2,490 applied, 4 without effect, 6 dead letters
rejected: 4 malformed, 2 too_late
stream time: 2026-01-01T00:00:00.000Z

1,502 changes of segment
  from \ to  loyal  potential  edge  churned  forgotten
        new      ·      1,500     ·        ·          ·
      loyal      ·          ·     ·        ·          1
  potential      1          ·     ·        ·          ·
       edge      ·          ·     ·        ·          ·
    churned      ·          ·     ·        ·          ·

1,203 customers at the end: 3 loyal, 0 potential, 0 edge, 1,200 churned
`, text.String())

	text.Reset()
	none := Summary{StreamTime: instant.None}
	require.NoError(t, none.Print(&text))
	require.Equal(t, "0 events: 0 applied, 0 without effect, 0 dead letters\n\n0 changes of segment\n\n0 customers at the end: 0 loyal, 0 potential, 0 edge, 0 churned\n", text.String())
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1002003: "1,002,003", -1234: "-1,234"} {
		require.Equal(t, want, Thousands(n))
	}
}
