package pipeline

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// One topic grew, of another nothing is known, and what is known is in no order:
// the shares hold the same partitions of all.
func TestSharesAreOfTheShards(t *testing.T) {
	partitions := []kafka.Partition{{Topic: "clicks", ID: 5}, {Topic: "clicks", ID: 2}, {Topic: "clicks", ID: 0}, {Topic: "clicks", ID: 3},
		{Topic: "clicks", ID: 1}, {Topic: "clicks", ID: 4}}
	topics := []string{"clicks", "purchases"}
	members := []kafka.GroupMember{{ID: "a", Topics: topics}, {ID: "b", Topics: topics}, {ID: "c", Topics: topics}}
	shares := balancer{inputs: topics, partitions: 4}.AssignGroups(members, partitions)
	owners := map[int]string{}
	for member, share := range shares {
		require.ElementsMatch(t, share["clicks"], share["purchases"])
		for _, shard := range share["clicks"] {
			owners[shard] = member
		}
	}
	require.Len(t, owners, 4)
}
