package profile_test

import (
	"bytes"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/profile"
)

// schema is profile.proto, compiled: the codec written by hand is held against
// what any protobuf library makes of the same file.
type schema struct {
	profile protoreflect.MessageDescriptor
}

func compileSchema(t testing.TB) schema {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(t.Context(), "profile.proto")
	require.NoError(t, err)
	message := files[0].Messages().ByName("Profile")
	require.NotNil(t, message)
	return schema{message}
}

// parse reads a message, of which no field may be unknown at any depth.
func (s schema) parse(t require.TestingT, message []byte) *dynamicpb.Message {
	m := dynamicpb.NewMessage(s.profile)
	require.NoError(t, proto.Unmarshal(message, m))
	requireAllKnown(t, m)
	return m
}

// reprint parses a message and serialises it in protobuf's deterministic form.
func (s schema) reprint(t require.TestingT, message []byte) []byte {
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.parse(t, message))
	require.NoError(t, err)
	return out
}

func requireAllKnown(t require.TestingT, m protoreflect.Message) {
	require.Empty(t, m.GetUnknown())
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsList() && field.Message() != nil:
			for i := range v.List().Len() {
				requireAllKnown(t, v.List().Get(i).Message())
			}
		case field.Message() != nil:
			requireAllKnown(t, v.Message())
		}
		return true
	})
}

func TestStoredBytesAreThoseOfTheSchema(t *testing.T) {
	schema := compileSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		p := profiles().Draw(t, "profile")
		_, message, found := bytes.Cut(p.Append(nil), []byte{'\n'})
		require.True(t, found)
		m := schema.parse(t, message)
		require.Equal(t, visible(p), fromSchema(t, p, m))
		require.Equal(t, message, schema.reprint(t, message), "our bytes are protobuf's own")
	})
}

func TestGoldenBytesAreThoseOfTheSchema(t *testing.T) {
	schema := compileSchema(t)
	for name, p := range goldenProfiles() {
		_, message, _ := bytes.Cut(p.Append(nil), []byte{'\n'})
		require.Equal(t, visible(p), fromSchema(t, p, schema.parse(t, message)), name)
	}
}

// fields gives a message's fields by their names in profile.proto.
type fields struct {
	t require.TestingT
	m protoreflect.Message
}

func (f fields) get(name protoreflect.Name) protoreflect.Value {
	return f.m.Get(f.descriptor(name))
}

func (f fields) descriptor(name protoreflect.Name) protoreflect.FieldDescriptor {
	field := f.m.Descriptor().Fields().ByName(name)
	require.NotNil(f.t, field, "profile.proto has no %s", name)
	return field
}

func (f fields) int(name protoreflect.Name) int64 { return f.get(name).Int() }

func (f fields) time(name protoreflect.Name) int64 {
	if !f.m.Has(f.descriptor(name)) {
		return profile.None
	}
	return f.int(name)
}

// fromSchema rebuilds a profile from a message as profile.proto's comments say.
// What the first line holds is taken from p.
func fromSchema(t require.TestingT, p profile.Profile, m protoreflect.Message) profile.Profile {
	f := fields{t, m}
	require.EqualValues(t, 1, f.get("schema").Uint())
	got := profile.New()
	got.Segment, got.Since, got.Version, got.Next, got.NextAt = p.Segment, p.Since, p.Version, p.Next, p.NextAt
	got.FirstSeen, got.LastSeen, got.Floor = f.time("first_seen"), f.time("last_seen"), f.time("floor")
	got.ForgottenAt, got.ForgetID = f.time("forgotten_at"), f.get("forget_id").Uint()
	got.Armed, got.Mark = f.time("armed"), profile.Mark(f.get("mark").Enum())
	orders := f.get("orders").List()
	for i := range orders.Len() {
		got.Orders = append(got.Orders, orderFromSchema(fields{t, orders.Get(i).Message()}))
	}
	if f.m.Has(f.descriptor("lifetime")) {
		got.Lifetime = lifetimeFromSchema(fields{t, f.get("lifetime").Message()})
	}
	return got
}

func orderFromSchema(f fields) profile.Order {
	o := profile.Order{ID: string(f.get("id").Bytes()), Time: f.time("time"), Amount: f.int("amount"), AmountAt: profile.None}
	o.LastAt = f.int("last_after")
	if o.Time != profile.None {
		o.AmountAt = o.Time + f.int("amount_after")
		o.LastAt += o.Time
	}
	refunds := f.get("refunds").List()
	for i := range refunds.Len() {
		r := fields{f.t, refunds.Get(i).Message()}
		o.Refunds = append(o.Refunds, profile.Refund{ID: r.get("id").Uint(), Amount: r.int("amount"), Whole: r.get("whole").Bool()})
	}
	return o
}

func lifetimeFromSchema(f fields) profile.Lifetime {
	l := profile.Lifetime{
		Orders: f.int("orders"), Amount: f.int("amount"), FirstDayAmount: f.int("first_day_amount"), First: f.int("first"), Last: f.int("last"),
	}
	day, steps := int32(0), f.get("days").List()
	for i := range steps.Len() {
		day += int32(steps.Get(i).Uint())
		l.Days = append(l.Days, day)
	}
	return l
}
