package preflight

import (
	"context"
	"strings"

	"github.com/tidemark/tidemark/pipeline/source"
)

// needed are the rights without which a worker cannot do its work. That it may
// read the topics' settings is worth a note only.
func (k *check) needed() (needs []source.Right) {
	for _, input := range k.use.Inputs {
		needs = append(needs, source.OnTopic("Read", input))
	}
	return append(needs, source.OnTopic("Read", k.use.Changes), source.OnTopic("Write", k.use.Changes),
		source.OnTopic("Write", k.use.DeadLetters), source.OnGroup("Read", "tidemark-"+k.config.Servers.Namespace))
}

// rights refuses a user who lacks a right in Kafka, and tells all that he lacks.
// What the brokers do not tell shows when it is needed.
func (k *check) rights(ctx context.Context) bool {
	topics, err := k.Client.TopicRights(ctx, k.use.Names())
	if err != nil {
		return true
	}
	var lacking, grants []string
	for _, need := range k.needed() {
		has := topics[need.Name]
		if need.Resource == "group" {
			if has, err = k.Client.GroupRights(ctx, need.Name); err != nil {
				return true
			}
		}
		if has.Lack(need.Operation) {
			lacking, grants = append(lacking, need.String()), append(grants, k.Client.Grant(need))
		}
	}
	if lacking == nil {
		return true
	}
	k.refuse("kafka-rights", k.Client.Principal()+" lacks "+strings.Join(lacking, ", "),
		"grant it, docs/security.md lists all rights: "+strings.Join(grants, "; "))
	return false
}
