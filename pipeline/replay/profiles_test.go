package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestAProfileAsALine(t *testing.T) {
	const day = int64(policy.Day)
	p := profile.New()
	p.Orders = []profile.Order{
		{ID: "o-1", Time: day, Amount: 100, AmountAt: day, LastAt: day},
		{ID: "o-2", Time: 300 * day, Amount: 1234, AmountAt: 300 * day, LastAt: 300 * day},
	}
	p.FirstSeen, p.LastSeen = day, 301*day
	p.Segment, p.Since, p.Version = segment.Potential, 300*day, 3
	p.Next, p.NextAt = segment.Edge, 390*day

	writer := NewProfileWriter(policy.Default())
	require.Equal(t, `{"customer_id":"c-\"1\"","lifecycle":"potential","since":"1970-10-28T00:00:00.000Z","version":3,"orders":1,"monetary":"12.34","currency":"EUR","first_seen_at":"1970-01-02T00:00:00.000Z","last_order_at":"1970-10-28T00:00:00.000Z","last_seen_at":"1970-10-29T00:00:00.000Z","next":{"segment":"edge","at":"1971-01-26T00:00:00.000Z"}}`,
		string(writer.Append(nil, `c-"1"`, &p, 366*day)), "the first order has left the window")

	visitor := profile.New()
	visitor.FirstSeen, visitor.LastSeen = day, day
	visitor.Segment, visitor.Since, visitor.Version = segment.Churned, 91*day, 3
	yen := policy.Default()
	yen.BaseCurrency = "JPY"
	require.Equal(t, `{"customer_id":"c-2","lifecycle":"churned","since":"1970-04-02T00:00:00.000Z","version":3,"orders":0,"monetary":"0","currency":"JPY","first_seen_at":"1970-01-02T00:00:00.000Z","last_order_at":null,"last_seen_at":"1970-01-02T00:00:00.000Z","next":null}`,
		string(NewProfileWriter(yen).Append(nil, "c-2", &visitor, 92*day)))
}
