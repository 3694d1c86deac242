// Package keys names everything that Tidemark keeps in Redis. No other code
// builds a key, so that the hash tag, which keeps a shard on one node of a
// cluster, cannot be forgotten anywhere.
package keys

import "strconv"

// root begins every key of Tidemark.
const root = "tm:"

// Keys are the names of everything that one shard stores.
type Keys struct {
	prefix string
}

// Of returns the keys of a namespace's shard.
func Of(namespace string, shard int32) Keys {
	return Keys{prefix: All(namespace) + "{" + strconv.Itoa(int(shard)) + "}:"}
}

// Shard is the hash of the shard itself.
func (k Keys) Shard() string { return k.prefix + "shard" }

// Timers is the sorted set of armed deadlines.
func (k Keys) Timers() string { return k.prefix + "timers" }

// Outbox is the string of unacknowledged changes.
func (k Keys) Outbox() string { return k.prefix + "outbox" }

// Trial is a key that never stays: commands are tried on it.
func (k Keys) Trial() string { return k.prefix + "trial" }

// Customer is the value of one customer.
func (k Keys) Customer(id string) string { return k.prefix + "c:" + id }

// CustomerPrefix is what every customer's key of this shard begins with.
func (k Keys) CustomerPrefix() string { return k.prefix + "c:" }

// Namespace is the hash of what all shards of a namespace share.
func Namespace(name string) string { return All(name) + "namespace" }

// All is what every key of a namespace begins with.
func All(namespace string) string { return root + namespace + ":" }
