package store

import "github.com/redis/go-redis/v9"

var (
	takeOver = redis.NewScript(takeOverText)
	commit   = redis.NewScript(commitText)
)

// takeOverText sets a fresh head if the stored one is still the one that was read.
// It answers the whole hash and the outbox as they are under the new head. First
// it tries every command of a commit on a key that does not exist: one that the
// user may not run would end a commit half way, which Redis does not undo.
//
// KEYS: shard, outbox, a key for trying. ARGV: expected head, fresh head.
const takeOverText = `
local head = redis.call('HGET', KEYS[1], 'head')
if (head or '') ~= ARGV[1] then return {'fenced'} end
redis.call('TYPE', KEYS[3])
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[3], '', 'XX')
redis.call('ZADD', KEYS[3], 'XX', 0, '')
redis.call('ZREM', KEYS[3], '')
redis.call('MSET', KEYS[3], '')
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[1], 'head', ARGV[2])
return {'ok', redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2])}
`

// commitText applies one batch if the head is still ours. Redis does not undo a
// script that fails half way, so everything that could fail (the head, the
// types of the keys, the number of arguments, the user's rights where Redis 7 can
// tell them, memory: a script that starts with enough memory may finish) is
// checked before the first write; and every write
// sets an absolute value. Lua's unpack ends near 8,000 values, hence the slices.
//
// KEYS: shard, timers, outbox, then the customers to set, then those to delete.
// ARGV: expected head, numbers of hash arguments, customers set, customers
// deleted, timers set, timers removed, outbox; then hash fields and values,
// customer values, scores and members, members removed.
const commitText = `
local head = redis.call('HGET', KEYS[1], 'head')
if head ~= ARGV[1] then return 'fenced' end
local fields, sets, dels, zset, zrem = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if #KEYS ~= 3 + sets + dels or #ARGV ~= 7 + fields + sets + 2 * zset + zrem then
  return redis.error_reply('ERR commit: wrong number of arguments')
end
local timers = redis.call('TYPE', KEYS[2])['ok']
if timers ~= 'zset' and timers ~= 'none' then return redis.error_reply('ERR commit: the timers key is no sorted set') end
for i = 8 + fields + sets, 7 + fields + sets + 2 * zset, 2 do
  if not tonumber(ARGV[i]) then return redis.error_reply('ERR commit: a timer is no number') end
end
if redis.acl_check_cmd and not (redis.acl_check_cmd('MSET', KEYS[1], '') and redis.acl_check_cmd('DEL', KEYS[1]) and
  redis.acl_check_cmd('ZADD', KEYS[2], 0, '') and redis.acl_check_cmd('ZREM', KEYS[2], '') and
  redis.acl_check_cmd('SET', KEYS[3], '') and redis.acl_check_cmd('HSET', KEYS[1], '', '')) then
  return redis.error_reply('NOPERM commit: this user may not run one of MSET, DEL, ZADD, ZREM, SET, HSET')
end
local function slices(first, count, step, call)
  local last = first + count - 1
  while first <= last do
    local upto = math.min(first + step - 1, last)
    call(first, upto)
    first = upto + 1
  end
end
local value = 7 + fields
slices(1, sets, 2000, function(from, to)
  local pairs = {}
  for i = from, to do
    pairs[#pairs + 1] = KEYS[3 + i]
    pairs[#pairs + 1] = ARGV[value + i]
  end
  redis.call('MSET', unpack(pairs))
end)
slices(4 + sets, dels, 4000, function(from, to) redis.call('DEL', unpack(KEYS, from, to)) end)
local score = 8 + fields + sets
slices(score, 2 * zset, 4000, function(from, to) redis.call('ZADD', KEYS[2], unpack(ARGV, from, to)) end)
slices(score + 2 * zset, zrem, 4000, function(from, to) redis.call('ZREM', KEYS[2], unpack(ARGV, from, to)) end)
if ARGV[7] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[7]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 8, 7 + fields))
return 'ok'
`
