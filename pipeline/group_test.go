package pipeline

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// One topic grew, and the shares still hold the same partitions of both.
func TestSharesIgnorePartitionsBeyondTheShards(t *testing.T) {
	var partitions []kafka.Partition
	for topic, count := range map[string]int{"clicks": 4, "purchases": 7} {
		for i := range count {
			partitions = append(partitions, kafka.Partition{Topic: topic, ID: i})
		}
	}
	topics := []string{"clicks", "purchases"}
	members := []kafka.GroupMember{{ID: "a", Topics: topics}, {ID: "b", Topics: topics}, {ID: "c", Topics: topics}}
	shares := balancer{partitions: 4}.AssignGroups(members, partitions)
	owners := map[int]string{}
	for member, share := range shares {
		require.ElementsMatch(t, share["clicks"], share["purchases"])
		for _, shard := range share["clicks"] {
			owners[shard] = member
		}
	}
	require.Len(t, owners, 4)
}
