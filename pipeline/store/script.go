package store

import "github.com/redis/go-redis/v9"

var (
	takeOver = redis.NewScript(takeOverText)
	commit   = redis.NewScript(commitText)
	try      = redis.NewScript(trial)
)

// trial tries every command of a shard's work on KEYS[#KEYS], a key that does not
// exist. One that the user may not run would end a commit half way, which Redis
// does not undo; and Redis 7.0 does not say which one it was.
const trial = `
local key = KEYS[#KEYS]
for _, command in ipairs({
  {'EXISTS', key}, {'TYPE', key}, {'DEL', key}, {'HGET', key, ''}, {'HGETALL', key}, {'GET', key}, {'MGET', key}, {'ZRANGEBYSCORE', key, 0, 0},
  {'HSET', key, '', ''}, {'DEL', key}, {'SET', key, '', 'XX'}, {'ZADD', key, 'XX', 0, ''}, {'ZREM', key, ''}, {'MSET', key, ''}, {'DEL', key},
}) do
  local answer = redis.pcall(unpack(command))
  local err = type(answer) == 'table' and answer['err']
  if err and (string.find(err, "can't run this command", 1, true) or string.find(err, 'no permissions to run', 1, true)) then
    return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(command[1]) .. "' command")
  elseif err then
    return answer
  end
end
`

// takeOverText sets a fresh head if the stored one is still the one that was read.
// It answers the whole hash and the outbox as they are under the new head. First
// comes the trial.
//
// KEYS: shard, outbox, a key for trying. ARGV: expected head, fresh head.
const takeOverText = trial + `
local head = redis.call('HGET', KEYS[1], 'head')
if (head or '') ~= ARGV[1] then return {'fenced'} end
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
if redis.acl_check_cmd then
  for _, command in ipairs({{'HGET', KEYS[1], ''}, {'TYPE', KEYS[2]}, {'MSET', KEYS[1], ''}, {'DEL', KEYS[1]}, {'ZADD', KEYS[2], 0, ''},
    {'ZREM', KEYS[2], ''}, {'SET', KEYS[3], ''}, {'HSET', KEYS[1], '', ''}}) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(command[1]) .. "' command")
    end
  end
end
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
