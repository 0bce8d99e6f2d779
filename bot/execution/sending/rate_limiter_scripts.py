"""The rate limiter inside Redis: Lua, because each step must be atomic over all processes.

The `limits` library has a moving window in Redis, but takes the caller's clock, knows no reserve
for exits within one count, and keeps no place for refused callers, so a burst would stampede.
`order_window.py` is the same algorithm in Python. Only this version handles a Redis that lost its
memory or whose machine's clock jumped: unknown sends then count as used.
"""

_NOW = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
"""

TAKE = (
    _NOW
    + """
local state, sent, exits, ordinary = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local order, is_exit = ARGV[1], ARGV[2] == '1'
local cap, careful_cap = tonumber(ARGV[3]), tonumber(ARGV[4])
local window, grace, careful_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
-- How long ago the caller lost contact, what it sent since, and how long ago the clock was last
-- right for it (-1: it lost nothing, and saw no jump).
local away, unrecorded, trusted = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local longest_throttle = tonumber(ARGV[11])

local function sent_at(index)
  return tonumber(redis.call('LINDEX', sent, index))
end

local function record(times)
  for _ = 1, times do redis.call('RPUSH', sent, now) end
end

local began = tonumber(redis.call('HGET', state, 'began'))
local closed = tonumber(redis.call('HGET', state, 'closed')) or 0
local opens = tonumber(redis.call('HGET', state, 'opens')) or 0
local newest = redis.call('LLEN', sent) > 0 and sent_at(-1) or 0
if closed > now + longest_throttle then closed = 0 end
-- A jump that another process has seen since is dealt with.
local jumped = began and trusted >= 0 and began <= now - trusted
if jumped or not began or began > now or newest > now then
  -- Memory lost or clock jumped: the window counts as full, nothing older is believed.
  redis.call('DEL', state, sent, exits, ordinary)
  began, opens = now, now + window
  redis.call('HSET', state, 'began', began, 'opens', opens, 'closed', closed)
elseif away >= 0 and began <= now - away then
  -- Redis was away: other processes may still be sending on their own.
  began = now
  redis.call('HSET', state, 'began', began)
end
record(unrecorded)
if order == '' then return {0, now} end

while redis.call('LLEN', sent) > 0 and sent_at(0) <= now - window do
  redis.call('LPOP', sent)
end
redis.call('ZREMRANGEBYSCORE', exits, '-inf', '(' .. string.format('%.0f', now - grace))
redis.call('ZREMRANGEBYSCORE', ordinary, '-inf', '(' .. string.format('%.0f', now - grace))

local count = redis.call('LLEN', sent)
local spacing = math.ceil(window / cap)
local room = cap
if now < began + careful_ms then room = math.min(cap, careful_cap) end

local free = math.max(now, opens, closed)
if count >= room then free = math.max(free, sent_at(count - room) + window) end

local function go()
  record(1)
  redis.call('PEXPIRE', sent, 2 * window)
  return {0, now}
end

local queue = is_exit and exits or ordinary
local place = tonumber(redis.call('ZSCORE', queue, order))
if place then
  if place > now then return {place - now, now} end
  if free > now then
    local senior = redis.call('ZCOUNT', queue, '-inf', '(' .. string.format('%.0f', place))
    return {free - now + senior * spacing, now}
  end
  redis.call('ZREM', queue, order)
  return go()
end

local ahead, last = 0, 0
for _, other in ipairs(is_exit and {exits} or {exits, ordinary}) do
  ahead = ahead + redis.call('ZCOUNT', other, '(' .. string.format('%.0f', now), '+inf')
  local latest = redis.call('ZREVRANGE', other, 0, 0, 'WITHSCORES')
  if latest[2] then last = math.max(last, tonumber(latest[2])) end
end
place = free
if ahead > 0 then
  place = math.max(place, last + spacing)
  local index = count + ahead - cap
  if index >= 0 and index < count then
    place = math.max(place, sent_at(index) + window)
  end
end
if place <= now then return go() end
redis.call('ZADD', queue, place, order)
redis.call('PEXPIRE', queue, place - now + grace)
return {place - now, now}
"""
)
"""Whether an order may go: milliseconds to wait (0: go, counted), and the time in Redis. With an
empty id only memory and clock are checked.

`state` never expires: its absence shows a loss of memory. While it is young (`careful_ms`), all
processes together get no more than the share of one, because the others may not know yet that Redis
is back.
"""

PACE = (
    _NOW
    + """
local state, moments = KEYS[1], KEYS[2]
local cap, window, longest_throttle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function moment_at(index)
  return tonumber(redis.call('LINDEX', moments, index))
end

-- The clock went back, and nobody may wait for it.
if redis.call('LLEN', moments) > 0 and moment_at(-1) > now + window then
  redis.call('DEL', moments)
end
while redis.call('LLEN', moments) > 0 and moment_at(0) <= now - window do
  redis.call('LPOP', moments)
end

local count = redis.call('LLEN', moments)
local closed = tonumber(redis.call('HGET', state, 'closed')) or 0
if closed > now + longest_throttle then closed = 0 end
local moment = math.max(now, closed)
if count >= cap then moment = math.max(moment, moment_at(count - cap) + window) end
if moment <= now then
  redis.call('RPUSH', moments, now)
  redis.call('PEXPIRE', moments, 2 * window)
end
return {moment - now, now}
"""
)
"""Whether a cancel may go: milliseconds to wait (0: go, counted), and the time in Redis."""

THROTTLE = (
    _NOW
    + """
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed')) or 0
local until_then = now + tonumber(ARGV[1])
if closed > until_then and closed <= now + tonumber(ARGV[2]) then until_then = closed end
redis.call('HSET', KEYS[1], 'closed', until_then)
return {0, now}
"""
)
"""Blocks all orders for this many milliseconds."""
