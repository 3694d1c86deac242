package change_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

// example is the change that the contract shows, with its gaps filled in.
func example(t testing.TB) change.Change {
	return change.Change{
		Customer: "c-42", Version: 7, From: segment.Loyal, To: segment.Edge,
		EffectiveAt: at(t, "2026-03-01T10:00:00.000Z"), Cause: change.Timer,
		Profile: rfm.Summary{
			Orders: 4, Monetary: 51240,
			FirstSeen: at(t, "2025-06-01T08:00:00.001Z"), LastOrder: at(t, "2025-12-01T10:00:00.000Z"), LastSeen: at(t, "2026-01-15T00:00:00.000Z"),
		},
		HasProfile: true,
		Next:       segment.Churned, NextAt: at(t, "2026-05-30T10:00:00.000Z"),
	}
}

func at(t testing.TB, text string) int64 {
	ms, ok := instant.Parse(text)
	require.True(t, ok, text)
	return ms
}

// body is the value without its id, and with a fixed policy version.
func body(t testing.TB, value []byte) string {
	text := string(value)
	require.Regexp(t, `^\{"id":"[0-9a-f]{32}","customer_id":`, text)
	return strings.Replace("{"+text[len(`{"id":"0123456789abcdef0123456789abcdef",`):], policy.Default().Version(), "V", 1)
}

func TestAppendWritesTheContractsValue(t *testing.T) {
	timer := example(t)

	byEvent := example(t)
	byEvent.Cause, byEvent.EventID, byEvent.EventType = change.Event, "e-1", event.Purchase

	first := example(t)
	first.From, first.Profile.LastOrder = segment.None, instant.None

	last := example(t)
	last.To, last.Next, last.NextAt = segment.Churned, segment.None, instant.None

	erased := example(t)
	erased.To, erased.Cause, erased.HasProfile = segment.None, change.Forget, false
	erased.Next, erased.NextAt = segment.None, instant.None
	erased.EventID, erased.EventType = "f-1", event.Forget

	const head = `{"customer_id":"c-42","version":7,"dimension":"lifecycle",`
	const profile = `"profile":{"orders":4,"monetary":"512.40","currency":"EUR","first_seen_at":"2025-06-01T08:00:00.001Z","last_order_at":"2025-12-01T10:00:00.000Z","last_seen_at":"2026-01-15T00:00:00.000Z"},`
	const next = `"next":{"segment":"churned","at":"2026-05-30T10:00:00.000Z"}}`
	for name, test := range map[string]struct {
		change change.Change
		want   string
	}{
		"timer": {timer, head + `"from":"loyal","to":"edge","effective_at":"2026-03-01T10:00:00.000Z","cause":{"kind":"timer"},"policy":{"name":"default","version":"V"},` + profile + next},
		"event": {byEvent, head + `"from":"loyal","to":"edge","effective_at":"2026-03-01T10:00:00.000Z","cause":{"kind":"event","event_id":"e-1","event_type":"purchase"},"policy":{"name":"default","version":"V"},` + profile + next},
		"first": {first, head + `"from":null,"to":"edge","effective_at":"2026-03-01T10:00:00.000Z","cause":{"kind":"timer"},"policy":{"name":"default","version":"V"},` +
			strings.Replace(profile, `"2025-12-01T10:00:00.000Z"`, `null`, 1) + next},
		"last":  {last, head + `"from":"loyal","to":"churned","effective_at":"2026-03-01T10:00:00.000Z","cause":{"kind":"timer"},"policy":{"name":"default","version":"V"},` + profile + `"next":null}`},
		"erase": {erased, head + `"from":"loyal","to":null,"effective_at":"2026-03-01T10:00:00.000Z","cause":{"kind":"forget"},"policy":{"name":"default","version":"V"},"profile":null,"next":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			value, _ := change.NewEncoder(policy.Default()).Append(nil, &test.change)
			require.Equal(t, test.want, body(t, value))
		})
	}
}

// The id is what consumers deduplicate by, so anybody must be able to compute it from the value.
func TestAppendIDIsTheHashOfTheRest(t *testing.T) {
	c := example(t)
	value, id := change.NewEncoder(policy.Default()).Append([]byte("before"), &c)
	require.True(t, strings.HasPrefix(string(value), `before{"id":"`+id+`","customer_id":`))
	rest := "{" + strings.TrimPrefix(string(value), `before{"id":"`+id+`",`)
	sum := sha256.Sum256([]byte(rest))
	require.Equal(t, hex.EncodeToString(sum[:])[:32], id)
}

func TestAppendEscapesWhatItMustAndNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                       `"plain"`,
		`a"b\c/d`:                     `"a\"b\\c/d"`,
		"\b\t\n\f\r":                  `"\b\t\n\f\r"`,
		"\x00\x01\x0b\x0e\x1f":        `"\u0000\u0001\u000b\u000e\u001f"`,
		"<&>'\x7f\u2028\u2029":        "\"<&>'\x7f\u2028\u2029\"",
		"é żółć 客戶 \U0001F600 \u202e": "\"é żółć 客戶 \U0001F600 \u202e\"",
		"\n":                          `"\n"`,
		"x\"":                         `"x\""`,
	} {
		c := example(t)
		c.Customer, c.Cause, c.EventID, c.EventType = text, change.Event, text, event.Click
		p := policy.Default()
		p.Name = text
		value, _ := change.NewEncoder(p).Append(nil, &c)
		require.Contains(t, string(value), `"customer_id":`+want+`,"version"`)
		require.Contains(t, string(value), `"event_id":`+want+`,"event_type"`)
		require.Contains(t, string(value), `"policy":{"name":`+want+`,"version"`)
		require.True(t, json.Valid(value), string(value))
	}
}

func TestAppendWritesMoneyInTheBaseCurrency(t *testing.T) {
	for currency, want := range map[string]string{"EUR": "12345.67", "JPY": "1234567", "BHD": "1234.567"} {
		c := example(t)
		c.Profile.Monetary = 1234567
		p := policy.Default()
		p.BaseCurrency = currency
		value, _ := change.NewEncoder(p).Append(nil, &c)
		require.Contains(t, string(value), `"monetary":"`+want+`","currency":"`+currency+`",`)
	}
}

func TestAppendAtTheEndsOfTheNumbers(t *testing.T) {
	c := example(t)
	c.Version, c.Profile.Orders, c.Profile.Monetary = math.MaxInt64, 0, math.MaxInt64
	c.NextAt = at(t, "9999-12-31T23:59:59.999Z") + 1
	value, _ := change.NewEncoder(policy.Default()).Append(nil, &c)
	require.Contains(t, string(value), `"version":9223372036854775807,`)
	require.Contains(t, string(value), `"orders":0,"monetary":"92233720368547758.07",`)
	require.Contains(t, string(value), `"at":"10000-01-01T00:00:00.000Z"`)
}

func TestKindNames(t *testing.T) {
	for kind, want := range map[change.Kind]string{
		0: "", change.Event: "event", change.Timer: "timer", change.Policy: "policy", change.Forget: "forget",
		change.Bootstrap: "bootstrap", change.Recovery: "recovery", change.Recovery + 1: "",
	} {
		require.Equal(t, want, kind.String())
	}
}

// drawChange draws a change with odd strings and times.
func drawChange(t *rapid.T) change.Change {
	segments := rapid.Custom(func(t *rapid.T) segment.Segment {
		return segment.Segment(rapid.IntRange(0, segment.Count-1).Draw(t, "segment"))
	})
	times := rapid.Int64Range(0, 253402300799999)
	c := change.Change{
		Customer: rapid.StringN(1, 40, 256).Draw(t, "customer"), Version: rapid.Int64Range(1, math.MaxInt64).Draw(t, "version"),
		From: segments.Draw(t, "from"), To: segments.Draw(t, "to"), EffectiveAt: times.Draw(t, "at"),
		Cause: change.Kind(rapid.IntRange(int(change.Event), int(change.Recovery)).Draw(t, "cause")),
		Next:  segments.Draw(t, "next"), NextAt: times.Draw(t, "next at"), HasProfile: rapid.Bool().Draw(t, "has profile"),
		Profile: rfm.Summary{
			Orders: rapid.Int64Min(0).Draw(t, "orders"), Monetary: rapid.Int64Min(0).Draw(t, "monetary"),
			FirstSeen: times.Draw(t, "first"), LastSeen: times.Draw(t, "last"), LastOrder: instant.None,
		},
	}
	if rapid.Bool().Draw(t, "ordered") {
		c.Profile.LastOrder = times.Draw(t, "last order")
	}
	if c.Cause == change.Event {
		c.EventID = rapid.StringN(1, 40, 128).Draw(t, "event")
		c.EventType = event.Type(rapid.IntRange(int(event.Purchase), int(event.Forget)).Draw(t, "type"))
	}
	return c
}

// published is a value as encoding/json reads it.
type published struct {
	ID          string  `json:"id"`
	Customer    string  `json:"customer_id"`
	Version     int64   `json:"version"`
	Dimension   string  `json:"dimension"`
	From        *string `json:"from"`
	To          *string `json:"to"`
	EffectiveAt string  `json:"effective_at"`
	Cause       struct {
		Kind      string `json:"kind"`
		EventID   string `json:"event_id"`
		EventType string `json:"event_type"`
	} `json:"cause"`
	Policy struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"policy"`
	Profile *struct {
		Orders    int64   `json:"orders"`
		Monetary  string  `json:"monetary"`
		Currency  string  `json:"currency"`
		FirstSeen string  `json:"first_seen_at"`
		LastOrder *string `json:"last_order_at"`
		LastSeen  string  `json:"last_seen_at"`
	} `json:"profile"`
	Next *struct {
		Segment string `json:"segment"`
		At      string `json:"at"`
	} `json:"next"`
}

func TestEncodingJSONReadsItBack(t *testing.T) {
	e := change.NewEncoder(policy.Default())
	rapid.Check(t, func(t *rapid.T) {
		c := drawChange(t)
		value, id := e.Append(nil, &c)
		decoder := json.NewDecoder(strings.NewReader(string(value)))
		decoder.DisallowUnknownFields()
		var v published
		require.NoError(t, decoder.Decode(&v))
		require.Equal(t, id, v.ID)
		require.Equal(t, c.Customer, v.Customer)
		require.Equal(t, c.Version, v.Version)
		require.Equal(t, change.Dimension, v.Dimension)
		require.Equal(t, name(c.From), v.From)
		require.Equal(t, name(c.To), v.To)
		require.Equal(t, instant.Format(c.EffectiveAt), v.EffectiveAt)
		require.Equal(t, c.Cause.String(), v.Cause.Kind)
		require.Equal(t, c.EventID, v.Cause.EventID)
		require.Equal(t, c.Cause == change.Event, v.Cause.EventType != "")
		require.Equal(t, c.HasProfile, v.Profile != nil)
		if v.Profile != nil {
			require.Equal(t, c.Profile.Orders, v.Profile.Orders)
			require.Equal(t, instant.Format(c.Profile.LastSeen), v.Profile.LastSeen)
			require.Equal(t, c.Profile.LastOrder == instant.None, v.Profile.LastOrder == nil)
		}
		require.Equal(t, c.Next != segment.None, v.Next != nil)
		if v.Next != nil {
			require.Equal(t, instant.Format(c.NextAt), v.Next.At)
		}
		require.NotContains(t, string(value), "\n")
	})
}

func name(s segment.Segment) *string {
	if s == segment.None {
		return nil
	}
	text := s.String()
	return &text
}

func TestTheSameIDMeansTheSameBytes(t *testing.T) {
	e, again := change.NewEncoder(policy.Default()), change.NewEncoder(policy.Default())
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawChange(t), drawChange(t)
		value, id := e.Append(nil, &one)
		copied, copiedID := again.Append(make([]byte, 0, 4096), &one)
		require.Equal(t, id, copiedID)
		require.Equal(t, value, copied)
		different, differentID := e.Append(nil, &other)
		require.Equal(t, string(value) == string(different), id == differentID)
		other = one
		other.Version = one.Version%math.MaxInt64 + 1
		_, differentID = e.Append(nil, &other)
		require.NotEqual(t, id, differentID)
	})
}

func TestAppendAllocatesOnlyTheID(t *testing.T) {
	e, c, buffer := change.NewEncoder(policy.Default()), example(t), make([]byte, 0, 4096)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { e.Append(buffer, &c) }), 1.0)
}

func BenchmarkAppend(b *testing.B) {
	e, c, buffer := change.NewEncoder(policy.Default()), example(b), make([]byte, 0, 4096)
	c.Cause, c.EventID, c.EventType = change.Event, "018f4d1e-7a5b-7c3d-9e8f-0123456789ab", event.Purchase
	b.ReportAllocs()
	for b.Loop() {
		e.Append(buffer, &c)
	}
}
