package store

import "strconv"

// Keys builds the names of everything one shard stores. No other code builds a
// key, so that the hash tag cannot be forgotten anywhere.
type Keys struct {
	prefix string
}

// KeysOf returns the keys of a namespace's shard.
func KeysOf(namespace string, shard int32) Keys {
	return Keys{prefix: "tm:" + namespace + ":{" + strconv.Itoa(int(shard)) + "}:"}
}

// Shard is the hash of the shard itself.
func (k Keys) Shard() string { return k.prefix + "shard" }

// Timers is the sorted set of armed deadlines.
func (k Keys) Timers() string { return k.prefix + "timers" }

// Outbox is the string of unacknowledged changes.
func (k Keys) Outbox() string { return k.prefix + "outbox" }

// Customer is the value of one customer.
func (k Keys) Customer(id string) string { return k.prefix + "c:" + id }

// CustomerPrefix is what every customer's key of this shard begins with.
func (k Keys) CustomerPrefix() string { return k.prefix + "c:" }
