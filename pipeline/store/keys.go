package store

import "github.com/tidemark/tidemark/pkg/keys"

// Keys are the names of everything one shard stores. They are built by package
// keys, which readers share.
type Keys = keys.Keys

// KeysOf returns the keys of a namespace's shard.
func KeysOf(namespace string, shard int32) Keys { return keys.Of(namespace, shard) }
