package sim

import (
	"fmt"
	"reflect"
	"strings"
)

// Totals count what a run, or many, went through.
type Totals struct {
	Seeds, VirtualMS, StreamMS int64 // virtual: of the network and the processes; stream: of the customers

	Events, Commits, Changes, Deadlines int64
	Bootstraps, Restarted               int64
	DeadLetters, WithoutEffect          int64
	TakeOvers, Fenced, Stops, Adopted   int64
	Crashes, Zombies, ClockSteps        int64
	Strangers, Upgrades, Refused        int64 // Refused: shards that such a worker left alone
	Restarts, Rollbacks                 int64
	Failovers, FallBacks, Lags          int64
	SlotMoves, Refusals                 int64
	Elections, Unclean, Refilled        int64 // Refilled: a lost tail was written anew
	Remade                              int64 // that left nothing, without a new epoch
	Absences                            int64
	LostReplies, Late                   int64
	LateProduces, Exposed, Withheld     int64
	LettersRefused                      int64
	Undisturbeds, Silent, Hot, Waves    int64
	Steps                               int64
}

// Add sums totals.
func (t *Totals) Add(o Totals) {
	sum, n := reflect.ValueOf(t).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + n.Field(i).Int())
	}
}

// Missing names what never happened.
func (t Totals) Missing() []string {
	var names []string
	for field, value := range reflect.ValueOf(t).Fields() {
		if value.IsZero() {
			names = append(names, field.Name)
		}
	}
	return names
}

// String is what a test of many seeds prints.
func (t Totals) String() string {
	const hour = 3_600_000.0
	return strings.Join([]string{
		fmt.Sprintf("%d seeds, %.1f virtual hours in %d steps, %.1f years of stream time",
			t.Seeds, float64(t.VirtualMS)/hour, t.Steps, float64(t.StreamMS)/hour/24/365),
		fmt.Sprintf("%d events, %d commits, %d changes (%d by timers, %d bootstraps, %d customers begun anew), %d dead letters, %d without effect",
			t.Events, t.Commits, t.Changes, t.Deadlines, t.Bootstraps, t.Restarted, t.DeadLetters, t.WithoutEffect),
		fmt.Sprintf("%d hot customers, %d timer waves, %d silent starts", t.Hot, t.Waves, t.Silent),
		fmt.Sprintf("workers: %d crashes, %d zombies, %d strangers, %d changes of release, %d steps of a clock",
			t.Crashes, t.Zombies, t.Strangers, t.Upgrades, t.ClockSteps),
		fmt.Sprintf("redis: %d restarts, %d roll-backs, %d fail-overs (%d back as it was), %d slots moved, %d refusals, %d lags of replicas",
			t.Restarts, t.Rollbacks, t.Failovers, t.FallBacks, t.SlotMoves, t.Refusals, t.Lags),
		fmt.Sprintf("kafka: %d elections, %d unclean ones (%d of topics made again; %d logs written on), %d absences of a topic, %d dead letters refused",
			t.Elections, t.Unclean, t.Remade, t.Refilled, t.Absences, t.LettersRefused),
		fmt.Sprintf("network: %d lost replies, %d late effects, %d late produces of old owners, %d customers exposed to them, %d produces withheld",
			t.LostReplies, t.Late, t.LateProduces, t.Exposed, t.Withheld),
		fmt.Sprintf("shards: %d take-overs (%d fenced), %d adopted, %d stops, %d left alone by a worker; %d runs compared with an undisturbed one",
			t.TakeOvers, t.Fenced, t.Adopted, t.Stops, t.Refused, t.Undisturbeds),
	}, "\n")
}
